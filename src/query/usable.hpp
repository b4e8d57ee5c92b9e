#pragma once

#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/routing/address_filter.hpp>
#include <mydht/wire/message.hpp>

namespace mydht::detail {

/// Keeps the addresses that an asker can dial, by kind and by scope.
inline void keep_usable(contact& who, wire::kind_mask kinds, address_scope scope) {
    std::erase_if(who.addresses, [&](const address& a) { return (wire::mask_of(a.kind()) & kinds) == 0; });
    filter_addresses(who, scope);
}

/// Keeps of contacts that a peer names, who was observed there, the addresses that it can know.
inline void keep_knowable(std::vector<contact>& named, const address& observed) {
    for (auto& each : named) filter_addresses(each, scope_of(observed));
}

}  // namespace mydht::detail
