#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include <mydht/wire/codec.hpp>
#include <mydht/wire/frame.hpp>

#include "datagram_peers.hpp"
#include "datagram_sides.hpp"
#include "session/codecs.hpp"

namespace mydht::test {

/// A peer that speaks datagrams by hand, and so says what no session would. All that is sent to its address comes to
/// it.
class handmade_datagrams {
public:
    handmade_datagrams(datagram_peers& with, const address& at, session_config config = {})
        : with_(with), at_(at), side_(with.w.seed + 100, std::move(config)) {
        with_.net.tamper = [this](packet_net::packet& one) {
            if (one.to != at_) return true;
            got.push_back(std::move(one.data));
            return false;
        };
    }
    handmade_datagrams(const handmade_datagrams&) = delete;
    handmade_datagrams& operator=(const handmade_datagrams&) = delete;
    ~handmade_datagrams() { with_.net.tamper = {}; }

    void send(bytes data) { send_from(at_, std::move(data)); }
    void send_from(const address& where, bytes data) { with_.net.inject({where, mem("b"), std::move(data)}); }

    /// The initial packet to b of a fresh handshake.
    [[nodiscard]] bytes begin(bool known, bytes_view early = {}, std::uint32_t renews = 0) {
        detail::datagram_goal goal;
        goal.renews = renews;
        if (known) goal.known = with_.b.self->key();
        goal.own_index = ++indices_;
        goal.token = side_.tokens.token_for(goal.own_index);
        initiator.emplace(
            detail::datagram_initiator::begin(side_.party, goal, with_.w.time->wall_now(), early).value());
        return to_bytes(initiator->packet());
    }
    /// The keys of a handshake with b, which has not heard of them.
    void shake_hands() {
        send(begin(true));
        with_.w.advance(100ms);
        REQUIRE(got.size() == 1);
        REQUIRE(initiator->take_answer(got.front()));
        got.clear();
        keys.emplace(initiator->finish().value().keys, with_.w.time->now());
    }
    /// A session with b.
    void connect() {
        shake_hands();
        send_frames(ping());
        with_.w.advance(100ms);
        REQUIRE(with_.b.pool->size() == 1);
    }
    [[nodiscard]] bytes seal(bytes_view frames) {
        bytes out(wire::transport_header_bytes + frames.size());
        std::ranges::copy(frames, bytes_span(out).subspan(wire::transport_header_bytes).begin());
        REQUIRE(keys->seal(out));
        return out;
    }
    void send_frames(bytes_view frames) { send(seal(frames)); }

    [[nodiscard]] static bytes ping() {
        bytes out;
        wire::append_ping(out, wire::frame_kind::ping, {});
        return out;
    }
    [[nodiscard]] static bytes message(std::uint64_t id, wire::message what) {
        bytes out;
        wire::envelope envelope;
        envelope.id = id;
        envelope.body = std::move(what);
        const auto place = wire::begin_frame(out, wire::frame_kind::message, wire::control_channel);
        REQUIRE(wire::capnp_codec().encode(envelope, out));
        REQUIRE(wire::end_frame(out, place));
        return out;
    }
    /// What this side would say of the session once it had forgotten it.
    [[nodiscard]] wire::reset_token own_token() const { return side_.tokens.token_for(indices_); }
    [[nodiscard]] const node_id& id() const { return side_.party.self->id(); }

    std::deque<bytes> got;
    std::optional<detail::datagram_initiator> initiator;
    std::optional<detail::session_ciphers> keys;

private:
    datagram_peers& with_;
    address at_;
    datagram_side side_;
    std::uint32_t indices_ = 0x1000;
};

}  // namespace mydht::test
