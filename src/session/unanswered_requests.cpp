#include "session/unanswered_requests.hpp"

#include <algorithm>
#include <utility>

namespace mydht::detail {

namespace {

/// Without a round trip seen.
constexpr duration pause_unknown = std::chrono::milliseconds(500);
/// A peer that computes an answer is not hurried by a link that is fast.
constexpr duration pause_min = std::chrono::milliseconds(100);
/// So that a request with half a minute has eighteen tries: where of each five packets one is lost, all are in vain
/// once in 10^8 times.
constexpr duration pause_max = std::chrono::seconds(2);
/// The peer said that it is at it; asked again in case its answer was lost.
constexpr duration pause_working = std::chrono::seconds(1);
constexpr int deviations = 4;
constexpr std::size_t places_min = 4;

}  // namespace

unanswered_requests::request* unanswered_requests::find(std::uint64_t id) noexcept {
    if (places_.empty() || place_of(id).id != id) return nullptr;
    return &place_of(id);
}

void unanswered_requests::grow() {
    auto old = std::exchange(places_, std::vector<request>(std::max(places_min, places_.size() * 2)));
    for (auto& one : old) {
        if (one.id != 0) place_of(one.id) = std::move(one);
    }
}

void unanswered_requests::remove(request& which) noexcept {
    which.id = 0;
    if (--size_ == 0) next_ = steady_time::max();
}

duration unanswered_requests::first_pause() const noexcept {
    if (!rtt_.measured()) return pause_unknown;
    const auto mean = rtt_.smoothed();
    // When all round trips were alike, one that is a little longer is no loss.
    return std::clamp(mean + std::max(deviations * rtt_.variation(), mean / 8), pause_min, pause_max);
}

void unanswered_requests::add(std::uint64_t id, bytes_view frame, steady_time now) {
    while (places_.empty() || place_of(id).id != 0) grow();
    auto& added = place_of(id);
    added.id = id;
    added.sent_at = now;
    added.pause = first_pause();
    added.due = now + added.pause;
    added.repeats = 0;
    added.working = false;
    added.frame.assign(frame.begin(), frame.end());
    ++size_;
    next_ = std::min(next_, added.due);
}

void unanswered_requests::answered(std::uint64_t id, steady_time now) noexcept {
    auto* one = find(id);
    if (one == nullptr) return;
    if (one->repeats == 0 && !one->working) note_round_trip(now - one->sent_at, now);
    remove(*one);
}

void unanswered_requests::forget(std::uint64_t id) noexcept {
    if (auto* one = find(id); one != nullptr) remove(*one);
}

void unanswered_requests::working(std::uint64_t id, steady_time now) noexcept {
    auto* one = find(id);
    if (one == nullptr) return;
    one->working = true;
    one->pause = std::max(one->pause, pause_working);
    one->due = now + one->pause;
}

const unanswered_requests::request* unanswered_requests::take_due(steady_time now) noexcept {
    request* found = nullptr;
    next_ = steady_time::max();
    for (auto& one : places_) {
        if (one.id == 0) continue;
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
    if (empty()) std::vector<request>().swap(places_);
}

std::size_t unanswered_requests::memory() const noexcept {
    auto out = places_.capacity() * sizeof(request);
    for (const auto& one : places_) out += one.frame.capacity();
    return out;
}

}  // namespace mydht::detail
