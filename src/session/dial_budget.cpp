#include "session/dial_budget.hpp"

namespace mydht::detail {

bool dial_budget::begin(const address& to, steady_time now) {
    if (under_way_ >= limits_.at_once) return false;
    auto& one = addresses_.touch(to);
    auto& all = prefixes_.touch(network_prefix(to));
    const auto price = price_of(limits_.address);
    const auto shared_price = price_of(limits_.prefix);
    if (!one.has(limits_.address, price, now) || !all.has(limits_.prefix, shared_price, now)) return false;
    one.take(price, now);
    all.take(shared_price, now);
    ++under_way_;
    return true;
}

}  // namespace mydht::detail
