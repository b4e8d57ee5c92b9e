// What this side wants of the peer: answers to requests, and streams.

#include <utility>

#include "session/session_state.hpp"

namespace mydht::detail {

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

task<result<wire::message>> session_state::request(std::shared_ptr<session_state> self, wire::message what,
                                                   steady_time deadline) {
    while (self->survivor_) self = std::shared_ptr(self->survivor_);
    if (self->phase_ != phase::open) co_return failure(self->what_users_hear());
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
            if (auto sent = self->say_request(id, std::move(what)); !sent) co_return failure(sent.error());
            waits.sent = true;
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

// --- streams ----------------------------------------------------------------------------------------------------------

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
