#include <mydht/sim/network.hpp>

#include "sim/datagram_core.hpp"
#include "sim/links.hpp"
#include "sim/network_core.hpp"

namespace mydht::sim {

network::network(world& of, network_config config)
    : links_(std::make_shared<detail::links>(of.core(), config)),
      core_(std::make_shared<detail::network_core>(of.core(), links_)),
      datagrams_(std::make_shared<detail::datagram_core>(of.core(), links_)) {
    of.core().add_sink(core_);
    of.core().add_sink(datagrams_);
}

any_transport network::transport(node_index node) const { return detail::make_transport(core_, node); }

any_datagram_transport network::datagrams(node_index node) const {
    return detail::make_datagram_transport(datagrams_, node);
}

address network::address_of(node_index node, std::uint16_t port) const {
    return links_->address_of(address_kind::tcp, node, port);
}

address network::datagram_address_of(node_index node, std::uint16_t port) const {
    return links_->address_of(address_kind::udp, node, port);
}

std::optional<node_index> network::node_at(const address& where) const { return links_->node_at(where); }

duration network::latency(node_index a, node_index b) const { return links_->latency(a, b); }

void network::partition(const std::vector<node_index>& island) { links_->partition(island); }

void network::heal() { links_->heal(); }

void network::link_only(const std::vector<link>& ways) { links_->link_only(ways); }

void network::shelter(node_index node) { links_->shelter(node); }

void network::crash(node_index node, crash_kind kind) {
    if (!links_->is_up(node)) return;
    core_->crash(node, kind);
    datagrams_->crash(node);
    links_->set_up(node, false);
}

void network::restart(node_index node) { links_->set_up(node, true); }

bool network::is_up(node_index node) const { return links_->is_up(node); }

network_counts network::counts() const {
    auto out = core_->counts();
    datagrams_->add_to(out);
    return out;
}

std::size_t network::open_connections(node_index node) const { return core_->open_connections(node); }

}  // namespace mydht::sim
