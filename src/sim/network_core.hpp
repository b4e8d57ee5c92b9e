#pragma once

#include <deque>
#include <memory>
#include <vector>

#include <mydht/sim/network.hpp>

#include "sim/endpoint.hpp"
#include "sim/links.hpp"
#include "sim/world_core.hpp"

namespace mydht::sim::detail {

/// All nodes' ends of connections. Nothing here looks at another node's state to decide what a node does: it
/// sends an event instead. What every node may know (addresses, islands) changes only from outside.
class network_core final : public event_sink {
public:
    network_core(world_core& world, std::shared_ptr<links> ways);

    // For transports
    // ---------------------------------------------------------------------------------------------------

    [[nodiscard]] result<listener_ptr> listen(node_index node, const address& at);
    /// An end that waits for the answer, or the reason why there will be none.
    [[nodiscard]] result<endpoint_ptr> dial(node_index node, const address& to);
    /// Sends as much of `data` as the window lets through, in one segment; the count.
    [[nodiscard]] std::size_t send(endpoint& e, bytes_view data);
    [[nodiscard]] std::size_t take(endpoint& e, bytes_span into);
    void end_writing(endpoint& e);
    void close(endpoint& e);
    void close(listener& l);

    // For the network's owner
    // -------------------------------------------------------------------------------------------

    void crash(node_index node, crash_kind kind);
    [[nodiscard]] const network_counts& counts() const noexcept { return counts_; }
    [[nodiscard]] std::size_t open_connections(node_index node);

    void deliver(event& e) override;
    void shut_down() noexcept override;

private:
    struct slot {
        endpoint_ptr end;
        std::uint32_t generation = 0;
    };

    struct host {
        std::uint16_t next_port = 0;
        std::vector<slot> slots;
        std::vector<std::uint32_t> free_slots;
        std::vector<listener_ptr> listeners;
    };

    [[nodiscard]] host& host_of(node_index node);
    [[nodiscard]] std::uint16_t free_port(host& h) const;
    [[nodiscard]] endpoint_ptr make_end(node_index node, node_index peer);
    [[nodiscard]] endpoint* find(node_index node, end_id id);
    void release(endpoint& e);
    void break_end(endpoint& e, errc why);

    void send_message(endpoint& e, message_kind kind, std::uint64_t amount = 0, segment_ptr data = {});
    void transmit(endpoint& e, message_kind kind, std::uint64_t amount, segment_ptr data);
    void answer(const event& to, message_kind kind, duration after, end_id own = {});
    [[nodiscard]] std::size_t unsent_room(endpoint& e);
    void tell_self(endpoint& e, message_kind kind, duration after);
    void retry(endpoint& e);

    void deliver_dial(const event& e);
    void deliver_to_nobody(const event& e);
    void deliver_to_end(endpoint& e, event& what);

    world_core* world_;
    std::shared_ptr<links> ways_;
    const network_config& config_;
    std::deque<host> hosts_;  // not moved by growing
    network_counts counts_;
};

}  // namespace mydht::sim::detail
