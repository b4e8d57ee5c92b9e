#include <map>
#include <set>

#include "session/cookie_jar.hpp"
#include "session/datagram_sides.hpp"
#include "session/early_gate.hpp"
#include "session/half_open_ring.hpp"
#include "session/rate_meter.hpp"
#include "session/seen_ephemerals.hpp"
#include "support/seed.hpp"

namespace mydht::test {

using namespace detail;
using namespace std::chrono_literals;

namespace {

constexpr steady_time start{1000s};

address at(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d = 1) {
    return address::ipv4(address_kind::udp, {a, b, c, d}, 4000);
}

bytes key_of(std::uint64_t number) {
    bytes out(32);
    for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(number >> (8 * i));
    return out;
}

/// Makes half-open records of one real handshake, which differ in their own index.
class record_maker {
public:
    record_maker() : a_(1, simulated_network()), b_(2, simulated_network()) {}

    half_open_record operator()(std::uint32_t own_index, const address& from, bool known = true) {
        const auto initiator = datagram_initiator::begin(a_.party, a_.goal(known ? &b_ : nullptr), some_time);
        auto taken = accept_packet(b_.party, initiator->packet());
        REQUIRE(taken->answer(own_index, {}, {}, wire::initial_bytes_min));
        return {taken->half_open(), from, {}};
    }

private:
    datagram_side a_;
    datagram_side b_;
};

}  // namespace

// --- half-open handshakes --------------------------------------------------------------------------------------------

TEST_CASE("no more is sent to an unproven source than came from it", "[datagram_guards]") {
    amplification_account account;
    CHECK(account.may_send(0));
    CHECK_FALSE(account.may_send(1));
    account.note_received(1200);
    CHECK(account.budget() == 1200);
    CHECK_FALSE(account.may_send(1201));
    CHECK(account.may_send(24));
    CHECK(account.budget() == 1176);
    CHECK(account.may_send(1176));
    CHECK_FALSE(account.may_send(1));
    account.note_received(10);
    CHECK_FALSE(account.may_send(11));
    CHECK(account.may_send(10));
}

TEST_CASE("a half-open handshake is kept for a while", "[datagram_guards]") {
    prng_source random(1);
    record_maker make;
    half_open_ring ring({}, random);
    CHECK(ring.size(start) == 0);
    CHECK(ring.find(0, start) == nullptr);
    REQUIRE(ring.add(make(7, at(1, 2, 3)), start));
    REQUIRE(ring.add(make(8, at(1, 2, 4), false), start + 1s));
    CHECK(ring.size(start + 1s) == 2);
    REQUIRE(ring.find(7, start + 1s) != nullptr);
    CHECK(ring.find(7, start + 1s)->from == at(1, 2, 3));
    CHECK(ring.find(7, start + 1s)->handshake.knows_peer());
    CHECK_FALSE(ring.find(8, start + 1s)->handshake.knows_peer());
    CHECK(ring.find(9, start + 1s) == nullptr);
    CHECK(ring.find(7, start + 5s - 1ns) != nullptr);
    CHECK(ring.find(7, start + 5s) == nullptr);
    CHECK(ring.contains(7));
    CHECK(ring.size(start + 5s) == 1);
    CHECK(ring.find(8, start + 5s) != nullptr);
    ring.remove(8);
    CHECK(ring.find(8, start + 5s) == nullptr);
    CHECK_FALSE(ring.contains(8));
    ring.remove(8);
    ring.remove(0);
    CHECK(ring.size(start + 5s) == 0);
}

TEST_CASE("a full ring gives up its oldest handshake", "[datagram_guards]") {
    prng_source random(1);
    record_maker make;
    half_open_limits limits;
    limits.records = 4;
    half_open_ring ring(limits, random);
    for (std::uint8_t i = 1; i <= 4; ++i) REQUIRE(ring.add(make(i, at(1, 2, i)), start + i * 1ms));
    CHECK(ring.size(start + 1s) == 4);
    REQUIRE(ring.add(make(5, at(1, 2, 5)), start + 1s));
    CHECK(ring.size(start + 1s) == 4);
    CHECK_FALSE(ring.contains(1));
    CHECK(ring.contains(2));
    ring.remove(3);
    REQUIRE(ring.add(make(6, at(1, 2, 6)), start + 1s));
    CHECK(ring.contains(2));
    // What is too old goes first, whoever it is.
    REQUIRE(ring.add(make(7, at(1, 2, 7)), start + 5500ms));
    CHECK(ring.contains(5));
    CHECK(ring.contains(6));
    CHECK(ring.size(start + 5500ms) == 3);
}

TEST_CASE("one network has few places in the ring", "[datagram_guards]") {
    prng_source random(1);
    record_maker make;
    half_open_ring ring({}, random);
    REQUIRE(ring.add(make(100, at(9, 9, 9)), start));
    for (std::uint8_t i = 1; i <= 9; ++i) REQUIRE(ring.add(make(i, at(1, 2, 3, i)), start + i * 1ms));
    CHECK(ring.size(start + 1s) == 9);
    CHECK_FALSE(ring.contains(1));
    CHECK(ring.contains(2));
    CHECK(ring.contains(9));
    CHECK(ring.contains(100));
    // IPv6: /48; neighbours are not counted together.
    for (std::uint8_t i = 1; i <= 9; ++i) {
        const auto six = address::ipv6(address_kind::udp, {0x20, 1, 2, 3, 4, 5, i, i, i}, 1);
        REQUIRE(ring.add(make(200U + i, six), start + 1s + i * 1ms));
        REQUIRE(ring.add(make(300U + i, at(127, 0, 0, 1)), start + 1s + i * 1ms));
        REQUIRE(ring.add(make(400U + i, at(192, 168, 1, i)), start + 1s + i * 1ms));
    }
    CHECK_FALSE(ring.contains(201));
    CHECK(ring.contains(202));
    CHECK(ring.contains(301));
    CHECK(ring.contains(401));
}

TEST_CASE("who is not proven to be there takes no place of who is", "[datagram_guards]") {
    prng_source random(1);
    record_maker make;
    half_open_limits limits;
    limits.records = 12;
    half_open_ring ring(limits, random);
    const auto add = [&](std::uint32_t index, const address& from, bool proven, duration after) {
        auto record = make(index, from);
        record.proven = proven;
        return ring.add(std::move(record), start + after);
    };
    // One network: three that are there, and forged ones until it has no more places.
    for (std::uint32_t i = 1; i <= 3; ++i) REQUIRE(add(i, at(1, 2, 3, 1), true, i * 1ms));
    for (std::uint32_t i = 4; i <= 8; ++i) REQUIRE(add(i, at(1, 2, 3, 2), false, i * 1ms));
    CHECK(ring.of_prefix(at(1, 2, 3, 9), start + 10ms) == 8);
    CHECK(ring.of_prefix(at(1, 2, 4, 9), start + 10ms) == 0);
    for (std::uint32_t i = 20; i < 60; ++i) REQUIRE(add(i, at(1, 2, 3, 2), false, 10ms + i * 1ms));
    for (std::uint32_t i = 1; i <= 3; ++i) CHECK(ring.contains(i));
    CHECK(ring.of_prefix(at(1, 2, 3, 9), start + 80ms) == 8);
    // Who is there takes those of the forged ones first, and then the oldest of his own kind.
    for (std::uint32_t i = 101; i <= 105; ++i) REQUIRE(add(i, at(1, 2, 3, 1), true, 100ms + i * 1ms));
    CHECK(ring.contains(1));
    CHECK_FALSE(add(200, at(1, 2, 3, 2), false, 300ms));
    CHECK_FALSE(ring.contains(200));
    REQUIRE(add(106, at(1, 2, 3, 1), true, 310ms));
    CHECK_FALSE(ring.contains(1));
    CHECK(ring.contains(2));
    // The whole ring likewise.
    for (std::uint8_t i = 0; i < 4; ++i) REQUIRE(add(300U + i, at(5, 5, i), true, 400ms));
    CHECK(ring.size(start + 500ms) == 12);
    CHECK_FALSE(add(400, at(6, 6, 6), false, 500ms));
    REQUIRE(add(401, at(6, 6, 6), true, 500ms));
    CHECK_FALSE(ring.contains(2));
    // What is too old is nobody's.
    CHECK(ring.of_prefix(at(1, 2, 3, 9), start + 6s) == 0);
    CHECK(add(402, at(1, 2, 3, 2), false, 6s));
}

TEST_CASE("a flood from everywhere makes the ring no larger", "[datagram_guards]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng numbers(seed);
    prng_source random(seed);
    record_maker make;
    half_open_ring ring({}, random);
    std::uint32_t next = 0;
    std::size_t most = 0;
    for (int i = 0; i < 3000; ++i) {
        const auto host = static_cast<std::uint8_t>(numbers.below(200));
        REQUIRE(ring.add(make(++next, at(20, host, static_cast<std::uint8_t>(numbers.below(256)))), start + i * 100us));
        CHECK(ring.find(next, start + i * 100us) != nullptr);
        most = std::max(most, ring.size(start + i * 100us));
    }
    CHECK(most == 1024);
    CHECK(sizeof(half_open_record) + 24 <= 512);
}

// --- cookies ---------------------------------------------------------------------------------------------------------

TEST_CASE("a cookie is good for its address and key, for some minutes", "[datagram_guards]") {
    prng_source random(1);
    cookie_jar jar(random, start);
    const auto from = at(1, 2, 3);
    const auto cookie = jar.make(from, key_of(1), start);
    CHECK(jar.check(cookie, from, key_of(1), start));
    CHECK(jar.make(from, key_of(1), start + 1s) == cookie);
    CHECK_FALSE(jar.check(cookie, from, key_of(2), start));
    CHECK_FALSE(jar.check(cookie, at(1, 2, 3, 2), key_of(1), start));
    CHECK_FALSE(jar.check(cookie, from.with_port(4001), key_of(1), start));
    CHECK_FALSE(jar.check({}, from, key_of(1), start));
    const auto tcp = address::ipv4(address_kind::tcp, {1, 2, 3, 1}, 4000);
    CHECK_FALSE(jar.check(cookie, tcp, key_of(1), start));
    for (std::size_t i = 0; i < 8 * cookie.size(); ++i) {
        auto changed = cookie;
        changed[i / 8] ^= static_cast<std::uint8_t>(1U << (i % 8));
        CHECK_FALSE(jar.check(changed, from, key_of(1), start));
    }
}

TEST_CASE("the secret of cookies changes, and the one before is still good", "[datagram_guards]") {
    prng_source random(1);
    const auto from = at(1, 2, 3);
    cookie_jar jar(random, start);
    const auto cookie = jar.make(from, key_of(1), start);
    CHECK(jar.make(from, key_of(1), start + 2min) != cookie);
    CHECK(jar.check(cookie, from, key_of(1), start + 2min));
    CHECK(jar.check(cookie, from, key_of(1), start + 4min - 1ns));
    CHECK_FALSE(jar.check(cookie, from, key_of(1), start + 4min));
    // Also when nobody asked in between.
    cookie_jar idle(random, start);
    const auto old = idle.make(from, key_of(1), start);
    CHECK_FALSE(idle.check(old, from, key_of(1), start + 4min));
    CHECK_FALSE(idle.check(old, from, key_of(1), start + 1h));
}

TEST_CASE("cookies are asked for under load only", "[datagram_guards]") {
    const cookie_policy policy;
    CHECK_FALSE(policy.needed(0, 0, 0));
    CHECK_FALSE(
        policy.needed(policy.half_open_max - 1, policy.half_open_of_prefix_max - 1, policy.handshakes_max - 0.5));
    CHECK(policy.needed(policy.half_open_max, 0, 0));
    CHECK(policy.needed(0, policy.half_open_of_prefix_max, 0));
    CHECK(policy.needed(0, 0, policy.handshakes_max));
    CHECK(policy.half_open_of_prefix_max < half_open_limits().per_prefix);
}

TEST_CASE("a rate is that of the last second or so", "[datagram_guards]") {
    rate_meter meter;
    CHECK(meter.per_second(start) == 0);
    for (int i = 0; i < 100; ++i) meter.add(start + i * 10ms);
    CHECK(meter.per_second(start + 999ms) == 100);
    CHECK(meter.per_second(start + 1s) == 100);
    CHECK(meter.per_second(start + 1500ms) == Approx(50));
    CHECK(meter.per_second(start + 2s) == 0);
    CHECK(meter.per_second(start + 10s) == 0);
    meter.add(start + 10s);
    CHECK(meter.per_second(start + 10s) == 1);
    CHECK(meter.per_second(start + 30s) == 0);
}

// --- packets that come again -----------------------------------------------------------------------------------------

TEST_CASE("an ephemeral key is remembered for a while at least", "[datagram_guards]") {
    constexpr auto kept = seen_ephemerals::kept;
    prng_source random(1);
    seen_ephemerals seen(random);
    CHECK(seen.add(key_of(1), start));
    CHECK_FALSE(seen.add(key_of(1), start));
    CHECK(seen.add(key_of(2), start + kept - 1s));
    CHECK_FALSE(seen.add(key_of(1), start + kept));
    CHECK(seen.add(key_of(3), start + kept));
    CHECK_FALSE(seen.add(key_of(2), start + 2 * kept - 1s));
    CHECK_FALSE(seen.add(key_of(3), start + 2 * kept - 1ns));
    CHECK(seen.complete(start + 2 * kept));
    // Both generations have gone.
    CHECK(seen.add(key_of(4), start + 10min));
    CHECK(seen.add(key_of(5), start + 20min));
    CHECK(seen.add(key_of(1), start + 20min));
    CHECK(seen.complete(start + 20min));
}

TEST_CASE("keys that had to be forgotten early are admitted", "[datagram_guards]") {
    prng_source random(1);
    seen_ephemerals seen(random, 100);
    for (std::uint64_t i = 0; i < 200; ++i) CHECK(seen.add(key_of(i), start + i * 1ms));
    CHECK(seen.complete(start + 200ms));
    for (std::uint64_t i = 0; i < 200; ++i) CHECK_FALSE(seen.add(key_of(i), start + 200ms));
    const auto flat = seen.memory();
    for (std::uint64_t i = 200; i < 10'000; ++i) CHECK(seen.add(key_of(i), start + 200ms + i * 1ms));
    CHECK(seen.memory() <= 2 * flat);
    const auto end = start + 200ms + 9999ms;
    CHECK_FALSE(seen.complete(end));
    // The newest are remembered all the same.
    for (std::uint64_t i = 9'900; i < 10'000; ++i) CHECK_FALSE(seen.add(key_of(i), end));
    CHECK_FALSE(seen.complete(end + 1min));
    CHECK(seen.complete(end + seen_ephemerals::kept));
}

TEST_CASE("seen keys are those that a plain set has seen", "[datagram_guards]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng numbers(seed);
    prng_source random(seed);
    seen_ephemerals seen(random);
    std::map<std::uint64_t, steady_time> last;
    auto now = start;
    for (int i = 0; i < 20'000; ++i) {
        now += std::chrono::milliseconds(numbers.below(30));
        const auto number = numbers.below(5000);
        const bool fresh = seen.add(key_of(number), now);
        const auto known = last.find(number);
        if (known != last.end() && now - known->second < seen_ephemerals::kept) CHECK_FALSE(fresh);
        if (known == last.end()) CHECK(fresh);
        if (fresh) last[number] = now;
    }
    CHECK(seen.complete(now));
}

TEST_CASE("early requests count while they are fresh", "[datagram_guards]") {
    const wall_time started = some_time;
    early_gate gate(started, start);
    const auto now = started + 1h;
    const auto at_now = start + 1h;
    CHECK(gate.lets_in(now, now, at_now));
    CHECK(gate.lets_in(now + 2s, now, at_now));
    CHECK_FALSE(gate.lets_in(now + 2s + 1ms, now, at_now));
    CHECK(gate.lets_in(now - 2min, now, at_now));
    CHECK_FALSE(gate.lets_in(now - 2min - 1ms, now, at_now));
    CHECK_FALSE(gate.lets_in(wall_time::max(), now, at_now));
    CHECK_FALSE(gate.lets_in(wall_time::min(), now, at_now));
}

TEST_CASE("nothing that the last run could have let in counts in this one", "[datagram_guards]") {
    const wall_time started = some_time;
    early_gate before(started - 1h, start - 1h);
    early_gate gate(started, start);
    for (const auto stamp : {started - 1s, started, started + 1s, started + 2s}) {
        CHECK(before.lets_in(stamp, started, start));
        CHECK_FALSE(gate.lets_in(stamp, started, start));
        CHECK_FALSE(gate.lets_in(stamp, started + 1s, start + 1s));
    }
    CHECK_FALSE(before.lets_in(started + 2s + 1ms, started, start));
    CHECK(gate.lets_in(started + 2s + 1ms, started + 1s, start + 1s));
}

TEST_CASE("a clock that is set back makes no old request young", "[datagram_guards]") {
    const wall_time started = some_time;
    early_gate gate(started, start);
    const auto late = started + 2h;
    CHECK(gate.lets_in(late - 1h, late - 1h, start + 1h));
    CHECK(gate.lets_in(late, late, start + 2h));
    CHECK_FALSE(gate.lets_in(late - 1h, late - 1h, start + 2h));
    CHECK(gate.lets_in(late + 1s, late + 1s, start + 2h + 1s));
}

TEST_CASE("while a request in a first packet is fresh its key is remembered", "[datagram_guards]") {
    // How the clock is set back meanwhile.
    const auto back = GENERATE(0s, 1s, 30s, 119s);
    CAPTURE(back);
    prng_source random(1);
    seen_ephemerals seen(random);
    early_gate gate(some_time, start);
    auto wall = some_time + 1h;
    auto now = start + 1h;
    // Its generation is about to end, so that it is among the keys that are forgotten soonest.
    REQUIRE(seen.add(key_of(1), now - seen_ephemerals::kept + 1ns));
    const auto stamp = wall + early_gate::ahead_max;
    REQUIRE(seen.add(key_of(2), now));
    REQUIRE(gate.lets_in(stamp, wall, now));
    wall -= back;
    std::uint64_t others = 10;
    for (auto gone = 0s; gone <= 300s; gone += 1s) {
        const bool fresh = gate.lets_in(stamp, wall, now);
        // As the hub asks: a packet whose key is known goes no further.
        const bool known = !seen.add(key_of(2), now);
        CAPTURE(gone);
        CHECK((known || !fresh));
        if (gone <= 122s) CHECK(known);
        if (!known) break;
        CHECK(seen.add(key_of(++others), now));
        wall += 1s;
        now += 1s;
    }
    CHECK(seen_ephemerals::kept == 122s);
}

// --- resets ----------------------------------------------------------------------------------------------------------

TEST_CASE("reset tokens belong to an identity and an index, also after a restart", "[datagram_guards]") {
    prng_source random(1);
    const auto self = identity::generate(random);
    const auto other = identity::generate(random);
    const reset_tokens tokens(self);
    const reset_tokens again(identity::from_seed(self.seed()).value());
    std::set<wire::reset_token> all;
    for (std::uint32_t i = 0; i < 100; ++i) {
        CHECK(tokens.token_for(i) == again.token_for(i));
        all.insert(tokens.token_for(i));
        all.insert(tokens.token_for(i << 24U | 1U));
        all.insert(reset_tokens(other).token_for(i));
    }
    CHECK(all.size() == 299);  // index 1 came twice
}

TEST_CASE("a reset is shorter than what it answers", "[datagram_guards]") {
    CHECK_FALSE(reset_tokens::may_answer(wire::reset_packet_bytes));
    CHECK(reset_tokens::may_answer(wire::reset_packet_bytes + 1));
    const auto reset = wire::encode(wire::reset_packet{});
    CHECK_FALSE(reset_tokens::may_answer(reset.size()));
}

}  // namespace mydht::test
