#include "query/branches.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace mydht::detail {

branches::branches(std::vector<contact> candidates, const wire::forward& query) : candidates_(std::move(candidates)) {
    const std::size_t most = query.fan_out;
    if (candidates_.size() > most) candidates_.erase(candidates_.begin() + query.fan_out, candidates_.end());
    const auto width = width_ = std::min<std::size_t>(query.paths, candidates_.size());
    for (std::size_t i = width; i > 0; --i) {
        // What does not divide goes to the first ones. Everybody is asked for one result at least.
        const auto part = [&](std::size_t whole) { return whole / width + (i - 1 < whole % width ? 1 : 0); };
        share one;
        one.paths = static_cast<std::uint8_t>(part(query.paths));
        one.results = static_cast<std::uint8_t>(std::max<std::size_t>(1, part(query.results)));
        shares_.push_back(one);
    }
}

std::optional<branch> branches::next() {
    if (shares_.empty() || next_ >= candidates_.size()) return {};
    const auto given = shares_.back();
    shares_.pop_back();
    branch out;
    out.to = std::move(candidates_[next_++]);
    out.paths = given.paths;
    out.results = given.results;
    ++under_way_;
    return out;
}

void branches::ended() {
    assert(under_way_ > 0);
    --under_way_;
}

void branches::given_back(const branch& unused) {
    assert(under_way_ > 0);
    --under_way_;
    shares_.push_back({unused.paths, unused.results});
}

}  // namespace mydht::detail
