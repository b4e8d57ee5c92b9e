// What travels in many packets: large messages and streams, acknowledged and sent again when lost.

#include "session/datagram_transfer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <mydht/core/body.hpp>

#include "session/datagram_hub.hpp"

namespace mydht::detail {

void datagram_session::transfer::release() noexcept {
    recovery.release();
    sending.release();
    assembly.release();
    if (held.empty()) bytes().swap(held);
    std::vector<packet_piece>().swap(pieces);
    outcome = recovery_outcome();
    std::vector<std::uint64_t>().swap(asked_in_parts);
    std::vector<own_request>().swap(own_in_parts);
    std::vector<own_request>().swap(answers);
}

std::size_t datagram_session::transfer::memory() const noexcept {
    return sizeof *this + recovery.memory() + sending.memory() + assembly.memory() + held.capacity() +
           (pieces.capacity() + outcome.acknowledged.capacity() + outcome.lost.capacity()) * sizeof(packet_piece) +
           asked_in_parts.capacity() * sizeof(std::uint64_t) +
           (own_in_parts.capacity() + answers.capacity()) * sizeof(own_request);
}

datagram_session::transfer& datagram_session::bulk() {
    if (!transfer_) {
        std::array<std::uint8_t, 8> drawn{};
        context()->env.secure_random->fill(drawn);
        body_reader random(drawn);
        const auto packet_max = std::min(port_->packet_bytes_max(), config().packet_bytes_max);
        transfer_ = std::make_unique<transfer>(ciphers_.next_counter(), random.u64(), hub_->assembly(), config(),
                                               std::max(packet_max, base_packet_bytes));
        if (const auto seen = unanswered_.round_trip()) transfer_->recovery.sample_round_trip(*seen, now());
    }
    return *transfer_;
}

result<void> datagram_session::seal(bytes& buffer, std::size_t place) {
    if (transfer_) ciphers_.advance_to(transfer_->recovery.next_number());
    const auto sealed = ciphers_.seal(buffer, place);
    if (!sealed) return failure(sealed.error());
    said_at_ = now();
    // Who has something to say has use for new keys; not amid the packet.
    if (peer_.outgoing && !renewing_ && said_at_ >= renew_at_ && ciphers_.wants_rekey(said_at_)) touch();
    return {};
}

void datagram_session::note_untracked(std::size_t size) {
    if (transfer_) transfer_->recovery.on_sent(size, packet_purpose::untracked, {}, said_at_);
}

void datagram_session::streams_have_output() {
    (void)bulk();
    begin_to_wait();
    // Not at once: the caller may be about to say more.
    touch();
}

bool datagram_session::has_bulk() {
    return transfer_ && (transfer_->sending.ready() || (streams() != nullptr && streams()->has_output()));
}

steady_time datagram_session::next_transfer_tick() const noexcept {
    auto next = steady_time::max();
    if (!transfer_) return next;
    const auto& t = *transfer_;
    if (const auto timer = t.recovery.next_timer()) next = std::min(next, *timer);
    if (const auto expiry = t.assembly.next_expiry()) next = std::min(next, *expiry);
    if (!t.waits_for_room) next = std::min(next, t.paced_until);
    return next;
}

void datagram_session::pump() {
    if (ended() || !transfer_ || transfer_->waits_for_room) return;
    auto& t = *transfer_;
    auto& batch = hub_->batch();
    batch.clear();
    const auto at = now();
    const auto full = t.path.packet_bytes();
    t.paced_until = steady_time::max();
    const auto batch_max = std::max(port_->batch_bytes_max() / full, std::size_t{1}) * full;
    if (has_bulk()) probe_path(at);
    if (ended()) return;
    while (!t.waits_for_room) {
        const bool probe = t.recovery.probes_wanted() > 0;
        if (!probe && (!has_bulk() || !t.recovery.can_send(full))) break;
        if (!probe && t.recovery.next_send_time() > at) {
            t.paced_until = t.recovery.next_send_time();
            arm_at_latest(t.paced_until);
            break;
        }
        const auto size = append_bulk_packet(batch, probe, at);
        if (size == 0) break;
        if (size < full || batch.size() + full > batch_max) send_batch(batch, full);
        if (ended()) return;
    }
    send_batch(batch, full);
    if (ended()) return;
    if (const auto timer = t.recovery.next_timer()) arm_at_latest(*timer);
    count_waiting();
}

std::size_t datagram_session::append_bulk_packet(bytes& batch, bool probe, steady_time at) {
    auto& t = *transfer_;
    t.pieces.clear();
    const auto begin = batch.size();
    batch.resize(begin + wire::transport_header_bytes);
    // What asks whether anything comes through is no larger than what every path carries: large packets may be what
    // does not.
    const auto limit = begin + (probe ? base_packet_bytes : t.path.packet_bytes()) - noise::tag_bytes;
    if (received_.ack_owed()) (void)received_.append_ack(batch, limit - batch.size(), at);
    const auto before = batch.size();
    for (;;) {
        auto piece = t.sending.append_part(batch, limit - batch.size());
        if (!piece && streams() != nullptr) piece = streams()->write_next(batch, limit - batch.size(), true);
        if (!piece || ended()) break;
        t.pieces.push_back(*piece);
    }
    if (ended() || (batch.size() == begin + wire::transport_header_bytes && !probe)) {
        batch.resize(begin);
        return 0;
    }
    // Something that has to be acknowledged, when there is nothing else to say.
    if (batch.size() == before && probe) wire::append_ping(batch, wire::frame_kind::ping, {});
    const bool tracked = batch.size() != before;
    if (const auto sealed = seal(batch, begin); !sealed) {
        batch.resize(begin);
        end(sealed.error());
        return 0;
    }
    const auto size = batch.size() - begin;
    if (tracked) {
        if (!t.recovery.anything_in_flight()) t.progress_at = at;
        expect_sign(at);
    }
    // An ack that was taken out is said, also when nothing goes with it.
    t.recovery.on_sent(size, tracked ? packet_purpose::tracked : packet_purpose::untracked, t.pieces, at);
    return size;
}

/// A packet that is larger than those that are known to pass, and only asks for an ack (RFC 8899).
void datagram_session::probe_path(steady_time at) {
    auto& t = *transfer_;
    const auto size = t.path.probe_due(at);
    if (!size) return;
    t.path.probe_sent();
    auto& packet = begin_packet();
    wire::append_ping(packet, wire::frame_kind::ping, {});
    const bytes nothing(*size - packet.size() - wire::frame_header_bytes - noise::tag_bytes);
    wire::append_frame(packet, wire::frame_kind{wire::ignorable_from}, wire::control_channel, nothing);
    if (const auto sealed = seal(packet, 0); !sealed) return end(sealed.error());
    if (!t.recovery.anything_in_flight()) t.progress_at = at;
    t.recovery.on_sent(packet.size(), packet_purpose::path_probe, {}, at);
    (void)port_->send(peer_.observed, packet);
}

/// What was heard of packets that are larger than every path carries.
void datagram_session::learn_path(const recovery_outcome& outcome) {
    auto& t = *transfer_;
    if (outcome.probe_acknowledged > 0) t.path.probe_acknowledged(outcome.probe_acknowledged, now());
    if (outcome.probe_lost > 0) t.path.probe_lost(outcome.probe_lost, now());
    if (outcome.large_acknowledged) {
        t.path.large_acknowledged();
    } else if (outcome.large_lost > 0) {
        t.path.large_lost(outcome.large_lost);
    }
    t.recovery.set_packet_bytes(t.path.packet_bytes());
}

void datagram_session::send_batch(bytes& batch, std::size_t packet_bytes) {
    if (batch.empty() || ended()) return;
    if (!port_->send(peer_.observed, batch, packet_bytes)) {
        auto& t = *transfer_;
        t.held.assign(batch.begin(), batch.end());
        t.held_packet_bytes = packet_bytes;
        t.waits_for_room = true;
        port_->tell_when_writable(std::static_pointer_cast<datagram_session>(shared_from_this()));
    }
    batch.clear();
}

void datagram_session::writable() {
    if (!transfer_) return;
    auto& t = *transfer_;
    t.waits_for_room = false;
    auto held = std::exchange(t.held, bytes());
    send_batch(held, t.held_packet_bytes);
    if (ended()) return;
    pump();
}

// --- acks and losses -------------------------------------------------------------------------------------------------

result<void> datagram_session::take_ack(bytes_view payload) {
    const auto ack = wire::decode_ack(payload);
    if (!ack) return failure(ack.error());
    if (!transfer_) {
        // Of what was acknowledged before it came to rest; late, but not wrong.
        if (ack->largest() >= ciphers_.next_counter()) return failure(errc::protocol_violation);
        return {};
    }
    auto& t = *transfer_;
    t.outcome.clear();
    if (const auto taken = t.recovery.on_ack(*ack, silence_.heard_at(), t.outcome); !taken) return taken;
    if (ack->largest() >= t.acknowledged_to) {
        t.acknowledged_to = ack->largest() + 1;
        t.progress_at = silence_.heard_at();
        note_use();
    }
    hand_back();
    if (!ended()) touch();
    return {};
}

void datagram_session::hand_back() {
    // Taken out: with the last stream the session may end, and the transfer with it.
    auto outcome = std::exchange(transfer_->outcome, {});
    learn_path(outcome);
    const auto is_message = [](const packet_piece& p) { return p.kind == wire::frame_kind::message_part; };
    for (const auto& piece : outcome.acknowledged) {
        if (ended()) return;
        if (is_message(piece)) {
            transfer_->sending.acknowledged(piece);
        } else if (streams() != nullptr) {
            streams()->acknowledged(piece);
        }
    }
    for (const auto& piece : outcome.lost) {
        if (ended()) return;
        if (is_message(piece)) {
            transfer_->sending.lost(piece);
        } else if (streams() != nullptr) {
            streams()->lost(piece);
        }
    }
    if (ended()) return;
    transfer_->outcome = std::move(outcome);
    count_waiting();
    room_changed();
}

result<void> datagram_session::take_part(bytes_view payload) {
    auto& t = bulk();
    auto part = t.assembly.take(payload, silence_.heard_at());
    if (!part) return failure(part.error());
    if (const auto expiry = t.assembly.next_expiry()) arm_at_latest(*expiry);
    if (part->what == part_fate::kept) note_use();
    switch (part->what) {
        case part_fate::refused:
            // Not acknowledged, so it comes again.
            refused_ = true;
            return {};
        case part_fate::complete: return take_message_frame(part->message, true);
        default: return {};
    }
}

result<void> datagram_session::say_in_parts(std::uint64_t id, wire::message_role role, bytes_view message) {
    auto& t = bulk();
    const auto number = t.sending.add(to_bytes(message));
    if (!number) return failure(number.error());
    if (role == wire::message_role::answer) {
        std::erase_if(t.answers, [&](const auto& each) { return !t.sending.holds(each.message); });
    } else {
        begin_to_wait();
    }
    auto& own = role == wire::message_role::answer ? t.answers.emplace_back() : t.own_in_parts.emplace_back();
    own.id = id;
    own.message = *number;
    count_waiting();
    pump();
    return {};
}

bool datagram_session::was_asked_in_parts(std::uint64_t id) {
    return transfer_ && std::erase(transfer_->asked_in_parts, id) > 0;
}

void datagram_session::note_asked_in_parts(std::uint64_t id) {
    auto& asked = bulk().asked_in_parts;
    // Those that the peer took back are never answered.
    if (asked.size() >= 2 * config().served_max) std::erase_if(asked, [this](auto each) { return !serves(each); });
    asked.push_back(id);
}

bool datagram_session::answers_in_parts(std::uint64_t id) {
    if (!transfer_) return false;
    const auto at = std::ranges::find(transfer_->answers, id, &transfer::own_request::id);
    return at != transfer_->answers.end() && transfer_->sending.holds(at->message);
}

void datagram_session::drop_own_parts(std::uint64_t id) noexcept {
    if (!transfer_) return;
    auto& own = transfer_->own_in_parts;
    const auto at = std::ranges::find(own, id, &transfer::own_request::id);
    if (at == own.end()) return;
    transfer_->sending.cancel(at->message);
    own.erase(at);
}

void datagram_session::tick_transfer(steady_time at) {
    if (!transfer_) return;
    auto& t = *transfer_;
    if (const auto timer = t.recovery.next_timer(); timer && *timer <= at) {
        t.outcome.clear();
        t.recovery.on_timer(at, t.outcome);
        hand_back();
        if (ended()) return;
    }
    if (const auto expiry = t.assembly.next_expiry(); expiry && *expiry <= at) t.assembly.expire(at);
    pump();
}

void datagram_session::touch() {
    if (!std::exchange(touched_, true)) hub_->touch(*this);
}

void datagram_session::after_batch() {
    touched_ = false;
    if (ended()) return;
    pump();
    if (ended()) return;
    begin_renewal();
    if (!pongs_.empty()) {
        auto& packet = begin_packet();
        for (const auto& each : pongs_) wire::append_ping(packet, wire::frame_kind::pong, each);
        pongs_.clear();
        (void)send_packet(packet);
        if (ended()) return;
    }
    if (const auto due = received_.ack_at()) {
        if (*due <= now()) {
            send_ack();
        } else {
            arm_at_latest(*due);
        }
    }
}

}  // namespace mydht::detail
