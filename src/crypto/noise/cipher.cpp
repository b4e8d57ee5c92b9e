#include <mydht/crypto/noise/cipher.hpp>

#include <cassert>
#include <utility>

#include "crypto/aead.hpp"

namespace mydht::noise {

namespace {

/// Four zero bytes, then the counter in little-endian order (revision 34 section 12.3).
detail::aead_nonce encode(std::uint64_t nonce) noexcept {
    detail::aead_nonce out{};
    for (std::size_t i = 0; i < 8; ++i) out[4 + i] = static_cast<std::uint8_t>(nonce >> (8 * i));
    return out;
}

}  // namespace

static_assert(detail::aead_tag_bytes == tag_bytes);

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
    if (!detail::aead_seal(key_, encode(nonce), ad, plain, out)) return failure(errc::not_supported);
    return {};
}

result<void> cipher::open_at(std::uint64_t nonce, bytes_view ad, bytes_view sealed, bytes_span out) const noexcept {
    if (!usable_) return failure(errc::handshake_order);
    if (nonce == nonce_reserved) return failure(errc::nonce_exhausted);
    if (sealed.size() > message_bytes_max) return failure(errc::too_large);
    if (sealed.size() < tag_bytes) return failure(errc::decrypt_failed);
    assert(out.size() == sealed.size() - tag_bytes);
    if (!detail::aead_open(key_, encode(nonce), ad, sealed, out)) return failure(errc::decrypt_failed);
    return {};
}

void cipher::rekey() noexcept {
    if (!usable_) return;
    secret<32 + tag_bytes> sealed;
    const std::array<std::uint8_t, 32> zeros{};
    // Without a new key the old one must not go on either.
    usable_ = detail::aead_seal(key_, encode(nonce_reserved), {}, zeros, sealed.span());
    key_ = usable_ ? secret<32>(sealed.view().first(32)) : secret<32>();
}

}  // namespace mydht::noise
