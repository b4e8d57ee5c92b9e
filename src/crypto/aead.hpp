#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <mydht/core/bytes.hpp>
#include <mydht/crypto/secret.hpp>

/// ChaCha20-Poly1305 (RFC 8439 section 2.8) by the library that the build chose: aead_sodium.cpp or aead_libcrypto.cpp.
/// Both give the same bytes, never allocate once a thread has begun, may be called from any thread, and work in place:
/// an output may begin where the input begins.
namespace mydht::detail {

using aead_nonce = std::array<std::uint8_t, 12>;
inline constexpr std::size_t aead_tag_bytes = 16;

/// Fills `out`, of plain.size() + aead_tag_bytes, with the ciphertext and its tag. False when the library has no
/// ChaCha20-Poly1305 here, which is so from the first call on or never; `out` must then not be used.
[[nodiscard]] bool aead_seal(const secret<32>& key, const aead_nonce& nonce, bytes_view ad, bytes_view plain,
                             bytes_span out) noexcept;

/// Fills `out`, of sealed.size() - aead_tag_bytes, with the plaintext; `sealed` is no shorter than a tag. False when it
/// is not authentic, and `out` is then zeros.
[[nodiscard]] bool aead_open(const secret<32>& key, const aead_nonce& nonce, bytes_view ad, bytes_view sealed,
                             bytes_span out) noexcept;

}  // namespace mydht::detail
