#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/time.hpp>
#include <mydht/wire/ack.hpp>

namespace mydht::detail {

/// The longest time a packet waits for its ack; known to both sides (RFC 9000, 18.2).
inline constexpr duration ack_delay_max = std::chrono::milliseconds(25);
/// A session ends before.
inline constexpr std::uint64_t packet_number_max = (std::uint64_t{1} << 60U) - 1;

/// Which packets of the peer came: refuses repeats, and says what to acknowledge and when (RFC 9000, 13.2). No I/O:
///
///     if (!received.is_new(number)) ...drop the packet...
///     ...decrypt it; only if that succeeds:
///     received.note(number, ack_eliciting, now);       // or refuse(number), if it could not be kept
///     if (received.ack_at() <= now, or something leaves anyway and received.ack_owed()) received.append_ack(...);
///
/// Numbers count from 0. Memory for holes exists only while there are any.
class received_packets {
public:
    /// False for a number that was seen, and for one too far below the newest to tell: at least 1,024 can be told.
    [[nodiscard]] bool is_new(std::uint64_t number) const noexcept;

    /// The packet is authentic and was taken. `number` is new (asserted).
    void note(std::uint64_t number, bool ack_eliciting, steady_time now);

    /// The packet is authentic and there was no room for what it holds: its repeat is refused, and it is never
    /// acknowledged, so that the peer says all of it again in another packet. `number` is new (asserted).
    void refuse(std::uint64_t number, steady_time now);

    /// True when an ack says something new that the peer waits for.
    [[nodiscard]] bool ack_owed() const noexcept { return waiting_ > 0; }
    /// When an ack has to leave at the latest; a time that has passed: now. Nothing when none is owed.
    [[nodiscard]] std::optional<steady_time> ack_at() const noexcept;

    /// Appends an ack frame of at most `room` bytes, and owes none then. False, and nothing appended, if the room is
    /// too small or there is nothing to say.
    [[nodiscard]] bool append_ack(bytes& out, std::size_t room, steady_time now);

    /// Gives the memory back. Packets that are missing count as seen from now on.
    void release() noexcept;
    [[nodiscard]] std::size_t memory() const noexcept {
        return (words_.capacity() + refused_.capacity()) * sizeof(std::uint64_t);
    }

private:
    void mark(std::uint64_t number, steady_time now);
    void make_room(std::uint64_t number);
    void slide(std::uint64_t floor) noexcept;
    void advance() noexcept;
    [[nodiscard]] std::uint64_t& word(std::uint64_t index) noexcept { return words_[index & (words_.size() - 1)]; }
    [[nodiscard]] std::uint64_t word(std::uint64_t index) const noexcept { return words_[index & (words_.size() - 1)]; }
    [[nodiscard]] bool has(std::uint64_t number) const noexcept { return (word(number >> 6U) >> (number & 63U)) & 1U; }
    bool tell(wire::ack& value, std::uint64_t first, std::uint64_t last) const noexcept;
    [[nodiscard]] std::uint64_t end_of_run(std::uint64_t number) const noexcept;
    [[nodiscard]] std::uint64_t lowest_of_run(std::uint64_t last, bool came) const noexcept;

    // Numbers below floor_ count as seen; those in [run_, floor_) came. From there to next_ a bit in words_ says what
    // came, and the bit of floor_ is clear unless floor_ == next_: then words_ means nothing.
    std::uint64_t next_ = 0;
    std::uint64_t floor_ = 0;
    std::uint64_t run_ = 0;
    std::uint64_t told_from_ = 0;  // nothing below is acknowledged
    std::uint64_t settled_ = 0;    // ranges below were told often enough
    std::uint64_t settling_ = 0;   // the next value of it
    std::uint64_t late_ = 0;       // the lowest that came since the last ack
    steady_time newest_at_{};
    steady_time due_{};
    std::uint32_t waiting_ = 0;  // packets that ask for an ack and have none
    std::uint8_t acks_ = 0;
    std::vector<std::uint64_t> words_;    // a ring; empty or a power of two long
    std::vector<std::uint64_t> refused_;  // in order
};

}  // namespace mydht::detail
