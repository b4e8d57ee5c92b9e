#pragma once

#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/session/session.hpp>

namespace mydht::detail {

/// What is left of the addresses that a peer claims, when its connection is observed at `observed`: a wildcard host
/// becomes the observed one (dropped when the families differ), and addresses of a narrower scope than the observed one
/// are left out, since they lead somewhere else from here. Without repetitions.
[[nodiscard]] std::vector<address> usable_addresses(const std::vector<address>& claimed, const address& observed);

/// What is known of a peer that a handshake has named.
[[nodiscard]] peer_info make_peer(contact who, const address& observed, bool outgoing, bool proven);

}  // namespace mydht::detail
