#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string_view>

#include <mydht/core/bytes.hpp>
#include <mydht/core/id.hpp>
#include <mydht/crypto/secret.hpp>

namespace mydht {

/// BLAKE2b-256 (RFC 7693, no key, no salt) with a personalisation: the hash behind every id of mydht.
///
/// Written form, for docs/wire-format.md: the personalisation is its ASCII text, padded with zero bytes to 16. The
/// input is the concatenation of the parts, each preceded by its length in bytes as an unsigned 64-bit little-endian
/// integer, so ("ab", "c") and ("a", "bc") differ. No part at all is the hash of the empty input.
class hasher {
public:
    /// At most 16 bytes without a zero (asserted).
    explicit hasher(std::string_view personalisation);

    /// A moved-from one may only be destroyed or assigned to.
    hasher(hasher&&) noexcept;
    hasher& operator=(hasher&&) noexcept;
    ~hasher();

    /// A whole part: its length, then its bytes.
    hasher& part(bytes_view data) noexcept;

    /// A part that comes in pieces: the length first, then exactly that many bytes by append().
    hasher& begin_part(std::uint64_t size) noexcept;
    hasher& append(bytes_view data) noexcept;

    /// Ends the computation; nothing else may be called afterwards.
    [[nodiscard]] id256 finish() noexcept;

private:
    struct state;
    // Not inline: it wants more alignment than a coroutine's frame gives.
    std::unique_ptr<state> state_;
};

/// The hash of all parts at once, without an allocation.
[[nodiscard]] id256 hash_id(std::string_view personalisation, std::initializer_list<bytes_view> parts) noexcept;

/// Plain hashes, without personalisation or length prefixes: the parts are hashed as one string.
[[nodiscard]] std::array<std::uint8_t, 32> blake2b_256(std::initializer_list<bytes_view> parts) noexcept;
[[nodiscard]] std::array<std::uint8_t, 64> blake2b_512(std::initializer_list<bytes_view> parts) noexcept;
[[nodiscard]] std::array<std::uint8_t, 32> sha256(std::initializer_list<bytes_view> parts) noexcept;
[[nodiscard]] std::array<std::uint8_t, 64> sha512(std::initializer_list<bytes_view> parts) noexcept;

/// SipHash-2-4 (Aumasson and Bernstein 2012): for hash tables whose keys an adversary picks. Not a MAC: 64 bits.
[[nodiscard]] std::uint64_t short_hash(const secret<16>& with, bytes_view data) noexcept;

/// Keyed BLAKE2b with 16 bytes of output, over length-prefixed parts as above: for cookies and tokens that only we
/// check.
[[nodiscard]] std::array<std::uint8_t, 16> mac_128(const secret<32>& with,
                                                   std::initializer_list<bytes_view> parts) noexcept;

/// Compares without telling by its time where the first difference is. Different sizes are unequal at once.
[[nodiscard]] bool equal_in_constant_time(bytes_view a, bytes_view b) noexcept;

}  // namespace mydht
