#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <mydht/runtime/task.hpp>
#include <mydht/runtime/wait_queue.hpp>

#include "session/datagram_handshake.hpp"
#include "session/datagram_hub.hpp"
#include "session/pool_core.hpp"

namespace mydht::detail {

/// One handshake of this side, from its first packet to the answer.
class datagram_attempt {
public:
    /// Tells `changed` when there is something to look at. Both must outlive it.
    datagram_attempt(std::shared_ptr<datagram_hub> hub, std::shared_ptr<datagram_port> port, const address& to,
                     wait_queue& changed);
    datagram_attempt(const datagram_attempt&) = delete;
    datagram_attempt& operator=(const datagram_attempt&) = delete;
    ~datagram_attempt() { hub_->forget(*this); }

    /// Sends the first packet, made at `stamp`. Errors: those of datagram_initiator::begin.
    [[nodiscard]] result<void> begin(datagram_goal goal, wall_time stamp, bytes_view early);

    /// False when nothing came of it: it is forged, from elsewhere, or too late.
    [[nodiscard]] bool take_packet(const address& from, bytes_view packet);
    /// The system says that nobody took the packet. Others can forge that, so the answer is still waited for.
    void refused();

    /// No answer can come any more.
    void port_lost();

    [[nodiscard]] const std::shared_ptr<datagram_port>& port() const noexcept { return port_; }
    [[nodiscard]] const address& remote() const noexcept { return to_; }
    [[nodiscard]] bool proven() const noexcept { return proven_; }
    /// When the system said so first.
    [[nodiscard]] std::optional<steady_time> refused_at() const noexcept { return refused_at_; }
    /// Why it can come to nothing; none while it can.
    [[nodiscard]] std::error_code failed() const noexcept { return failed_; }
    [[nodiscard]] duration round_trip() const noexcept { return round_trip_; }
    /// When proven.
    [[nodiscard]] result<datagram_outcome> finish() { return initiator_->finish(); }

private:
    std::shared_ptr<datagram_hub> hub_;
    std::shared_ptr<datagram_port> port_;
    address to_;
    wait_queue& changed_;
    std::optional<datagram_initiator> initiator_;
    std::error_code failed_;
    std::optional<steady_time> refused_at_;
    steady_time sent_at_{};
    duration round_trip_{};
    bool proven_ = false;
};

/// Dials an address: a handshake, and further ones beside it while no answer comes, since packets may be lost.
/// Completes with the first that is answered. Calls `doubtful` when the system says that nobody is there: somebody else
/// may have said it, so that the dial goes on for a moment, and other addresses may be tried beside it; may be empty.
/// Errors: those of datagram_hub::port_towards, errc::network_failed when the socket breaks, errc::connection_refused
/// when no answer came after that either, and what is wrong with the peer. Has no deadline of its own.
[[nodiscard]] task<result<proven_ptr>> dial_datagrams(std::shared_ptr<datagram_hub> hub, address to,
                                                      std::shared_ptr<const dial_target> target,
                                                      std::function<void()> doubtful);

}  // namespace mydht::detail
