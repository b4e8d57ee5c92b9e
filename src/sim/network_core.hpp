#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include <mydht/sim/network.hpp>

#include "sim/endpoint.hpp"
#include "sim/world_core.hpp"

namespace mydht::sim::detail {

/// All nodes' ends of connections, and the links between them. Nothing here looks at another node's state to decide what a node does: it
/// sends an event instead. What every node may know (addresses, islands) changes only from outside.
class network_core final : public event_sink {
public:
    network_core(world_core& world, network_config config);

    // For transports ---------------------------------------------------------------------------------------------------

    [[nodiscard]] result<listener_ptr> listen(node_index node, const address& at);
    /// An end that waits for the answer, or the reason why there will be none.
    [[nodiscard]] result<endpoint_ptr> dial(node_index node, const address& to);
    /// Sends as much of `data` as the window lets through, in one segment; the count.
    [[nodiscard]] std::size_t send(endpoint& e, bytes_view data);
    [[nodiscard]] std::size_t take(endpoint& e, bytes_span into);
    void end_writing(endpoint& e);
    void close(endpoint& e);
    void close(listener& l);

    // For the network's owner -------------------------------------------------------------------------------------------

    [[nodiscard]] address address_of(node_index node, std::uint16_t port) const;
    [[nodiscard]] std::optional<node_index> node_at(const address& where) const;
    [[nodiscard]] duration latency(node_index a, node_index b) const;
    void partition(const std::vector<node_index>& island);
    void heal();
    void crash(node_index node, crash_kind kind);
    void restart(node_index node);
    [[nodiscard]] bool is_up(node_index node);
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
        explicit host(prng random_) : random(random_) {}

        bool up = true;
        std::uint32_t island = 0;
        std::uint16_t next_port = 0;
        std::vector<slot> slots;
        std::vector<std::uint32_t> free_slots;
        std::vector<listener_ptr> listeners;
        steady_time upload_free{};
        prng random;
    };

    [[nodiscard]] host& host_of(node_index node);
    [[nodiscard]] std::array<std::uint8_t, 4> ip_of(node_index node) const;
    [[nodiscard]] bool linked(node_index a, node_index b);
    [[nodiscard]] std::uint16_t free_port(host& h) const;
    [[nodiscard]] endpoint_ptr make_end(node_index node, node_index peer);
    [[nodiscard]] endpoint* find(node_index node, end_id id);
    void release(endpoint& e);
    void break_end(endpoint& e, errc why);

    void send_message(endpoint& e, message_kind kind, std::uint64_t amount = 0, segment_ptr data = {});
    void transmit(endpoint& e, message_kind kind, std::uint64_t amount, segment_ptr data);
    void answer(const event& to, message_kind kind, duration after, end_id own = {});
    void tell_self(endpoint& e, message_kind kind, duration after);
    void retry(endpoint& e);

    void deliver_dial(const event& e);
    void deliver_to_nobody(const event& e);
    void deliver_to_end(endpoint& e, event& what);

    world_core* world_;
    network_config config_;
    std::deque<host> hosts_;  // not moved by growing
    std::uint32_t islands_ = 0;
    network_counts counts_;
};

}  // namespace mydht::sim::detail
