#pragma once

#include <chrono>

#include <mydht/runtime/environment.hpp>
#include <mydht/transport/datagram.hpp>

namespace mydht {

/// Settings of the UDP transport.
struct udp_config {
    /// Let the system cut and join batches (on Linux UDP_SEGMENT and UDP_GRO, udp(7)) where it can: one call for many
    /// packets. Without it each packet is a call of its own.
    bool offload = true;
    /// Bytes that the system is asked to hold for a socket before it drops what arrives (SO_RCVBUF). 0 leaves it to the
    /// system, which also caps it. Failing to set it costs speed only.
    int receive_buffer_bytes = 4 * 1024 * 1024;
    /// The same for what waits to leave (SO_SNDBUF).
    int send_buffer_bytes = 1024 * 1024;
    /// How long wait_writable() waits when the system has no memory or its queue of the interface is full, of which it
    /// reports no end.
    std::chrono::milliseconds shortage_pause{1};
};

/// UDP over IPv4 and IPv6 (a socket at [::] takes IPv6 only: open both). Packets are never cut into fragments: one that
/// is longer than the interface carries is errc::too_large, one that is longer than the path carries vanishes (RFC 8899
/// tells how to find out). A closed port at the other side is reported as refused. Everything runs on `env.exec`.
/// Throws std::invalid_argument when a field of the configuration can never work, naming it.
[[nodiscard]] any_datagram_transport make_udp(environment env, udp_config config = {});

}  // namespace mydht
