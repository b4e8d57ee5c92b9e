#pragma once

#include <chrono>

#include <mydht/runtime/environment.hpp>
#include <mydht/transport/transport.hpp>

namespace mydht {

/// Settings of the TCP transport.
struct tcp_config {
    /// Connections that the system keeps for us between two accepts; more are refused or wait. The system caps it.
    int backlog = 1024;
    /// Send small writes at once (TCP_NODELAY). A request is one small write, so waiting for more only adds delay.
    bool no_delay = true;
    /// Bytes that may wait unsent in the system before a writer waits (TCP_NOTSENT_LOWAT, tcp(7)), so that a short
    /// frame is not queued behind megabytes of others. 0 leaves it to the system. Failing to set it costs latency only.
    int unsent_bytes_max = 16 * 1024;
    /// How long a listener waits after the process ran out of file descriptors or buffers, so that it does not spin.
    /// One log line for each shortage.
    std::chrono::milliseconds shortage_pause{100};
};

/// TCP over IPv4 and IPv6 (a listener at [::] takes IPv6 only: listen at both). Everything runs on `env.exec`.
/// Throws std::invalid_argument when a field of the configuration can never work, naming it.
[[nodiscard]] any_transport make_tcp(environment env, tcp_config config = {});

}  // namespace mydht
