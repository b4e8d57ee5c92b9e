#include <mydht/crypto/noise/cipher.hpp>

#include "crypto/noise_peers.hpp"
#include "support/catch.hpp"

using namespace mydht;
using mydht::noise::cipher;

namespace {

const auto ad = as_bytes("ad");
const auto hello = as_bytes("hello");

cipher fixed_cipher() { return cipher(test::fixed_secret(0)); }

bytes seal_at(const cipher& with, std::uint64_t nonce, bytes_view plain) {
    bytes out(plain.size() + noise::tag_bytes);
    REQUIRE(with.seal_at(nonce, ad, plain, out));
    return out;
}

}  // namespace

// The answers were computed with libsodium directly, from the nonce layout that the specification gives.

TEST_CASE("a cipher seals as the specification says", "[noise]") {
    auto sealing = fixed_cipher();
    bytes out(hello.size() + noise::tag_bytes);
    REQUIRE(sealing.seal(ad, hello, out));
    CHECK(to_hex(out) == "70dd2e5dc2a01c47ad11cc8fb4da686f7449ce51cd");
    CHECK(sealing.nonce() == 1);
    CHECK(to_hex(seal_at(sealing, 0x0102030405060708, hello)) == "982cc188c470553bfb5182218e71c7b4be8e2490e3");
    CHECK(sealing.nonce() == 1);
}

TEST_CASE("a rekeyed cipher has the key that the specification says and counts on", "[noise]") {
    auto sealing = fixed_cipher();
    auto opening = fixed_cipher();
    bytes first(hello.size() + noise::tag_bytes);
    REQUIRE(sealing.seal(ad, hello, first));
    sealing.rekey();
    bytes second(first.size());
    REQUIRE(sealing.seal(ad, hello, second));
    CHECK(to_hex(second) == "501050ed1b1fb19c76a786901cfba7408231fde442");

    bytes plain(hello.size());
    REQUIRE(opening.open(ad, first, plain));
    CHECK(opening.open(ad, second, plain).error() == errc::decrypt_failed);
    opening.rekey();
    REQUIRE(opening.open(ad, second, plain));
    CHECK(as_text(plain) == "hello");
}

TEST_CASE("sealing and opening work in place at every size", "[noise]") {
    auto sealing = fixed_cipher();
    auto opening = fixed_cipher();
    for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 15, 16, 17, 63, 64, 65, 1000, 65519}) {
        bytes buffer(size + noise::tag_bytes);
        for (std::size_t i = 0; i < size; ++i) buffer[i] = static_cast<std::uint8_t>(i * 7);
        const bytes plain(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
        CAPTURE(size);
        REQUIRE(sealing.seal(ad, bytes_span(buffer).first(size), buffer));
        CHECK(to_bytes(bytes_view(buffer).first(size)) != (size == 0 ? bytes{1} : plain));
        REQUIRE(opening.open(ad, buffer, bytes_span(buffer).first(size)));
        CHECK(to_bytes(bytes_view(buffer).first(size)) == plain);
    }
}

TEST_CASE("a changed message does not open, gives no plaintext and costs no nonce", "[noise]") {
    const auto sealed = seal_at(fixed_cipher(), 0, hello);
    auto opening = fixed_cipher();
    for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
        auto changed = sealed;
        changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        bytes out(hello.size(), 0xee);
        CAPTURE(bit);
        CHECK(opening.open(ad, changed, out).error() == errc::decrypt_failed);
        CHECK(out == bytes(hello.size(), 0));
    }
    for (std::size_t size = 0; size < sealed.size(); ++size) {
        bytes out(size < noise::tag_bytes ? 0 : size - noise::tag_bytes);
        CHECK(opening.open(ad, bytes_view(sealed).first(size), out).error() == errc::decrypt_failed);
    }
    bytes out(hello.size());
    CHECK(opening.open(as_bytes("ae"), sealed, out).error() == errc::decrypt_failed);
    CHECK(opening.nonce() == 0);
    REQUIRE(opening.open(ad, sealed, out));
    CHECK(as_text(out) == "hello");
}

TEST_CASE("messages open in order, or with the nonce that travels with them", "[noise]") {
    auto sealing = fixed_cipher();
    auto opening = fixed_cipher();
    const auto first = test::seal(sealing, hello);
    const auto second = test::seal(sealing, hello);
    CHECK(first != second);
    CHECK(test::open(opening, second).error() == errc::decrypt_failed);
    CHECK(test::open(opening, first).has_value());
    CHECK(test::open(opening, first).error() == errc::decrypt_failed);
    CHECK(test::open(opening, second).has_value());

    const auto datagram = seal_at(sealing, 1000, hello);
    bytes out(hello.size());
    CHECK(opening.open_at(999, ad, datagram, out).error() == errc::decrypt_failed);
    CHECK(opening.open_at(1000, ad, datagram, out).has_value());
    CHECK(opening.nonce() == 2);
}

TEST_CASE("the last nonce is never used", "[noise]") {
    auto sealing = fixed_cipher();
    auto opening = fixed_cipher();
    sealing.set_nonce(cipher::nonce_reserved - 1);
    opening.set_nonce(cipher::nonce_reserved - 1);
    const auto last = test::seal(sealing, hello);
    CHECK(test::open(opening, last).has_value());

    bytes out(hello.size() + noise::tag_bytes, 0xee);
    CHECK(sealing.seal({}, hello, out).error() == errc::nonce_exhausted);
    CHECK(sealing.seal({}, hello, out).error() == errc::nonce_exhausted);
    CHECK(out == bytes(out.size(), 0xee));
    CHECK(test::open(opening, last).error() == errc::nonce_exhausted);
    CHECK(sealing.seal_at(cipher::nonce_reserved, {}, hello, out).error() == errc::nonce_exhausted);
    CHECK(sealing.nonce() == cipher::nonce_reserved);
}

TEST_CASE("a message is at most 65,535 bytes", "[noise]") {
    auto sealing = fixed_cipher();
    auto opening = fixed_cipher();
    const bytes plain(noise::message_bytes_max - noise::tag_bytes + 1);
    bytes out(noise::message_bytes_max + 1);
    CHECK(sealing.seal({}, plain, out).error() == errc::too_large);
    CHECK(sealing.nonce() == 0);
    REQUIRE(sealing.seal({}, bytes_view(plain).first(plain.size() - 1), bytes_span(out).first(out.size() - 1)));
    bytes opened(plain.size());
    CHECK(opening.open({}, out, opened).error() == errc::too_large);
    CHECK(opening.open({}, bytes_view(out).first(out.size() - 1), bytes_span(opened).first(plain.size() - 1)));
}

TEST_CASE("a cipher without a key does nothing", "[noise]") {
    cipher empty;
    bytes out(noise::tag_bytes);
    CHECK_FALSE(empty.usable());
    CHECK(empty.seal({}, {}, out).error() == errc::handshake_order);
    CHECK(empty.open({}, out, {}).error() == errc::handshake_order);
    empty.rekey();
    CHECK_FALSE(empty.usable());
}
