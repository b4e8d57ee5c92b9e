#pragma once

#include <algorithm>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/crypto/peer_record.hpp>

namespace mydht::detail {

/// Of a node's addresses those of one group that it signs and gives away: of the widest scope, since whoever reads them
/// is that far away at least, and need not learn of our own network.
[[nodiscard]] inline std::vector<address> published(const std::vector<address>& all, address_group group) {
    std::vector<address> out;
    auto widest = address_scope::loopback;
    for (const auto& a : all) {
        const auto of = group_of(a.kind());
        if (!of || *of != group) continue;
        widest = std::max(widest, scope_of(a));
        out.push_back(a);
    }
    std::erase_if(out, [&](const address& a) { return scope_of(a) < widest; });
    if (out.size() > limits::addresses_per_contact) out.resize(limits::addresses_per_contact);
    return out;
}

}  // namespace mydht::detail
