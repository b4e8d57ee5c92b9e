#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/wire/capnp_frame.hpp>

namespace mydht::wire {

inline constexpr std::size_t capnp_word_bytes = 8;
/// The table starts with the number of segments less one.
inline constexpr std::size_t capnp_count_bytes = 4;

/// The table: the count, a u32 a segment, and padding to a whole word.
[[nodiscard]] constexpr std::size_t capnp_table_bytes(std::size_t count) noexcept {
    return (capnp_count_bytes + 4 * count + capnp_word_bytes - 1) / capnp_word_bytes * capnp_word_bytes;
}

/// The sizes that the front of a message announces.
struct capnp_segments {
    std::size_t count = 0;
    std::array<std::uint32_t, capnp_segments_max> words{};
    std::size_t table_bytes = 0;
    std::size_t message_bytes = 0;  ///< the table and all segments
};

/// Reads the table at the front of `data`, all of which need not be there; nothing when the table itself is not.
/// Errors: errc::too_large for too many segments or a sum over `message_bytes_max`.
[[nodiscard]] result<std::optional<capnp_segments>> read_segment_table(bytes_view data, std::size_t message_bytes_max);

}  // namespace mydht::wire
