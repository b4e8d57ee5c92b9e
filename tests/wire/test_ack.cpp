#include <algorithm>
#include <limits>

#include <mydht/core/random.hpp>
#include <mydht/wire/ack.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace mydht::wire;

namespace {

constexpr auto number_max = std::numeric_limits<std::uint64_t>::max();

bytes encoded(const ack& value, std::size_t room = ack_bytes_max) {
    bytes out;
    REQUIRE(append_ack(out, value, room));
    return out;
}

std::error_code error_of(bytes_view payload) {
    const auto got = decode_ack(payload);
    return got ? std::error_code() : got.error();
}

/// Ranges that a form can hold, anywhere in the numbers.
ack random_ack(prng& random) {
    ack out;
    out.delay_us = static_cast<std::uint32_t>(random());
    const auto wide = random.below(4) == 0;
    auto last = random() >> random.below(64);
    const auto wanted = 1 + random.below(ack_ranges_max);
    while (out.count < wanted) {
        const auto limit = out.count == 0 ? std::uint64_t{0xffffffff} : std::uint64_t{0xffff};
        const auto below = std::min(last, random.below((wide ? limit : 20) + 1));
        out.add({last - below, last});
        const auto first = last - below;
        const auto step = 2 + random.below(wide ? 0x10000 : 20);
        if (step > first) break;
        last = first - step;
    }
    return out;
}

/// Reads like the specification, one number after the other.
bytes spelled(std::uint64_t largest, std::uint32_t delay, std::uint32_t below, const std::vector<std::uint16_t>& rest) {
    bytes out;
    const auto put = [&](std::size_t size, std::uint64_t value) {
        for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    };
    put(8, largest);
    put(4, delay);
    put(4, below);
    for (const auto number : rest) put(2, number);
    return out;
}

}  // namespace

TEST_CASE("an ack is written as the specification says") {
    ack value;
    value.delay_us = 25'000;
    REQUIRE(value.add({90, 100}));
    REQUIRE(value.add({88, 88}));  // one is missing: 89
    REQUIRE(value.add({0, 80}));   // seven are missing
    const auto payload = spelled(100, 25'000, 10, {0, 0, 6, 80});
    CHECK(encoded(value) == payload);
    CHECK(decode_ack(payload).value() == value);
}

TEST_CASE("acks survive their encoding") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 2000; ++round) {
        const auto value = random_ack(random);
        const auto payload = encoded(value);
        REQUIRE(payload.size() == ack_bytes_min + (value.count - 1) * ack_range_bytes);
        const auto again = decode_ack(payload);
        REQUIRE(again.has_value());
        REQUIRE(*again == value);
    }
}

TEST_CASE("an ack cut at any byte is no ack, or one with fewer ranges") {
    ack value;
    for (std::uint64_t i = 0; i < 5; ++i) REQUIRE(value.add({1000 - 10 * i, 1003 - 10 * i}));
    const auto payload = encoded(value);
    for (std::size_t size = 0; size < payload.size(); ++size) {
        const auto part = bytes_view(payload).first(size);
        CAPTURE(size);
        if (size >= ack_bytes_min && (size - ack_bytes_min) % ack_range_bytes == 0) {
            CHECK(decode_ack(part).value().count == 1 + (size - ack_bytes_min) / ack_range_bytes);
        } else {
            CHECK(error_of(part) == errc::truncated);
        }
    }
}

TEST_CASE("an ack is cut to the room there is, and the newest packets are kept") {
    ack value;
    value.delay_us = 7;
    for (std::uint64_t i = 0; i < ack_ranges_max; ++i) REQUIRE(value.add({1000 - 10 * i, 1003 - 10 * i}));
    CHECK_FALSE(value.add({1, 2}));
    CHECK(value.count == ack_ranges_max);
    for (std::size_t room = 0; room <= ack_bytes_max + 8; ++room) {
        CAPTURE(room);
        bytes out{1, 2, 3};
        if (room < ack_bytes_min) {
            CHECK_FALSE(append_ack(out, value, room));
            CHECK(out.size() == 3);
            continue;
        }
        REQUIRE(append_ack(out, value, room));
        REQUIRE(out.size() - 3 <= room);
        const auto got = decode_ack(bytes_view(out).subspan(3)).value();
        CHECK(got.count == std::min(ack_ranges_max, 1 + (room - ack_bytes_min) / ack_range_bytes));
        CHECK(std::equal(got.ranges.begin(), got.ranges.begin() + static_cast<std::ptrdiff_t>(got.count),
                         value.ranges.begin()));
    }
}

TEST_CASE("ranges that the form cannot hold are told as far as it can") {
    ack wide;
    REQUIRE(wide.add({5, number_max}));
    CHECK(decode_ack(encoded(wide)).value().ranges[0] == packet_range{number_max - 0xffffffff, number_max});

    ack far;
    REQUIRE(far.add({200'000, 200'000}));
    REQUIRE(far.add({100'000, 200'000 - 0x10000 - 1}));  // the widest gap there is
    CHECK(decode_ack(encoded(far)).value() == far);
    far.ranges[1].last -= 1;
    CHECK(decode_ack(encoded(far)).value().count == 1);

    ack behind;
    REQUIRE(behind.add({100'000, 100'000}));
    REQUIRE(behind.add({1'000, 1'000 + 0x10000}));
    CHECK(decode_ack(encoded(behind)).value().ranges[1] == packet_range{1'001, 1'000 + 0x10000});
}

TEST_CASE("acks of packets below zero or of too many ranges are refused") {
    CHECK(error_of(spelled(10, 0, 10, {})) == std::error_code());
    CHECK(error_of(spelled(10, 0, 11, {})) == errc::malformed);
    CHECK(error_of(spelled(10, 0, 0xffffffff, {})) == errc::malformed);
    CHECK(error_of(spelled(10, 0, 2, {0, 6})) == std::error_code());  // 8..10, 0..6
    CHECK(error_of(spelled(10, 0, 2, {0, 7})) == errc::malformed);
    CHECK(error_of(spelled(10, 0, 2, {7, 0})) == errc::malformed);
    CHECK(error_of(spelled(10, 0, 10, {0, 0})) == errc::malformed);
    CHECK(error_of(spelled(number_max, 0, 0, {0xffff, 0xffff})) == std::error_code());

    std::vector<std::uint16_t> rest(2 * (ack_ranges_max - 1), 0);
    CHECK(error_of(spelled(1000, 0, 0, rest)) == std::error_code());
    rest.insert(rest.end(), {0, 0});
    CHECK(error_of(spelled(1000, 0, 0, rest)) == errc::too_large);
}
