#include "session/datagram_session.hpp"

#include <algorithm>
#include <utility>

#include <mydht/core/body.hpp>

#include "session/datagram_hub.hpp"
#include "session/datagram_transfer.hpp"

namespace mydht::detail {

namespace {

/// Until the last packet of a handshake is sent again, without a round trip seen.
constexpr duration final_answer_pause = std::chrono::milliseconds(100);
constexpr duration confirm_pause = std::chrono::milliseconds(500);

}  // namespace

datagram_session::datagram_session(std::shared_ptr<session_context> context, beginnings from)
    : session_state(std::move(context), std::move(from.peer), from.codec),
      port_(std::move(from.port)),
      hub_(std::move(from.hub)),
      ciphers_(std::move(from.ciphers)),
      last_(std::move(from.last)),
      first_packet_(std::move(from.first_packet)),
      first_frames_(std::move(from.first_frames)),
      confirm_pause_(confirm_pause),
      silence_(peer_.outgoing, now(), config().stall_timeout / 2) {
    said_at_ = now();
    if (from.round_trip) {
        unanswered_.note_round_trip(*from.round_trip, said_at_);
        confirm_pause_ = unanswered_.first_pause();
    }
}

datagram_session::~datagram_session() { hub_->forget(*this); }

void datagram_session::start() {
    hub_->add(*this);
    // It may have broken while the peer waited to be let in.
    if (!port_->works()) hub_->find_way(*this);
    if (peer_.outgoing) {
        send_first();
    } else {
        take_first();
    }
    if (!ended()) arm_next();
}

void datagram_session::take_first() {
    const auto self = shared_from_this();
    auto packet = std::exchange(first_packet_, bytes());
    const auto frames = std::exchange(first_frames_, bytes());
    if (!packet.empty()) take_packet(port_, peer_.observed, packet);
    if (const auto taken = take_frames(port_, peer_.observed, frames); !taken) {
        return close(wire::close_reason::protocol_violation, taken.error(), "the peer broke the rules");
    }
    after_batch();
}

/// Until the peer is heard it may not know that there is a session: its place for it is short-lived.
void datagram_session::send_first() {
    confirm_at_ = now() + confirm_pause_;
    confirm_pause_ *= 2;
    if (!last_.empty()) {
        (void)port_->send(peer_.observed, last_);
        return;
    }
    auto& packet = begin_packet();
    wire::append_ping(packet, wire::frame_kind::ping, {});
    (void)send_packet(packet);
}

std::size_t datagram_session::waiting() const noexcept {
    return transfer_ ? transfer_->sending.waiting() + transfer_->held.size() : 0;
}

bool datagram_session::has_room() const noexcept { return waiting() < config().send_buffer_bytes; }

bool datagram_session::stalled() const noexcept {
    // Asked for a sign several times, each time in vain.
    constexpr unsigned timeouts_min = 3;
    return transfer_ && transfer_->recovery.timeouts() >= timeouts_min &&
           now() - transfer_->progress_at >= config().stall_timeout;
}

// --- sending ---------------------------------------------------------------------------------------------------------

bytes& datagram_session::begin_packet() {
    auto& out = hub_->scratch();
    out.resize(wire::transport_header_bytes);
    return out;
}

std::size_t datagram_session::packet_room() const noexcept {
    return base_packet_bytes - wire::transport_header_bytes - noise::tag_bytes;
}

bool datagram_session::send_packet(bytes& packet) {
    if (received_.ack_owed()) {
        const auto used = packet.size() - wire::transport_header_bytes;
        // When it does not fit, an ack of its own follows in time.
        (void)received_.append_ack(packet, packet_room() - std::min(packet_room(), used), now());
    }
    return send_packet(packet, *port_, peer_.observed);
}

bool datagram_session::send_packet(bytes& packet, datagram_port& through, const address& to) {
    if (const auto sealed = seal(packet, 0); !sealed) {
        end(sealed.error());
        return true;
    }
    note_untracked(packet.size());
    return through.send(to, packet);
}

void datagram_session::send_frames(bytes_view frames) {
    auto& packet = begin_packet();
    packet.insert(packet.end(), frames.begin(), frames.end());
    (void)send_packet(packet);
}

void datagram_session::send_ack() { (void)send_packet(begin_packet()); }

result<void> datagram_session::say(wire::envelope what) {
    auto& packet = begin_packet();
    const auto place = wire::begin_frame(packet, wire::frame_kind::message, wire::control_channel);
    auto done = codec().encode(what, packet);
    if (done) done = wire::end_frame(packet, place);
    if (!done) return done;
    const auto frame = bytes_view(packet).subspan(wire::transport_header_bytes);
    const auto role = wire::role_of(what.body);
    const bool in_parts = role == wire::message_role::answer && was_asked_in_parts(what.id);
    if (frame.size() > packet_room() || in_parts) {
        return say_in_parts(what.id, role, frame.subspan(wire::frame_header_bytes));
    }
    if (role == wire::message_role::request) {
        unanswered_.add(what.id, frame, now());
        arm_at_latest(unanswered_.next());
        begin_to_wait();
        expect_sign(now());
    }
    // Without room in the socket it is as good as lost on the way, and asked again.
    if (hub_->gathers()) {
        hub_->gather(*this, frame);
    } else {
        (void)send_packet(packet);
    }
    return {};
}

result<void> datagram_session::repeated(std::uint64_t id) {
    auto& packet = begin_packet();
    body_writer fields;
    fields.u64(id);
    wire::append_frame(packet, wire::frame_kind::working, wire::control_channel, fields.data());
    (void)send_packet(packet);
    return {};
}

void datagram_session::settled(std::uint64_t id, bool answered) noexcept {
    // What came in parts says nothing about a round trip.
    if (answered) hub_->note_woken();
    if (answered && !in_parts_) return unanswered_.answered(id, now());
    unanswered_.forget(id);
    if (!answered) drop_own_parts(id);
}

void datagram_session::start_serving(task_handle& handle, task<> work) { hub_->serve(handle, std::move(work)); }

void datagram_session::say_goodbye(wire::close_reason reason) {
    hub_->send_gathered(*this);
    if (ended()) return;
    auto& packet = begin_packet();
    wire::append_close(packet, reason);
    (void)send_packet(packet);
    end(ending());
}

// --- the end ---------------------------------------------------------------------------------------------------------

void datagram_session::cut() {
    hub_->forget(*this);
    transfer_.reset();
    path_.reset();
    last_ = bytes();
    renewal_.cancel();
    unanswered_.release();
    received_.release();
}

void datagram_session::take_final_again(const address& from, bytes_view packet) {
    // Any packet of the session tells the peer what it asks. Anybody can send this one, so the answer is an empty
    // packet: an ack may be larger than what it answers.
    const bool fine = wire::decode_final_answer(packet) && packet.size() >= ciphers_.overhead();
    if (!fine) return context()->drop_packet(packet_fault::unreadable, from);
    if (ended() || peer_.outgoing) return context()->drop_packet(packet_fault::unknown, from);
    context()->drop_packet(packet_fault::repeated, from);
    // Whoever forges it makes this node send no more than the peer, whose pauses double, would.
    if (now() < next_final_answer_) return;
    next_final_answer_ = now() + final_answer_pause;
    (void)send_packet(begin_packet(), *port_, peer_.observed);
}

// --- time ------------------------------------------------------------------------------------------------------------

void datagram_session::tick(steady_time at) {
    if (at >= port_by_) return end(errc::network_failed, "its socket broke");
    if (const auto due = received_.ack_at(); due && *due <= at) send_ack();
    if (ended()) return;
    if (at >= confirm_at_) send_first();
    repeat_requests(at);
    tick_transfer(at);
    if (ended()) return;
    if (path_ && at >= path_->until) path_.reset();
    drop_old_keys(at);
    watch_silence(at);
}

void datagram_session::repeat_requests(steady_time at) {
    while (const auto* again = unanswered_.take_due(at)) {
        ++context()->counters.requests_repeated;
        expect_sign(at);
        send_frames(again->frame);
        if (ended()) return;
    }
}

bool datagram_session::awaits() noexcept {
    return expects_answers() || (transfer_ && transfer_->recovery.anything_in_flight());
}

void datagram_session::begin_to_wait() {
    if (silence_.begin(now())) arm_at_latest(silence_.next());
}

void datagram_session::expect_sign(steady_time at) {
    silence_.expect(at);
    arm_at_latest(silence_.next());
}

void datagram_session::watch_silence(steady_time at) {
    if (!awaits()) return silence_.stop();
    begin_to_wait();
    const auto verdict = silence_.look(at, config().stall_timeout);
    const bool gone = verdict == silence_watch::verdict::gone;
    if ((gone || stalled()) && waits_for_port()) return end(errc::network_failed, "its socket broke");
    if (gone) return end(errc::unreachable, "nothing was heard for too long");
    if (stalled()) return end(errc::slow_peer, "the peer acknowledges nothing");
    if (verdict == silence_watch::verdict::wait) return;
    auto& packet = begin_packet();
    wire::append_ping(packet, wire::frame_kind::ping, {});
    (void)send_packet(packet);
}

steady_time datagram_session::next_tick() const noexcept {
    auto next = std::min({unanswered_.next(), confirm_at_, port_by_, silence_.next(), next_transfer_tick()});
    if (const auto due = received_.ack_at()) next = std::min(next, *due);
    if (path_) next = std::min(next, path_->until);
    return next;
}

void datagram_session::rest() {
    unanswered_.release();
    received_.release();
    pongs_.shrink_to_fit();
    if (transfer_) transfer_->release();
}

std::size_t datagram_session::memory() const noexcept {
    return sizeof *this + requests().memory() + unanswered_.memory() + received_.memory() + last_.capacity() +
           pongs_.capacity() * wire::ping_bytes + (transfer_ ? transfer_->memory() : 0) + streams_memory();
}

}  // namespace mydht::detail
