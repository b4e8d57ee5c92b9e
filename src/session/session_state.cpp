#include "session/session_state.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "session/codecs.hpp"
#include "session/peer_addresses.hpp"

namespace mydht::detail {

namespace {

/// How long a close frame may take to leave.
constexpr duration goodbye_max = std::chrono::seconds(2);
/// A session that was not used for so long gives its buffers back when it is next looked at.
constexpr duration rest_after = std::chrono::seconds(1);
/// A peer that takes nothing for so long does not count as busy with what it has asked for.
constexpr duration stalled_after = std::chrono::seconds(2);
/// What one read asks for while a session is at rest.
constexpr std::size_t read_bytes_min = 512;

log_level level_of(std::error_code why) {
    if (why == errc::idle || why == errc::session_closed || why == errc::end_of_stream) return log_level::debug;
    return why == errc::session_replaced ? log_level::warning : log_level::info;
}

peer_info make_peer(contact who, const any_connection& connection, bool outgoing, bool proven) {
    peer_info out;
    out.observed = connection.remote();
    out.who = std::move(who);
    out.who.addresses = usable_addresses(out.who.addresses, out.observed);
    out.kind = out.observed.kind();
    out.outgoing = outgoing;
    out.proven = proven;
    return out;
}

}  // namespace

/// The coroutine that waits for an answer.
class session_state::waiting_request final : public pending_request {
public:
    explicit waiting_request(session_state& owner) : owner_(&owner), id_(owner.requests_.add(*this)) {}
    ~waiting_request() {
        if (!id_) return;
        owner_->requests_.remove(*id_);
        owner_->close_if_done();
    }

    [[nodiscard]] const result<std::uint64_t>& id() const noexcept { return id_; }

    void settle(result<wire::message> answer) override {
        answer_.emplace(std::move(answer));
        arrived.notify_all();
    }

