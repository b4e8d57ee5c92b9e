#pragma once

#include <cstddef>
#include <vector>

#include "session/datagram_session.hpp"
#include "session/loss_recovery.hpp"
#include "session/message_assembly.hpp"
#include "session/message_sending.hpp"
#include "session/mtu_search.hpp"

namespace mydht::detail {

/// What large messages and streams need, and small messages do not. There while it has work, and a little longer.
struct datagram_session::transfer {
    /// A request, and what its message is called.
    struct own_request {
        std::uint64_t id = 0;
        std::uint32_t message = 0;
    };

    transfer(std::uint64_t first_number, std::uint64_t random, assembly_budget& budget, const session_config& config,
             std::size_t packet_bytes_max)
        : recovery(base_packet_bytes, random, first_number),
          sending(config.send_buffer_bytes),
          assembly(budget),
          path(packet_bytes_max) {}

    /// Gives back what is not needed while nothing is under way. Numbers go on.
    void release() noexcept;
    [[nodiscard]] std::size_t memory() const noexcept;

    loss_recovery recovery;
    message_sending sending;
    message_assembly assembly;
    mtu_search path;
    recovery_outcome outcome;
    std::vector<packet_piece> pieces;           ///< of the packet that is being put together
    std::vector<std::uint64_t> asked_in_parts;  ///< requests of the peer, whose answers travel so too
    std::vector<own_request> own_in_parts;
    std::vector<own_request> answers;  ///< those that travel in parts
    std::uint64_t acknowledged_to = 0;
    steady_time progress_at{};  ///< the peer has acknowledged something, or had nothing to acknowledge before
    bytes held;                 ///< sealed packets that the socket had no room for
    std::size_t held_packet_bytes = 0;
    bool waits_for_room = false;
    steady_time paced_until = steady_time::max();  ///< the next packet has to wait so long
};

}  // namespace mydht::detail
