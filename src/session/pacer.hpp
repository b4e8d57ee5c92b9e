#pragma once

#include <algorithm>
#include <cstddef>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// Spreads a window's packets over the round trip (RFC 9002, 7.7): a token bucket, told by the time at which it would
/// be full again (the generic cell rate algorithm of ITU-T I.371). Bursts are as large as the first window, and for
/// fast paths what a timer cannot spread any finer.
class pacer {
public:
    /// `window` bytes leave in `round_trip`.
    void sent(std::size_t bytes, std::size_t window, duration round_trip, steady_time now) noexcept {
        full_at_ = std::max(full_at_, now) + time_of(bytes, window, round_trip);
    }

    /// From when on the next packet may leave.
    [[nodiscard]] steady_time next(std::size_t packet_bytes, std::size_t window, duration round_trip) const noexcept {
        return full_at_ - std::max(time_of(burst_packets * packet_bytes, window, round_trip), finest);
    }

    void reset() noexcept { full_at_ = steady_time{}; }

private:
    static constexpr std::size_t burst_packets = 10;
    static constexpr duration finest = std::chrono::milliseconds(2);

    [[nodiscard]] static duration time_of(std::size_t bytes, std::size_t window, duration round_trip) noexcept {
        return round_trip * static_cast<duration::rep>(bytes) / static_cast<duration::rep>(window);
    }

    steady_time full_at_{};
};

}  // namespace mydht::detail
