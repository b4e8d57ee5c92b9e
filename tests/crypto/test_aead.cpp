#include "crypto/aead.hpp"

#include "crypto/noise_peers.hpp"
#include "support/catch.hpp"

using namespace mydht;

namespace {

// RFC 8439 section 2.8.2; the build's choice of library must not show in these bytes.
const detail::aead_nonce nonce{0x07, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47};
const bytes ad{0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
const auto plain = as_bytes(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be "
    "it.");
const std::string ciphertext =
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
    "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
    "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
    "3ff4def08e4b7a9de576d26586cec64b6116";
const std::string tag = "1ae10b594f09e26a7e902ecbd0600691";

bytes sealed_with(const secret<32>& key) {
    bytes out(plain.size() + detail::aead_tag_bytes);
    REQUIRE(detail::aead_seal(key, nonce, ad, plain, out));
    return out;
}

}  // namespace

TEST_CASE("ChaCha20-Poly1305 gives the bytes of RFC 8439", "[aead]") {
    const auto key = test::fixed_secret(0x80);
    const auto sealed = sealed_with(key);
    CHECK(to_hex(sealed) == ciphertext + tag);
    bytes opened(plain.size());
    REQUIRE(detail::aead_open(key, nonce, ad, sealed, opened));
    CHECK(as_text(opened) == as_text(plain));
}

TEST_CASE("without text or additional data only the tag is left", "[aead]") {
    const auto key = test::fixed_secret(0x80);
    bytes out(detail::aead_tag_bytes);
    REQUIRE(detail::aead_seal(key, nonce, {}, {}, out));
    CHECK(to_hex(out) == "a0784d7a4716f3feb4f64e7f4b39bf04");
    CHECK(detail::aead_open(key, nonce, {}, out, {}));
    CHECK_FALSE(detail::aead_open(key, nonce, ad, out, {}));
    out.back() ^= 1;
    CHECK_FALSE(detail::aead_open(key, nonce, {}, out, {}));
}

TEST_CASE("nothing of one call is left for the next one of the thread", "[aead]") {
    const auto key = test::fixed_secret(0x80);
    const auto other = test::fixed_secret(0x81);
    const auto sealed = sealed_with(key);
    auto changed = sealed;
    changed[0] ^= 1;
    bytes opened(plain.size(), 0xee);
    CHECK_FALSE(detail::aead_open(key, nonce, ad, changed, opened));
    CHECK(opened == bytes(plain.size(), 0));
    CHECK(sealed_with(key) == sealed);
    CHECK(sealed_with(other) != sealed);
    opened.assign(plain.size(), 0xee);
    CHECK_FALSE(detail::aead_open(other, nonce, ad, sealed, opened));
    CHECK(opened == bytes(plain.size(), 0));
    REQUIRE(detail::aead_open(key, nonce, ad, sealed, opened));
    CHECK(as_text(opened) == as_text(plain));

    // In place, what fails leaves neither the plaintext nor the ciphertext.
    CHECK_FALSE(detail::aead_open(key, nonce, ad, changed, bytes_span(changed).first(plain.size())));
    CHECK(to_bytes(bytes_view(changed).first(plain.size())) == bytes(plain.size(), 0));
}
