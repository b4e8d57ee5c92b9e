#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <mydht/sim/latency.hpp>
#include <mydht/sim/world.hpp>
#include <mydht/transport/datagram.hpp>
#include <mydht/transport/transport.hpp>

namespace mydht::sim {

/// Settings of a simulated network.
struct network_config {
    /// One way, drawn once for each pair of nodes from the seed; the same in both directions.
    latency_model latency = latency_model::long_tailed(std::chrono::milliseconds(5), std::chrono::milliseconds(40));
    /// Each segment takes up to this much longer, drawn anew. Bytes stay in order.
    duration jitter_max{0};
    /// What a node can send in all, headers included; more waits. Nothing: no limit.
    std::optional<std::uint64_t> upload_bytes_per_second;
    /// Bytes of one direction of a connection that are under way or unread before its writer waits.
    std::size_t window_bytes = 64 * 1024;
    /// Bytes of one direction of a connection that wait for the node's upload before its writer waits
    /// (TCP_NOTSENT_LOWAT of tcp(7)).
    std::size_t unsent_bytes_max = 16 * 1024;
    /// Connections that wait for an accept() before further ones are refused, for each listener.
    std::size_t backlog = 1024;
    /// Segments, of a million, that are lost for good and take the connection with them.
    std::uint32_t disconnects_per_million = 0;
    /// Dials, of a million, that nobody answers.
    std::uint32_t lost_dials_per_million = 0;
    /// How long a dial waits for an answer before it is errc::unreachable.
    duration dial_timeout = std::chrono::seconds(20);
    /// How often a cut link is tried again while bytes wait for it.
    duration retry_interval = std::chrono::seconds(1);
    /// A connection whose bytes are not answered for so long breaks.
    duration break_after = std::chrono::seconds(30);
    /// Datagrams, of a million, that are lost on the way.
    std::uint32_t loss_per_million = 0;
    /// Datagrams, of a million, that arrive a second time, up to `reorder_delay_max` later.
    std::uint32_t duplicates_per_million = 0;
    /// Datagrams, of a million, that take up to `reorder_delay_max` longer and can be overtaken. The others stay in
    /// order.
    std::uint32_t reorder_per_million = 0;
    duration reorder_delay_max = std::chrono::milliseconds(20);
    /// The longest datagram that ways carry, without headers; longer ones vanish. Interfaces take Ethernet's, or these
    /// when those are longer.
    std::size_t datagram_bytes_max = 1'472;
    /// Bytes that may wait for a node's upload before a datagram that comes behind them is lost: the queue of its
    /// router. Nothing: no limit.
    std::optional<std::size_t> upload_queue_bytes;
    /// Bytes that may wait for a node's upload before its datagram sockets have no more room.
    std::size_t datagram_send_bytes = 64 * 1024;
    /// Packets that a datagram socket holds before further ones are lost.
    std::size_t datagram_queue_packets = 1'024;
    /// How long a sheltered node lets in the packets of a host that it has sent one to (RFC 4787, REQ-5: not less than
    /// two minutes).
    duration mapping_timeout = std::chrono::minutes(2);
    /// Nodes with neighbouring indices that share a /24; each group has a /16 of its own while there are any.
    std::uint32_t nodes_per_prefix = 1;
};

/// A way between two nodes, in both directions.
struct link {
    node_index one = 0;
    node_index other = 0;
};

/// How the peers of a crashed node learn of it.
enum class crash_kind : std::uint8_t {
    reset,    ///< its connections are reset, as when a process is killed
    silence,  ///< nothing; they notice when what they send is not answered, as when a machine loses power
};

/// Totals of a network.
struct network_counts {
    std::uint64_t dials = 0;        ///< connect() calls
    std::uint64_t connections = 0;  ///< connections that were accepted
    std::uint64_t segments = 0;     ///< pieces of written data that arrived
    std::uint64_t bytes = 0;        ///< bytes in them

    std::uint64_t datagrams = 0;       ///< that arrived at a socket
    std::uint64_t datagram_bytes = 0;  ///< bytes in them
    /// That did not: lost on the way, too long for it, or without room in a queue. Not those for nobody.
    std::uint64_t datagrams_lost = 0;
};

namespace detail {
class network_core;
class datagram_core;
class links;
}  // namespace detail

/// A network between the nodes of a world: streams and datagrams, behind the same concepts as TCP and UDP. Addresses
/// are `tcp://` and `udp://` with public IPv4 hosts, one for each node. What a node does reaches another node by events
/// of the world only. Lives as long as its world, or shorter; copies share the network.
class network {
public:
    /// Throws std::invalid_argument when a field of the configuration can never work, naming it.
    explicit network(world& of, network_config config = {});

    /// The transport of one node. Port 0 listens at a port that is free; hosts other than the node's own and 0.0.0.0
    /// are errc::address_not_available. Everything is errc::network_failed while the node is down.
    [[nodiscard]] any_transport transport(node_index node) const;

    /// The datagram transport of one node, at the same hosts and on the same links. Ports are apart from those of
    /// streams. What is sent to a port that nobody has open is refused when its host is up and can be reached, and lost
    /// otherwise.
    [[nodiscard]] any_datagram_transport datagrams(node_index node) const;

    /// The node's host with this port.
    [[nodiscard]] address address_of(node_index node, std::uint16_t port) const;
    [[nodiscard]] address datagram_address_of(node_index node, std::uint16_t port) const;
    [[nodiscard]] std::optional<node_index> node_at(const address& where) const;

    /// One way between two nodes, without jitter.
    [[nodiscard]] duration latency(node_index a, node_index b) const;

    /// Cuts these nodes off from all others; among themselves they go on. May be called again for more islands, and
    /// moves a node from one island to another. What is under way still arrives. Bytes that are sent over a cut link
    /// wait, and arrive after heal() unless the connection broke meanwhile; datagrams are lost.
    void partition(const std::vector<node_index>& island);
    /// Joins all islands again.
    void heal();

    /// From now on nodes reach each other over these links alone; a link that is not among them is like a cut one.
    /// Islands count as well.
    void link_only(const std::vector<link>& ways);
    /// Puts a node behind a translator of addresses (NAT) that lets in what answers it and nothing else: nobody
    /// connects to it, and datagrams arrive only from hosts that it has sent one to within `mapping_timeout`. Its
    /// address stays as it is.
    void shelter(node_index node);

    /// Takes a node down: all its connections, listeners and sockets are gone, its own coroutines get errc::closed from
    /// them. Whoever calls this destroys what ran on the node. Nothing for a node that is down.
    void crash(node_index node, crash_kind kind);
    /// Brings a node back, at the same address and without connections. What is sent to its former connections is
    /// reset.
    void restart(node_index node);
    [[nodiscard]] bool is_up(node_index node) const;

    [[nodiscard]] network_counts counts() const;
    /// Ends of connections that the node holds now.
    [[nodiscard]] std::size_t open_connections(node_index node) const;

private:
    std::shared_ptr<detail::links> links_;
    std::shared_ptr<detail::network_core> core_;
    std::shared_ptr<detail::datagram_core> datagrams_;
};

}  // namespace mydht::sim
