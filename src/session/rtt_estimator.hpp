#pragma once

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// How long a packet and its ack take (RFC 9002, 5).
class rtt_estimator {
public:
    /// `ack_delay` is what the peer says it waited; more than it may wait does not count.
    void sample(duration round_trip, duration ack_delay, steady_time now) noexcept;

    [[nodiscard]] bool measured() const noexcept { return first_at_ != steady_time::max(); }
    /// When the first sample came; later than all times before.
    [[nodiscard]] steady_time first_at() const noexcept { return first_at_; }

    [[nodiscard]] duration smoothed() const noexcept { return smoothed_; }
    [[nodiscard]] duration latest() const noexcept { return latest_; }
    [[nodiscard]] duration least() const noexcept { return least_; }
    [[nodiscard]] duration variation() const noexcept { return variation_; }

    /// How long to wait for an ack before asking again, the first time (6.2.1).
    [[nodiscard]] duration probe_timeout() const noexcept;
    /// How much later than its successors a packet may be before it is lost: this many eighths of a round trip (6.1.2).
    [[nodiscard]] duration loss_delay(unsigned eighths) const noexcept;

    /// After a long loss the path may be another one: its least time is measured anew (5.2).
    void restart_least() noexcept { least_ = latest_; }

private:
    // Before the first sample the timeouts come from these (6.2.2).
    duration smoothed_ = std::chrono::milliseconds(333);
    duration variation_ = smoothed_ / 2;
    duration latest_{};
    duration least_{};
    steady_time first_at_ = steady_time::max();
};

}  // namespace mydht::detail
