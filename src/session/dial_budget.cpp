#include "session/dial_budget.hpp"

#include <algorithm>

namespace mydht::detail {

bool dial_budget::begin(const address& to, const bytes& cause, steady_time now) {
    if (under_way_ >= limits_.at_once) return false;
    const auto own = caused_.find(cause);
    const auto share = std::max<std::size_t>(limits_.at_once / dial_share, 1);
    if (!cause.empty() && own != caused_.end() && own->second >= share) return false;
    auto& one = addresses_.touch(to);
    auto& all = prefixes_.touch(network_prefix(to));
    const auto price = price_of(limits_.address);
    const auto shared_price = price_of(limits_.prefix);
    if (!one.has(limits_.address, price, now) || !all.has(limits_.prefix, shared_price, now)) return false;
    one.take(price, now);
    all.take(shared_price, now);
    ++under_way_;
    if (!cause.empty()) ++caused_[cause];
    return true;
}

void dial_budget::end(const bytes& cause) noexcept {
    --under_way_;
    if (cause.empty()) return;
    const auto own = caused_.find(cause);
    if (--own->second == 0) caused_.erase(own);
}

}  // namespace mydht::detail
