#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <mydht/core/result.hpp>

namespace mydht {

/// Settings of queries that travel from peer to peer: how the node's own begin, and what it does for those of others.
struct forward_config {
    // --- the node's own queries, when their options say nothing else ---

    /// How far they go.
    std::uint8_t hops = 16;
    /// Hops at random before they go towards their target, so that paths do not all end at the same few peers. A few are enough; more
    /// of them are more peers that may be of no help.
    std::uint8_t wander = 4;
    /// Peers that each peer sends them to.
    std::uint8_t fan_out = 4;
    /// Into how many paths a get splits. Bounds its messages together with `hops`.
    std::uint8_t paths = 12;
    /// The same for a put. Its paths end where nobody near is nearer to the key, so they are short, and each leaves a copy.
    std::uint8_t put_paths = 24;
    std::uint8_t priority = 64;
    /// Visited peers that they name, so that paths do not come back to them. 0 names nobody; peers then know a query by its tag alone.
    std::uint8_t trace_max = 16;

    // --- queries of others: who asks for more is refused ---

    std::uint8_t hops_max = 32;
    std::uint8_t fan_out_max = 16;
    std::uint8_t paths_max = 64;
    std::uint8_t results_max = 16;
    std::chrono::milliseconds lifetime_max{60'000};
    /// Queries under way at once for others. From half of it on those of a lower priority than `busy_priority` are refused.
    std::size_t under_way_max = 1024;
    std::uint8_t busy_priority = 64;
    /// Of them, those that came from one peer.
    std::size_t under_way_peer = 64;
    /// Loop tags that are remembered; the oldest are forgotten first.
    std::size_t tags_max = 65'536;
    /// The share of links on which the number of hops is left as it is, drawn once for each: so that it does not tell how far away
    /// the asker is. At most one half.
    double level_links = 0.25;
    /// How long a value is cached that was found for others.
    std::chrono::milliseconds cache_lifetime{600'000};
};

/// Success, or errc::bad_configuration and the field's name in `field`.
[[nodiscard]] result<void> validate(const forward_config& config, std::string* field = nullptr);

}  // namespace mydht
