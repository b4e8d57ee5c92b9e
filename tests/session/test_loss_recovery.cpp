#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <set>

#include <mydht/core/random.hpp>

#include "session/loss_recovery.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace std::chrono_literals;
using detail::loss_recovery;
using detail::packet_piece;
using detail::packet_purpose;
using detail::recovery_outcome;

namespace {

constexpr std::size_t packet_bytes = 1200;
const steady_time start{1h};

/// A piece that says which packet it was sent in.
packet_piece piece_of(std::uint64_t number) { return {wire::frame_kind::stream_data, 3, number, 0, 100}; }

wire::ack ack_of(std::vector<wire::packet_range> ranges, duration delay = {}) {
    wire::ack out;
    out.delay_us = static_cast<std::uint32_t>(delay / 1us);
    for (const auto& range : ranges) REQUIRE(out.add(range));
    return out;
}

struct scene {
    loss_recovery recovery{packet_bytes, 7};
    recovery_outcome outcome;

    std::uint64_t send(steady_time now, packet_purpose purpose = packet_purpose::tracked,
                       std::size_t bytes = packet_bytes) {
        const auto number = recovery.next_number();
        recovery.on_sent(bytes, purpose, std::array{piece_of(number)}, now);
        return number;
    }
    void send_many(int count, steady_time now) {
        for (int i = 0; i < count; ++i) send(now);
    }
    void take(const wire::ack& ack, steady_time now) {
        outcome.clear();
        REQUIRE(recovery.on_ack(ack, now, outcome));
    }
    void fire(steady_time now) {
        outcome.clear();
        recovery.on_timer(now, outcome);
    }
    static std::vector<std::uint64_t> numbers(const std::vector<packet_piece>& pieces) {
        std::vector<std::uint64_t> out;
        for (const auto& piece : pieces) out.push_back(piece.offset);
        std::ranges::sort(out);
        return out;
    }
    [[nodiscard]] std::vector<std::uint64_t> acknowledged() const { return numbers(outcome.acknowledged); }
    [[nodiscard]] std::vector<std::uint64_t> lost() const { return numbers(outcome.lost); }
};

using list = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("round trips are estimated as RFC 9002 says") {
    detail::rtt_estimator rtt;
    CHECK_FALSE(rtt.measured());
    CHECK(rtt.probe_timeout() == 333ms + 4 * 333ms / 2 + 25ms);
    rtt.sample(100ms, 20ms, start);  // the first: its delay does not count
    CHECK(rtt.measured());
    CHECK(rtt.smoothed() == 100ms);
    CHECK(rtt.variation() == 50ms);
    CHECK(rtt.probe_timeout() == 100ms + 200ms + 25ms);
    rtt.sample(140ms, 20ms, start + 1s);
    CHECK(rtt.variation() == (3 * 50'000us + 20'000us) / 4);
    CHECK(rtt.smoothed() == (7 * 100'000us + 120'000us) / 8);
    CHECK(rtt.loss_delay(9) == 157'500us);
    rtt.sample(80ms, 20ms, start + 2s);  // less than the delay above the least: taken whole
    CHECK(rtt.least() == 80ms);
    CHECK(rtt.smoothed() == (7 * 102'500'000ns + 80'000'000ns) / 8);
    const auto before = rtt.smoothed();
    rtt.sample(1080ms, 1000ms, start + 3s);  // more than a peer may wait
    CHECK(rtt.smoothed() == (7 * before + 1055ms) / 8);
    CHECK(rtt.first_at() == start);
}

TEST_CASE("what is acknowledged is handed back, and nothing is kept") {
    scene s;
    CHECK_FALSE(s.recovery.next_timer());
    s.send_many(3, start);
    CHECK(s.recovery.window().in_flight() == 3 * packet_bytes);
    s.take(ack_of({{1, 2}}), start + 50ms);
    CHECK(s.acknowledged() == list{1, 2});
    CHECK(s.lost().empty());
    CHECK(s.recovery.round_trip().smoothed() == 50ms);
    CHECK(s.recovery.anything_in_flight());
    s.recovery.release();
    CHECK(s.recovery.memory() > 0);
    s.take(ack_of({{0, 2}}), start + 51ms);
    CHECK(s.acknowledged() == list{0});
    CHECK(s.recovery.window().in_flight() == 0);
    CHECK_FALSE(s.recovery.anything_in_flight());
    CHECK_FALSE(s.recovery.next_timer());
    s.take(ack_of({{0, 2}}), start + 52ms);
    CHECK(s.acknowledged().empty());
    s.recovery.release();
    CHECK(s.recovery.memory() == 0);
    CHECK(sizeof(loss_recovery) <= 512);
}

TEST_CASE("acks alone are not tracked") {
    scene s;
    CHECK(s.send(start, packet_purpose::untracked) == 0);
    CHECK_FALSE(s.recovery.next_timer());
    CHECK(s.recovery.window().in_flight() == 0);
    s.take(ack_of({{0, 0}}), start + 1ms);
    CHECK(s.acknowledged().empty());
    CHECK(s.recovery.memory() == 0);
}

TEST_CASE("acks of packets that were never sent break the rules") {
    scene s;
    const auto refused = [&](std::uint64_t first, std::uint64_t last) {
        s.outcome.clear();
        const auto got = s.recovery.on_ack(ack_of({{first, last}}), start, s.outcome);
        return !got && got.error() == errc::protocol_violation && s.outcome.acknowledged.empty();
    };
    CHECK(refused(0, 0));
    std::vector<std::uint64_t> left_out;
    std::uint64_t before = 0;
    while (left_out.size() < 6) {
        const auto number = s.send(start);
        if (number > before + 1) left_out.push_back(number - 1);
        before = number;
    }
    CHECK(refused(before + 1, before + 1));
    CHECK(refused(before, before + 1));
    const auto in_flight = s.recovery.window().in_flight();
    for (std::size_t i = 2; i < left_out.size(); ++i) {
        CHECK(refused(left_out[i], left_out[i]));
        CHECK(refused(left_out[i] - 1, left_out[i] + 1));
    }
    CHECK(s.recovery.window().in_flight() == in_flight);
    s.take(ack_of({{left_out[5] + 1, before}, {left_out[4] + 1, left_out[5] - 1}}), start + 1ms);
    CHECK(s.acknowledged().front() == left_out[4] + 1);

    loss_recovery other(packet_bytes, 8);
    bool differs = false;
    for (std::uint64_t i = 0; i < left_out[0] + 2; ++i) {
        differs = differs || other.next_number() != i + (i >= left_out[0] ? 1 : 0);
        other.on_sent(40, packet_purpose::untracked, {}, start);
    }
    CHECK(differs);
}

TEST_CASE("a packet is lost when three later ones came, or when it is late by an eighth of a round trip") {
    scene s;
    s.send_many(1, start - 1s);
    s.take(ack_of({{0, 0}}), start - 900ms);
    s.send_many(4, start);  // 1 to 4
    s.take(ack_of({{4, 4}}), start + 100ms);
    CHECK(s.acknowledged() == list{4});
    CHECK(s.lost() == list{1});
    const auto at = s.recovery.next_timer();
    CHECK(at == start + 112'500us);
    s.fire(*at - 1ns);
    CHECK(s.lost().empty());
    s.fire(*at);
    CHECK(s.lost() == list{2, 3});
    CHECK(s.recovery.window().in_flight() == 0);
    CHECK_FALSE(s.recovery.next_timer());
}

TEST_CASE("silence asks for probes, each time after twice the time") {
    scene s;
    s.send_many(10, start);
    CHECK_FALSE(s.recovery.can_send(packet_bytes));
    auto wait = 333ms + 666ms + 25ms;
    CHECK(s.recovery.next_timer() == start + wait);
    s.fire(start + wait - 1ms);
    CHECK(s.lost().empty());
    CHECK(s.recovery.probes_wanted() == 0);
    s.fire(start + wait);
    CHECK(s.lost() == list{0, 1});  // the oldest are said again; they still count as under way
    CHECK(s.recovery.window().in_flight() == 10 * packet_bytes);
    CHECK(s.recovery.probes_wanted() == 2);
    CHECK(s.recovery.can_send(packet_bytes));
    CHECK(s.recovery.next_send_time() <= start);
    const auto probing = start + wait;
    CHECK(s.send(probing) == 10);
    CHECK(s.send(probing) == 11);
    CHECK(s.recovery.probes_wanted() == 0);
    CHECK_FALSE(s.recovery.can_send(packet_bytes));
    REQUIRE(2 * wait > 2s);  // the longest pause
    CHECK(s.recovery.next_timer() == probing + 2s);
    s.fire(probing + 2s);
    CHECK(s.lost() == list{2, 3});
    CHECK(s.recovery.timeouts() == 2);
    s.take(ack_of({{11, 11}}), probing + 2s + 40ms);
    CHECK(s.recovery.timeouts() == 0);
    CHECK(s.recovery.probes_wanted() == 0);
    CHECK(s.lost() == list{4, 5, 6, 7, 8, 9});  // what was handed out before is not handed out again
}

TEST_CASE("the wait between probes grows up to two seconds, or up to the first one where that is longer") {
    scene s;
    const auto round_trip = GENERATE(1ms, 100ms, 5s);
    s.send(start - round_trip);
    s.take(ack_of({{0, 0}}), start);
    const auto first = s.recovery.round_trip().probe_timeout();
    s.send(start);
    CHECK(s.recovery.next_timer() == start + first);
    auto before = start;
    duration last{};
    for (int i = 0; i < 300; ++i) {
        const auto at = *s.recovery.next_timer();
        last = at - before;
        before = at;
        s.fire(at);
        s.send_many(2, at);
    }
    CHECK(last == std::max<duration>(first, std::min<duration>(64 * first, 2s)));
}

TEST_CASE("the window doubles in slow start, halves once for a loss, and grows slowly then") {
    scene s;
    const auto window = [&] { return s.recovery.window().window(); };
    CHECK(window() == 10 * packet_bytes);
    s.send_many(10, start);
    s.take(ack_of({{0, 9}}), start + 100ms);
    CHECK(window() == 20 * packet_bytes);
    s.send_many(20, start + 100ms);  // 10 to 29
    s.take(ack_of({{14, 29}}), start + 200ms);
    CHECK(s.lost() == list{10, 11, 12, 13});
    CHECK(window() == 36 * packet_bytes / 2);
    s.send_many(18, start + 201ms);  // 30 to 47
    s.take(ack_of({{30, 47}}), start + 300ms);
    CHECK(window() == 19 * packet_bytes);  // a packet a round trip
    s.send_many(19, start + 301ms);        // 48 to 66
    s.take(ack_of({{53, 66}}), start + 400ms);
    CHECK(window() == 19 * packet_bytes / 2);
    s.send(start + 400ms);  // 67 and four more
    s.send_many(4, start + 400ms);
    s.take(ack_of({{71, 71}}), start + 500ms);
    for (int i = 0; i < 20; ++i) {
        const auto now = start + (i + 6) * 100ms;
        const auto first = s.recovery.next_number();
        s.send_many(4, now);
        s.take(ack_of({{first + 3, first + 3}}), now + 100ms);
    }
    CHECK(window() >= 2 * packet_bytes);
    CHECK(window() <= 4 * packet_bytes);
}

TEST_CASE("several losses of one round trip count once") {
    scene s;
    s.send_many(20, start);
    s.take(ack_of({{3, 3}}), start + 100ms);
    const auto window = s.recovery.window().window();
    CHECK(window < 10 * packet_bytes);
    s.take(ack_of({{7, 7}, {3, 3}}), start + 101ms);
    CHECK(s.lost() == list{1, 2, 4});
    CHECK(s.recovery.window().window() == window);
    s.take(ack_of({{5, 19}}), start + 102ms);  // nor does what was sent before grow it
    CHECK(s.recovery.window().window() == window);
}

TEST_CASE("a window that is not used does not grow") {
    scene s;
    for (int i = 0; i < 100; ++i) {
        const auto number = s.send(start + i * 100ms);
        s.take(ack_of({{number, number}}), start + i * 100ms + 50ms);
    }
    CHECK(s.recovery.window().window() == 10 * packet_bytes);
}

TEST_CASE("nothing coming through for long shrinks the window to the least") {
    scene s;
    s.send_many(1, start);
    s.take(ack_of({{0, 0}}), start + 100ms);
    const auto timeout = s.recovery.round_trip().probe_timeout();
    auto now = start + 200ms;
    s.send(now);
    bool is_long = false;
    SECTION("not long enough") { s.send(now + 2 * timeout); }
    SECTION("long") {
        is_long = true;
        s.send(now + 3 * timeout);
    }
    now += 4 * timeout;
    s.send_many(3, now);
    s.take(ack_of({{5, 5}}), now + 100ms);
    CHECK(s.lost() == list{1, 2});
    CHECK(s.recovery.window().window() == (is_long ? 2 : 5) * packet_bytes);
}

TEST_CASE("a packet that was late and not lost is no loss afterwards") {
    scene s;
    s.send_many(10, start);
    s.take(ack_of({{5, 5}}), start + 100ms);
    CHECK(s.lost() == list{0, 1, 2});
    CHECK(s.recovery.window().window() < 10 * packet_bytes);
    s.take(ack_of({{5, 5}, {0, 1}}), start + 101ms);
    CHECK(s.acknowledged() == list{0, 1});
    CHECK(s.recovery.window().window() < 10 * packet_bytes);
    s.take(ack_of({{0, 5}}), start + 102ms);
    CHECK(s.acknowledged() == list{2, 3, 4});
    CHECK(s.recovery.window().window() >= 10 * packet_bytes);
    s.take(ack_of({{0, 5}}), start + 103ms);
    CHECK(s.acknowledged().empty());
    // Three packets late is nothing unusual here any more.
    s.send_many(6, start + 104ms);  // 10 to 15
    s.take(ack_of({{10, 15}, {0, 5}}), start + 110ms);
    CHECK(s.lost().empty());
}

TEST_CASE("lost packets are not remembered for ever") {
    scene s;
    s.send_many(10, start);
    s.take(ack_of({{9, 9}}), start + 100ms);
    CHECK(s.lost() == list{0, 1, 2, 3, 4, 5, 6});
    const auto later = start + 10s;
    s.send(later);
    s.take(ack_of({{10, 10}}), later + 100ms);
    s.take(ack_of({{0, 10}}), later + 101ms);
    CHECK(s.acknowledged().empty());
    for (int round = 0; round < 30; ++round) {
        const auto now = later + 1s + round * 10ms;
        s.send_many(100, now);
        s.take(ack_of({{s.recovery.next_number() - 1, s.recovery.next_number() - 1}}), now + 5ms);
    }
    CHECK(s.recovery.memory() < 64 * 1024);
}

TEST_CASE("packets leave at the pace of the window") {
    scene s;
    CHECK(s.recovery.next_send_time() <= start);
    s.send_many(10, start);
    CHECK(s.recovery.next_send_time() <= start);  // nothing is known of the path yet
    s.take(ack_of({{0, 9}}), start + 100ms);
    const auto now = start + 100ms;
    int burst = 0;
    while (s.recovery.next_send_time() <= now) {
        s.send(now);
        ++burst;
    }
    CHECK(burst >= 10);
    CHECK(burst <= 12);
    // 20 packets of window, twice as fast in slow start: a packet every 2.5 ms.
    CHECK(s.recovery.next_send_time() - now <= 2500us);
    s.send(now);
    const auto first = s.recovery.next_send_time();
    s.send(now);
    CHECK(s.recovery.next_send_time() - first == 2500us);
}

TEST_CASE("with nothing under way a full packet may leave, also one that has grown while a queue is looked for") {
    scene s;
    auto now = start;
    std::size_t full = 1472;
    s.recovery.set_packet_bytes(full);
    /// As much as may be under way, all of which is acknowledged after `trip`.
    const auto round = [&](duration trip) {
        std::vector<std::uint64_t> sent;
        REQUIRE(s.recovery.can_send(full));
        while (s.recovery.can_send(full)) sent.push_back(s.send(now, packet_purpose::tracked, full));
        const auto under_way = s.recovery.window().in_flight();
        now += trip;
        for (const auto number : sent) s.take(ack_of({{number, number}}), now);
        REQUIRE(s.recovery.window().in_flight() == 0);
        return under_way;
    };
    round(1ms);
    round(20ms);
    // Slow start is doubted.
    REQUIRE(round(1ms) == 10 * full);
    REQUIRE(s.recovery.window().window() > 12 * full);
    const std::size_t grown = GENERATE(8952U, 16336U, 65487U);
    const auto probe = s.send(now, packet_purpose::path_probe, grown);
    now += 1ms;
    s.take(ack_of({{probe, probe}}), now);
    full = grown;
    s.recovery.set_packet_bytes(full);
    for (int i = 0; i < 50; ++i) round(i % 7 < 3 ? 20ms : 1ms);
}

namespace {

/// A line of 100 Mbit/s and 40 ms that stays in order, with memory for 80 ms, on which the queues of others come and
/// go: `longer` more for about `on`, then nothing for about `off`. A sender that always has something to send.
struct busy_line {
    /// What part of the line is used in its first 30 seconds.
    double used(duration longer, duration on, duration off, std::uint64_t seed) {
        s.recovery.set_packet_bytes(bytes);
        prng random(seed);
        const auto about = [&random](duration mean) {
            const auto chance = (static_cast<double>(random() >> 11U) + 0.5) * 0x1.0p-53;
            return duration(static_cast<duration::rep>(-std::log(chance) * static_cast<double>(mean.count())));
        };
        bool others = false;
        auto change = start + 1s;
        steady_time free = start;
        steady_time latest = start;
        std::deque<std::pair<std::uint64_t, steady_time>> acks;
        std::size_t got = 0;
        const auto end = start + 30s;
        for (auto now = start; now < end; now += 200us) {
            for (; now >= change; others = !others) change += about(others ? off : on);
            s.fire(now);
            while (s.recovery.can_send(bytes) &&
                   (s.recovery.probes_wanted() > 0 || s.recovery.next_send_time() <= now)) {
                const auto number = s.send(now, packet_purpose::tracked, bytes);
                free = std::max(free, now);
                if (free - now > 80ms) continue;
                free += bytes * 80ns;
                latest = std::max(latest, free + 40ms + (others ? longer : 0ns));
                acks.emplace_back(number, latest);
            }
            for (; !acks.empty() && acks.front().second <= now; acks.pop_front()) {
                s.take(ack_of({{acks.front().first, acks.front().first}}), now);
                got += bytes;
            }
        }
        return static_cast<double>(got) / (30 * 100e6 / 8);
    }

    static constexpr std::size_t bytes = 1452;
    scene s;
};

struct others {
    duration longer;
    duration on;
    duration off;
    double least;
};

}  // namespace

TEST_CASE("queues of others that come and go are not taken for our own") {
    const auto row =
        GENERATE(others{60ms, 250ms, 300ms, 0.6}, others{60ms, 100ms, 1s, 0.75}, others{30ms, 500ms, 500ms, 0.85});
    const auto seed = test::property_seed();
    CAPTURE(row.longer.count(), row.on.count(), row.off.count(), seed);
    busy_line one;
    CHECK(one.used(row.longer, row.on, row.off, seed) > row.least);
}

TEST_CASE("a new path is measured anew, and the old one's packets do not count for it") {
    scene s;
    s.send_many(10, start);
    s.take(ack_of({{0, 9}}), start + 10ms);
    s.send_many(10, start + 10ms);  // 10 to 19
    s.recovery.path_changed();
    CHECK(s.recovery.window().window() == 10 * packet_bytes);
    CHECK(s.recovery.window().in_flight() == 0);
    CHECK_FALSE(s.recovery.round_trip().measured());
    s.send_many(4, start + 20ms);  // 20 to 23
    s.take(ack_of({{19, 19}}), start + 25ms);
    CHECK(s.acknowledged() == list{19});
    CHECK(s.lost() == list{10, 11, 12, 13, 14, 15, 16});
    CHECK(s.recovery.window().window() == 10 * packet_bytes);
    CHECK_FALSE(s.recovery.round_trip().measured());
    s.take(ack_of({{20, 23}}), start + 70ms);
    CHECK(s.recovery.round_trip().smoothed() == 50ms);
    CHECK(s.recovery.window().in_flight() == 0);
}

TEST_CASE("a path probe that is lost says nothing about congestion") {
    scene s;
    s.send(start, packet_purpose::path_probe, 1452);
    s.send_many(3, start);
    s.take(ack_of({{3, 3}}), start + 50ms);
    CHECK(s.outcome.probe_lost == 1452);
    CHECK(s.outcome.large_lost == 0);
    CHECK(s.recovery.window().window() == 10 * packet_bytes);
    const auto probe = s.send(start + 60ms, packet_purpose::path_probe, 1452);
    s.take(ack_of({{probe, probe}}), start + 110ms);
    CHECK(s.outcome.probe_acknowledged == 1452);
    CHECK(s.outcome.large_acknowledged);
    const auto large = s.send(start + 120ms, packet_purpose::tracked, 1452);
    s.send_many(3, start + 120ms);
    s.take(ack_of({{large + 3, large + 3}}), start + 170ms);
    CHECK(s.outcome.large_lost == 1);
    CHECK(s.outcome.probe_lost == 0);
}

TEST_CASE("what the sender remembers is bounded whatever the peer acknowledges") {
    scene s;
    auto now = start;
    s.send(now);
    std::size_t most = 0;
    for (int i = 0; i < 200'000; ++i) {
        const auto number = s.send(now);
        s.take(ack_of({{number, number}}), now + 1us);
        now += 1us;
        most = std::max(most, s.recovery.memory());
    }
    CHECK(most < 64 * 1024);

    loss_recovery silent(packet_bytes, 1);
    int sent = 0;
    for (; sent < 1000 && silent.can_send(packet_bytes); ++sent) {
        silent.on_sent(packet_bytes, packet_purpose::tracked, {}, start);
    }
    CHECK(sent == 10);
}

TEST_CASE("every packet comes to one end, and what is under way adds up") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 30; ++round) {
        scene s;
        std::map<std::uint64_t, std::size_t> open;  // number -> bytes, as the sender has to see it
        std::set<std::uint64_t> never_lost;
        auto now = start;
        const auto loss = random.below(40);
        std::set<std::uint64_t> came;
        for (int step = 0; step < 400; ++step) {
            now += std::chrono::microseconds(random.below(20'000));
            const auto what = random.below(3);
            if (what == 0 && s.recovery.can_send(packet_bytes)) {
                const auto bytes = 100 + static_cast<std::size_t>(random.below(1100));
                const auto number = s.send(now, packet_purpose::tracked, bytes);
                open[number] = bytes;
                if (random.below(100) >= loss) came.insert(number);
            } else if (what == 1 && !came.empty()) {
                wire::ack ack;
                for (auto at = came.rbegin(); at != came.rend() && ack.count < 32; ++at) {
                    if (ack.count == 0 || *at + 1 < ack.ranges[ack.count - 1].first) REQUIRE(ack.add({*at, *at}));
                }
                s.take(ack, now);
                for (const auto number : s.acknowledged()) CHECK(came.contains(number));
            } else if (const auto at = s.recovery.next_timer(); at && *at <= now) {
                s.fire(now);
            } else {
                continue;
            }
            const bool timed_out = s.recovery.probes_wanted() == 2;
            for (const auto number : s.acknowledged()) open.erase(number);
            if (!timed_out) {
                for (const auto number : s.lost()) open.erase(number);
            }
            s.outcome.clear();
            if (timed_out || s.recovery.timeouts() > 0) break;  // from here on lost says less
            std::size_t sum = 0;
            for (const auto& [number, bytes] : open) sum += bytes;
            REQUIRE(s.recovery.window().in_flight() == sum);
            REQUIRE(s.recovery.anything_in_flight() == !open.empty());
            REQUIRE(s.recovery.next_timer().has_value() == !open.empty());
        }
    }
}
