#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>

/// What the payload of an ack frame says: which packets came. docs/wire-format.md, "Datagrams: acknowledgement and
/// parts".
namespace mydht::wire {

inline constexpr std::size_t ack_ranges_max = 32;
/// An ack of one range. Each further range takes `ack_range_bytes`.
inline constexpr std::size_t ack_bytes_min = 16;
inline constexpr std::size_t ack_range_bytes = 4;
inline constexpr std::size_t ack_bytes_max = ack_bytes_min + (ack_ranges_max - 1) * ack_range_bytes;

/// Packet numbers from `first` to `last`, both of them among it.
struct packet_range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;

    friend bool operator==(const packet_range&, const packet_range&) = default;
};

/// Packets that came, the newest first. Between two ranges at least one number is missing.
struct ack {
    /// How long the newest packet has waited for this ack, in microseconds.
    std::uint32_t delay_us = 0;
    std::size_t count = 0;
    std::array<packet_range, ack_ranges_max> ranges{};

    [[nodiscard]] std::uint64_t largest() const noexcept { return ranges[0].last; }
    /// Adds a range below all others; false, and nothing added, when there are `ack_ranges_max`.
    bool add(packet_range range) noexcept;

    friend bool operator==(const ack& a, const ack& b) noexcept;
};

/// Appends as much of a payload as `room` bytes and the form can hold, the newest packets first: what is left out was
/// not said, not denied. False, and nothing appended, for a room of less than `ack_bytes_min`. At least one range
/// (asserted).
[[nodiscard]] bool append_ack(bytes& out, const ack& value, std::size_t room);

/// Reads a whole payload. Every payload has one meaning and every ack that fits one form. Allocates nothing.
/// Errors: errc::truncated, errc::too_large for more than `ack_ranges_max` ranges, errc::malformed for numbers below
/// zero.
[[nodiscard]] result<ack> decode_ack(bytes_view payload);

}  // namespace mydht::wire
