#include "sim/sim_clock.hpp"

#include <algorithm>

namespace mydht::sim::detail {

steady_time sim_clock::now() const noexcept { return world_ != nullptr ? world_->now() : last_; }

wall_time sim_clock::wall_now() const noexcept {
    return wall_start_ + std::chrono::floor<std::chrono::milliseconds>(now() - beginning);
}

void sim_clock::arm(alarm& a, steady_time when) {
    alarms_.arm(a, when);
    if (world_ == nullptr) return;
    const auto earliest = std::max(alarms_.next(), world_->now());
    if (!requested_ || earliest < requested_for_) request(earliest);
}

void sim_clock::request(steady_time when) {
    requested_ = true;
    requested_for_ = when;
    request_ = world_->push(node_, node_, when, {});
}

bool sim_clock::confirm(const event_key& e) {
    if (!requested_ || e.counter != request_) return false;
    if (!alarms_.empty() && alarms_.next() <= e.when) return true;
    requested_ = false;
    if (!alarms_.empty()) request(alarms_.next());
    return false;
}

void sim_clock::fire_due() {
    requested_ = false;
    while (auto* due = alarms_.take_due(world_->now())) due->fire();
    if (!requested_ && !alarms_.empty()) request(alarms_.next());
}

void sim_clock::detach() noexcept {
    last_ = now();
    world_ = nullptr;
}

}  // namespace mydht::sim::detail
