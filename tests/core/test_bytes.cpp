#include <mydht/core/bytes.hpp>

#include <mydht/core/random.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace mydht;

namespace {

bytes random_bytes(prng& random, std::size_t size) {
    bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random.below(256));
    return out;
}

}  // namespace

TEST_CASE("hexadecimal digits are two a byte, in either case", "[bytes]") {
    const bytes data{0x00, 0x0f, 0xa5, 0xff};
    CHECK(to_hex(data) == "000fa5ff");
    bytes out(4);
    REQUIRE(from_hex("000fA5fF", out).has_value());
    CHECK(out == data);
    CHECK(from_hex("", bytes_span()).has_value());
}

TEST_CASE("hexadecimal text of a wrong length or digit is refused", "[bytes]") {
    bytes out(2);
    for (const auto* text : {"", "00", "000", "00000", "000000", "00g0", "0x00", " 000", "00-1"}) {
        CAPTURE(text);
        const auto done = from_hex(text, out);
        REQUIRE_FALSE(done.has_value());
        CHECK(done.error() == errc::not_hex);
    }
}

TEST_CASE("base32 gives the answers of RFC 4648 section 10", "[bytes]") {
    const std::pair<std::string_view, std::string_view> known[] = {
        {"", ""},
        {"f", "my"},
        {"fo", "mzxq"},
        {"foo", "mzxw6"},
        {"foob", "mzxw6yq"},
        {"fooba", "mzxw6ytb"},
        {"foobar", "mzxw6ytboi"},
    };
    for (const auto& [plain, encoded] : known) {
        CAPTURE(plain);
        CHECK(to_base32(as_bytes(plain)) == encoded);
        const auto decoded = from_base32(encoded);
        REQUIRE(decoded.has_value());
        CHECK(as_text(*decoded) == plain);
    }
    CHECK(as_text(from_base32("MZXW6YTBOI").value()) == "foobar");
}

TEST_CASE("base32 refuses what no bytes encode to", "[bytes]") {
    // Padding, digits outside the alphabet, one character too many, and bits set behind the last byte.
    for (const auto* text : {"my======", "m1", "m8", "m", "mzx", "mzxw6y", "mz", "m y"}) {
        CAPTURE(text);
        const auto decoded = from_base32(text);
        REQUIRE_FALSE(decoded.has_value());
        CHECK(decoded.error() == errc::not_base32);
    }
}

TEST_CASE("hexadecimal, base32 and base64url give back any bytes", "[bytes][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 500; ++round) {
        const auto size = static_cast<std::size_t>(random.below(70));
        const bytes data = random_bytes(random, size);
        bytes back(size);
        REQUIRE(from_hex(to_hex(data), back).has_value());
        REQUIRE(back == data);
        const auto decoded = from_base32(to_base32(data));
        REQUIRE(decoded.has_value());
        REQUIRE(*decoded == data);
        const auto text = to_base64url(data);
        REQUIRE(text.size() == base64url_size(size));
        REQUIRE(base64url_bytes(text.size()) == size);
        REQUIRE(from_base64url(text).value() == data);
    }
}

TEST_CASE("base64url of RFC 4648, without padding", "[bytes]") {
    constexpr std::pair<const char*, const char*> pairs[] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"}};
    for (const auto& [plain, encoded] : pairs) {
        CAPTURE(plain);
        CHECK(to_base64url(as_bytes(plain)) == encoded);
        const auto decoded = from_base64url(encoded);
        REQUIRE(decoded.has_value());
        CHECK(as_text(*decoded) == plain);
    }
}

TEST_CASE("base64url refuses what no bytes encode to", "[bytes]") {
    // Padding, the other alphabet, one character too many, bits set behind the last byte, and one bad character at each
    // of four places and of those left over.
    for (const auto* text : {"Zg==",
                             "+/+/",
                             "Z",
                             "Zm9vY",
                             "Zh",
                             "Zm9",
                             "Zm9vYh",
                             "Zm9vYmF",
                             "=m9v",
                             "Z=9v",
                             "Zm=v",
                             "Zm9=",
                             "Zm9v=g",
                             "Zm9vY=",
                             "Zm9v=mE",
                             "Zm9vY=E",
                             "Zm9vYm=",
                             "Zm 9",
                             "\xc3\xa4"
                             "9v",
                             "Zm9v\n"}) {
        CAPTURE(text);
        const auto decoded = from_base64url(text);
        REQUIRE_FALSE(decoded.has_value());
        CHECK(decoded.error() == errc::malformed);
    }
}

TEST_CASE("texts and bytes are views of each other", "[bytes]") {
    const std::string text("a\0b", 3);
    CHECK(as_bytes(text).size() == 3);
    CHECK(as_text(as_bytes(text)) == text);
    CHECK(to_bytes(text) == bytes{'a', 0, 'b'});
    CHECK(to_bytes(as_bytes(text)) == to_bytes(text));
}
