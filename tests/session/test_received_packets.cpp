#include <algorithm>
#include <set>

#include <mydht/core/random.hpp>
#include <mydht/wire/ack.hpp>
#include <mydht/wire/frame.hpp>

#include "session/received_packets.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace std::chrono_literals;
using detail::received_packets;

namespace {

constexpr std::size_t packet_room = 1200;
const steady_time start{1h};

std::optional<wire::ack> said(received_packets& received, steady_time now, std::size_t room = packet_room) {
    bytes out;
    if (!received.append_ack(out, room, now)) {
        CHECK(out.empty());
        return std::nullopt;
    }
    REQUIRE(out.size() <= room);
    wire::frame_decoder decoder;
    bytes_view input(out);
    const auto frame = decoder.next(input);
    REQUIRE((frame && *frame && (*frame)->kind == wire::frame_kind::ack && input.empty()));
    return wire::decode_ack((*frame)->payload).value();
}

std::vector<wire::packet_range> ranges(const wire::ack& value) {
    return {value.ranges.begin(), value.ranges.begin() + static_cast<std::ptrdiff_t>(value.count)};
}

}  // namespace

TEST_CASE("packets in order need no memory and are told as one range") {
    CHECK(sizeof(received_packets) <= 128);
    received_packets received;
    CHECK_FALSE(said(received, start));
    for (std::uint64_t number = 0; number < 100'000; ++number) {
        REQUIRE(received.is_new(number));
        received.note(number, true, start);
        REQUIRE_FALSE(received.is_new(number));
    }
    CHECK(received.memory() == 0);
    CHECK(ranges(*said(received, start)) == std::vector<wire::packet_range>{{0, 99'999}});
    CHECK_FALSE(received.is_new(0));
    CHECK_FALSE(received.is_new(detail::packet_number_max + 1));
    CHECK(received.is_new(detail::packet_number_max));
}

TEST_CASE("every second packet is acknowledged at once, a single one within the delay") {
    received_packets received;
    CHECK_FALSE(received.ack_at());
    received.note(0, false, start);
    CHECK_FALSE(received.ack_owed());
    received.note(1, true, start + 1ms);
    CHECK(received.ack_owed());
    CHECK(received.ack_at() == start + 1ms + detail::ack_delay_max);
    received.note(2, false, start + 2ms);
    CHECK(received.ack_at() == start + 1ms + detail::ack_delay_max);
    received.note(3, true, start + 3ms);
    CHECK(received.ack_at() == start + 3ms);

    const auto told = said(received, start + 5ms);
    REQUIRE(told);
    CHECK(told->delay_us == 2000);
    CHECK(ranges(*told) == std::vector<wire::packet_range>{{0, 3}});
    CHECK_FALSE(received.ack_owed());
    CHECK_FALSE(received.ack_at());
    CHECK(said(received, start + 5ms));  // may be said again beside other frames
}

TEST_CASE("a hole and what fills it are acknowledged at once") {
    received_packets received;
    received.note(0, true, start);
    REQUIRE(said(received, start));
    received.note(2, true, start + 1ms);
    CHECK(received.ack_at() == start + 1ms);
    CHECK(ranges(*said(received, start + 1ms)) == std::vector<wire::packet_range>{{2, 2}, {0, 0}});
    received.note(3, true, start + 2ms);  // in order again, though the hole is still there
    CHECK(received.ack_at() == start + 2ms + detail::ack_delay_max);
    REQUIRE(said(received, start + 2ms));
    received.note(1, true, start + 3ms);
    CHECK(received.ack_at() == start + 3ms);
    const auto told = said(received, start + 3ms);
    CHECK(ranges(*told) == std::vector<wire::packet_range>{{0, 3}});
    CHECK(told->delay_us == 1000);  // of the newest
    received.note(5, false, start + 4ms);
    CHECK_FALSE(received.ack_owed());
}

TEST_CASE("a refused packet is never acknowledged and never taken again") {
    received_packets received;
    received.refuse(0, start);
    CHECK_FALSE(received.is_new(0));
    CHECK_FALSE(received.ack_owed());
    CHECK_FALSE(said(received, start));
    received.note(1, true, start);
    received.note(2, true, start);
    CHECK(ranges(*said(received, start)) == std::vector<wire::packet_range>{{1, 2}});
    received.note(3, true, start);
    received.refuse(4, start);
    CHECK(received.ack_owed());
    CHECK(ranges(*said(received, start)) == std::vector<wire::packet_range>{{1, 3}});
    received.note(6, true, start);
    received.note(5, true, start);
    received.refuse(8, start);
    received.refuse(7, start);
    received.note(9, true, start);
    CHECK(ranges(*said(received, start)) == std::vector<wire::packet_range>{{9, 9}, {5, 6}, {1, 3}});
    received.release();
    CHECK(received.memory() == 0);
    CHECK(ranges(*said(received, start)) == std::vector<wire::packet_range>{{9, 9}});
}

TEST_CASE("of many refused packets the oldest bound what is acknowledged") {
    received_packets received;
    for (std::uint64_t number = 0; number < 400; ++number) {
        if (number % 4 == 0) {
            received.refuse(number, start);
        } else {
            received.note(number, true, start);
        }
        const auto told = said(received, start);
        REQUIRE(told.has_value() == (number > 0));
        if (!told) continue;
        for (const auto& range : ranges(*told)) REQUIRE(range.first / 4 == range.last / 4);
    }
    CHECK(received.memory() < 2048);
    CHECK(said(received, start)->count == wire::ack_ranges_max);
}

TEST_CASE("at least 1,024 numbers below the newest are told apart") {
    received_packets received;
    received.note(0, true, start);
    for (const std::uint64_t newest : {5000ULL, 5001ULL, 7777ULL, 100'000ULL}) {
        received.note(newest, true, start);
        CAPTURE(newest);
        for (std::uint64_t below = 1; below <= 1024; ++below) {
            if (newest == 5001 && below == 1) continue;
            REQUIRE(received.is_new(newest - below));
        }
        CHECK_FALSE(received.is_new(newest - 4096));
        CHECK(received.memory() <= 512);
    }
    CHECK(ranges(*said(received, start)) == std::vector<wire::packet_range>{{100'000, 100'000}});
}

TEST_CASE("giving the memory back makes holes count as seen") {
    received_packets received;
    for (const std::uint64_t number : {0ULL, 1ULL, 5ULL, 9ULL, 10ULL}) received.note(number, true, start);
    CHECK(received.memory() > 0);
    received.release();
    CHECK(received.memory() == 0);
    CHECK_FALSE(received.is_new(7));
    CHECK(ranges(*said(received, start)) == std::vector<wire::packet_range>{{9, 10}});
    received.note(11, true, start);
    received.note(13, true, start);
    CHECK(ranges(*said(received, start)) == std::vector<wire::packet_range>{{13, 13}, {9, 11}});
}

TEST_CASE("what lies behind holes is told often, and not for ever") {
    received_packets received;
    received.note(0, true, start);
    received.note(2, true, start);
    int told = 0;
    for (int i = 0; i < 100; ++i) {
        if (said(received, start)->count == 2) ++told;
    }
    CHECK(told >= 16);
    CHECK(told <= 32);
    CHECK(ranges(*said(received, start)) == std::vector<wire::packet_range>{{2, 2}});
    received.note(1, true, start);  // news
    CHECK(ranges(*said(received, start)) == std::vector<wire::packet_range>{{0, 2}});
    received.note(5, true, start);
    received.note(4, true, start);
    CHECK(said(received, start)->count == 2);
}

TEST_CASE("what comes late is told, however many holes there are above it") {
    received_packets received;
    for (std::uint64_t number = 0; number < 400; number += 2) received.note(number, true, start);
    REQUIRE(said(received, start));
    for (const std::uint64_t number : {101ULL, 51ULL, 1ULL, 201ULL, 3ULL}) {
        received.note(number, true, start);
        const auto told = ranges(*said(received, start));
        CHECK(told.front().last == 398);
        CHECK(std::ranges::any_of(told, [&](const auto& r) { return r.first <= number && number <= r.last; }));
    }
}

TEST_CASE("an ack keeps to the room") {
    received_packets received;
    for (std::uint64_t number = 0; number < 200; number += 2) received.note(number, true, start);
    CHECK_FALSE(said(received, start, wire::frame_header_bytes + wire::ack_bytes_min - 1));
    CHECK(received.ack_owed());
    CHECK(said(received, start, wire::frame_header_bytes + wire::ack_bytes_min)->count == 1);
    CHECK(said(received, start)->count == wire::ack_ranges_max);
}

TEST_CASE("what is told came, what came is told, and nothing is taken twice") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 20; ++round) {
        received_packets received;
        std::set<std::uint64_t> seen;
        std::uint64_t newest = 0;
        std::set<std::uint64_t> refused;
        const auto spread = std::uint64_t{1} << random.below(13);
        const auto hole = 2 + random.below(60);
        for (int step = 0; step < 600; ++step) {
            auto number = newest + random.below(3);
            if (random.below(3) == 0) number = newest - std::min(newest, random.below(spread));
            if (random.below(hole) == 0) number = newest + random.below(spread);
            const bool is_new = received.is_new(number);
            if (seen.contains(number)) REQUIRE_FALSE(is_new);
            if (!seen.contains(number) && number + 1024 >= newest) REQUIRE(is_new);
            if (!is_new) continue;
            seen.insert(number);
            newest = std::max(newest, number);
            if (random.below(100) == 0) {
                received.refuse(number, start);
                refused.insert(number);
            } else {
                received.note(number, true, start);
            }
            const auto told = said(received, start);
            if (!told) {
                REQUIRE(refused.size() == seen.size());
                continue;
            }
            REQUIRE((told->largest() == newest || refused.contains(newest)));
            const auto tells = [&](const auto& r) { return r.first <= number && number <= r.last; };
            if (!refused.contains(number)) REQUIRE(std::ranges::any_of(ranges(*told), tells));
            REQUIRE(received.memory() <= 512 + 1024);
            auto above = newest + 1;  // everything from here on was judged
            auto newest_ranges = 24;  // between the others something may be left out
            for (const auto& range : ranges(*told)) {
                for (auto n = newest_ranges-- > 0 ? range.last + 1 : above; n < above; ++n) {
                    if (!refused.contains(n)) REQUIRE_FALSE(seen.contains(n));
                }
                for (auto n = range.first; n <= range.last; ++n) {
                    REQUIRE(seen.contains(n));
                    REQUIRE_FALSE(refused.contains(n));
                }
                above = range.first;
            }
        }
    }
}
