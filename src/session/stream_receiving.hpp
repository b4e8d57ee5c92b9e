#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/wire/stream_limits.hpp>

#include "session/byte_queue.hpp"
#include "session/scattered_bytes.hpp"

namespace mydht::detail {

/// What one side receives on a stream: puts bytes in order that come in any, and decides how far the other side may
/// send, which bounds the memory. No I/O:
///
///     grown = take(offset, data) or end(total), which count grown bytes more against the session's window;
///     read(into) as the application does; then if (window_due()) say next_window().
class stream_receiving {
public:
    /// `window_max`: what the window grows to as the application reads, at least wire::initial_stream_window.
    explicit stream_receiving(std::uint64_t window_max) noexcept : window_max_(window_max) {}

    /// Bytes of the stream and where they belong; what is there already does no harm. How much higher the stream now
    /// reaches. Errors: errc::protocol_violation for bytes beyond the window or the end.
    [[nodiscard]] result<std::uint64_t> take(std::uint64_t offset, bytes_view data);
    /// Neither the window nor the end forbids these bytes.
    [[nodiscard]] bool allows(std::uint64_t offset, std::size_t size) const noexcept;
    /// How much more memory() is after a take() of so many bytes, what joins them aside: that is held already.
    [[nodiscard]] std::size_t cost(std::uint64_t offset, std::size_t size) const noexcept;
    /// How many bytes there are in all; the missing ones count as if they had come. The same error for a total that
    /// does not fit what came before.
    [[nodiscard]] result<std::uint64_t> end(std::uint64_t total);

    /// Moves bytes in order into `into`; how many.
    [[nodiscard]] std::size_t read(bytes_span into) noexcept;
    /// Drops what there is and what still comes; how many bytes that frees in the session's window. What comes later is
    /// free at once.
    std::uint64_t discard() noexcept;

    [[nodiscard]] bool window_due() const noexcept;
    /// How far the other side may send from now on. `may_grow`: there is memory for a larger window.
    [[nodiscard]] std::uint64_t next_window(bool may_grow = true) noexcept;

    [[nodiscard]] bool readable() const noexcept { return !ready_.empty(); }
    [[nodiscard]] bool discarding() const noexcept { return discarding_; }
    [[nodiscard]] bool end_known() const noexcept { return total_.has_value(); }
    /// All bytes up to the end have come, though maybe nobody has read them.
    [[nodiscard]] bool complete() const noexcept { return total_ && ready_.end() >= *total_; }
    /// All bytes up to the end were read.
    [[nodiscard]] bool ended() const noexcept { return !discarding_ && total_ && consumed_ == *total_; }
    /// Where the next byte in order belongs.
    [[nodiscard]] std::uint64_t next() const noexcept { return discarding_ ? highest_ : ready_.end(); }
    /// How far the other side may send.
    [[nodiscard]] std::uint64_t window() const noexcept { return advertised_; }
    /// At most twice what came and was not read, about nine eighths of what came behind gaps and the gaps themselves,
    /// and a block.
    [[nodiscard]] std::size_t memory() const noexcept { return ready_.memory() + apart_.memory(); }
    /// Bytes that were read or dropped so far.
    [[nodiscard]] std::uint64_t consumed() const noexcept { return consumed_; }

private:
    void keep(std::uint64_t offset, bytes_view data);

    byte_queue ready_;            // in order, not read
    scattered_bytes apart_;       // behind a gap
    std::uint64_t highest_ = 0;   // the end of all that came
    std::uint64_t consumed_ = 0;  // read or discarded
    std::uint64_t advertised_ = wire::initial_stream_window;
    std::uint64_t window_ = wire::initial_stream_window;
    std::uint64_t window_max_;
    std::optional<std::uint64_t> total_;
    bool discarding_ = false;
};

}  // namespace mydht::detail
