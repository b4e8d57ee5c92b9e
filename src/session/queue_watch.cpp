#include "session/queue_watch.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace mydht::detail {

namespace {

using namespace std::chrono_literals;

/// A round has at least so many acks; in slow start so many are enough (RFC 9406, 4.3).
constexpr unsigned samples_min = 8;
/// Suspicious in slow start is an eighth of the least, within these limits.
constexpr duration growth_min = 4ms;
constexpr duration growth_max = 16ms;

/// In the queue, packets may wait so long; the window becomes what makes them wait half as long.
constexpr duration wait_max = 8ms;
constexpr duration wait_aim = wait_max / 2;
/// In a trial a short queue is left: the line is not idle if the queue is ours.
constexpr duration wait_trial = wait_aim / 2;

/// One round may be long by chance, and another one short.
constexpr unsigned rounds_min = 2;
/// After a trial, the round in which the window fills again, and the one that shows the queue if it is ours.
constexpr unsigned rounds_to_confirm = 2;
/// A cut for less is not worth undoing, and jitter may look like it.
constexpr duration excess_min = 2 * wait_max;
/// Usual follows rounds that are shorter by this part of the difference, so that it is no rare short one.
constexpr int usual_part = 8;

/// Longer by no more than this is as short as the least.
constexpr duration least_slack = 1ms;
/// A least round trip is believed for so long.
constexpr duration least_life = 10s;

}  // namespace

std::optional<std::size_t> queue_watch::take(const sample& what) noexcept {
    if (what.round_trip <= least_ || what.round_trip - least_ <= least_slack) least_at_ = what.now;
    least_ = std::min(least_, what.round_trip);
    if (!usual_known_) usual_ = least_;
    if (what.number < from_) return std::nullopt;
    if (!begun_) begin_round(what);
    round_ = std::min(round_, what.round_trip);
    if (samples_ < samples_min) ++samples_;
    if (samples_ < samples_min) return std::nullopt;
    if (what.slow_start && !tries() && suspicious(what)) {
        suspect_ = round_;
        try_less(what);
        return std::nullopt;
    }
    if (what.number < ends_) return std::nullopt;
    return judge(what);
}

/// Where usual is above the least there is jitter, or a queue of others: more is needed to be sure, and matters less.
bool queue_watch::suspicious(const sample& what) const noexcept {
    if (what.window <= packets_min * what.packet_bytes) return false;
    const auto longer = usual_ - least_;
    const auto wait = round_ - usual_;
    if (what.slow_start) return wait >= longer + std::clamp<duration>(least_ / 8, growth_min, growth_max);
    return wait > longer / 2 + wait_max;
}

std::optional<std::size_t> queue_watch::judge(const sample& what) noexcept {
    if (measures_) {
        end_measuring(what);
        return std::nullopt;
    }
    if (tries()) return judge_trial(what);
    if (confirms_ > 0) return confirm(what);
    if (const auto window = undo_cut(what)) return window;
    if (!usual_known_) {
        usual_known_ = true;
        usual_ = round_;
    } else if (round_ < usual_) {
        usual_ -= (usual_ - round_) / usual_part;
    }
    if (what.now - least_at_ >= least_life) {
        measure_anew(what);
        return std::nullopt;
    }
    if (suspicious(what)) {
        suspect_ = rounds_ == 0 ? round_ : std::min(suspect_, round_);
        if (++rounds_ == rounds_min) {
            try_less(what);
            return std::nullopt;
        }
    } else {
        rounds_ = 0;
    }
    begin_round(what);
    return std::nullopt;
}

void queue_watch::try_less(const sample& what) noexcept {
    confirms_ = 0;
    before_ = 0;
    const auto least = packets_min * what.packet_bytes;
    const auto part = share(wait_trial);
    // In slow start more is under way than when what is acknowledged was sent.
    bound_ = static_cast<std::uint32_t>(std::max(what.slow_start ? part / 4 * 3 : part, least));
    after_ = static_cast<std::uint32_t>(std::max(share(wait_aim), least));
    half_way_ = after_ + (std::max(flight_, after_) - after_) / 2;
    rounds_ = 0;
    begin_anew(what);
}

std::optional<std::size_t> queue_watch::judge_trial(const sample& what) noexcept {
    const auto trip = round_;
    begin_round(what);
    const bool stays = trip - usual_ > (suspect_ - usual_) / 2;
    if (!stays && ++rounds_ < rounds_min) return std::nullopt;
    bound_ = unbounded;
    rounds_ = 0;
    if (stays) {
        usual_ = std::min(trip, suspect_);
        return std::nullopt;
    }
    if (what.slow_start) return cut(what);
    if (after_ >= what.window) return std::nullopt;
    confirms_ = rounds_to_confirm;
    begin_anew(what);
    return std::nullopt;
}

std::optional<std::size_t> queue_watch::confirm(const sample& what) noexcept {
    const bool back = round_ - usual_ > (suspect_ - usual_) / 2;
    begin_round(what);
    if (--confirms_ > 0 || !back) return std::nullopt;
    return cut(what);
}

std::size_t queue_watch::cut(const sample& what) noexcept {
    const auto window = static_cast<std::uint32_t>(what.window);
    before_ = what.slow_start ? 0 : window;
    last_ = std::min(after_, window);
    excessive_ = usual_ + std::max<duration>((suspect_ - usual_) / 4 * 3, excess_min);
    begin_anew(what);
    return last_;
}

std::optional<std::size_t> queue_watch::undo_cut(const sample& what) noexcept {
    if (before_ == 0) return std::nullopt;
    if (what.window < last_ || flight_ > half_way_) {
        before_ = 0;
        return std::nullopt;
    }
    last_ = static_cast<std::uint32_t>(what.window);
    if (!suspicious(what) || round_ < excessive_) return std::nullopt;
    rounds_ = 0;
    begin_round(what);
    return std::exchange(before_, 0);
}

void queue_watch::measure_anew(const sample& what) noexcept {
    measures_ = true;
    bound_ = static_cast<std::uint32_t>(std::max(share({}) / 4 * 3, packets_min_anew * what.packet_bytes));
    rounds_ = 0;
    begin_anew(what);
}

void queue_watch::end_measuring(const sample& what) noexcept {
    measures_ = false;
    bound_ = unbounded;
    least_ = round_;
    least_at_ = what.now;
    usual_ = round_;
    begin_round(what);
}

std::size_t queue_watch::share(duration wait) const noexcept {
    if (round_ <= usual_ + wait) return flight_;
    const auto part = static_cast<double>((usual_ + wait).count()) / static_cast<double>(round_.count());
    return static_cast<std::size_t>(static_cast<double>(flight_) * part);
}

void queue_watch::begin_round(const sample& what) noexcept {
    begun_ = true;
    ends_ = what.next;
    flight_ = static_cast<std::uint32_t>(what.in_flight);
    round_ = duration::max();
    samples_ = 0;
}

void queue_watch::begin_anew(const sample& what) noexcept {
    from_ = what.next;
    begun_ = false;
}

}  // namespace mydht::detail
