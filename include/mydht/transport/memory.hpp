#pragma once

#include <cstddef>
#include <memory>

#include <mydht/transport/datagram.hpp>
#include <mydht/transport/transport.hpp>

namespace mydht {

/// Settings of the in-memory transport.
struct memory_config {
    /// Bytes that one direction of a connection holds before its writer waits.
    std::size_t pipe_bytes = 64 * 1024;
    /// Connections that wait for an accept() before further ones are refused, for each listener.
    std::size_t backlog = 128;
    /// The longest packet between datagram sockets. Some of them travel in one batch.
    std::size_t packet_bytes_max = 1'472;
    /// Packets that a datagram socket holds before further ones are lost.
    std::size_t datagram_queue_packets = 1'024;
};

namespace detail {
struct memory_state;
struct memory_mail;
}  // namespace detail

/// The names and pipes that in-memory transports share: a network inside one executor, for tests and for nodes of one
/// program. All nodes on it run on the same executor; nodes on several executors need TCP.
/// Addresses are `mem://name`; a listener at a name that ends in `*` gets a free name of its own, as with port 0.
/// Copies share the network.
class memory_network {
public:
    /// Throws std::invalid_argument when a field of the configuration can never work, naming it.
    explicit memory_network(memory_config config = {});

    /// A transport of address_kind::memory on this network.
    [[nodiscard]] any_transport transport() const;

    /// A datagram transport of address_kind::memory on this network. Its names are its own: a socket and a listener can
    /// have the same one. Packets arrive at once and in order; those that do not fit into the other side's queue are
    /// lost. What is sent to a name that nobody has is reported as refused.
    [[nodiscard]] any_datagram_transport datagrams() const;

private:
    std::shared_ptr<detail::memory_state> state_;
    std::shared_ptr<detail::memory_mail> mail_;
};

}  // namespace mydht
