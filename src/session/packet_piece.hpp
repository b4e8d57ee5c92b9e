#pragma once

#include <cstdint>

#include <mydht/wire/frame.hpp>

namespace mydht::detail {

/// What a frame in a packet said. Kept with the packet until it is acknowledged; when it is lost, whoever said it says
/// it again, as things are then.
struct packet_piece {
    wire::frame_kind kind = wire::frame_kind::message;
    std::uint32_t channel = 0;  ///< of a stream
    std::uint64_t offset = 0;   ///< of stream data; the number of a message or of a part's message
    std::uint32_t at = 0;       ///< where a message part begins
    std::uint32_t size = 0;     ///< bytes of data in it

    friend bool operator==(const packet_piece&, const packet_piece&) = default;
};

}  // namespace mydht::detail
