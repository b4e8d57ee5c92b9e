#include "node/neighbours.hpp"

#include <algorithm>
#include <utility>

namespace mydht::detail {

namespace {

/// Failures of this side, which say nothing about the peer.
bool is_ours(std::error_code why) {
    return why == errc::not_running || why == errc::cancelled || why == errc::too_many_requests ||
           why == errc::too_many_sessions || why == errc::out_of_descriptors || why == errc::unsupported_address ||
           why == errc::too_large || why == errc::throttled;
}

}  // namespace

bool same_host(const address& a, const address& b) {
    return a.is_ip() && b.is_ip() ? std::ranges::equal(a.host(), b.host()) : a == b;
}

void neighbours::offer(contact who, const address& observed, std::uint8_t priority) {
    const auto outcome = table_.insert_verified(std::move(who), observed, env_.time->now(), priority);
    if (outcome.to_ping) ping_(*outcome.to_ping);
}

void neighbours::proved(const peer_info& peer) {
    std::vector<address> known;
    if (const auto* entry = table_.find(peer.who.id)) known = entry->contact.addresses;
    const auto is_true = [&](const address& a) {
        return same_host(a, peer.observed) || std::ranges::find(known, a) != known.end();
    };
    auto who = peer.who;
    std::erase_if(who.addresses, [&](const address& a) { return !is_true(a); });
    // Nothing to dial yet: then it waits for found_at().
    const bool none_left = who.addresses.empty() && !peer.who.addresses.empty();
    if (!none_left) offer(std::move(who), peer.observed, peer.priority);
    if (!peer.who.can(capability::server)) return;
    for (const auto& a : peer.who.addresses) {
        if (!is_true(a)) verify_(peer, a);
    }
}

void neighbours::found_at(const peer_info& peer, const address& where) {
    auto who = peer.who;
    who.addresses.clear();
    const auto* entry = table_.find(who.id);
    if (entry != nullptr) who.addresses = entry->contact.addresses;
    if (std::ranges::find(who.addresses, where) == who.addresses.end()) who.addresses.push_back(where);
    offer(std::move(who), entry != nullptr ? peer.observed : where, peer.priority);
}

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
