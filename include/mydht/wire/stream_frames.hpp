#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <mydht/core/bytes.hpp>
#include <mydht/wire/frame.hpp>
#include <mydht/wire/stream_limits.hpp>

/// What is inside the frames of application streams. Readers are given payloads that a frame_decoder has let through.
namespace mydht::wire {

/// The frames stream_window, stream_end and session_window: one number.
inline constexpr std::size_t number_frame_bytes = frame_header_bytes + 8;
inline constexpr std::size_t reset_frame_bytes = frame_header_bytes + 4 + 8;
/// What stands before the data of a stream_data frame in a datagram.
inline constexpr std::size_t offset_bytes = 8;

struct stream_opening {
    std::uint64_t window = 0;
    std::string_view service;
};

struct stream_resetting {
    std::uint32_t code = 0;
    std::uint64_t total = 0;  ///< bytes that its side sent in all
};

[[nodiscard]] constexpr std::size_t open_frame_bytes(std::string_view service) noexcept {
    return number_frame_bytes + service.size();
}

/// The service has 1 to service_name_bytes bytes (asserted).
void append_stream_open(bytes& out, std::uint32_t channel, const stream_opening& what);
void append_number(bytes& out, frame_kind kind, std::uint32_t channel, std::uint64_t number);
void append_stream_reset(bytes& out, std::uint32_t channel, const stream_resetting& what);
/// Begins a stream_data frame of a datagram, for end_frame.
[[nodiscard]] std::size_t begin_data_at(bytes& out, std::uint32_t channel, std::uint64_t offset);

[[nodiscard]] stream_opening read_stream_open(bytes_view payload) noexcept;
[[nodiscard]] std::uint64_t read_number(bytes_view payload) noexcept;
[[nodiscard]] stream_resetting read_stream_reset(bytes_view payload) noexcept;
/// Takes the offset off the front of what a stream_data frame in a datagram holds; nothing when it is too short for
/// one.
[[nodiscard]] std::optional<std::uint64_t> take_offset(bytes_view& payload) noexcept;

}  // namespace mydht::wire
