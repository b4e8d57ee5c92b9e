#include "session/rtt_estimator.hpp"

#include <algorithm>

#include "session/received_packets.hpp"

namespace mydht::detail {

namespace {

/// Timers are no finer (RFC 9002, 6.1.2).
constexpr duration granularity = std::chrono::milliseconds(1);

}  // namespace

void rtt_estimator::sample(duration round_trip, duration ack_delay, steady_time now) noexcept {
    latest_ = round_trip;
    if (!measured()) {
        first_at_ = now;
        least_ = round_trip;
        smoothed_ = round_trip;
        variation_ = round_trip / 2;
        return;
    }
    least_ = std::min(least_, round_trip);
    ack_delay = std::min(ack_delay, ack_delay_max);
    const auto adjusted = round_trip >= least_ + ack_delay ? round_trip - ack_delay : round_trip;
    const auto difference = smoothed_ > adjusted ? smoothed_ - adjusted : adjusted - smoothed_;
    variation_ = (3 * variation_ + difference) / 4;
    smoothed_ = (7 * smoothed_ + adjusted) / 8;
}

duration rtt_estimator::probe_timeout() const noexcept {
    return smoothed_ + std::max(4 * variation_, granularity) + ack_delay_max;
}

duration rtt_estimator::loss_delay(unsigned eighths) const noexcept {
    return std::max(std::max(smoothed_, latest_) * eighths / 8, granularity);
}

}  // namespace mydht::detail
