#include <mydht/crypto/noise/cipher.hpp>

#include <cassert>
#include <utility>

#include <sodium.h>

#include "crypto/sodium.hpp"

namespace mydht::noise {

namespace {

using wire_nonce = std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES>;

/// Four zero bytes, then the counter in little-endian order (revision 34 section 12.3).
wire_nonce encode(std::uint64_t nonce) noexcept {
    wire_nonce out{};
    for (std::size_t i = 0; i < 8; ++i) out[4 + i] = static_cast<std::uint8_t>(nonce >> (8 * i));
    return out;
}

void encrypt(const secret<32>& key, std::uint64_t nonce, bytes_view ad, bytes_view plain, bytes_span out) noexcept {
    detail::use_sodium();
    const auto used = encode(nonce);
    crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, plain.data(), plain.size(), ad.data(), ad.size(),
                                              nullptr, used.data(), key.view().data());
}

}  // namespace

static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == tag_bytes);

cipher::cipher(cipher&& other) noexcept
    : key_(std::move(other.key_)),
      nonce_(std::exchange(other.nonce_, 0)),
      usable_(std::exchange(other.usable_, false)) {}

cipher& cipher::operator=(cipher&& other) noexcept {
    if (this != &other) {
        key_ = std::move(other.key_);
        nonce_ = std::exchange(other.nonce_, 0);
        usable_ = std::exchange(other.usable_, false);
    }
    return *this;
}

result<void> cipher::seal(bytes_view ad, bytes_view plain, bytes_span out) noexcept {
    auto done = seal_at(nonce_, ad, plain, out);
    if (done) ++nonce_;
    return done;
}

result<void> cipher::open(bytes_view ad, bytes_view sealed, bytes_span out) noexcept {
    auto done = open_at(nonce_, ad, sealed, out);
    if (done) ++nonce_;
    return done;
}

result<void> cipher::seal_at(std::uint64_t nonce, bytes_view ad, bytes_view plain, bytes_span out) const noexcept {
    if (!usable_) return failure(errc::handshake_order);
    if (nonce == nonce_reserved) return failure(errc::nonce_exhausted);
    if (plain.size() > message_bytes_max - tag_bytes) return failure(errc::too_large);
    assert(out.size() == plain.size() + tag_bytes);
    encrypt(key_, nonce, ad, plain, out);
    return {};
}

result<void> cipher::open_at(std::uint64_t nonce, bytes_view ad, bytes_view sealed, bytes_span out) const noexcept {
    if (!usable_) return failure(errc::handshake_order);
    if (nonce == nonce_reserved) return failure(errc::nonce_exhausted);
    if (sealed.size() > message_bytes_max) return failure(errc::too_large);
    if (sealed.size() < tag_bytes) return failure(errc::decrypt_failed);
    assert(out.size() == sealed.size() - tag_bytes);
    detail::use_sodium();
    const auto used = encode(nonce);
    const int wrong =
        crypto_aead_chacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(), sealed.size(), ad.data(),
                                                  ad.size(), used.data(), key_.view().data());
    if (wrong != 0) return failure(errc::decrypt_failed);
    return {};
}

void cipher::rekey() noexcept {
    if (!usable_) return;
    secret<32 + tag_bytes> sealed;
    const std::array<std::uint8_t, 32> zeros{};
    encrypt(key_, nonce_reserved, {}, zeros, sealed.span());
    key_ = secret<32>(sealed.view().first(32));
}

}  // namespace mydht::noise
