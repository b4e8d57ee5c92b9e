#include "session/session_state.hpp"

#include <algorithm>
#include <utility>

namespace mydht::detail {

namespace {

/// How long a close frame may take to leave.
constexpr duration goodbye_max = std::chrono::seconds(2);
/// A session that was not used for so long gives its buffers back when it is next looked at.
constexpr duration rest_after = std::chrono::seconds(1);

log_level level_of(std::error_code why) {
    if (why == errc::idle || why == errc::session_closed || why == errc::end_of_stream) return log_level::debug;
    return why == errc::session_replaced ? log_level::warning : log_level::info;
}

/// What a peer's reason to close means on this side.
errc code_of(wire::close_reason reason) {
    switch (reason) {
        case wire::close_reason::idle: return errc::idle;
        case wire::close_reason::replaced: return errc::session_replaced;
        case wire::close_reason::protocol_violation: return errc::protocol_violation;
        case wire::close_reason::overloaded: return errc::peer_busy;
        case wire::close_reason::refused: return errc::not_admitted;
        default: return errc::session_closed;
    }
}

}  // namespace

/// The coroutine that waits for an answer.
class session_state::waiting_request final : public pending_request {
public:
    explicit waiting_request(session_state& owner) : owner_(&owner), id_(owner.requests_.add(*this)) {}
    ~waiting_request() {
        if (!id_) return;
        owner_->requests_.remove(*id_);
        owner_->settled(*id_, false);
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

session_state::session_state(std::shared_ptr<session_context> context, peer_info peer, const wire::codec& codec)
    : peer_(std::move(peer)), context_(std::move(context)), codec_(&codec), requests_(context_->config.requests_max) {
    opened_at_ = now();
    last_used_ = opened_at_;
}

session_state::~session_state() {
    context_->waiting -= counted_;
    if (armed()) context_->env.time->disarm(*this);
}

bool session_state::open() const noexcept {
    if (survivor_) return survivor_->open();
    return phase_ == phase::open;
}

session_worth session_state::worth() const noexcept {
    session_worth out;
    out.stalled = stalled();
    // Streams that the peer has opened say nothing: it can hold as many open as it likes.
    const bool streaming = streams_ && streams_->set().open_own_streams() > 0;
    // Nor do requests that wait until the peer takes the answers to others.
    out.busy = !requests_.empty() || streaming || ((answering_ > 0 || carrying()) && !out.stalled);
    out.wanted = peer_.outgoing || asked_;
    out.last_used = last_used_;
    out.priority = peer_.priority;
    return out;
}

// --- requests of this side --------------------------------------------------------------------------------------------

task<result<wire::message>> session_state::request(std::shared_ptr<session_state> self, wire::message what,
                                                   steady_time deadline) {
    while (self->survivor_) self = std::shared_ptr(self->survivor_);
    if (self->phase_ != phase::open) co_return failure(self->what_requests_hear());
    waiting_request waits(*self);
    if (!waits.id()) co_return failure(waits.id().error());
    const auto id = *waits.id();
    auto& time = *self->context_->env.time;
    try {
        while (!waits.answer_ && !self->has_room()) {
            const bool woken = co_await self->room_.wait_until(time, deadline);
            if (!woken) co_return failure(errc::timed_out);
        }
        if (!waits.answer_) {
            wire::envelope envelope;
            envelope.id = id;
            envelope.body = std::move(what);
            if (auto sent = self->say(std::move(envelope)); !sent) co_return failure(sent.error());
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

// --- streams ----------------------------------------------------------------------------------------------------------

session_streams& session_state::make_streams() {
    streams_host& host = *this;
    if (!streams_) streams_ = std::make_unique<session_streams>(host, context_, peer_);
    return *streams_;
}

result<stream> session_state::open_stream(std::shared_ptr<session_state> self, std::string service) {
    while (self->survivor_) self = std::shared_ptr(self->survivor_);
    if (!valid_service_name(service)) return failure(errc::bad_argument);
    if (self->phase_ != phase::open) return failure(errc::session_closed);
    auto made = self->make_streams().set().open(std::move(service));
    if (!made) return failure(made.error());
    self->asked_ = true;
    self->note_use();
    ++self->context_->counters.streams_opened;
    return stream(std::move(*made));
}

std::error_code session_state::take_stream_frame(const wire::frame& what, bool with_offsets) {
    note_use();
    const auto taken = make_streams().set().take(what, with_offsets);
    return taken ? std::error_code() : taken.error();
}

void session_state::streams_ended() {
    note_use();
    // The peer may still be busy with what the last stream has brought.
    if (phase_ == phase::retiring && survivor_ && until_ == steady_time::max()) {
        until_ = now() + config().crossing_grace;
        arm_at_latest(until_);
    }
    close_if_done();
}

// --- requests of this side, given up ----------------------------------------------------------------------------------

void session_state::tell_cancelled(std::uint64_t id) {
    if (phase_ >= phase::closing) return;
    wire::envelope notice;
    notice.id = id;
    notice.body = wire::cancel{};
    // A notice has no field that could fail.
    (void)say(std::move(notice));
}

void session_state::count_waiting() {
    const auto now_waiting = ended() ? 0 : waiting();
    context_->waiting += now_waiting - counted_;
    counted_ = now_waiting;
    if (context_->waiting > config().send_bytes_total && context_->owner != nullptr) context_->owner->too_much_waits();
}

void session_state::room_changed() {
    room_.notify_all();
    answer_room_.notify_all();
    close_if_done();
}

// --- the end ----------------------------------------------------------------------------------------------------------

void session_state::leave(std::error_code why, std::string_view detail) {
    why_ = why;
    if (context_->env.log.enabled(level_of(why))) {
        auto line = name() + ": " + why.message();
        if (!detail.empty()) line.append(" (").append(detail).append(")");
        context_->log(level_of(why), line);
    }
    requests_.fail_all(what_requests_hear());
    for (auto& [id, one] : served_) {
        one.wanted = false;
        one.running.cancel();
    }
    if (streams_) streams_->fail_all(errc::session_closed);
    room_changed();
    served_less_.notify_all();
    if (context_->owner != nullptr) context_->owner->session_left(*this, why);
}

std::error_code session_state::what_requests_hear() const noexcept {
    return why_ == errc::slow_peer || why_ == errc::not_admitted ? why_ : make_error_code(errc::session_closed);
}

std::error_code session_state::peer_closed(bytes_view payload) {
    const auto why = code_of(wire::read_close(payload));
    end(why, "the peer closed");
    return why;
}

void session_state::close(wire::close_reason reason, std::error_code why, std::string_view detail) {
    if (phase_ >= phase::closing) return;
    const auto self = shared_from_this();
    phase_ = phase::closing;
    leave(why, detail);
    until_ = now() + goodbye_max;
    arm_next();
    say_goodbye(reason);
}

void session_state::end(std::error_code why, std::string_view detail) {
    if (phase_ == phase::ended) return;
    const auto self = shared_from_this();
    const bool said_goodbye = phase_ == phase::closing;
    phase_ = phase::ended;
    count_waiting();
    if (!said_goodbye) leave(why, detail);
    if (armed()) context_->env.time->disarm(*this);
    if (context_->owner != nullptr) context_->owner->session_ended(*this);
    cut();
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
    if (streams_) streams_->fail_all(errc::session_closed);
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
    if (phase_ == phase::retiring && at >= until_) {
        if (streams_quiet()) return close(wire::close_reason::replaced, errc::session_replaced);
        until_ = steady_time::max();
    }
    tick(at);
    if (ended()) return;
    if (phase_ == phase::open && quiet() && at - last_used_ >= config().idle_timeout) {
        ++context_->counters.idle_closed;
        return close(wire::close_reason::idle, errc::idle);
    }
    if (used_since_rest_ && quiet() && at - last_used_ >= rest_after) {
        used_since_rest_ = false;
        requests_.release();
        spare_place_ = served_map::node_type();
        rest();
    }
    arm_next();
}

void session_state::arm_next() {
    if (ended()) return;
    const auto at = now();
    auto next = until_;
    if (phase_ == phase::open) {
        next = quiet() ? last_used_ + config().idle_timeout : at + config().idle_timeout;
        // A second look soon after the last use gives the buffers back.
        if (used_since_rest_) next = std::min(next, at + config().stall_timeout);
    }
    next = std::min(next, next_tick());
    if (next == steady_time::max()) {
        if (armed()) context_->env.time->disarm(*this);
        return;
    }
    context_->env.time->arm(*this, next);
}

void session_state::arm_at_latest(steady_time when) {
    if (!armed() || this->when() > when) context_->env.time->arm(*this, when);
}

std::string session_state::name() const {
    constexpr std::size_t shown = 8;
    return peer_.who.id.hex().substr(0, shown) + (peer_.outgoing ? " at " : " from ") + peer_.observed.text();
}

}  // namespace mydht::detail
