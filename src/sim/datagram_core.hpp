#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include <mydht/runtime/wait_queue.hpp>
#include <mydht/sim/network.hpp>
#include <mydht/transport/packet_queue.hpp>

#include "sim/links.hpp"
#include "sim/world_core.hpp"

namespace mydht::sim::detail {

class datagram_core;

/// A port that a node has open for datagrams.
struct mail_port {
    mail_port(datagram_core& core_, node_index self_, const address& local_, std::size_t packets_max)
        : core(&core_), self(self_), local(local_), received(packets_max) {}

    datagram_core* core;
    node_index self;
    address local;
    bool closed = false;
    bool waits_for_upload = false;
    packet_queue received;
    wait_queue readable;
    wait_queue writable;
};

using mail_port_ptr = std::shared_ptr<mail_port>;

/// All nodes' datagram sockets. As with streams, what a node does reaches another one by events only.
class datagram_core final : public event_sink {
public:
    datagram_core(world_core& world, std::shared_ptr<links> ways);

    // For transports
    // ---------------------------------------------------------------------------------------------------

    [[nodiscard]] result<mail_port_ptr> open(node_index node, const address& at);
    [[nodiscard]] result<bool> send(mail_port& from, const address& to, bytes_view data, std::size_t packet_bytes);
    /// True when a send() finds room; else the port's `writable` is woken later.
    [[nodiscard]] bool has_room(mail_port& port);
    void close(mail_port& port);
    [[nodiscard]] std::size_t packet_bytes_max() const noexcept;
    [[nodiscard]] std::size_t batch_bytes_max() const noexcept;

    // For the network's owner
    // -------------------------------------------------------------------------------------------

    void crash(node_index node);
    void add_to(network_counts& counts) const noexcept;

    void deliver(event& e) override;
    void shut_down() noexcept override;

private:
    struct host {
        std::uint16_t next_port = 0;
        std::vector<mail_port_ptr> ports;
        std::map<node_index, steady_time> last_arrival;  ///< what is not reordered arrives no earlier
        std::size_t forget_at = 16;                      ///< entries before those that are in the past are forgotten
    };

    [[nodiscard]] host& host_of(node_index node);
    [[nodiscard]] mail_port* find(node_index node, std::uint16_t port);
    [[nodiscard]] std::uint16_t free_port(host& h) const;
    [[nodiscard]] duration upload_wait(node_index node) const;
    void send_packet(const mail_port& from, const address& to, bytes_view packet);
    [[nodiscard]] steady_time arrival_of(node_index from, node_index to, steady_time leaves);
    [[nodiscard]] duration extra_delay(node_index from);
    void deliver_packet(event& e);
    void refuse(const event& e);

    world_core* world_;
    std::shared_ptr<links> ways_;
    const network_config& config_;
    std::deque<host> hosts_;  // not moved by growing
    std::uint64_t arrived_ = 0;
    std::uint64_t arrived_bytes_ = 0;
    std::uint64_t lost_ = 0;
};

/// The datagram transport of one node.
[[nodiscard]] any_datagram_transport make_datagram_transport(std::shared_ptr<datagram_core> core, node_index node);

}  // namespace mydht::sim::detail
