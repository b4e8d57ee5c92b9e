#include <algorithm>
#include <utility>

#include <mydht/core/body.hpp>

#include "session/datagram_hub.hpp"
#include "session/datagram_transfer.hpp"

namespace mydht::detail {

namespace {

/// How long a new address has to answer before the next may try.
constexpr duration path_patience = std::chrono::seconds(3);
/// Pings that are answered together; further ones are as good as lost.
constexpr std::size_t pongs_max = 8;
/// A packet with nothing but a ping, or a pong.
constexpr auto challenge_bytes =
    wire::transport_header_bytes + wire::frame_header_bytes + wire::ping_bytes + noise::tag_bytes;

}  // namespace

void datagram_session::take_packet(const std::shared_ptr<datagram_port>& at, const address& from, bytes_span packet) {
    const auto self = shared_from_this();
    const auto header = wire::decode_transport(packet);
    if (!header) return context()->drop_packet(packet_fault::unreadable, from);
    if (ended()) return context()->drop_packet(packet_fault::unknown, from);
    if (!received_.is_new(header->counter)) return context()->drop_packet(packet_fault::repeated, from);
    const auto token = ciphers_.peer_token();
    const auto keys = ciphers_.own_index();
    const auto plain = ciphers_.open(packet, now());
    if (!plain) return context()->drop_packet(packet_fault::forged, from);
    if (ciphers_.own_index() != keys) hub_->follow(*this, token);
    silence_.heard(now());
    if (confirm_at_ != steady_time::max() && ciphers_.confirmed()) {
        confirm_at_ = steady_time::max();
        last_ = bytes();
    }
    const bool newest = header->counter >= newest_;
    newest_ = std::max(newest_, header->counter);
    foreign_budget_ = packet.size();
    if (newest && from != peer_.observed) check_path(at, from, packet.size());
    elicits_ack_ = false;
    refused_ = false;
    if (const auto taken = take_frames(at, from, *plain); !taken) {
        return close(wire::close_reason::protocol_violation, taken.error(), "the peer broke the rules");
    }
    if (ended()) return;
    if (refused_) {
        received_.refuse(header->counter, silence_.heard_at());
    } else {
        received_.note(header->counter, elicits_ack_, silence_.heard_at());
    }
    if (elicits_ack_) touch();
}

result<void> datagram_session::take_frames(const std::shared_ptr<datagram_port>& at, const address& from,
                                           bytes_view plain) {
    acked_ = false;
    wire::frame_decoder frames;
    while (!ended()) {
        const auto next = frames.next(plain);
        if (!next) return failure(next.error());
        if (!*next) break;
        if (const auto taken = take_frame(at, from, **next); !taken) return taken;
    }
    // A frame does not go on in another packet.
    if (!ended() && !frames.at_boundary()) return failure(errc::truncated);
    return {};
}

result<void> datagram_session::take_frame(const std::shared_ptr<datagram_port>& at, const address& from,
                                          const wire::frame& frame) {
    switch (frame.kind) {
        case wire::frame_kind::message: return take_message_frame(frame.payload, false);
        case wire::frame_kind::message_part: elicits_ack_ = true; return take_part(frame.payload);
        case wire::frame_kind::ack:
            // Each is a walk through what is under way, so one a packet.
            if (std::exchange(acked_, true)) return failure(errc::protocol_violation);
            return take_ack(frame.payload);
        case wire::frame_kind::stream_open:
        case wire::frame_kind::stream_data:
        case wire::frame_kind::stream_window:
        case wire::frame_kind::stream_reset:
        case wire::frame_kind::stream_end:
        case wire::frame_kind::session_window: {
            elicits_ack_ = true;
            begin_to_wait();
            const auto taken = take_stream_frame(frame, true);
            if (!taken) return failure(taken.error());
            // Not acknowledged, so it comes again.
            if (*taken == frame_fate::refused) refused_ = true;
            return {};
        }
        case wire::frame_kind::ping: take_ping(at, from, frame.payload); return {};
        case wire::frame_kind::pong: take_pong(from, frame.payload); return {};
        case wire::frame_kind::working: {
            body_reader in(frame.payload);
            unanswered_.working(in.u64(), silence_.heard_at());
            return {};
        }
        case wire::frame_kind::close: (void)peer_closed(frame.payload); return {};
        default: return failure(errc::protocol_violation);
    }
}

result<void> datagram_session::take_message_frame(bytes_view payload, bool in_parts) {
    in_parts_ = in_parts;
    auto request = take_message(payload);
    in_parts_ = false;
    if (!request) return failure(request.error());
    if (!*request || ended()) return {};
    const auto id = (*request)->id;
    if (answers_in_parts(id)) return repeated(id);
    if (in_parts) note_asked_in_parts(id);
    if (!can_serve((*request)->size)) {
        refuse_to_serve(id);
        return {};
    }
    begin_serving(std::move(**request));
    return {};
}

/// At once: what waits for its turn is bounded, and so are the refusals.
void datagram_session::refuse_to_serve(std::uint64_t id) {
    wire::envelope answer;
    answer.id = id;
    wire::error busy;
    busy.code = wire::error_code::busy;
    answer.body = std::move(busy);
    // If even that finds no room the request is as good as lost.
    (void)say(std::move(answer));
}

void datagram_session::take_ping(const std::shared_ptr<datagram_port>& at, const address& from, bytes_view payload) {
    if (from == peer_.observed) {
        // With the ack that it asks for, in one packet.
        elicits_ack_ = true;
        if (pongs_.size() < pongs_max) std::ranges::copy(payload, pongs_.emplace_back().begin());
        return;
    }
    // To where the ping came from, which may be about to become this side's new address of the peer, or never. Not more
    // than came from there.
    if (foreign_budget_ < challenge_bytes) return;
    foreign_budget_ -= challenge_bytes;
    auto& packet = begin_packet();
    wire::append_frame(packet, wire::frame_kind::pong, wire::control_channel, payload);
    (void)send_packet(packet, *at, from);
}

// --- the peer moves --------------------------------------------------------------------------------------------------

void datagram_session::check_path(const std::shared_ptr<datagram_port>& at, const address& from, std::size_t received) {
    // Nobody is sent more than came from there: the packet may have been caught and sent on with a forged source.
    if (path_ || received < challenge_bytes) return;
    foreign_budget_ -= challenge_bytes;
    path_ = std::make_unique<path_check>();
    path_->where = from;
    path_->port = at;
    path_->until = silence_.heard_at() + path_patience;
    context()->env.secure_random->fill(path_->challenge);
    arm_at_latest(path_->until);
    auto& packet = begin_packet();
    wire::append_ping(packet, wire::frame_kind::ping, path_->challenge);
    (void)send_packet(packet, *at, from);
}

void datagram_session::take_pong(const address& from, bytes_view payload) {
    if (!path_ || path_->where != from || !std::ranges::equal(path_->challenge, payload)) return;
    context()->log_of_peers(log_level::info, [&] { return name() + " is now at " + from.text(); });
    ++context()->counters.addresses_changed;
    const auto before = std::exchange(peer_.observed, from);
    begin_path(path_->port);
    if (context()->owner != nullptr) context()->owner->session_moved(*this, before);
}

void datagram_session::wait_for_port(steady_time since) {
    port_by_ = since + config().stall_timeout;
    arm_at_latest(port_by_);
}

void datagram_session::forget_path(const datagram_port& through) noexcept {
    if (path_ && path_->port.get() == &through) path_.reset();
}

void datagram_session::move_to(std::shared_ptr<datagram_port> port) {
    begin_path(std::move(port));
    // What could not be heard says nothing about the peer.
    silence_.heard(now());
    // The peer asks whether this side is there now, and goes on with it.
    auto& packet = begin_packet();
    wire::append_ping(packet, wire::frame_kind::ping, {});
    (void)send_packet(packet);
    if (!ended()) touch();
}

void datagram_session::begin_path(std::shared_ptr<datagram_port> through) {
    port_ = std::move(through);
    port_by_ = steady_time::max();
    path_.reset();
    if (transfer_) {
        transfer_->recovery.path_changed();
        transfer_->path.restart();
    }
}

}  // namespace mydht::detail
