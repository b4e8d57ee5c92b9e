#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/time.hpp>

namespace mydht::detail {

/// Where peers see this node, by majority. Each network prefix has one vote for each kind of transport and IP version,
/// the newest; votes run out. A host is learnt when it has more than half of the votes, and at least `quorum` of them:
/// who wants to lie needs that many networks, among the peers that this node chose to dial. What was learnt stays until
/// another host is. Votes of neighbours (private or loopback addresses), or for such, are none: they see another side
/// of the node.
class address_vote {
public:
    static constexpr std::size_t quorum = 3;
    /// More make no difference; the oldest is forgotten.
    static constexpr std::size_t votes_max = 16;
    static constexpr duration lifetime = std::chrono::hours(1);

    /// A peer at `voter` has seen this node at `seen`. True when a host was learnt that was not before.
    bool add(const address& voter, const address& seen, steady_time now);

    /// The vote of a peer at `voter` would be counted and is not there yet.
    [[nodiscard]] bool wants(const address& voter, steady_time now) const;

    /// The address of a wildcard listener as peers see it: the host that was learnt for its kind and IP version, and
    /// its port. Nothing for other addresses, and before anything is learnt.
    [[nodiscard]] std::optional<address> seen_from_outside(const address& listener) const;

    /// Votes that count at this time for the kind and version of `like`; for tests.
    [[nodiscard]] std::size_t votes(const address& like, steady_time now) const;

private:
    struct vote {
        bytes prefix;
        bytes host;
        steady_time until;
    };
    struct ballot {
        std::list<vote> votes;  // the oldest first
        bytes winner;           // empty: none yet
    };
    using group = std::pair<address_kind, bool>;  // and whether it is IPv6

    [[nodiscard]] static group group_of(const address& a) { return {a.kind(), a.is_ipv6()}; }
    [[nodiscard]] const ballot* find(const address& like) const;

    std::map<group, ballot> ballots_;
};

}  // namespace mydht::detail
