#pragma once

#include <cstddef>
#include <cstdint>

#include <mydht/core/limits.hpp>

/// What the two sides of a session take for granted about application streams. All of it is protocol.
namespace mydht::wire {

/// How far a side may send on a channel before the other one has named a window for it, in bytes.
inline constexpr std::uint64_t initial_stream_window = 64 * 1024;
/// The same for the sum of all channels.
inline constexpr std::uint64_t initial_session_window = 1024 * 1024;
/// Offsets end here; one beyond breaks the protocol.
inline constexpr std::uint64_t stream_bytes_max = std::uint64_t{1} << 62U;
/// The most data in one frame of a sender, so that nothing waits long behind it.
inline constexpr std::size_t stream_frame_bytes = 16 * 1024;
/// A service's name.
inline constexpr std::size_t service_name_bytes = limits::service_name_bytes;

/// The channels that the side which dialled opens are odd, those of the other one even.
[[nodiscard]] constexpr bool opened_by_dialler(std::uint32_t channel) noexcept { return channel % 2 == 1; }

/// Codes of a stream reset. Those below `stream_code_reserved` belong to the application.
enum class stream_code : std::uint32_t {
    none = 0,                        ///< no reason given
    no_service = 0xffff'ff01,        ///< the acceptor has no service of this name
    too_many_streams = 0xffff'ff02,  ///< the acceptor's limit of open streams or running services is reached
    abandoned = 0xffff'ff03,         ///< the side's last handle went before the stream had ended
    handler_failed = 0xffff'ff04,    ///< the service ended with an exception
    not_wanted = 0xffff'ff05,        ///< the side does not want what the stream carries
    no_room = 0xffff'ff06,           ///< the side has no memory left for what the stream carries
};
inline constexpr std::uint32_t stream_code_reserved = 0xffff'ff00;

}  // namespace mydht::wire
