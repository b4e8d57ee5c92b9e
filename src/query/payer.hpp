#pragma once

#include <utility>

#include <mydht/core/bytes.hpp>
#include <mydht/core/keys.hpp>

namespace mydht::detail {

/// Whose share something counts in that is held here for others: they do not say who asks.
struct payer {
    payer() {}
    payer(const node_id& neighbour_, bytes prefix_) : neighbour(neighbour_), prefix(std::move(prefix_)) {}

    node_id neighbour;
    bytes prefix;  ///< its network's; empty: not counted
};

}  // namespace mydht::detail
