#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <mydht/core/time.hpp>
#include <mydht/query/query_mode.hpp>

namespace mydht::sim {

/// Who reaches whom in a simulated network.
enum class topology : std::uint8_t {
    everybody,    ///< each node reaches each other one
    ring,         ///< the next and the last one
    long_links,   ///< a ring in which each node has three links more, to anybody
    four_links,   ///< each node has four links, to anybody
    two_cliques,  ///< two halves in which everybody reaches everybody, and one link between them
    sheltered,    ///< everybody, but three nodes in ten let in only what answers them (network::shelter)
};

/// The names that users write; nothing for others.
[[nodiscard]] std::optional<topology> parse_topology(std::string_view name) noexcept;
[[nodiscard]] std::string_view name_of(topology shape) noexcept;

/// Settings of compare_modes().
struct modes_config {
    std::uint64_t seed = 1;
    /// At least 8.
    std::size_t nodes = 100;
    /// Values that are put, each of them by another node, and got in each mode.
    std::size_t values = 100;
    topology shape = topology::everybody;
    std::vector<query_mode> modes = {iterative(), direct(), proxied(), mixed(3)};
    /// Nodes speak in packets, or over streams.
    bool datagrams = true;
    /// How often queries that travel are passed on; as their configuration says when nothing is given.
    std::optional<std::uint8_t> hops;
};

/// What the queries of one kind came to. Times are virtual.
struct mode_figures {
    std::size_t asked = 0;
    std::size_t succeeded = 0;
    double messages = 0;  ///< requests that all nodes sent, for each query
    double bytes = 0;     ///< on the network, handshakes included, for each query
    /// Mean of how many hops away the nearest peer was that had it, of the gets that succeeded: the asker's own peers
    /// are one away, and who had it itself none. As this observer of all nodes sees it. Iterative: the longest chain of
    /// peers that named each other.
    double hops = 0;
    duration median{};  ///< of the queries that succeeded
    duration p95{};
};

/// What a comparison saw.
struct modes_report {
    std::size_t failed_starts = 0;
    mode_figures puts;               ///< in the mode proxied()
    std::vector<mode_figures> gets;  ///< in the order of modes_config::modes
};

/// Makes a network of real nodes, puts values by nodes drawn from the seed, and gets each of them in every mode, by the
/// same node in all of them; which mode is first goes round. The queries are one after the other, so that messages and
/// bytes are theirs. The same configuration gives the same report. Throws std::invalid_argument for fewer than 8 nodes.
[[nodiscard]] modes_report compare_modes(const modes_config& config);

}  // namespace mydht::sim
