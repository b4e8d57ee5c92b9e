#include <mydht/routing/address_filter.hpp>

#include <algorithm>

#include <mydht/core/limits.hpp>

namespace mydht {

namespace {

bool has_port(const address& a) noexcept { return a.is_ip() || a.kind() == address_kind::tor; }

bool can_be_dialled(const address& a) noexcept {
    return !a.empty() && !a.is_wildcard() && (!has_port(a) || a.port() != 0);
}

}  // namespace

void filter_addresses(std::vector<address>& addresses, address_scope observed) {
    std::vector<address> kept;
    for (const auto& a : addresses) {
        if (kept.size() == limits::addresses_per_contact) break;
        if (!can_be_dialled(a) || scope_of(a) < observed) continue;
        if (std::ranges::find(kept, a) == kept.end()) kept.push_back(a);
    }
    addresses = std::move(kept);
}

}  // namespace mydht
