#include "sim/datagram_core.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace mydht::sim::detail {

namespace {

/// Headers of IP and UDP, which take bandwidth too.
constexpr std::uint64_t header_bytes = 28;
/// What an Ethernet interface takes, less those.
constexpr std::size_t ethernet_bytes = 1'472;
/// The most packets of one send.
constexpr std::size_t batch_packets = 16;
constexpr std::uint16_t first_free_port = 49'152;

/// What passes between ports, and what one tells itself later. Other numbers than those of streams, so that traces
/// differ.
enum class datagram_kind : std::uint8_t {
    packet = 64,  ///< bytes
    refused,      ///< nobody has the port open
    left,         ///< some of what waited for the upload has left (a port to itself)
};

bytes copy_of(segment& s) {
    const auto data = s.rest();
    return {data.begin(), data.end()};
}

}  // namespace

datagram_core::datagram_core(world_core& world, std::shared_ptr<links> ways)
    : world_(&world), ways_(std::move(ways)), config_(ways_->config()) {}

datagram_core::host& datagram_core::host_of(node_index node) {
    assert(node < world_->node_count());
    while (hosts_.size() <= node) hosts_.emplace_back();
    return hosts_[node];
}

std::size_t datagram_core::packet_bytes_max() const noexcept {
    return std::max(ethernet_bytes, config_.datagram_bytes_max);
}

std::size_t datagram_core::batch_bytes_max() const noexcept { return batch_packets * packet_bytes_max(); }

// --- ports -----------------------------------------------------------------------------------------------------------

mail_port* datagram_core::find(node_index node, std::uint16_t port) {
    auto& ports = host_of(node).ports;
    const auto found = std::ranges::find(ports, port, [](const mail_port_ptr& p) { return p->local.port(); });
    return found == ports.end() ? nullptr : found->get();
}

std::uint16_t datagram_core::free_port(host& h) const {
    const auto taken = [&h](std::uint16_t port) {
        return std::ranges::any_of(h.ports, [port](const mail_port_ptr& p) { return p->local.port() == port; });
    };
    do {
        h.next_port = h.next_port < first_free_port ? first_free_port : static_cast<std::uint16_t>(h.next_port + 1);
    } while (h.next_port < first_free_port || taken(h.next_port));
    return h.next_port;
}

result<mail_port_ptr> datagram_core::open(node_index node, const address& at) {
    if (at.kind() != address_kind::udp) return failure(errc::unsupported_address);
    if (!ways_->is_up(node)) return failure(errc::network_failed);
    if (!ways_->is_host_of(node, at)) return failure(errc::address_not_available);
    if (at.port() != 0 && find(node, at.port()) != nullptr) return failure(errc::address_in_use);
    auto& h = host_of(node);
    const auto local = at.port() == 0 ? at.with_port(free_port(h)) : at;
    h.ports.push_back(std::make_shared<mail_port>(*this, node, local, config_.datagram_queue_packets));
    return h.ports.back();
}

void datagram_core::close(mail_port& port) {
    if (port.closed) return;
    port.closed = true;
    port.received.clear();
    port.readable.notify_all();
    port.writable.notify_all();
    std::erase_if(host_of(port.self).ports, [&port](const mail_port_ptr& other) { return other.get() == &port; });
}

void datagram_core::crash(node_index node) {
    const auto ports = host_of(node).ports;
    for (const auto& port : ports) close(*port);
}

// --- sending ---------------------------------------------------------------------------------------------------------

duration datagram_core::upload_wait(node_index node) const {
    return std::max(ways_->upload_free(node) - world_->now(), duration(0));
}

bool datagram_core::has_room(mail_port& port) {
    const auto full = ways_->upload_time(config_.datagram_send_bytes);
    const auto waits = upload_wait(port.self);
    if (waits < full || full == duration(0)) return true;
    if (!std::exchange(port.waits_for_upload, true)) {
        event_body body;
        body.sink = this;
        body.kind = static_cast<std::uint8_t>(datagram_kind::left);
        body.to_port = port.local.port();
        // Half of it, so that not every packet wakes the sender.
        world_->push(port.self, port.self, world_->now() + (waits - full / 2), std::move(body));
    }
    return false;
}

result<bool> datagram_core::send(mail_port& from, const address& to, bytes_view data, std::size_t packet_bytes) {
    if (to.kind() != address_kind::udp || !to.is_ipv4()) return failure(errc::unsupported_address);
    if (data.empty() || packet_bytes == 0) return failure(errc::bad_argument);
    if (data.size() > batch_bytes_max() || std::min(packet_bytes, data.size()) > packet_bytes_max()) {
        return failure(errc::too_large);
    }
    if (to.is_wildcard() || to.port() == 0) return failure(errc::unreachable);
    if (!has_room(from)) return false;
    for (; !data.empty(); data = data.subspan(std::min(packet_bytes, data.size()))) {
        send_packet(from, to, data.first(std::min(packet_bytes, data.size())));
    }
    return true;
}

