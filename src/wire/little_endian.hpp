#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <mydht/core/bytes.hpp>

namespace mydht::wire {

/// Writes the low `size` bytes of a number.
inline void store_little_endian(std::uint8_t* out, std::size_t size, std::uint64_t value) noexcept {
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(out, &value, size);
    } else {
        for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
}

/// Reads a number of at most 8 bytes.
[[nodiscard]] inline std::uint64_t load_little_endian(bytes_view data) noexcept {
    std::uint64_t value = 0;
    if constexpr (std::endian::native == std::endian::little) {
        if (!data.empty()) std::memcpy(&value, data.data(), data.size());
    } else {
        for (std::size_t i = data.size(); i > 0; --i) value = (value << 8U) | data[i - 1];
    }
    return value;
}

}  // namespace mydht::wire
