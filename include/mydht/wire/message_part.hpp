#pragma once

#include <cstddef>
#include <cstdint>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>

namespace mydht::wire {

/// What a frame of kind message_part says: bytes of a message, and where in it they belong. docs/wire-format.md,
/// "Datagrams: acknowledgement and parts".
struct message_part {
    std::uint32_t number = 0;  ///< of the message; each side counts its own from 0
    std::uint32_t size = 0;    ///< of the whole message
    std::uint32_t offset = 0;
    bytes_view data;
};

inline constexpr std::size_t message_part_head_bytes = 12;
/// A sender keeps the numbers of the messages that it is sending within so many; a receiver takes older ones for done.
inline constexpr std::uint32_t message_numbers = 64;

/// Appends the whole frame.
void append_part(bytes& out, const message_part& part);

/// Reads the frame's payload; the data belongs to it.
/// Errors: errc::truncated, errc::protocol_violation for no bytes or bytes behind the message's end.
[[nodiscard]] result<message_part> decode_part(bytes_view payload);

}  // namespace mydht::wire
