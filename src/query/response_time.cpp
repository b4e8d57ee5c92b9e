#include <mydht/query/response_time.hpp>

#include <algorithm>
#include <chrono>

namespace mydht {

namespace {

/// Answers before the estimate is believed: with fewer, one slow newcomer would be cut off by a few fast ones.
constexpr std::uint32_t samples_min = 8;
constexpr int deviations = 8;
/// Steps of a quarter that take any limit to any other that makes sense.
constexpr std::uint32_t raises_max = 32;

}  // namespace

void response_time::answered(duration took) noexcept {
    timeouts_ = 0;
    if (samples_ == 0) {
        mean_ = took;
        deviation_ = took / 2;
    } else {
        deviation_ += (std::chrono::abs(mean_ - took) - deviation_) / 4;
        mean_ += (took - mean_) / 8;
    }
    samples_ = std::min(samples_ + 1, samples_min);
}

void response_time::timed_out() noexcept { timeouts_ = std::min(timeouts_ + 1, raises_max); }

duration response_time::limit(duration least, duration most) const noexcept {
    if (samples_ < samples_min) return most;
    auto out = std::max(least, mean_ + deviations * deviation_);
    for (std::uint32_t i = 0; i < timeouts_ && out < most; ++i) out += out / 4;
    return std::min(out, most);
}

}  // namespace mydht
