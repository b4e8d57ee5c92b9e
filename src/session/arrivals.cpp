#include "session/arrivals.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace mydht::detail {

arrival::arrival(arrivals& in, const address& from) : all_(&in), from_(from) {
    if (scope_of(from) == address_scope::global) prefix_ = network_prefix(from);
    auto& time = *all_->context_->env.time;
    time.arm(*this, time.now() + all_->context_->config.preamble_timeout);
}

void arrival::greet() noexcept {
    greeted_ = true;
    if (armed()) all_->context_->env.time->disarm(*this);
}

void arrival::fire() noexcept { all_->end(*this, "no preamble in time"); }

arrivals::place arrivals::add(const address& from) {
    const auto& config = context_->config;
    here_.emplace_back(*this, from);
    const auto added = std::prev(here_.end());
    const auto& prefix = added->prefix_;
    const auto of_prefix = [&](const arrival& a) { return a.prefix_ == prefix; };
    if (!prefix.empty() && std::cmp_greater(std::ranges::count_if(here_, of_prefix), config.handshakes_per_prefix)) {
        push_out(&prefix, "too many handshakes from its network");
    }
    if (here_.size() > config.handshakes_max) push_out(nullptr, "too many handshakes");
    return added;
}

void arrivals::remove(place which) noexcept {
    const auto is = [&](const arrival& a) { return &a == &*which; };
    (std::ranges::any_of(leaving_, is) ? leaving_ : here_).erase(which);
}

bool arrivals::crowded() const noexcept { return leaving_.size() >= context_->config.handshakes_max; }

void arrivals::push_out(const bytes* prefix, std::string_view why) {
    arrival* victim = nullptr;
    // The newest, which is the last, is not to go.
    for (auto it = here_.begin(); it != std::prev(here_.end()); ++it) {
        if (prefix != nullptr && it->prefix_ != *prefix) continue;
        if (victim == nullptr || (victim->greeted_ && !it->greeted_)) victim = &*it;
    }
    if (victim != nullptr) end(*victim, why);
}

void arrivals::end(arrival& which, std::string_view why) {
    which.greet();
    const auto at = std::ranges::find_if(here_, [&](const arrival& a) { return &a == &which; });
    leaving_.splice(leaving_.end(), here_, at);
    ++context_->counters.handshakes_failed;
    context_->log_of_peers(log_level::info,
                           [&] { return "turned away " + which.from_.text() + ": " + std::string(why); });
    which.running.cancel();
}

}  // namespace mydht::detail
