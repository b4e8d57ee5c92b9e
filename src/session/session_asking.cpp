// What this side wants of the peer: answers to requests, and streams.

#include <utility>

#include "session/session_state.hpp"

namespace mydht::detail {

/// The coroutine that waits for an answer.
class session_state::waiting_request final : public pending_request {
public:
    /// `answer`: where the answer goes.
    waiting_request(session_state& owner, wire::message& answer)
        : owner_(&owner), into_(&answer), id_(owner.requests_.add(*this)) {}
    ~waiting_request() {
        if (!id_) return;
        owner_->requests_.remove(*id_);
        owner_->settled(*id_, false);
        owner_->close_if_done();
    }

    [[nodiscard]] const result<std::uint64_t>& id() const noexcept { return id_; }

    void settle(result<wire::message> answer) override {
        settled = true;
        if (answer) {
            *into_ = std::move(*answer);
        } else {
            why = answer.error();
        }
        arrived.notify_all();
    }

    wait_queue arrived;
    std::error_code why;
    bool settled = false;
    bool sent = false;

private:
    session_state* owner_;
    wire::message* into_;
    result<std::uint64_t> id_;
};

task<result<wire::message>> session_state::request(std::shared_ptr<session_state> self, wire::message what,
                                                   steady_time deadline) {
    while (self->survivor_) self = std::shared_ptr(self->survivor_);
    if (self->phase_ != phase::open) co_return failure(self->what_users_hear());
    // The answer takes the place of the question, which has left by then: with room for both, frames of this coroutine
    // would be too large to be used again.
    waiting_request waits(*self, what);
    if (!waits.id()) co_return failure(waits.id().error());
    const auto id = *waits.id();
    auto& time = *self->context_->env.time;
    try {
        while (!waits.settled && !self->has_room()) {
            const bool woken = co_await self->room_.wait_until(time, deadline);
            if (!woken) co_return failure(errc::timed_out);
        }
        if (!waits.settled) {
            if (auto sent = self->say_request(id, std::move(what)); !sent) co_return failure(sent.error());
            waits.sent = true;
        }
        while (!waits.settled) {
            const bool woken = co_await waits.arrived.wait_until(time, deadline);
            if (woken || waits.settled) continue;
            self->tell_cancelled(id);
            co_return failure(errc::timed_out);
        }
    } catch (...) {
        if (waits.sent && !waits.settled) self->tell_cancelled(id);
        throw;
    }
    if (waits.why) co_return failure(waits.why);
    co_return std::move(what);
}

result<void> session_state::say_request(std::uint64_t id, wire::message what) {
    wire::envelope envelope;
    envelope.id = id;
    envelope.body = std::move(what);
    if (auto said = say(std::move(envelope)); !said) return said;
    asked_ = true;
    note_use();
    ++context_->counters.requests_sent;
    return {};
}

// --- streams ---------------------------------------------------------------------------------------------------------

session_streams& session_state::make_streams() {
    streams_host& host = *this;
    if (!streams_) streams_ = std::make_unique<session_streams>(host, context_, peer_);
    return *streams_;
}

result<stream> session_state::open_stream(std::shared_ptr<session_state> self, std::string service) {
    while (self->survivor_) self = std::shared_ptr(self->survivor_);
    if (!valid_service_name(service)) return failure(errc::bad_argument);
    if (self->phase_ != phase::open) return failure(self->what_users_hear());
    auto made = self->make_streams().set().open(std::move(service));
    if (!made) return failure(made.error());
    self->asked_ = true;
    self->note_use();
    ++self->context_->counters.streams_opened;
    return stream(std::move(*made));
}

result<frame_fate> session_state::take_stream_frame(const wire::frame& what, bool with_offsets) {
    note_use();
    return make_streams().set().take(what, with_offsets);
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

void session_state::tell_cancelled(std::uint64_t id) {
    if (phase_ >= phase::closing) return;
    wire::envelope notice;
    notice.id = id;
    notice.body = wire::cancel{};
    // A notice has no field that could fail.
    (void)say(std::move(notice));
}

}  // namespace mydht::detail
