#include "query/seen_tags.hpp"

namespace mydht::detail {

bool seen_tags::note(const loop_tag& tag, steady_time now, steady_time until) {
    while (!in_order_.empty() && in_order_.front().second <= now) forget_oldest();
    const auto known = until_.find(tag);
    if (known != until_.end() && known->second > now) return false;
    if (in_order_.size() >= capacity_) forget_oldest();
    until_[tag] = until;
    in_order_.emplace_back(tag, until);
    return true;
}

void seen_tags::forget_oldest() {
    const auto& [tag, until] = in_order_.front();
    // A tag that came again after its time has an entry of its own further back.
    const auto known = until_.find(tag);
    if (known != until_.end() && known->second == until) until_.erase(known);
    in_order_.pop_front();
}

}  // namespace mydht::detail
