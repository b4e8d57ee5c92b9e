#include "session/stream_session.hpp"

#include <algorithm>
#include <utility>

#include "session/peer_addresses.hpp"

namespace mydht::detail {

namespace {

/// A peer that takes nothing for so long does not count as busy with what it has asked for.
constexpr duration stalled_after = std::chrono::seconds(2);
/// What one read asks for while a session is at rest.
constexpr std::size_t read_bytes_min = 512;
/// What the outbox gets of streams at a time: a full frame, or several that are smaller; more of them, each a record of
/// its own, while what is written leaves so soon that a message does not wait long behind it.
constexpr std::size_t stream_batch_bytes = outbox::record_bytes;
constexpr std::size_t stream_batch_max = outbox::batch_bytes_max;
constexpr duration leaves_soon = std::chrono::milliseconds(1);
/// No further one is begun with less room than this.
constexpr std::size_t stream_piece_min = 1024;

peer_info peer_of(const stream_session::beginnings& from) {
    return make_peer(from.outcome.peer, from.connection.remote(), from.outgoing, from.outcome.ciphers.has_value());
}

}  // namespace

stream_session::stream_session(std::shared_ptr<session_context> context, beginnings from)
    : session_state(std::move(context), peer_of(from), from.outcome.codec),
      unread_(std::make_shared<any_connection>(std::move(from.connection))),
      connection_(unread_),
      layer_(std::move(from.outcome.ciphers)),
      records_(read_bytes_min),
      out_(std::move(from.first)),
      silence_(peer_.outgoing, now()),
      stream_batch_(stream_batch_bytes) {
    bytes_view received = from.received;
    while (!received.empty()) {
        const auto into = records_.prepare();
        const auto part = received.first(std::min(into.size(), received.size()));
        std::ranges::copy(part, into.begin());
        records_.commit(part.size());
        received = received.subspan(part.size());
    }
}

void stream_session::start() {
    reading_ = true;
    count_waiting();
    context()->group.spawn("session reader", read_loop(self(), std::move(unread_)));
    if (!out_.empty()) wake_writer();
    arm_next();
}

bool stream_session::stalled() const noexcept {
    return write_began_ != steady_time::max() && now() - write_began_ >= stalled_after;
}

bool stream_session::has_room() const noexcept { return out_.waiting() < config().send_buffer_bytes; }

std::size_t stream_session::answers_waiting() const noexcept { return out_.answers_waiting(); }

// --- writing ---------------------------------------------------------------------------------------------------------

result<void> stream_session::say(wire::envelope what) {
    auto& frames = out_.frames();
    const auto before = frames.size();
    const auto place = wire::begin_frame(frames, wire::frame_kind::message, wire::control_channel);
    auto done = codec().encode(what, frames);
    if (done) done = wire::end_frame(frames, place);
    if (!done) {
        frames.resize(before);
        return done;
    }
    const auto role = wire::role_of(what.body);
    if (role != wire::message_role::answer) out_.mark_own(frames.size() - before);
    if (role == wire::message_role::request) begin_to_wait();
    count_waiting();
    wake_writer();
    return done;
}

void stream_session::say_goodbye(wire::close_reason reason) {
    wire::append_close(out_.frames(), reason);
    count_waiting();
    wake_writer();
}

void stream_session::wake_writer() {
    if (ended()) return;
    if (writing_) return to_write_.notify_one();
    auto connection = connection_.lock();
    if (!connection) return;
    writing_ = true;
    resting_ = false;
    context()->group.spawn("session writer", write_loop(self(), std::move(connection)));
}

void stream_session::streams_have_output() {
    begin_to_wait();
    wake_writer();
}

task<> stream_session::write_loop(std::shared_ptr<stream_session> self, shared_connection connection) {
    const auto failed = co_await self->write_until_rest(*connection);
    self->writing_ = false;
    if (failed) {
        self->end(failed);
    } else if (self->current_phase() == phase::closing) {
        self->end(self->ending());
    }
    self->drop_buffers();
}

void stream_session::take_stream_output() {
    auto* const set = streams();
    if (set == nullptr || current_phase() >= phase::closing) return;
    auto& frames = out_.frames();
    while (frames.size() + stream_piece_min <= stream_batch_) {
        const auto piece = set->write_next(frames, stream_batch_ - frames.size(), false);
        if (!piece) break;
        streamed_.push_back(*piece);
    }
    out_.mark_own(frames.size());
    if (!frames.empty()) note_use();
    count_waiting();
}

void stream_session::settle_stream_output() {
    // What the transport has taken is its to deliver.
    auto* const set = streams();
    for (const auto& piece : streamed_) set->acknowledged(piece);
    streamed_.clear();
}

task<std::error_code> stream_session::write_until_rest(any_connection& connection) {
    while (!ended()) {
        // Messages first, and of streams so little at a time that the next message does not wait long.
        if (out_.empty()) take_stream_output();
        if (out_.empty()) {
            if (current_phase() == phase::closing || resting_) break;
            co_await to_write_.wait();
            continue;
        }
        const auto batch = out_.take(layer_);
        if (!batch) co_return batch.error();
        write_began_ = now();
        arm_at_latest(write_began_ + config().stall_timeout);
        const auto written = co_await connection.write(*batch);
        const auto took = now() - std::exchange(write_began_, steady_time::max());
        if (took > leaves_soon) {
            stream_batch_ = stream_batch_bytes;
        } else if (batch->size() >= stream_batch_) {
            stream_batch_ = std::min(stream_batch_ * 2, stream_batch_max);
        }
        if (!written) co_return written.error();
        context()->counters.bytes_sent += batch->size();
        out_.sent();
        settle_stream_output();
        count_waiting();
        room_changed();
    }
    co_return std::error_code();
}

// --- the end ---------------------------------------------------------------------------------------------------------

void stream_session::cut() {
    if (const auto connection = connection_.lock()) connection->close();
    to_write_.notify_all();
    drop_buffers();
}

void stream_session::drop_buffers() noexcept {
    // A handle may keep the session for long. The coroutines look into the buffers until they have ended.
    if (!ended() || reading_ || writing_) return;
    records_ = wire::record_decoder();
    frames_ = wire::frame_decoder();
    out_ = outbox();
}

// --- time ------------------------------------------------------------------------------------------------------------

bool stream_session::overdue(steady_time began, steady_time at) const noexcept { return at >= due_after(began); }

steady_time stream_session::due_after(steady_time began) const noexcept {
    return began != steady_time::max() ? began + config().stall_timeout : began;
}

void stream_session::tick(steady_time at) {
    if (overdue(write_began_, at)) return end(errc::slow_peer, "takes nothing");
    if (lives() && overdue(frame_began_, at)) {
        return close(wire::close_reason::overloaded, errc::slow_peer, "does not end what it says");
    }
    watch_silence(at);
}

void stream_session::begin_to_wait() {
    if (lives() && silence_.begin(now())) arm_at_latest(silence_.next());
}

void stream_session::hold_back() {
    held_back_ = true;
    begin_to_wait();
}

/// A connection says nothing of a peer that has gone while there is nothing to write.
void stream_session::watch_silence(steady_time at) {
    if (!lives()) return;
    if (!expects_answers() && !held_back_) return silence_.stop();
    begin_to_wait();
    // Who does not listen hears nothing, and a ping behind a large message is answered late: stall_timeout is for that.
    const bool deaf = held_back_ || !out_.empty();
    const auto verdict = deaf ? silence_.look_unheard(at) : silence_.look(at, config().stall_timeout);
    if (verdict == silence_watch::verdict::gone) return end(errc::unreachable, "nothing was heard for too long");
    if (verdict == silence_watch::verdict::wait || !out_.empty()) return;
    const auto before = out_.frames().size();
    wire::append_ping(out_.frames(), held_back_ ? wire::frame_kind::pong : wire::frame_kind::ping, {});
    out_.mark_own(out_.frames().size() - before);
    count_waiting();
    wake_writer();
}

steady_time stream_session::next_tick() const noexcept {
    auto next = steady_time::max();
    if (lives()) next = std::min(silence_.next(), due_after(frame_began_));
    return std::min(next, due_after(write_began_));
}

void stream_session::rest() {
    resting_ = true;
    to_write_.notify_one();
    out_.release();
    frames_.release();
    if (streamed_.empty()) std::vector<packet_piece>().swap(streamed_);
}

std::size_t stream_session::memory() const noexcept {
    return sizeof *this + records_.memory() + frames_.memory() + out_.memory() + requests().memory() +
           streamed_.capacity() * sizeof(packet_piece) + streams_memory();
}

}  // namespace mydht::detail
