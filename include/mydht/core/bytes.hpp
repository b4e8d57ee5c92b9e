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

/// How many characters to_base64url() makes of so many bytes.
[[nodiscard]] constexpr std::size_t base64url_size(std::size_t bytes) noexcept {
    return bytes / 3 * 4 + (bytes % 3 * 4 + 2) / 3;
}

/// The same into `out`, which has base64url_size() bytes (asserted).
void write_base64url(bytes_view data, bytes_span out) noexcept;

/// Errors: errc::malformed for a wrong character, a length that cannot be, or non-zero trailing bits.
[[nodiscard]] result<bytes> from_base64url(std::string_view text);

/// How many bytes so many characters stand for, if they can be base64url at all.
[[nodiscard]] constexpr std::size_t base64url_bytes(std::size_t characters) noexcept {
    return characters / 4 * 3 + characters % 4 * 3 / 4;
}

/// The same into `out`, which has base64url_bytes() bytes (asserted). False instead of errc::malformed; `out` is then
/// unspecified.
[[nodiscard]] bool read_base64url(std::string_view text, bytes_span out) noexcept;

}  // namespace mydht
