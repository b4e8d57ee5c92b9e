#include <mydht/core/id.hpp>

#include <algorithm>
#include <unordered_set>

#include <mydht/core/random.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace mydht;

namespace {

template <std::size_t Bits>
basic_id<Bits> random_id(prng& random) {
    basic_id<Bits> out;
    for (auto& byte : out.data()) byte = static_cast<std::uint8_t>(random.below(256));
    return out;
}

/// An id that shares a random number of leading bits with `near`, so that near and far ids are drawn alike.
template <std::size_t Bits>
basic_id<Bits> random_id_near(const basic_id<Bits>& near, prng& random) {
    auto out = random_id<Bits>(random);
    const auto shared = static_cast<std::size_t>(random.below(Bits + 1));
    for (std::size_t i = 0; i < shared; ++i) out.set_bit(i, near.bit(i));
    return out;
}

template <std::size_t Bits>
void check_metric_laws(std::uint64_t seed) {
    prng random(seed);
    for (int round = 0; round < 1000; ++round) {
        const auto a = random_id<Bits>(random);
        const auto b = random_id_near(a, random);
        const auto c = random_id_near(b, random);
        const auto ab = distance(a, b);
        REQUIRE(distance(a, a).is_zero());
        REQUIRE(ab.is_zero() == (a == b));
        REQUIRE(ab == distance(b, a));
        // The XOR of two distances is the third, which is stronger than the triangle inequality, and makes it
        // unidirectional.
        REQUIRE(distance(ab, distance(b, c)) == distance(a, c));
        REQUIRE(closer(a, b, c) == (ab < distance(a, c)));
        REQUIRE_FALSE(closer(a, b, b));
        REQUIRE(common_prefix(a, b) == ab.leading_zeros());
        // Among three ids the two smaller of the shared prefixes are equal (an ultrametric).
        const auto pab = common_prefix(a, b);
        const auto pbc = common_prefix(b, c);
        REQUIRE(common_prefix(a, c) >= std::min(pab, pbc));
        if (pab != pbc) REQUIRE(common_prefix(a, c) == std::min(pab, pbc));
    }
}

}  // namespace

TEST_CASE("XOR is a metric", "[id][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    check_metric_laws<256>(seed);
    check_metric_laws<160>(seed);
    check_metric_laws<8>(seed);
}

TEST_CASE("the triangle inequality holds for numbers", "[id][property]") {
    for (unsigned a = 0; a < 64; ++a) {
        for (unsigned b = 0; b < 64; ++b) {
            const auto as_id = [](unsigned value) { return basic_id<8>({static_cast<std::uint8_t>(value)}); };
            const auto to_zero = distance(as_id(a), as_id(0)).data()[0];
            const auto there = distance(as_id(a), as_id(b)).data()[0];
            const auto onwards = distance(as_id(b), as_id(0)).data()[0];
            REQUIRE(to_zero <= there + onwards);
        }
    }
}

TEST_CASE("bits are counted from the most significant one", "[id]") {
    basic_id<16> id;
    CHECK(id.is_zero());
    CHECK(id.leading_zeros() == 16);
    id.set_bit(0, true);
    CHECK(id.hex() == "8000");
    id.set_bit(9, true);
    CHECK(id.hex() == "8040");
    CHECK(id.bit(9));
    CHECK_FALSE(id.bit(8));
    id.set_bit(0, false);
    CHECK(id.hex() == "0040");
    CHECK(id.leading_zeros() == 9);
    CHECK_FALSE(id.is_zero());
}

TEST_CASE("ids read and write hexadecimal", "[id]") {
    const std::string text = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const auto id = node_id::from_hex(text);
    REQUIRE(id.has_value());
    CHECK(id->hex() == text);
    CHECK(node_id::from_bytes(id->view()).value() == *id);
    for (const auto& wrong :
         {text + "0", text + "00", text.substr(1), text.substr(2), "x" + text.substr(1), std::string()}) {
        CAPTURE(wrong);
        const auto refused = node_id::from_hex(wrong);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error() == errc::not_hex);
    }
    CHECK(node_id::from_bytes(id->view().first(31)).error() == errc::malformed);
    CHECK(node_id::from_bytes(bytes(33)).error() == errc::malformed);
}

TEST_CASE("ids are ordered as big-endian numbers and hash apart", "[id][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    CHECK(basic_id<16>::from_hex("00ff").value() < basic_id<16>::from_hex("0100").value());
    prng random(seed);
    std::unordered_set<std::size_t> hashes;
    for (int i = 0; i < 1000; ++i) {
        const auto id = random_id<256>(random);
        REQUIRE(std::hash<node_id>()(id) == std::hash<node_id>()(node_id(id)));
        hashes.insert(std::hash<node_id>()(id));
    }
    CHECK(hashes.size() == 1000);
}
