#include "query/answered_requests.hpp"

namespace mydht::detail {

answered_requests::verdict answered_requests::note(const id256& question, steady_time now, steady_time until) {
    while (!by_end_.empty() && by_end_.begin()->first <= now) {
        known_.erase(by_end_.begin()->second);
        by_end_.erase(by_end_.begin());
    }
    if (known_.contains(question)) return verdict::again;
    if (known_.size() >= capacity_) return verdict::full;
    known_.insert(question);
    by_end_.emplace(until, question);
    return verdict::fresh;
}

}  // namespace mydht::detail
