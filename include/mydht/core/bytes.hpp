#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mydht/core/result.hpp>

namespace mydht {

/// An owned byte string.
using bytes = std::vector<std::uint8_t>;

/// A read-only view of bytes that somebody else keeps alive.
using bytes_view = std::span<const std::uint8_t>;

/// A writable view of bytes that somebody else keeps alive.
using bytes_span = std::span<std::uint8_t>;

/// The bytes of a text, without a terminator. The view lives as long as the text.
[[nodiscard]] bytes_view as_bytes(std::string_view text) noexcept;

/// The text made of these bytes, unchanged. The view lives as long as the bytes.
[[nodiscard]] std::string_view as_text(bytes_view data) noexcept;

[[nodiscard]] bytes to_bytes(bytes_view data);
[[nodiscard]] bytes to_bytes(std::string_view text);

/// Lower-case hexadecimal digits, two a byte.
[[nodiscard]] std::string to_hex(bytes_view data);

/// Fills `out` from exactly twice as many lower- or upper-case digits.
/// Errors: errc::not_hex for a wrong digit or a wrong length; `out` is then unspecified.
[[nodiscard]] result<void> from_hex(std::string_view text, bytes_span out);

/// Base32 of RFC 4648 section 6 in lower case, without padding (the form of onion and i2p names).
[[nodiscard]] std::string to_base32(bytes_view data);

/// Errors: errc::not_base32 for a wrong character or non-zero trailing bits.
[[nodiscard]] result<bytes> from_base32(std::string_view text);

/// Base64url of RFC 4648 section 5, without padding.
[[nodiscard]] std::string to_base64url(bytes_view data);

/// Errors: errc::malformed for a wrong character, a length that cannot be, or non-zero trailing bits.
[[nodiscard]] result<bytes> from_base64url(std::string_view text);

}  // namespace mydht
