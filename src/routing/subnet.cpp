#include <mydht/routing/subnet.hpp>

#include <algorithm>

namespace mydht {

subnet subnet::of(const address& a) noexcept {
    const auto prefix = network_prefix(a);
    subnet out;
    out.data_[0] = prefix[0];
    const auto rest = bytes_view(prefix).subspan(1);
    if (a.is_ip()) {
        std::ranges::copy(rest, out.data_.begin() + 1);
        return out;
    }
    // FNV-1a. Who builds collisions gains only that his own contacts count together with another's.
    std::uint64_t digest = 0xcbf29ce484222325ULL;
    for (const auto byte : rest) digest = (digest ^ byte) * 0x100000001b3ULL;
    for (std::size_t i = 1; i < out.data_.size(); ++i) out.data_[i] = static_cast<std::uint8_t>(digest >> (8 * i));
    return out;
}

subnet subnet::counted(const address& observed, bool exempt_local) noexcept {
    if (exempt_local && scope_of(observed) != address_scope::global) return {};
    return of(observed);
}

std::vector<subnet_cap::counter>::const_iterator subnet_cap::find(const subnet& from) const {
    return std::ranges::lower_bound(counters_, from, {}, &counter::from);
}

std::size_t subnet_cap::count(const subnet& from) const {
    const auto at = find(from);
    return at != counters_.end() && at->from == from ? at->count : 0;
}

bool subnet_cap::add(const subnet& from) {
    if (from.empty()) return true;
    if (!has_room(from)) return false;
    const auto at = counters_.begin() + (find(from) - counters_.cbegin());
    if (at != counters_.end() && at->from == from) {
        ++at->count;
    } else {
        counters_.insert(at, {from, 1});
    }
    return true;
}

void subnet_cap::remove(const subnet& from) {
    const auto at = counters_.begin() + (find(from) - counters_.cbegin());
    if (at == counters_.end() || at->from != from) return;
    if (--at->count == 0) counters_.erase(at);
}

}  // namespace mydht
