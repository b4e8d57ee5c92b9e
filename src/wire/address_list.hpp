#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/result.hpp>

/// Addresses one behind the other: kind (1 byte), length (1 byte), so many bytes. The form that they have in contacts
/// and in the handshake payload.
namespace mydht::wire {

[[nodiscard]] std::size_t packed_size(const address& a) noexcept;
[[nodiscard]] std::size_t packed_size(std::span<const address> list) noexcept;

/// Writes an address at `out`, where packed_size() bytes are free; returns the place behind it.
std::uint8_t* write_address(std::uint8_t* out, const address& a) noexcept;

/// Takes one address off the front. Errors: errc::truncated; errc::bad_address for one that cannot be.
[[nodiscard]] result<address> take_address(bytes_view& rest);

/// Reads addresses until the end of `data`. Errors: errc::truncated; errc::malformed for an address that cannot be;
/// errc::too_large for more than `count_max`, found before memory is reserved.
[[nodiscard]] result<std::vector<address>> read_addresses(bytes_view data, std::size_t count_max);

}  // namespace mydht::wire
