#include <algorithm>
#include <utility>

#include <mydht/core/body.hpp>

#include "session/datagram_hub.hpp"
#include "session/datagram_transfer.hpp"

namespace mydht::detail {

namespace {

/// How long a new address has to answer before the next may try.
constexpr duration path_patience = std::chrono::seconds(3);

}  // namespace

void datagram_session::take_packet(const std::shared_ptr<datagram_port>& at, const address& from, bytes_span packet) {
    const auto self = shared_from_this();
    const auto header = wire::decode_transport(packet);
    if (ended() || !header) return;
    if (!received_.is_new(header->counter)) {
        ++context()->counters.packets_repeated;
        return;
    }
    const auto plain = ciphers_.open(packet);
    if (!plain) {
        ++context()->counters.packets_refused;
        return;
    }
    heard_at_ = now();
    if (confirm_at_ != steady_time::max()) {
        confirm_at_ = steady_time::max();
        last_ = bytes();
    }
    const bool newest = header->counter >= newest_;
    newest_ = std::max(newest_, header->counter);
    if (newest && from != peer_.observed) check_path(at, from, packet.size());
    elicits_ack_ = false;
    refused_ = false;
    if (const auto taken = take_frames(from, *plain); !taken) {
        return close(wire::close_reason::protocol_violation, taken.error(), "the peer broke the rules");
    }
    if (ended()) return;
    if (refused_) {
        received_.refuse(header->counter, heard_at_);
    } else {
        received_.note(header->counter, elicits_ack_, heard_at_);
    }
    if (elicits_ack_) touch();
}

result<void> datagram_session::take_frames(const address& from, bytes_view plain) {
    wire::frame_decoder frames;
    while (!ended()) {
        const auto next = frames.next(plain);
        if (!next) return failure(next.error());
        if (!*next) break;
        if (const auto taken = take_frame(from, **next); !taken) return taken;
    }
    // A frame does not go on in another packet.
    if (!ended() && !frames.at_boundary()) return failure(errc::truncated);
    return {};
}

result<void> datagram_session::take_frame(const address& from, const wire::frame& frame) {
    switch (frame.kind) {
        case wire::frame_kind::message: return take_message_frame(frame.payload, false);
        case wire::frame_kind::message_part: elicits_ack_ = true; return take_part(frame.payload);
        case wire::frame_kind::ack: return take_ack(frame.payload);
        case wire::frame_kind::stream_open:
        case wire::frame_kind::stream_data:
        case wire::frame_kind::stream_window:
        case wire::frame_kind::stream_reset:
        case wire::frame_kind::stream_end:
        case wire::frame_kind::session_window: {
            elicits_ack_ = true;
            if (const auto broken = take_stream_frame(frame, true); broken) return failure(broken);
            return {};
        }
        case wire::frame_kind::ping: take_ping(from, frame.payload); return {};
        case wire::frame_kind::pong: take_pong(from, frame.payload); return {};
        case wire::frame_kind::working: {
            body_reader in(frame.payload);
            unanswered_.working(in.u64(), heard_at_);
            return {};
        }
        case wire::frame_kind::close: (void)peer_closed(frame.payload); return {};
        default: return failure(errc::protocol_violation);
    }
}

result<void> datagram_session::take_message_frame(bytes_view payload, bool in_parts) {
    auto request = take_message(payload);
    if (!request) return failure(request.error());
    if (!*request) return {};
    if (in_parts) bulk().asked_in_parts.push_back((*request)->id);
    if (!can_serve((*request)->size)) {
        (*request)->what.reset();
        (*request)->refusal.code = wire::error_code::busy;
    }
    begin_serving(std::move(**request));
    return {};
}

void datagram_session::take_ping(const address& from, bytes_view payload) {
    if (from == peer_.observed) {
        // With the ack that it asks for, in one packet.
        elicits_ack_ = true;
        std::ranges::copy(payload, pong_.emplace().begin());
        return;
    }
    // To where the ping came from, which may be about to become this side's new address of the peer, or never.
    auto& packet = begin_packet();
    wire::append_frame(packet, wire::frame_kind::pong, wire::control_channel, payload);
    (void)send_packet(packet, *port_, from);
}

// --- the peer moves ---------------------------------------------------------------------------------------------------

void datagram_session::check_path(const std::shared_ptr<datagram_port>& at, const address& from, std::size_t received) {
    // Nobody is sent more than came from there: the packet may have been caught and sent on with a forged source.
    constexpr auto challenge_bytes =
        wire::transport_header_bytes + wire::frame_header_bytes + wire::ping_bytes + noise::tag_bytes;
    if (path_ || received < challenge_bytes) return;
    path_ = std::make_unique<path_check>();
    path_->where = from;
    path_->port = at;
    path_->until = heard_at_ + path_patience;
    context()->env.secure_random->fill(path_->challenge);
    arm_at_latest(path_->until);
    auto& packet = begin_packet();
    wire::append_ping(packet, wire::frame_kind::ping, path_->challenge);
    (void)send_packet(packet, *at, from);
}

void datagram_session::take_pong(const address& from, bytes_view payload) {
    if (!path_ || path_->where != from || !std::ranges::equal(path_->challenge, payload)) return;
    context()->log(log_level::info, name() + " is now at " + from.text());
    ++context()->counters.addresses_changed;
    peer_.observed = from;
    port_ = path_->port;
    path_.reset();
}

}  // namespace mydht::detail
