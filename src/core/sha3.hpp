#pragma once

#include <array>
#include <cstdint>

#include <mydht/core/bytes.hpp>

namespace mydht::detail {

/// SHA3-256 (FIPS 202). Here for the checksum of onion names alone: libsodium has none, and speed does not matter.
[[nodiscard]] std::array<std::uint8_t, 32> sha3_256(bytes_view data) noexcept;

}  // namespace mydht::detail
