#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <mydht/core/bytes.hpp>
#include <mydht/wire/stream_limits.hpp>

#include "session/byte_queue.hpp"
#include "session/byte_ranges.hpp"

namespace mydht::detail {

/// What one side sends on a stream: keeps the bytes until they are acknowledged, and knows which ones to send next. No
/// I/O:
///
///     take(data) as the application writes; finish() when it has no more;
///     while (has_data() and ...) { range = next(room, session_room); copy(range, packet); said(range); }
///     if (end_due()) { say total(); end_said(); }
///     acknowledged(range) or lost(range) for all that was said, in any order; the same for the end.
class stream_sending {
public:
    /// Keeps a copy of as much as leaves at most `kept_max` bytes in memory; how much.
    [[nodiscard]] std::size_t take(bytes_view data, std::size_t kept_max);
    /// No more follows. May be called again.
    void finish() noexcept { finished_ = true; }
    /// Nothing of it is wanted any more; what was said counts as it is.
    void drop() noexcept;
    /// The other side lets this one send so far. Lower ones than before are ignored.
    void raise_limit(std::uint64_t limit) noexcept;

    [[nodiscard]] bool has_lost() const noexcept { return !lost_.empty(); }
    /// There are bytes that were never said, and the other side's window has room for them.
    [[nodiscard]] bool has_fresh() const noexcept;
    /// What to say next: lost bytes first. At most `size_max` of it, and at most `fresh_max` if they were never said.
    [[nodiscard]] std::optional<byte_range> next(std::size_t size_max, std::uint64_t fresh_max) const noexcept;
    void copy(byte_range what, bytes& out) const;
    /// How many of them were never said before.
    std::uint64_t said(byte_range what) noexcept;

    [[nodiscard]] bool end_due() const noexcept;
    void end_said() noexcept { end_ = end_phase::said; }

    void acknowledged(byte_range what);
    void lost(byte_range what);
    void end_acknowledged() noexcept { end_ = end_phase::acknowledged; }
    void end_lost() noexcept;

    [[nodiscard]] bool finished() const noexcept { return finished_; }
    /// All that was taken has arrived.
    [[nodiscard]] bool data_acknowledged() const noexcept { return kept_.empty(); }
    /// And the end, too.
    [[nodiscard]] bool all_acknowledged() const noexcept { return kept_.empty() && end_ == end_phase::acknowledged; }
    /// Bytes said in all.
    [[nodiscard]] std::uint64_t total() const noexcept { return next_; }
    /// Moves whenever something is said or arrives.
    [[nodiscard]] std::uint64_t progress() const noexcept { return next_ + kept_.begin(); }
    [[nodiscard]] std::size_t kept() const noexcept { return kept_.size(); }
    [[nodiscard]] std::size_t memory() const noexcept {
        return kept_.memory() + acknowledged_.memory() + lost_.memory();
    }

private:
    enum class end_phase : std::uint8_t { unsaid, said, acknowledged };

    byte_queue kept_;           // from the first byte that is not acknowledged
    byte_ranges acknowledged_;  // behind that one
    byte_ranges lost_;
    std::uint64_t next_ = 0;  // the first byte that was never said
    std::uint64_t limit_ = wire::initial_stream_window;
    end_phase end_ = end_phase::unsaid;
    bool finished_ = false;
    bool dropped_ = false;
};

}  // namespace mydht::detail
