#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// Sees from round trips how long a sender's own packets wait in a queue on the way, and bounds its window by that:
/// what is asked beside a long transfer waits in the same queue, and a window that only losses end fills all the memory
/// that the way has. What TCP Vegas (Brakmo and Peterson 1995) and LEDBAT (RFC 6817) do, on top of a window that grows
/// and shrinks as it would.
///
/// A round of packets whose least round trip is longer than usual is only suspected of a queue: jitter, the queues of
/// others and a longer route look the same. So it is tried: for a round or two less is under way, about what the way
/// would hold if the excess were our queue. (A round is a round trip, or as many as 8 acks take.) If more than half of
/// it stays, the way takes so long whatever we have under way: the window is left alone, and that is usual from now on.
/// If it goes away, the window becomes what leaves a short queue, and slow start ends. After slow start this waits
/// until the excess is back with the whole window under way again, for queues of others come and go too.
///
/// They may do so at the wrong moments. If after such a cut most of the excess is seen again with less than half of
/// what was cut off under way again, it was not ours: the window becomes what it was.
///
/// Usual may be wrong when the way was never seen without our queue. So after ten seconds without a round trip near the
/// least of all, a round with less under way than the way holds says what is usual, and the least is measured anew, as
/// BBR does (Cardwell and others 2016).
class queue_watch {
public:
    /// What an ack brought, and how the sender stands after it.
    struct sample {
        duration round_trip{};     ///< of the newest packet that it acknowledges
        std::uint64_t number = 0;  ///< of that packet
        std::uint64_t next = 0;    ///< the next one to be sent
        std::size_t in_flight = 0;
        std::size_t window = 0;
        std::size_t packet_bytes = 0;
        bool slow_start = false;
        steady_time now{};
    };

    /// The window to have from now on, and no slow start, if it changes.
    [[nodiscard]] std::optional<std::size_t> take(const sample& what) noexcept;

    /// Less than the window may be under way for now, and the window must not grow.
    [[nodiscard]] bool tries() const noexcept { return bound_ != unbounded; }
    /// No more may be under way now, whatever the window is.
    [[nodiscard]] std::size_t bound() const noexcept { return bound_; }

    /// The window is not bounded by less than so many packets: what a session may begin with (RFC 9002, 7.2).
    static constexpr std::size_t packets_min = 10;
    /// But while the way is measured anew, so few may be under way.
    static constexpr std::size_t packets_min_anew = 4;

private:
    static constexpr auto unbounded = std::numeric_limits<std::uint32_t>::max();

    [[nodiscard]] bool suspicious(const sample& what) const noexcept;
    [[nodiscard]] std::optional<std::size_t> judge(const sample& what) noexcept;
    void try_less(const sample& what) noexcept;
    void measure_anew(const sample& what) noexcept;
    void end_measuring(const sample& what) noexcept;
    [[nodiscard]] std::optional<std::size_t> judge_trial(const sample& what) noexcept;
    [[nodiscard]] std::optional<std::size_t> confirm(const sample& what) noexcept;
    [[nodiscard]] std::size_t cut(const sample& what) noexcept;
    [[nodiscard]] std::optional<std::size_t> undo_cut(const sample& what) noexcept;
    /// Of what was under way when the round began, as much as takes so much longer than usual.
    [[nodiscard]] std::size_t share(duration wait) const noexcept;
    void begin_round(const sample& what) noexcept;
    /// Other limits hold: what was sent before says nothing about them.
    void begin_anew(const sample& what) noexcept;

    duration least_ = duration::max();
    steady_time least_at_{};
    duration usual_ = duration::max();  // what the least of a round takes without a queue of ours; not less than least_
    duration round_ = duration::max();  // the least of this round
    std::uint64_t from_ = 0;            // packets before it are not measured
    std::uint64_t ends_ = 0;            // with an ack of this one, or a later one
    duration suspect_{};                // the least of the suspicious rounds
    duration excessive_{};  // after a cut: our queue takes no round so long, with no more under way than half_way_
    std::uint32_t bound_ = unbounded;
    std::uint32_t flight_ = 0;    // what was under way when the round began
    std::uint32_t after_ = 0;     // the window to have if the queue is ours
    std::uint32_t before_ = 0;    // the window that was cut, while that may be undone; or 0
    std::uint32_t last_ = 0;      // and what it was last: if it is less now, packets were lost
    std::uint32_t half_way_ = 0;  // between after_ and what was under way when it took so long
    std::uint8_t samples_ = 0;    // of this round, as far as they matter
    std::uint8_t rounds_ = 0;     // suspicious ones in a row, or in a trial those without the excess
    std::uint8_t confirms_ = 0;   // rounds until it is clear whether the excess is back
    bool begun_ = false;
    bool usual_known_ = false;  // from a whole round
    bool measures_ = false;
};

}  // namespace mydht::detail
