#pragma once

#include <vector>

#include <mydht/core/address.hpp>

namespace mydht {

/// Keeps of a peer's claims what it can know: addresses of a scope at least as wide as the one it was observed in, so
/// that nobody on the internet makes us dial our own network. Also drops what cannot be dialled (wildcards, port 0),
/// repetitions, and what is over limits::addresses_per_contact. The order stays. To be used on everything that a peer
/// says about itself or others, and on what a peer is told.
void filter_addresses(std::vector<address>& addresses, address_scope observed);

/// The same for a contact of any type with `addresses`.
template <typename Contact>
    requires requires(Contact& c) { c.addresses.begin(); }
void filter_addresses(Contact& c, address_scope observed) { filter_addresses(c.addresses, observed); }

}  // namespace mydht
