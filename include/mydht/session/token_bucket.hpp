#pragma once

#include <algorithm>
#include <cstdint>

#include <mydht/core/time.hpp>
#include <mydht/session/rate_limits.hpp>

namespace mydht::detail {

/// What one token of a limit costs.
[[nodiscard]] constexpr duration price_of(const rate_limit& limit) noexcept {
    return duration(std::chrono::seconds(1)) / limit.per_second;
}

/// A token bucket in one time point, the generic cell rate algorithm (ITU-T I.371, annex A): each token moves the time
/// at which the bucket will be full again into the future, and that may be as far away as a burst takes to come back. A
/// new one is full. The limit comes with each call, so that many buckets share one.
class token_bucket {
public:
    /// `price` is price_of(limit), or less for who pays less.
    [[nodiscard]] bool has(const rate_limit& limit, duration price, steady_time now) const noexcept {
        return std::max(full_at_, now) + price - now <= price_of(limit) * static_cast<std::int64_t>(limit.burst);
    }
    /// Takes a token that is there.
    void take(duration price, steady_time now) noexcept { full_at_ = std::max(full_at_, now) + price; }

    /// Takes one at the full price, when it is there.
    [[nodiscard]] bool try_take(const rate_limit& limit, steady_time now) noexcept {
        if (!has(limit, price_of(limit), now)) return false;
        take(price_of(limit), now);
        return true;
    }

private:
    steady_time full_at_ = steady_time::min();
};

}  // namespace mydht::detail
