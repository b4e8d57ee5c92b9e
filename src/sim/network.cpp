#include <mydht/sim/network.hpp>

#include "sim/network_core.hpp"

namespace mydht::sim {

network::network(world& of, network_config config) : core_(std::make_shared<detail::network_core>(of.core(), config)) {
    of.core().add_sink(core_);
}

any_transport network::transport(node_index node) const { return detail::make_transport(core_, node); }

address network::address_of(node_index node, std::uint16_t port) const { return core_->address_of(node, port); }

std::optional<node_index> network::node_at(const address& where) const { return core_->node_at(where); }

duration network::latency(node_index a, node_index b) const { return core_->latency(a, b); }

void network::partition(const std::vector<node_index>& island) { core_->partition(island); }

void network::heal() { core_->heal(); }

void network::crash(node_index node, crash_kind kind) { core_->crash(node, kind); }

void network::restart(node_index node) { core_->restart(node); }

bool network::is_up(node_index node) const { return core_->is_up(node); }

network_counts network::counts() const { return core_->counts(); }

std::size_t network::open_connections(node_index node) const { return core_->open_connections(node); }

}  // namespace mydht::sim
