#include "session/session_state.hpp"

#include <algorithm>
#include <utility>

#include "session/codecs.hpp"

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

session_state::session_state(std::shared_ptr<session_context> context, peer_info peer, wire::codec_id codec)
    : peer_(std::move(peer)),
      context_(std::move(context)),
      codec_(codec_of(context_->config.codecs, codec)),
      requests_(context_->config.requests_max),
      served_(*this) {
    peer_.codec = codec;
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
    out.busy = !requests_.empty() || streaming || ((served_.answering() > 0 || answers_waiting() > 0) && !out.stalled);
    out.wanted = peer_.outgoing || asked_;
    out.last_used = last_used_;
    out.priority = peer_.priority;
    return out;
}

void session_state::count_waiting() {
    const auto now_waiting = ended() ? 0 : waiting();
    context_->waiting += now_waiting - counted_;
    counted_ = now_waiting;
    if (context_->waiting > config().send_bytes_total && context_->owner != nullptr) context_->owner->too_much_waits();
}

void session_state::room_changed() {
    room_.notify_all();
    served_.room_changed();
    close_if_done();
}

// --- the end ---------------------------------------------------------------------------------------------------------

void session_state::leave(std::error_code why, std::string_view detail) {
    why_ = why;
    if (why == errc::slow_peer) ++context_->counters.slow_closed;
    const auto line = [&] {
        auto out = name() + ": " + why.message();
        if (!detail.empty()) out.append(" (").append(detail).append(")");
        return out;
    };
    const auto level = level_of(why);
    // Who comes again and again to break the rules must not fill the log.
    if (level == log_level::info) {
        context_->log_of_peers(level, line);
    } else if (context_->env.log.enabled(level)) {
        context_->log(level, line());
    }
    requests_.fail_all(what_users_hear());
    served_.cancel_all();
    if (streams_) streams_->fail_all(what_users_hear());
    room_changed();
    served_less_.notify_all();
    if (context_->owner != nullptr) context_->owner->session_left(*this, why);
}

std::error_code session_state::what_users_hear() const noexcept {
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
    if (reason == wire::close_reason::protocol_violation) ++context_->counters.violations_closed;
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

// --- time ------------------------------------------------------------------------------------------------------------

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
        served_.release();
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
