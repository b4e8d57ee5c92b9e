#pragma once

#include <cstdint>
#include <functional>
#include <system_error>

#include <mydht/query/responder.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/session/session.hpp>

namespace mydht::detail {

/// The same host, whatever the port; of addresses that have none, the same address.
[[nodiscard]] bool same_host(const address& a, const address& b);

/// Keeps the routing table true to what sessions show: who proved to be there enters it, who fails leaves it.
class neighbours {
public:
    /// Asks a contact whether it is there and reports how that ended by answered() or ping_failed(). Must not wait.
    using pinger = std::function<void(const contact& who)>;
    /// Dials an address that the peer claims and reports by found_at() when it is there. Must not wait.
    using verifier = std::function<void(const peer_info& who, const address& where)>;

    neighbours(environment env, any_routing_table& table, pinger ping, verifier verify)
        : env_(std::move(env)), table_(table), ping_(std::move(ping)), verify_(std::move(verify)) {}

    /// A session has proved who is there. Of the addresses that the peer claims those count that are at the host where
    /// it was observed, or were found true before; the others are dialled first, so that nobody sends this node's
    /// lookups, and with them those of others, to somebody else's host.
    void proved(const peer_info& peer);
    /// The peer was dialled at an address that it claims, and is there.
    void found_at(const peer_info& peer, const address& where);
    void answered(const node_id& who) { table_.answered(who, env_.time->now()); }
    /// A proved peer did not answer a request.
    void failed(const node_id& who, std::error_code why);
    /// Nobody, or somebody else, was found where the contact is said to be. Counts against the table's contact only
    /// when it is said to be there too: addresses that others invented say nothing about it.
    void unreachable(const contact& who, std::error_code why);
    void ping_failed(const node_id& who) { table_.ping_failed(who); }

private:
    void offer(contact who, const address& observed, std::uint8_t priority);

    environment env_;
    any_routing_table& table_;
    pinger ping_;
    verifier verify_;
};

}  // namespace mydht::detail
