#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "session/session_state.hpp"

namespace mydht::detail {

namespace {

/// What an answer that is being computed counts for among those that wait.
constexpr std::size_t answer_share = 1024;

wire::error_code refusal_of(errc code) {
    switch (code) {
        case errc::not_supported:
        case errc::unknown_version: return wire::error_code::not_supported;
        case errc::too_large: return wire::error_code::too_large;
        default: return wire::error_code::malformed;
    }
}

}  // namespace

/// The place of a request under way. A parameter of the coroutine, so that it is given back also when the coroutine never begins.
class session_state::served_ticket {
public:
    served_ticket(std::shared_ptr<session_state> owner, served_map::iterator at) : owner_(std::move(owner)), at_(at) {}
    served_ticket(served_ticket&&) noexcept = default;
    served_ticket& operator=(served_ticket&&) = delete;
    ~served_ticket() {
        if (owner_) owner_->end_serving(at_);
    }

    [[nodiscard]] const std::shared_ptr<session_state>& owner() const noexcept { return owner_; }
    [[nodiscard]] bool wanted() const noexcept { return at_->second.wanted; }
    void begin_answer() noexcept {
        at_->second.answering = true;
        ++owner_->answering_;
    }

private:
    std::shared_ptr<session_state> owner_;
    served_map::iterator at_;
};

// --- messages come -----------------------------------------------------------------------------------------------------

result<std::optional<session_state::incoming>> session_state::take_message(bytes_view payload) {
    wire::decode_error why;
    auto envelope = codec_->decode(payload, {}, &why);
    if (!envelope) return take_undecodable(why, payload.size());
    switch (wire::role_of(envelope->body)) {
        case wire::message_role::answer: {
            note_use();
            settled(envelope->id, true);
            if (auto done = requests_.settle(envelope->id, std::move(envelope->body)); !done)
                return failure(done.error());
            return std::nullopt;
        }
        case wire::message_role::notice: take_cancel(envelope->id); return std::nullopt;
        case wire::message_role::request: break;
    }
    incoming request;
    request.id = envelope->id;
    request.size = payload.size();
    request.what = std::move(envelope->body);
    return take_request(std::move(request));
}

result<std::optional<session_state::incoming>> session_state::take_undecodable(const wire::decode_error& why,
                                                                               std::size_t size) {
    // Without an id nobody can be told: the peer's messages cannot be trusted to be messages.
    if (!why.id) return failure(why.code);
    switch (why.role) {
        case wire::message_role::answer: {
            if (auto done = requests_.settle(*why.id, failure(why.code)); !done) return failure(done.error());
            return std::nullopt;
        }
        case wire::message_role::notice: return std::nullopt;
        case wire::message_role::request: break;
    }
    incoming request;
    request.id = *why.id;
    request.size = size;
    request.refusal.code = refusal_of(why.code);
    request.refusal.text = std::string(why.field);
    return take_request(std::move(request));
}

result<std::optional<session_state::incoming>> session_state::take_request(incoming request) {
    const auto [from, to] = served_.equal_range(request.id);
    const bool under_way = std::any_of(from, to, [](const auto& one) { return one.second.wanted; });
    if (under_way) {
        if (auto known = repeated(request.id); !known) return failure(known.error());
        return std::nullopt;
    }
    note_use();
    if (!context_->request_rate) return request;
    switch (context_->request_rate->take(peer_.observed, peer_.priority, now())) {
        case rate_verdict::serve: return request;
        case rate_verdict::drop: ++context_->counters.requests_throttled; return std::nullopt;
        case rate_verdict::tell: break;
    }
    ++context_->counters.requests_throttled;
    request.what.reset();
    request.refusal = wire::error();
    request.refusal.code = wire::error_code::throttled;
    return request;
}

void session_state::take_cancel(std::uint64_t id) {
    const auto [from, to] = served_.equal_range(id);
    for (auto it = from; it != to; ++it) {
        it->second.wanted = false;
        it->second.running.cancel();
    }
}

bool session_state::can_serve(std::size_t size) const noexcept {
    if (phase_ >= phase::closing || served_.empty()) return true;
    return served_.size() < config().served_max && served_bytes_ + size <= config().served_bytes;
}

// --- requests of the peer -------------------------------------------------------------------------------------------------

void session_state::begin_serving(incoming request) {
    if (phase_ >= phase::closing) return;
    const auto at = add_served(request.id, request.size);
    ++context_->counters.requests_served;
    auto work = serve(served_ticket(shared_from_this(), at), std::move(request));
    start_serving(at->second.running, std::move(work));
}

void session_state::start_serving(task_handle& handle, task<> work) {
    context_->group.spawn(serving_name, handle, std::move(work));
}

session_state::served_map::iterator session_state::add_served(std::uint64_t id, std::size_t size) {
    served_bytes_ += size;
    auto at = served_.end();
    if (spare_place_.empty()) {
        at = served_.emplace(std::piecewise_construct, std::forward_as_tuple(id), std::tuple());
    } else {
        spare_place_.key() = id;
        at = served_.insert(std::move(spare_place_));
    }
    at->second.bytes = size;
    return at;
}

void session_state::end_serving(served_map::iterator which) noexcept {
    served_bytes_ -= which->second.bytes;
    if (which->second.answering) --answering_;
    which->second.running.leave();
    which->second.answering = false;
    which->second.wanted = true;
    spare_place_ = served_.extract(which);
    answer_room_.notify_one();
    served_less_.notify_one();
    close_if_done();
}

task<> session_state::serve(served_ticket ticket, incoming request) {
    const auto self = ticket.owner();
    // Nothing is computed for a peer that does not take what it has asked for. What was computed waits in the outbox, where
    // it is counted.
    if (!self->may_answer()) co_await wait_for_room(self);
    if (!ticket.wanted()) co_return;
    ticket.begin_answer();
    wire::message answer = std::move(request.refusal);
    if (request.what) answer = co_await ask_handler(self->context_, self->peer_, std::move(*request.what));
    if (ticket.wanted()) self->send_answer(request.id, std::move(answer));
}

bool session_state::may_answer() const noexcept {
    return answers_waiting() + answering_ * answer_share < config().answer_buffer_bytes;
}

task<> session_state::wait_for_room(std::shared_ptr<session_state> self) {
    while (self->phase_ < phase::closing && !self->may_answer()) co_await self->answer_room_.wait();
}

void session_state::send_answer(std::uint64_t id, wire::message answer) {
    if (phase_ >= phase::closing) return;
    note_use();
    wire::envelope envelope;
    envelope.id = id;
    envelope.body = std::move(answer);
    if (const auto sent = say(std::move(envelope)); sent) return;
    context_->log(log_level::warning, name() + ": an answer does not encode");
    wire::error failed;
    failed.code = wire::error_code::internal;
    envelope.body = std::move(failed);
    (void)say(std::move(envelope));
}

}  // namespace mydht::detail
