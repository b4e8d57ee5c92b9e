#include "query/branches.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "query/rulebook.hpp"

namespace mydht::detail {

branches::branches(std::vector<contact> candidates, const wire::forward& query)
    : strict_(shares_strictly(query)),
      along_(query.storing == wire::storage_mode::path),
      candidates_(std::move(candidates)),
      most_(query.results),
      results_(most_) {
    const std::size_t most = query.fan_out;
    if (candidates_.size() > most) candidates_.erase(candidates_.begin() + query.fan_out, candidates_.end());
    width_ = std::min<std::size_t>(query.paths, candidates_.size());
    for (std::size_t i = width_; i > 0; --i) {
        // What does not divide goes to the first ones.
        const auto part = query.paths / width_ + (i - 1 < query.paths % width_ ? 1U : 0U);
        paths_.push_back(static_cast<std::uint8_t>(part));
    }
}

std::optional<branch> branches::next() {
    if (paths_.empty() || next_ >= candidates_.size() || (strict_ && results_ == 0)) return {};
    branch out;
    out.to = std::move(candidates_[next_++]);
    out.paths = paths_.back();
    // As many for everybody, the first ones more where it does not divide.
    const auto part = (results_ + paths_.size() - 1) / paths_.size();
    out.results = static_cast<std::uint8_t>(std::clamp<std::size_t>(part, along_ ? 0 : 1, most_));
    results_ -= part;
    paths_.pop_back();
    ++under_way_;
    return out;
}

void branches::ended(const branch& path, std::size_t used) {
    assert(under_way_ > 0);
    --under_way_;
    if (strict_) results_ += path.results - std::min<std::size_t>(path.results, used);
}

void branches::given_back(const branch& unused) {
    assert(under_way_ > 0);
    --under_way_;
    paths_.push_back(unused.paths);
    results_ += unused.results;
}

bool branches::one_more() {
    if (next_ >= candidates_.size()) return false;
    paths_.push_back(1);
    ++results_;
    return true;
}

void branches::lost(const branch& unknown) {
    given_back(unknown);
    if (strict_ || along_) results_ -= unknown.results;
}

}  // namespace mydht::detail
