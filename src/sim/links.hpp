#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <mydht/sim/network.hpp>

#include "sim/world_core.hpp"

namespace mydht::sim::detail {

/// What lies between the nodes, whatever travels on it: their hosts, who is up, who is cut off from whom, how long a
/// way takes, and what waits for a node's upload.
class links {
public:
    /// Throws std::invalid_argument when a field of the configuration can never work, naming it.
    links(world_core& world, const network_config& config);

    [[nodiscard]] const network_config& config() const noexcept { return config_; }

    [[nodiscard]] std::array<std::uint8_t, 4> ip_of(node_index node) const;
    [[nodiscard]] address address_of(address_kind kind, node_index node, std::uint16_t port) const;
    /// Nothing for other kinds than tcp and udp, and for hosts that no node has.
    [[nodiscard]] std::optional<node_index> node_at(const address& where) const;
    /// True when `node` can listen at this host: its own, or the wildcard.
    [[nodiscard]] bool is_host_of(node_index node, const address& at) const;

    [[nodiscard]] duration latency(node_index a, node_index b) const;
    /// How much longer than its latency a way takes this time.
    [[nodiscard]] duration jitter(node_index from);

    /// Something that one of them sends reaches the other, if that one lets it in.
    [[nodiscard]] bool linked(node_index a, node_index b);
    void partition(const std::vector<node_index>& island);
    void heal();
    void link_only(const std::vector<link>& ways);

    void shelter(node_index node) { host_of(node).sheltered = true; }
    /// A sheltered node lets nobody begin a connection.
    [[nodiscard]] bool takes_dials(node_index node) { return !host_of(node).sheltered; }
    /// A packet leaves `from`: the answers of whom it goes to are let in for a while.
    void sends_packet(node_index from, node_index to);
    /// Whether a packet from there is let in.
    [[nodiscard]] bool takes_packet(node_index node, node_index from);

    [[nodiscard]] bool is_up(node_index node) { return host_of(node).up; }
    void set_up(node_index node, bool up) { host_of(node).up = up; }

    /// When `size` bytes that the node sends now have left it. They wait behind what it sent before.
    [[nodiscard]] steady_time leaves(node_index node, std::uint64_t size);
    /// When the node's upload has done all that waits for it; the past when nothing does.
    [[nodiscard]] steady_time upload_free(node_index node) { return host_of(node).upload_free; }
    /// How long that many bytes take to leave a node.
    [[nodiscard]] duration upload_time(std::uint64_t size) const;

    /// True `per_million` times of a million. Draws nothing for 0.
    [[nodiscard]] bool happens(node_index at, std::uint32_t per_million);
    [[nodiscard]] prng& random(node_index node) { return host_of(node).random; }

private:
    struct host {
        explicit host(prng random_) : random(random_) {}

        bool up = true;
        bool sheltered = false;
        std::uint32_t island = 0;
        std::unordered_map<node_index, steady_time> expected;  // whose packets are let in, until when
        steady_time upload_free{};
        prng random;
    };

    [[nodiscard]] host& host_of(node_index node);

    world_core* world_;
    network_config config_;
    std::deque<host> hosts_;  // not moved by growing
    std::uint32_t islands_ = 0;
    std::optional<std::unordered_set<std::uint64_t>> ways_;  // nothing: everybody has one to everybody
};

}  // namespace mydht::sim::detail
