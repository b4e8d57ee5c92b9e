#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>

#include <mydht/runtime/task.hpp>

#include "session/cookie_jar.hpp"
#include "session/datagram_handshake.hpp"
#include "session/datagram_port.hpp"
#include "session/early_gate.hpp"
#include "session/half_open_ring.hpp"
#include "session/rate_meter.hpp"
#include "session/seen_ephemerals.hpp"

namespace mydht::detail {

class datagram_hub;

/// Answers the handshakes of others, from the first packet to the proven peer. What a stranger can make it keep is
/// bounded, and nobody is sent more than came from there.
class datagram_responder {
public:
    /// `hub` must outlive it.
    explicit datagram_responder(datagram_hub& hub);
    datagram_responder(const datagram_responder&) = delete;
    datagram_responder& operator=(const datagram_responder&) = delete;
    ~datagram_responder();

    void take_initial(const std::shared_ptr<datagram_port>& at, const address& from, bytes_view packet);
    void take_final(const std::shared_ptr<datagram_port>& at, const address& from, bytes_view packet);
    /// True when it was for a handshake of this responder.
    [[nodiscard]] bool take_transport(const std::shared_ptr<datagram_port>& at, const address& from, bytes_view packet);
    [[nodiscard]] bool knows(std::uint32_t index) const;

    /// A proven peer waits for its session: its packets are nobody's yet, and not unknown.
    void claim(std::uint32_t index) { proven_.insert(index); }
    void unclaim(std::uint32_t index) noexcept { proven_.erase(index); }

private:
    class early_ticket;
    /// Where an initial packet came from.
    struct origin {
        std::shared_ptr<datagram_port> port;
        address from;
        std::size_t size = 0;
        bool proven = false;  ///< the source showed a cookie
    };

    /// The cheap questions, before any public-key work. False: dropped and counted, or a cookie was asked for.
    [[nodiscard]] bool may_begin(origin& where, const wire::initial_packet& initial);
    void ask_for_cookie(const origin& where, const wire::initial_packet& initial);
    void renew(accepted_initial& initial, const origin& where);
    void answer(accepted_initial& initial, const origin& where, bytes_view frames);
    [[nodiscard]] bool may_answer_early(const accepted_initial& initial, const origin& where) const;
    [[nodiscard]] static task<> answer_early(early_ticket ticket, accepted_initial initial, wire::envelope request,
                                             origin where);
    void tell_proven(datagram_outcome outcome, const origin& where, bytes first_packet);
    void drop(packet_fault why, const address& from);

    datagram_hub& hub_;
    half_open_ring half_open_;
    cookie_jar cookies_;
    seen_ephemerals seen_;
    early_gate early_;
    rate_meter begun_;
    std::size_t early_under_way_ = 0;
    std::set<std::uint32_t> proven_;  // indices whose links wait to be let in
};

}  // namespace mydht::detail
