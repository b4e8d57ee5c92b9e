#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// Sees from round trips how long a sender's own packets wait in a queue on the way, and bounds its window by that: what is asked
/// beside a long transfer waits in the same queue, and a window that only losses end fills all the memory that the way has. What
/// TCP Vegas (Brakmo and Peterson 1995) and LEDBAT (RFC 6817) do, on top of a window that grows and shrinks as it would.
///
/// Measured is the least round trip of a round of packets against the least of all, so that jitter and acks that wait count for
/// little. Slow start ends as in RFC 9406, when it is longer by an eighth, 4 to 16 ms. After it the window does not grow while it
/// is longer by 4 ms, and at more than 8 ms becomes what was under way less what waited. Then only packets that were sent since are measured.
///
/// A queue that stays although the window shrank twice is the work of others, or no queue: the window becomes what it was, and is not
/// bounded, until the least round trip is measured anew. That is after ten seconds in which none was as short: for one round less is under
/// way than the way holds, as BBR has it (Cardwell and others 2016), and what is seen then is the new least. So a longer route is one after ten seconds.
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
    /// Packets were lost, and the window shrank for that: it is not given back.
    void lost() noexcept { before_ = 0; }

    /// The window must not grow now.
    [[nodiscard]] bool holds() const noexcept { return holds_ || bound_ != unbounded; }
    /// No more may be under way now, whatever the window is.
    [[nodiscard]] std::size_t bound() const noexcept { return bound_; }

    /// The window is not bounded by less than so many packets: what a session may begin with (RFC 9002, 7.2).
    static constexpr std::size_t packets_min = 10;

private:
    static constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

    [[nodiscard]] bool ends_slow_start() const noexcept;
    [[nodiscard]] std::optional<std::size_t> judge(const sample& what) noexcept;
    [[nodiscard]] std::optional<std::size_t> shrink(const sample& what) noexcept;
    void measure_least(const sample& what) noexcept;
    /// Of what was under way when the round began, all that is not in the queue, and as much as `wait` more.
    [[nodiscard]] std::size_t share(duration wait) const noexcept;
    void begin_round(const sample& what) noexcept;
    /// The window changed: what was sent before says nothing any more.
    void begin_anew(const sample& what) noexcept;

    duration least_ = duration::max();
    steady_time least_at_{};
    duration round_ = duration::max();  // the least of this round
    std::uint64_t from_ = 0;            // packets before it are not measured
    std::uint64_t ends_ = 0;            // with an ack of this one, or a later one
    std::size_t flight_ = 0;            // what was under way when it began
    unsigned samples_ = 0;
    bool begun_ = false;
    bool holds_ = false;
    bool others_ = false;     // it is the queue of others
    unsigned vain_ = 0;       // times in a row that the window shrank and the queue did not
    duration last_wait_{};    // in the queue when the window last shrank for it; 0 when it has been short since
    std::size_t before_ = 0;  // the window before it shrank, since the queue was short
    std::size_t bound_ = unbounded;
};

}  // namespace mydht::detail
