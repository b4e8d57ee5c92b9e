#include "node/neighbours.hpp"

namespace mydht::detail {

void neighbours::proved(const peer_info& peer) {
    const auto outcome = table_.insert_verified(peer.who, peer.observed, env_.time->now());
    if (outcome.to_ping) ping_(*outcome.to_ping);
}

namespace {

/// Failures of this side, which say nothing about the peer.
bool is_ours(std::error_code why) {
    return why == errc::not_running || why == errc::cancelled || why == errc::too_many_requests ||
           why == errc::too_many_sessions || why == errc::out_of_descriptors || why == errc::unsupported_address ||
           why == errc::too_large;
}

}  // namespace

void neighbours::failed(const node_id& who, std::error_code why) {
    if (!is_ours(why)) table_.request_failed(who);
}

void neighbours::unreachable(const contact& who, std::error_code why) {
    const auto* known = table_.find(who.id);
    if (known == nullptr || known->contact.addresses != who.addresses || is_ours(why)) return;
    const bool not_for_us = why == errc::not_admitted || why == errc::peer_blocked;
    if (why == errc::identity_mismatch || why == errc::other_network || not_for_us) {
        table_.remove(who.id);
    } else {
        table_.request_failed(who.id);
    }
}

}  // namespace mydht::detail
