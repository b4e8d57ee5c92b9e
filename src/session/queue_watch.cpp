#include "session/queue_watch.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace mydht::detail {

namespace {

using namespace std::chrono_literals;

/// RFC 9406, 4.3.
constexpr unsigned samples_min = 8;
constexpr duration growth_min = 4ms;
constexpr duration growth_max = 16ms;

/// In the queue, packets may wait so long; while they wait half as long the window stands still, and that is what it shrinks to.
constexpr duration wait_max = 8ms;
constexpr duration wait_aim = wait_max / 2;

/// Longer by no more than this is as short as the least.
constexpr duration least_slack = 1ms;
/// A least round trip is believed for so long.
constexpr duration least_life = 10s;
/// While it is measured, this part of what the way holds is under way, and at least so many packets.
constexpr std::size_t measure_quarters = 3;
constexpr std::size_t measure_packets = 4;

constexpr unsigned vain_max = 2;

}  // namespace

std::optional<std::size_t> queue_watch::take(const sample& what) noexcept {
    if (what.round_trip <= least_ || what.round_trip - least_ <= least_slack) least_at_ = what.now;
    least_ = std::min(least_, what.round_trip);
    if (what.number < from_) return std::nullopt;
    if (!begun_) begin_round(what);
    round_ = std::min(round_, what.round_trip);
    ++samples_;
    if (what.slow_start && !others_ && ends_slow_start()) return shrink(what);
    if (what.number < ends_ || samples_ < samples_min) return std::nullopt;
    return judge(what);
}

bool queue_watch::ends_slow_start() const noexcept {
    return samples_ >= samples_min && round_ - least_ >= std::clamp<duration>(least_ / 8, growth_min, growth_max);
}

std::optional<std::size_t> queue_watch::judge(const sample& what) noexcept {
    if (bound_ != unbounded) {
        bound_ = unbounded;
        least_ = round_;
        least_at_ = what.now;
        others_ = false;
    }
    const auto wait = round_ - least_;
    if (wait <= wait_max) {
        vain_ = 0;
        last_wait_ = {};
        before_ = 0;
    }
    holds_ = !others_ && !what.slow_start && wait > wait_aim;
    if (what.now - least_at_ >= least_life) {
        measure_least(what);
        return std::nullopt;
    }
    if (!others_ && !what.slow_start && wait > wait_max) return shrink(what);
    begin_round(what);
    return std::nullopt;
}

std::optional<std::size_t> queue_watch::shrink(const sample& what) noexcept {
    const auto wait = round_ - least_;
    vain_ = last_wait_ > duration(0) && wait > last_wait_ / 2 ? vain_ + 1 : 0;
    if (vain_ >= vain_max) {
        others_ = true;
        holds_ = false;
        vain_ = 0;
        last_wait_ = {};
        const auto back = std::exchange(before_, 0);
        begin_anew(what);
        if (back <= what.window) return std::nullopt;
        return back;
    }
    const auto window = std::max(share(wait_aim), packets_min * what.packet_bytes);
    if (window >= what.window && !what.slow_start) {
        begin_round(what);
        return std::nullopt;
    }
    last_wait_ = wait;
    before_ = std::max(before_, what.window);
    holds_ = true;
    begin_anew(what);
    return std::min(window, what.window);
}

void queue_watch::measure_least(const sample& what) noexcept {
    bound_ = std::max(share({}) / 4 * measure_quarters, measure_packets * what.packet_bytes);
    begin_anew(what);
}

std::size_t queue_watch::share(duration wait) const noexcept {
    if (round_ <= least_ + wait) return flight_;
    const auto part = static_cast<double>((least_ + wait).count()) / static_cast<double>(round_.count());
    return static_cast<std::size_t>(static_cast<double>(flight_) * part);
}

void queue_watch::begin_round(const sample& what) noexcept {
    begun_ = true;
    ends_ = what.next;
    flight_ = what.in_flight;
    round_ = duration::max();
    samples_ = 0;
}

void queue_watch::begin_anew(const sample& what) noexcept {
    from_ = what.next;
    begun_ = false;
}

}  // namespace mydht::detail
