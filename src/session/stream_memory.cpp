#include "session/stream_memory.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace mydht::detail {

namespace {

constexpr std::size_t index_of(stream_side_of side) noexcept { return static_cast<std::size_t>(side); }

/// Three quarters.
constexpr bool nearly(std::size_t used, std::size_t most) noexcept { return used >= most - most / 4; }

}  // namespace

// --- one session -----------------------------------------------------------------------------------------------------

stream_account::stream_account(std::shared_ptr<stream_memory> memory) : memory_(std::move(memory)) {
    memory_->accounts_.insert(this);
}

stream_account::~stream_account() { memory_->accounts_.erase(this); }

std::size_t stream_account::room(stream_side_of side) const noexcept {
    const auto of_node = memory_->most(side) - std::min(memory_->most(side), memory_->used(side));
    const auto of_share = memory_->share(side) - std::min(memory_->share(side), held(side));
    return std::min(of_node, of_share);
}

bool stream_account::has_room(stream_side_of side, std::size_t bytes) noexcept {
    if (bytes <= room(side)) return true;
    memory_->look_soon();
    return false;
}

bool stream_account::has_room_behind_gap(std::size_t bytes) noexcept {
    constexpr auto side = stream_side_of::receiving;
    const auto of_share = memory_->share(side) - memory_->share(side) / 8;
    const auto of_node = memory_->most(side) - memory_->most(side) / 8;
    if (held(side) + bytes <= of_share && memory_->used(side) + bytes <= of_node) return true;
    memory_->look_soon();
    return false;
}

void stream_account::wait_for_room() noexcept {
    waits_ = true;
    memory_->anybody_waits_ = true;
    memory_->look_soon();
}

void stream_account::count(stream_side_of side, std::size_t& counted, std::size_t now_held) noexcept {
    if (now_held == counted) return;
    auto& used = memory_->used_[index_of(side)];
    const bool was_short = nearly(used, memory_->most(side));
    held_[index_of(side)] += now_held - counted;
    used += now_held - counted;
    counted = now_held;
    if (side != stream_side_of::sending || !memory_->anybody_waits_) return;
    // Not for every byte: a writer that is woken should find room for many.
    const bool eased = was_short && !nearly(used, memory_->most(side));
    if (eased || (waits_ && worth_waking())) memory_->time_->arm(*memory_, memory_->time_->now());
}

bool stream_account::worth_waking() const noexcept {
    constexpr auto side = stream_side_of::sending;
    return !nearly(held(side), memory_->share(side)) && !nearly(memory_->used(side), memory_->most(side));
}

bool stream_account::at_ease() const noexcept {
    constexpr auto side = stream_side_of::receiving;
    return held(side) <= memory_->share(side) / 2 && memory_->used(side) <= memory_->most(side) / 2;
}

// --- the node --------------------------------------------------------------------------------------------------------

stream_memory::stream_memory(std::shared_ptr<time_source> time, const stream_memory_limits& limits)
    : time_(std::move(time)), most_{limits.receive_bytes, limits.send_bytes}, patience_(limits.patience) {}

stream_memory::~stream_memory() {
    if (armed()) time_->disarm(*this);
}

void stream_memory::look_soon() noexcept {
    if (!armed()) time_->arm(*this, time_->now() + pause);
}

void stream_memory::fire() noexcept {
    const bool receiving = look_for_stale(stream_side_of::receiving);
    const bool sending = look_for_stale(stream_side_of::sending);
    if (receiving || sending) look_soon();
    anybody_waits_ = false;
    std::vector<stream_account*> woken;
    for (auto* const each : accounts_) {
        if (!each->waits_) continue;
        if (each->worth_waking()) {
            woken.push_back(each);
        } else {
            anybody_waits_ = true;
        }
    }
    for (auto* const each : woken) {
        if (!accounts_.contains(each)) continue;
        // Who still finds no room says so again.
        each->waits_ = false;
        if (each->holder_ != nullptr) each->holder_->room_came();
    }
}

bool stream_memory::look_for_stale(stream_side_of side) {
    // Writers can be asked whether they need more; what comes from outside cannot.
    const bool receiving = side == stream_side_of::receiving;
    const bool short_of = nearly(used(side), most(side)) && (receiving || anybody_waits_);
    std::vector<stream_account*> large;
    for (auto* const each : accounts_) {
        const bool above = each->held(side) > 0 && each->held(side) >= used(side) / accounts_.size();
        const bool share_short = nearly(each->held(side), share(side)) && (receiving || each->waits_);
        if ((short_of && above) || share_short) large.push_back(each);
    }
    const auto now = time_->now();
    for (auto* const each : large) {
        if (accounts_.contains(each) && each->holder_ != nullptr) each->holder_->drop_stale(side, now);
    }
    return !large.empty();
}

}  // namespace mydht::detail
