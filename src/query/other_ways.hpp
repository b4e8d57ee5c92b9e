#pragma once

#include <cstddef>

#include <mydht/core/id.hpp>
#include <mydht/core/recent_map.hpp>

namespace mydht::detail {

/// What random steps to peers came to in queries that were asked widely, because something was to be found that the
/// usual paths do not find. Where two parts of a network hang together by few links, almost all peers lead to the same
/// others, and the way to the other part is one that did not, or that came to something. A plain value; bounded, the
/// peers of longest ago are forgotten first.
class other_ways {
public:
    explicit other_ways(std::size_t peers_max) : worth_(peers_max) {}

    /// The query came to something behind the peer.
    void found(const node_id& peer) { worth_.touch(peer) = most; }
    /// A query that came here, or comes back, had been at the peer: others lead to it, too.
    void known(const node_id& peer) {
        const auto now = worth(peer);
        if (now <= 0 && now > least) --worth_.touch(peer);
    }
    /// Nothing came of a step to the peer: after a few of these it is no better than those that were never tried.
    void nothing(const node_id& peer) {
        if (worth(peer) > 0) --worth_.touch(peer);
    }

    /// Above 0: better than one of whom nothing is known; below: worse.
    [[nodiscard]] int worth(const node_id& peer) const {
        const auto* known = worth_.find(peer);
        return known != nullptr ? *known : 0;
    }

private:
    static constexpr int most = 4;
    static constexpr int least = -4;

    recent_map<node_id, int> worth_;
};

}  // namespace mydht::detail