void datagram_core::send_packet(const mail_port& from, const address& to, bytes_view packet) {
    const auto self = from.self;
    const auto size = header_bytes + packet.size();
    const auto queue = config_.upload_queue_bytes;
    if (queue && upload_wait(self) + ways_->upload_time(size) > ways_->upload_time(*queue)) {
        ++lost_;
        return;
    }
    const auto leaves = ways_->leaves(self, size);
    const auto target = ways_->node_at(to);
    if (!target) return;
    ways_->sends_packet(self, *target);
    const bool lost = ways_->happens(self, config_.loss_per_million);
    if (lost || packet.size() > config_.datagram_bytes_max || !ways_->linked(self, *target)) {
        ++lost_;
        return;
    }
    const auto push = [&](steady_time when) {
        event_body body;
        body.sink = this;
        body.kind = static_cast<std::uint8_t>(datagram_kind::packet);
        body.from_port = from.local.port();
        body.to_port = to.port();
        body.amount = packet.size();
        body.data = segment::make(packet);
        world_->push(self, *target, when, std::move(body));
    };
    const auto arrival = arrival_of(self, *target, leaves);
    push(arrival);
    if (ways_->happens(self, config_.duplicates_per_million)) push(arrival + extra_delay(self));
}

steady_time datagram_core::arrival_of(node_index from, node_index to, steady_time leaves) {
    auto arrival = leaves + ways_->latency(from, to) + ways_->jitter(from);
    if (ways_->happens(from, config_.reorder_per_million)) return arrival + extra_delay(from);
    // Without jitter the order of leaving is the order of arriving.
    if (config_.jitter_max > duration(0)) {
        auto& h = host_of(from);
        auto& last = h.last_arrival[to];
        arrival = std::max(arrival, last);
        last = arrival;
        if (h.last_arrival.size() >= h.forget_at) {
            std::erase_if(h.last_arrival, [now = world_->now()](const auto& entry) { return entry.second <= now; });
            h.forget_at = 2 * h.last_arrival.size() + 16;
        }
    }
    return arrival;
}

duration datagram_core::extra_delay(node_index from) {
    const auto range = static_cast<std::uint64_t>(config_.reorder_delay_max.count());
    return duration(static_cast<duration::rep>(1 + ways_->random(from).below(range)));
}

// --- deliveries ------------------------------------------------------------------------------------------------------

void datagram_core::deliver(event& e) {
    if (!ways_->is_up(e.key.to)) return;
    const auto kind = static_cast<datagram_kind>(e.body.kind);
    if (kind == datagram_kind::packet) {
        deliver_packet(e);
        return;
    }
    auto* port = find(e.key.to, e.body.to_port);
    if (port == nullptr) return;
    if (kind == datagram_kind::left) {
        port->waits_for_upload = false;
        port->writable.notify_all();
        return;
    }
    const auto whom = ways_->address_of(address_kind::udp, e.key.from, e.body.from_port);
    if (port->received.put_refused(whom)) port->readable.notify_all();
}

void datagram_core::deliver_packet(event& e) {
    if (!ways_->takes_packet(e.key.to, e.key.from)) {
        ++lost_;
        return;
    }
    auto* port = find(e.key.to, e.body.to_port);
    if (port == nullptr) {
        refuse(e);
        return;
    }
    const auto from = ways_->address_of(address_kind::udp, e.key.from, e.body.from_port);
    if (!port->received.put(from, copy_of(*e.body.data))) {
        ++lost_;
        return;
    }
    ++arrived_;
    arrived_bytes_ += e.body.amount;
    port->readable.notify_all();
}

void datagram_core::refuse(const event& e) {
    if (!ways_->linked(e.key.to, e.key.from)) return;
    event_body body;
    body.sink = this;
    body.kind = static_cast<std::uint8_t>(datagram_kind::refused);
    body.from_port = e.body.to_port;
    body.to_port = e.body.from_port;
    world_->push(e.key.to, e.key.from, e.key.when + ways_->latency(e.key.to, e.key.from), std::move(body));
}

void datagram_core::add_to(network_counts& counts) const noexcept {
    counts.datagrams += arrived_;
    counts.datagram_bytes += arrived_bytes_;
    counts.datagrams_lost += lost_;
}

void datagram_core::shut_down() noexcept {
    world_ = nullptr;
    for (auto& h : hosts_) {
        for (const auto& port : h.ports) port->closed = true;
    }
    hosts_.clear();
}

}  // namespace mydht::sim::detail
