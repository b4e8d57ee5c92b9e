#include "session/unanswered_requests.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace mydht::detail {

namespace {

/// Without a round trip seen.
constexpr duration pause_unknown = std::chrono::milliseconds(500);
/// A peer that computes an answer is not hurried by a link that is fast.
constexpr duration pause_min = std::chrono::milliseconds(100);
constexpr duration pause_max = std::chrono::seconds(4);
/// The peer said that it is at it; asked again in case its answer was lost.
constexpr duration pause_working = std::chrono::seconds(1);
constexpr int deviations = 4;

}  // namespace

std::vector<unanswered_requests::request>::iterator unanswered_requests::find(std::uint64_t id) noexcept {
    const auto at = std::ranges::lower_bound(waiting_, id, {}, &request::id);
    return at != waiting_.end() && at->id == id ? at : waiting_.end();
}

duration unanswered_requests::first_pause() const noexcept {
    if (mean_ == duration{}) return pause_unknown;
    // When all round trips were alike, one that is a little longer is no loss.
    return std::clamp(mean_ + std::max(deviations * deviation_, mean_ / 8), pause_min, pause_max);
}

void unanswered_requests::add(std::uint64_t id, bytes frame, steady_time now) {
    // A request that had to wait for room may leave after one of a later id.
    auto& added = *waiting_.emplace(std::ranges::lower_bound(waiting_, id, {}, &request::id));
    added.id = id;
    added.sent_at = now;
    added.pause = first_pause();
    added.due = now + added.pause;
    added.frame = std::move(frame);
    next_ = std::min(next_, added.due);
}

void unanswered_requests::note_round_trip(duration took) noexcept {
    if (mean_ == duration{}) {
        mean_ = took;
        deviation_ = took / 2;
    } else {
        deviation_ += (std::chrono::abs(mean_ - took) - deviation_) / 4;
        mean_ += (took - mean_) / 8;
    }
}

void unanswered_requests::answered(std::uint64_t id, steady_time now) noexcept {
    const auto at = find(id);
    if (at == waiting_.end()) return;
    if (at->repeats == 0 && !at->working) note_round_trip(now - at->sent_at);
    waiting_.erase(at);
    if (waiting_.empty()) next_ = steady_time::max();
}

void unanswered_requests::forget(std::uint64_t id) noexcept {
    const auto at = find(id);
    if (at != waiting_.end()) waiting_.erase(at);
    if (waiting_.empty()) next_ = steady_time::max();
}

void unanswered_requests::working(std::uint64_t id, steady_time now) noexcept {
    const auto at = find(id);
    if (at == waiting_.end()) return;
    at->working = true;
    at->pause = std::max(at->pause, pause_working);
    at->due = now + at->pause;
}

const unanswered_requests::request* unanswered_requests::take_due(steady_time now) noexcept {
    request* found = nullptr;
    next_ = steady_time::max();
    for (auto& one : waiting_) {
        if (found == nullptr && one.due <= now) {
            found = &one;
            ++one.repeats;
            one.pause = std::min(one.pause * 2, pause_max);
            one.due = now + one.pause;
        }
        next_ = std::min(next_, one.due);
    }
    return found;
}

void unanswered_requests::release() noexcept {
    if (waiting_.empty()) std::vector<request>().swap(waiting_);
}

std::size_t unanswered_requests::memory() const noexcept {
    auto out = waiting_.capacity() * sizeof(request);
    for (const auto& one : waiting_) out += one.frame.capacity();
    return out;
}

}  // namespace mydht::detail