    wait_queue arrived;
    std::optional<result<wire::message>> answer_;
    bool sent = false;

private:
    session_state* owner_;
    result<std::uint64_t> id_;
};

session_state::session_state(std::shared_ptr<session_context> context, beginnings from)
    : context_(std::move(context)),
      unread_(std::make_shared<any_connection>(std::move(from.connection))),
      connection_(unread_),
      peer_(make_peer(std::move(from.outcome.peer), *unread_, from.outgoing, from.outcome.ciphers.has_value())),
      codec_(find_codec(from.outcome.codec)),
      layer_(std::move(from.outcome.ciphers)),
      records_(read_bytes_min),
      out_(std::move(from.first)),
      requests_(context_->config.requests_max) {
    opened_at_ = now();
    last_used_ = opened_at_;
    bytes_view received = from.received;
    while (!received.empty()) {
        const auto into = records_.prepare();
        const auto part = received.first(std::min(into.size(), received.size()));
        std::ranges::copy(part, into.begin());
        records_.commit(part.size());
        received = received.subspan(part.size());
    }
}

session_state::~session_state() {
    context_->waiting -= counted_;
    if (armed()) context_->env.time->disarm(*this);
}

void session_state::start() {
    reading_ = true;
    count_waiting();
    context_->group.spawn("session reader", read_loop(shared_from_this(), std::move(unread_)));
    if (!out_.empty()) wake_writer();
    arm_next();
}

bool session_state::open() const noexcept {
    if (survivor_) return survivor_->open();
    return phase_ == phase::open;
}

session_worth session_state::worth() const noexcept {
    session_worth out;
    out.stalled = write_began_ && now() - *write_began_ >= stalled_after;
    out.busy = !requests_.empty() || (!served_.empty() && !out.stalled);
    out.wanted = peer_.outgoing || asked_;
    out.last_used = last_used_;
    return out;
}

// --- requests of this side --------------------------------------------------------------------------------------------

task<result<wire::message>> session_state::request(std::shared_ptr<session_state> self, wire::message what,
                                                   steady_time deadline) {
    while (self->survivor_) self = std::shared_ptr(self->survivor_);
    if (self->phase_ != phase::open) co_return failure(errc::session_closed);
    waiting_request waits(*self);
    if (!waits.id()) co_return failure(waits.id().error());
    const auto id = *waits.id();
    auto& time = *self->context_->env.time;
    try {
        while (!waits.answer_ && self->out_.waiting() >= self->config().send_buffer_bytes) {
            const bool woken = co_await self->room_.wait_until(time, deadline);
            if (!woken) co_return failure(errc::timed_out);
        }
        if (!waits.answer_) {
            wire::envelope envelope;
            envelope.id = id;
            envelope.body = std::move(what);
            if (auto sent = self->send(std::move(envelope)); !sent) co_return failure(sent.error());
            waits.sent = true;
            self->asked_ = true;
            self->note_use();
            ++self->context_->counters.requests_sent;
        }
        while (!waits.answer_) {
            const bool woken = co_await waits.arrived.wait_until(time, deadline);
            if (woken || waits.answer_) continue;
            self->tell_cancelled(id);
            co_return failure(errc::timed_out);
        }
    } catch (...) {
        if (waits.sent && !waits.answer_) self->tell_cancelled(id);
        throw;
    }
    co_return std::move(*waits.answer_);
}

void session_state::tell_cancelled(std::uint64_t id) {
    if (phase_ >= phase::closing) return;
    wire::envelope notice;
    notice.id = id;
    notice.body = wire::cancel{};
    // A notice has no field that could fail.
    (void)send(std::move(notice));
}

// --- writing ----------------------------------------------------------------------------------------------------------

result<void> session_state::send(wire::envelope what) {
    auto& frames = out_.frames();
    const auto before = frames.size();
    const auto place = wire::begin_frame(frames, wire::frame_kind::message, wire::control_channel);
    auto done = codec_->encode(what, frames);
    if (done) done = wire::end_frame(frames, place);
    if (!done) {
        frames.resize(before);
        return done;
    }
    if (wire::role_of(what.body) != wire::message_role::answer) out_.mark_own(frames.size() - before);
    count_waiting();
    wake_writer();
    return done;
}

void session_state::count_waiting() {
    const auto now_waiting = ended() ? 0 : out_.waiting();
    context_->waiting += now_waiting - counted_;
    counted_ = now_waiting;
    if (context_->waiting > config().send_bytes_total && context_->owner != nullptr) context_->owner->too_much_waits();
}

void session_state::wake_writer() {
    if (phase_ == phase::ended) return;
    if (writing_) return to_write_.notify_one();
    auto connection = connection_.lock();
    if (!connection) return;
    writing_ = true;
    resting_ = false;
    context_->group.spawn("session writer", write_loop(shared_from_this(), std::move(connection)));
}

task<> session_state::write_loop(std::shared_ptr<session_state> self, shared_connection connection) {
    const auto failed = co_await self->write_until_rest(*connection);
    self->writing_ = false;
    if (failed) {
        self->end(failed);
    } else if (self->phase_ == phase::closing) {
        self->end(self->why_);
    }
    self->drop_buffers();
}

task<std::error_code> session_state::write_until_rest(any_connection& connection) {
    while (!ended()) {
        if (out_.empty()) {
            if (phase_ == phase::closing || resting_) break;
            co_await to_write_.wait();
            continue;
        }
        const auto batch = out_.take(layer_);
        if (!batch) co_return batch.error();
        write_began_ = now();
        arm_at_latest(*write_began_ + config().stall_timeout);
        const auto written = co_await connection.write(*batch);
        write_began_.reset();
        if (!written) co_return written.error();
        context_->counters.bytes_sent += batch->size();
        out_.sent();
        count_waiting();
        room_.notify_all();
        answer_room_.notify_all();
    }
    co_return std::error_code();
}

// --- the end ----------------------------------------------------------------------------------------------------------

void session_state::leave(std::error_code why, std::string_view detail) {
    why_ = why;
    if (context_->env.log.enabled(level_of(why))) {
        auto line = name() + ": " + why.message();
        if (!detail.empty()) line.append(" (").append(detail).append(")");
        context_->log(level_of(why), line);
    }
    requests_.fail_all(why == errc::slow_peer ? errc::slow_peer : errc::session_closed);
    for (auto& [id, one] : served_) {
        one.wanted = false;
        one.running.cancel();
    }
    room_.notify_all();
    answer_room_.notify_all();
    served_less_.notify_all();
    if (context_->owner != nullptr) context_->owner->session_left(*this, why);
}

void session_state::close(wire::close_reason reason, std::error_code why, std::string_view detail) {
    if (phase_ >= phase::closing) return;
    const auto self = shared_from_this();
    phase_ = phase::closing;
    leave(why, detail);
    wire::append_close(out_.frames(), reason);
    count_waiting();
    until_ = now() + goodbye_max;
    arm_next();
    wake_writer();
}

void session_state::end(std::error_code why, std::string_view detail) {
    if (phase_ == phase::ended) return;
    const auto self = shared_from_this();
    const bool said_goodbye = phase_ == phase::closing;
    phase_ = phase::ended;
    count_waiting();
    if (!said_goodbye) leave(why, detail);
    if (const auto connection = connection_.lock()) connection->close();
    to_write_.notify_all();
    if (armed()) context_->env.time->disarm(*this);
    if (context_->owner != nullptr) context_->owner->session_ended(*this);
    drop_buffers();
}

void session_state::drop_buffers() noexcept {
    // A handle may keep the session for long. The coroutines look into the buffers until they have ended.
    if (!ended() || reading_ || writing_) return;
    records_ = wire::record_decoder();
    frames_ = wire::frame_decoder();
    out_ = outbox();
}

void session_state::retire(std::shared_ptr<session_state> survivor) {
    if (phase_ != phase::open) return;
    phase_ = phase::retiring;
    survivor_ = std::move(survivor);
    until_ = now() + config().crossing_grace;
    arm_next();
}

void session_state::wind_down(wire::close_reason reason) {
    if (phase_ >= phase::closing || winding_down_) return;
    winding_down_ = reason;
    if (phase_ == phase::open) {
        phase_ = phase::retiring;
        until_ = steady_time::max();
    }
    close_if_done();
}

void session_state::close_if_done() {
    if (winding_down_ && quiet() && phase_ == phase::retiring) close(*winding_down_, errc::session_closed);
}

// --- time -------------------------------------------------------------------------------------------------------------

void session_state::note_use() {
    last_used_ = now();
    used_since_rest_ = true;
}

void session_state::fire() noexcept {
    const auto self = shared_from_this();
    const auto at = now();
    if (phase_ == phase::closing && at >= until_) return end(why_);
    if (phase_ == phase::retiring && at >= until_) return close(wire::close_reason::replaced, errc::session_replaced);
    if (write_began_ && at - *write_began_ >= config().stall_timeout) return end(errc::slow_peer, "takes nothing");
    if (phase_ < phase::closing && frame_began_ && at - *frame_began_ >= config().stall_timeout) {
        return close(wire::close_reason::overloaded, errc::slow_peer, "does not end what it says");
    }
    if (phase_ == phase::open && quiet() && at - last_used_ >= config().idle_timeout) {
        ++context_->counters.idle_closed;
        return close(wire::close_reason::idle, errc::idle);
    }
    if (used_since_rest_ && quiet() && at - last_used_ >= rest_after) rest();
    arm_next();
}

void session_state::arm_next() {
    const auto at = now();
    auto next = until_;
    if (phase_ == phase::open) {
        next = quiet() ? last_used_ + config().idle_timeout : at + config().idle_timeout;
        // A second look soon after the last use gives the buffers back.
        if (used_since_rest_) next = std::min(next, at + config().stall_timeout);
    }
    if (frame_began_ && phase_ < phase::closing) next = std::min(next, *frame_began_ + config().stall_timeout);
    if (write_began_) next = std::min(next, *write_began_ + config().stall_timeout);
    if (next == steady_time::max()) {
        if (armed()) context_->env.time->disarm(*this);
        return;
    }
    context_->env.time->arm(*this, next);
}

void session_state::arm_at_latest(steady_time when) {
    if (!armed() || this->when() > when) context_->env.time->arm(*this, when);
}

void session_state::rest() {
    used_since_rest_ = false;
    resting_ = true;
    to_write_.notify_one();
    out_.release();
    requests_.release();
    frames_.release();
}

std::size_t session_state::memory() const noexcept {
    return sizeof *this + records_.memory() + frames_.memory() + out_.memory() + requests_.memory();
}

std::string session_state::name() const {
    constexpr std::size_t shown = 8;
    return peer_.who.id.hex().substr(0, shown) + (peer_.outgoing ? " at " : " from ") + peer_.observed.text();
}

}  // namespace mydht::detail
