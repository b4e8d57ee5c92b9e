#include "node/neighbours.hpp"

namespace mydht::detail {

void neighbours::proved(const peer_info& peer) {
    const auto outcome = table_.insert_verified(peer.who, peer.observed, env_.time->now());
    if (outcome.to_ping) ping_(*outcome.to_ping);
}

void neighbours::failed(const node_id& who, std::error_code why) {
    if (why == errc::not_running || why == errc::cancelled || why == errc::too_many_requests ||
        why == errc::too_many_sessions || why == errc::unsupported_address || why == errc::too_large) {
        return;
    }
    // Whoever is at its address is another one now.
    if (why == errc::identity_mismatch || why == errc::other_network) {
        table_.remove(who);
        return;
    }
    table_.request_failed(who);
}

}  // namespace mydht::detail
