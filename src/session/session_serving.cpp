#include <string>
#include <tuple>
#include <utility>

#include "session/session_state.hpp"

namespace mydht::detail {

namespace {

/// What an answer that is being computed counts for in the outbox.
constexpr std::size_t answer_share = 1024;

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

void session_state::begin_serving(incoming request) {
    if (phase_ >= phase::closing) return;
    const auto at = served_.emplace(std::piecewise_construct, std::forward_as_tuple(request.id), std::tuple());
    at->second.bytes = request.size;
    served_bytes_ += request.size;
    ++context_->counters.requests_served;
    auto work = serve(served_ticket(shared_from_this(), at), std::move(request));
    context_->group.spawn("request of a peer", at->second.running, std::move(work));
}

void session_state::end_serving(served_map::iterator which) noexcept {
    served_bytes_ -= which->second.bytes;
    if (which->second.answering) --answering_;
    served_.erase(which);
    answer_room_.notify_one();
    served_less_.notify_one();
    close_if_done();
}

task<> session_state::serve(served_ticket ticket, incoming request) {
    const auto self = ticket.owner();
    // Nothing is computed for a peer that does not take what it has asked for. What was computed waits in the outbox, where
    // it is counted.
    co_await wait_for_room(self);
    if (!ticket.wanted()) co_return;
    ticket.begin_answer();
    wire::message answer = std::move(request.refusal);
    if (request.what) answer = co_await ask_handler(self, std::move(*request.what));
    if (ticket.wanted()) self->send_answer(request.id, std::move(answer));
}

task<wire::message> session_state::ask_handler(std::shared_ptr<session_state> self, wire::message what) {
    std::string failure_text = "an unknown exception";
    try {
        // In two steps: g++ 12 destroys an aggregate that is made inside a co_await expression twice.
        auto work = self->context_->handler(self->peer_, std::move(what));
        co_return co_await std::move(work);
    } catch (const std::exception& e) {
        failure_text = e.what();
    } catch (...) {
    }
    // The exception of a request that was taken back ends here too; nobody sees the answer then.
    self->context_->log(log_level::debug, self->name() + ": the handler of a request ended with: " + failure_text);
    wire::error failed;
    failed.code = wire::error_code::internal;
    co_return failed;
}

task<> session_state::wait_for_room(std::shared_ptr<session_state> self) {
    while (self->phase_ < phase::closing && !self->may_answer()) co_await self->answer_room_.wait();
}

bool session_state::may_answer() const noexcept {
    return out_.answers_waiting() + answering_ * answer_share < config().answer_buffer_bytes;
}

void session_state::send_answer(std::uint64_t id, wire::message answer) {
    if (phase_ >= phase::closing) return;
    note_use();
    wire::envelope envelope;
    envelope.id = id;
    envelope.body = std::move(answer);
    if (const auto sent = send(std::move(envelope)); sent) return;
    context_->log(log_level::warning, name() + ": an answer does not encode");
    wire::error failed;
    failed.code = wire::error_code::internal;
    envelope.body = std::move(failed);
    (void)send(std::move(envelope));
}

}  // namespace mydht::detail
