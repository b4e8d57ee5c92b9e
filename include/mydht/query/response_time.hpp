#pragma once

#include <cstdint>

#include <mydht/core/time.hpp>

namespace mydht {

/// How long this node's peers take to answer, and so when to give up on one: the smoothed mean and deviation of RFC
/// 6298, with a wider margin, since peers differ more than the packets of one connection. A plain value.
class response_time {
public:
    /// A peer answered after this long, the making of a session included.
    void answered(duration took) noexcept;

    /// A peer did not answer in time. Were all of them slower than the limit, nobody would ever answer and the limit
    /// never grow; so each of these in a row raises it by a quarter.
    void timed_out() noexcept;

    /// When to give up: `most` until enough has been seen, never less than `least`.
    [[nodiscard]] duration limit(duration least, duration most) const noexcept;

private:
    duration mean_{};
    duration deviation_{};
    std::uint32_t samples_ = 0;
    std::uint32_t timeouts_ = 0;  // in a row
};

}  // namespace mydht
