#include <mydht/wire/preamble.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::wire;

namespace {

preamble sample() {
    preamble out;
    out.version_min = 1;
    out.version_max = 3;
    out.mode = link_mode::secured;
    out.network = {1, 2, 3, 4, 5, 6, 7, 8};
    return out;
}

preamble versions(std::uint8_t min, std::uint8_t max) {
    auto out = sample();
    out.version_min = min;
    out.version_max = max;
    return out;
}

}  // namespace

TEST_CASE("a preamble has its written form", "[preamble]") {
    CHECK(to_hex(encode(sample())) == "d76d6468010301000102030405060708");
    CHECK(decode_preamble(encode(sample())).value() == sample());
    auto plain = sample();
    plain.mode = link_mode::plain;
    CHECK(to_hex(encode(plain)) == "d76d6468010302000102030405060708");
    CHECK(decode_preamble(encode(plain)).value() == plain);
}

TEST_CASE("a preamble ignores its reserved byte and keeps unknown modes", "[preamble]") {
    auto data = encode(sample());
    data[7] = 0xff;
    CHECK(decode_preamble(data).value() == sample());
    data[6] = 99;
    CHECK(decode_preamble(data).value().mode == link_mode{99});
}

TEST_CASE("a preamble of any other length is refused", "[preamble]") {
    const auto data = to_bytes(encode(sample()));
    for (std::size_t size = 0; size < data.size(); ++size) {
        CAPTURE(size);
        CHECK(decode_preamble(bytes_view(data).first(size)).error() == errc::truncated);
    }
    auto longer = data;
    longer.push_back(0);
    CHECK(decode_preamble(longer).error() == errc::trailing_bytes);
}

TEST_CASE("a stranger is told at the first wrong byte", "[preamble]") {
    for (std::size_t i = 0; i < 4; ++i) {
        auto data = to_bytes(encode(sample()));
        data[i] ^= 0x20U;
        CAPTURE(i);
        CHECK(decode_preamble(data).error() == errc::not_mydht);
        CHECK(decode_preamble(bytes_view(data).first(i + 1)).error() == errc::not_mydht);
    }
    CHECK(decode_preamble(to_bytes("GET / HTTP/1.1\r\n")).error() == errc::not_mydht);
}

TEST_CASE("version ranges that cannot be are refused", "[preamble]") {
    CHECK(decode_preamble(encode(versions(0, 1))).error() == errc::malformed);
    CHECK(decode_preamble(encode(versions(3, 2))).error() == errc::malformed);
    CHECK(decode_preamble(encode(versions(1, 128))).error() == errc::malformed);
    CHECK(decode_preamble(encode(versions(127, 127))).has_value());
    CHECK(decode_preamble(encode(versions(1, 1))).has_value());
}

TEST_CASE("the answer is the highest common version", "[preamble]") {
    CHECK(answer_to(versions(1, 3), versions(1, 3)) == accept_version(3));
    CHECK(answer_to(versions(1, 3), versions(2, 9)) == accept_version(3));
    CHECK(answer_to(versions(2, 9), versions(1, 3)) == accept_version(3));
    CHECK(answer_to(versions(1, 2), versions(3, 4)) == preamble_answer::unknown_version);
    CHECK(answer_to(versions(3, 4), versions(1, 2)) == preamble_answer::unknown_version);
    CHECK(answer_to(versions(1, 3), versions(3, 4)) == accept_version(3));
}

TEST_CASE("another network is told first, then the version, then the mode", "[preamble]") {
    auto other = versions(9, 9);
    other.mode = link_mode::plain;
    other.network[7] ^= 1U;
    CHECK(answer_to(other, sample()) == preamble_answer::other_network);
    other.network = sample().network;
    CHECK(answer_to(other, sample()) == preamble_answer::unknown_version);
    other.version_min = 1;
    CHECK(answer_to(other, sample()) == preamble_answer::mode_refused);
    other.mode = link_mode{99};
    CHECK(answer_to(other, sample()) == preamble_answer::mode_refused);
    other.mode = link_mode::secured;
    CHECK(answer_to(other, sample()) == accept_version(3));
}

TEST_CASE("the dialler understands every answer", "[preamble]") {
    const auto own = versions(2, 3);
    for (int answer = 0; answer < 256; ++answer) {
        CAPTURE(answer);
        const auto got = read_answer(static_cast<std::uint8_t>(answer), own);
        if (answer == 2 || answer == 3) {
            CHECK(got.value() == answer);
            continue;
        }
        REQUIRE_FALSE(got.has_value());
        auto expected = answer < 0x80 ? errc::not_mydht : errc::connection_refused;
        if (answer == 0x81) expected = errc::other_network;
        if (answer == 0x82) expected = errc::unknown_version;
        if (answer == 0x83) expected = errc::mode_refused;
        if (answer == 0x84) expected = errc::peer_busy;
        CHECK(got.error() == expected);
    }
}
