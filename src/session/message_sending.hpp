#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>

#include "session/byte_ranges.hpp"
#include "session/packet_piece.hpp"

namespace mydht::detail {

/// The messages of one session that are too large for a packet: hands them out in parts, and again what was lost, until
/// all of it has come. No I/O:
///
///     sending.add(message);
///     while (sending.ready() and there is room in a packet) pieces.push_back(*sending.append_part(packet, room));
///     loss_recovery says what became of the pieces:  sending.acknowledged(piece), sending.lost(piece)
///
/// The messages take turns, so that a small one does not wait for a large one, nor all for one that the peer has no
/// room for; only the oldest few of them, so that the peer need not keep many unfinished. Of each, what was lost goes
/// first.
class message_sending {
public:
    /// At most so many bytes of messages that are not acknowledged.
    explicit message_sending(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}

    /// Queues a message, encoded and not empty; its number, for cancel.
    /// Errors: errc::too_large for more than limits::message_bytes, errc::slow_peer when too many bytes wait,
    /// errc::nonce_exhausted when the numbers have run out.
    [[nodiscard]] result<std::uint32_t> add(bytes message);

    /// True when append_part has something to say.
    [[nodiscard]] bool ready() const noexcept;
    /// Appends one frame of at most `room` bytes; what it says, or nothing if the room is too small to be worth it: a
    /// packet of its own never is.
    [[nodiscard]] std::optional<packet_piece> append_part(bytes& out, std::size_t room);

    /// The fate of a piece that append_part has returned, in any order and any number of times.
    void acknowledged(const packet_piece& piece);
    void lost(const packet_piece& piece);

    /// Nobody waits for the message any more. Parts that the peer has of it stay there for a while.
    void cancel(std::uint32_t number) noexcept;

    /// The message has not been acknowledged yet.
    [[nodiscard]] bool holds(std::uint32_t number) const noexcept {
        return std::ranges::binary_search(messages_, number, {}, &outgoing::number);
    }
    [[nodiscard]] bool empty() const noexcept { return messages_.empty(); }
    /// Bytes of the messages that are not acknowledged.
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
    /// Gives the memory back if nothing waits.
    void release() noexcept;
    [[nodiscard]] std::size_t memory() const noexcept;

private:
    struct outgoing {
        std::uint32_t number = 0;
        bytes data;
        std::uint64_t next = 0;  // first byte that was never sent
        byte_ranges came;
        byte_ranges again;

        [[nodiscard]] bool nothing_to_say() const noexcept { return next == data.size() && again.empty(); }
    };

    [[nodiscard]] std::size_t open_count() const noexcept;
    [[nodiscard]] std::vector<outgoing>::iterator find(std::uint64_t number) noexcept;
    [[nodiscard]] outgoing* next_in_turn() noexcept;
    void remove(std::vector<outgoing>::iterator message) noexcept;
    static packet_piece append(bytes& out, const outgoing& message, byte_range range);

    std::size_t bytes_max_;
    std::size_t waiting_ = 0;
    std::uint64_t next_number_ = 0;
    std::uint64_t turn_ = 0;          // the message of this number or the next one has the next turn
    std::vector<outgoing> messages_;  // by number
};

}  // namespace mydht::detail
