#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <mydht/core/bytes.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/core/result.hpp>

/// Frames are what the two sides of a session say to each other: {kind u8, channel u32, length u24} little-endian, then
/// so many bytes. A frame may lie in several records, since a message may be larger than one. docs/wire-format.md,
/// "Frames".
namespace mydht::wire {

/// The numbers travel on the wire. Kinds from `ignorable_from` on that a build does not know are skipped; unknown kinds
/// below it break the protocol.
enum class frame_kind : std::uint8_t {
    message = 1,          ///< one message in the session's codec; channel 0
    stream_open = 2,      ///< u64 window, then the service's name: opens the channel
    stream_data = 3,      ///< bytes of the channel; in datagrams behind a u64, where they belong
    stream_window = 4,    ///< u64: the peer may send the channel's bytes up to here
    stream_reset = 5,     ///< u32 code, u64 bytes sent in all: the channel is broken off, both ways
    stream_end = 6,       ///< u64: so many bytes were sent on the channel, no more follow from this side
    ping = 7,             ///< 8 bytes that the pong repeats; channel 0
    pong = 8,             ///< the 8 bytes of the ping; channel 0
    close = 9,            ///< u16 close_reason: nothing follows from this side; channel 0
    session_window = 10,  ///< u64: the peer may send so many bytes of all streams together; channel 0
    ack = 11,             ///< in datagrams: packets that came; channel 0
    message_part = 12,    ///< in datagrams: a part of a message that does not fit one; channel 0
    working = 13,         ///< in datagrams, u64 id: the request is being worked on, ask less often; channel 0
};

inline constexpr std::uint8_t ignorable_from = 128;
inline constexpr std::size_t frame_header_bytes = 8;
inline constexpr std::size_t ping_bytes = 8;
/// Channel of requests and answers and of the session itself. Application streams have other channels.
inline constexpr std::uint32_t control_channel = 0;

/// Why a side closes the session. Numbers that a build does not know are kept.
enum class close_reason : std::uint16_t {
    normal = 0,              ///< nothing more to say
    stopping = 1,            ///< the node stops
    idle = 2,                ///< the session was not used
    replaced = 3,            ///< another session of the same pair took its place
    protocol_violation = 4,  ///< the peer broke the rules
    overloaded = 5,          ///< too many sessions, or the peer reads or sends too slowly
    refused = 6,             ///< the peer's identity is not let in
    internal = 7,            ///< this side failed
};

/// The largest payloads that a decoder takes, in bytes. Kinds with a fixed form are not configurable.
struct frame_limits {
    std::size_t message = limits::message_bytes;
    std::size_t stream_open = 263;
    std::size_t stream_data = 64 * 1024;
    /// An unknown kind that is skipped. Skipping needs no memory, but lets a peer send without use.
    std::size_t ignored = 64 * 1024;
};

struct frame {
    frame_kind kind = frame_kind::message;
    std::uint32_t channel = control_channel;
    bytes_view payload;  ///< belongs to the decoder or to its input
};

/// Appends a whole frame. The payload is at most 2^24 - 1 bytes (asserted).
void append_frame(bytes& out, frame_kind kind, std::uint32_t channel, bytes_view payload);

/// Appends a header whose length comes later; returns its place for end_frame. In between the caller appends the
/// payload, so that a message is encoded where it is sent from.
[[nodiscard]] std::size_t begin_frame(bytes& out, frame_kind kind, std::uint32_t channel);
/// Fills in the length of what was appended since. Errors: errc::too_large for more than 2^24 - 1 bytes.
[[nodiscard]] result<void> end_frame(bytes& out, std::size_t place);

void append_ping(bytes& out, frame_kind ping_or_pong, const std::array<std::uint8_t, ping_bytes>& data);
void append_close(bytes& out, close_reason reason);
/// The reason in the payload of a close frame that a decoder has let through.
[[nodiscard]] close_reason read_close(bytes_view payload) noexcept;

/// Finds the frames in the decrypted byte stream, however it is sliced. No I/O:
///
///     auto input = plaintext;
///     for (;;) {
///         auto got = decoder.next(input);
///         if (!got) ...close the session...
///         if (!*got) break;                // input is used up
///         handle(**got);
///     }
///
/// A frame that lies whole in the input is handed out in place; others are collected. Memory grows with the bytes that
/// came, never with the length that was announced, and each byte is copied a bounded number of times however small the
/// slices are. Kind, channel and length are judged as soon as the header is there.
class frame_decoder {
public:
    explicit frame_decoder(const frame_limits& limits = {}) noexcept : limits_(limits) {}

    /// Takes bytes off the front of `input` up to the end of the next frame, and returns the frame; nothing when the
    /// input is used up first. The payload is valid until the next call and as long as the input. Errors:
    /// errc::too_large for a length over the kind's limit, errc::protocol_violation for an unknown kind that may not be
    /// skipped, a payload of a wrong size or a kind on the wrong sort of channel. The first failure sticks.
    [[nodiscard]] result<std::optional<frame>> next(bytes_view& input);

    /// True when no part of a frame is waiting: a stream that ends now ends in order.
    [[nodiscard]] bool at_boundary() const noexcept;
    /// Gives the memory back if no part of a frame is waiting in it. Ends the validity of the last payload.
    void release() noexcept;
    /// Bytes of memory held.
    [[nodiscard]] std::size_t memory() const noexcept { return payload_.capacity(); }

private:
    enum class state : std::uint8_t { header, payload, skip };

    void begin_header() noexcept;
    void take_header(bytes_view& input) noexcept;
    [[nodiscard]] result<void> judge_header();
    [[nodiscard]] frame deliver(bytes_view payload) noexcept;
    void drop_delivered() noexcept;

    frame_limits limits_;
    std::error_code failed_;
    state state_ = state::header;
    std::uint8_t header_size_ = 0;
    std::array<std::uint8_t, frame_header_bytes> header_{};
    frame_kind kind_ = frame_kind::message;
    std::uint32_t channel_ = control_channel;
    std::uint32_t left_ = 0;  // bytes of the payload that have not come yet
    bool delivered_ = false;  // payload_ is what the caller was given last
    bytes payload_;
};

}  // namespace mydht::wire
