#include "session/served_requests.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace mydht::detail {

namespace {

/// What an answer that is being computed counts for among those that wait.
constexpr std::size_t answer_share = 1024;

}  // namespace

/// The place of a request under way. A parameter of the coroutine, so that it is given back also when the coroutine
/// never begins.
class served_requests::ticket {
public:
    ticket(served_requests& owner, map_type::iterator at) : host_(owner.host_.hold()), owner_(&owner), at_(at) {}
    ticket(ticket&&) noexcept = default;
    ticket& operator=(ticket&&) = delete;
    ~ticket() {
        if (host_) owner_->end(at_);
    }

    [[nodiscard]] served_requests& owner() const noexcept { return *owner_; }
    [[nodiscard]] bool wanted() const noexcept { return at_->second.wanted; }
    void begin_answer() noexcept {
        at_->second.answering = true;
        ++owner_->answering_;
    }
    void answer(wire::message&& with) {
        if (wanted()) owner_->host_.send_answer(at_->first, std::move(with));
    }

private:
    std::shared_ptr<void> host_;
    served_requests* owner_;
    map_type::iterator at_;
};

bool served_requests::wanted(std::uint64_t id) const {
    const auto [from, to] = under_way_.equal_range(id);
    return std::any_of(from, to, [](const auto& one) { return one.second.wanted; });
}

bool served_requests::has_room(const session_config& limits, std::size_t size) const noexcept {
    if (under_way_.empty()) return true;
    return under_way_.size() < limits.served_max && bytes_ + size <= limits.served_bytes;
}

void served_requests::begin(const std::shared_ptr<session_context>& context, incoming_request request) {
    const auto at = add(request.id, request.size);
    ++context->counters.requests_served;
    auto work = serve(ticket(*this, at), context, std::move(request));
    host_.start_serving(at->second.running, std::move(work));
}

void served_requests::cancel(std::uint64_t id) {
    const auto [from, to] = under_way_.equal_range(id);
    for (auto it = from; it != to; ++it) {
        it->second.wanted = false;
        it->second.running.cancel();
    }
}

void served_requests::cancel_all() {
    over_ = true;
    for (auto& [id, one] : under_way_) {
        one.wanted = false;
        one.running.cancel();
    }
    room_.notify_all();
}

served_requests::map_type::iterator served_requests::add(std::uint64_t id, std::size_t size) {
    bytes_ += size;
    auto at = under_way_.end();
    if (spare_place_.empty()) {
        at = under_way_.emplace(std::piecewise_construct, std::forward_as_tuple(id), std::tuple());
    } else {
        spare_place_.key() = id;
        at = under_way_.insert(std::move(spare_place_));
    }
    at->second.bytes = size;
    return at;
}

void served_requests::end(map_type::iterator which) noexcept {
    bytes_ -= which->second.bytes;
    if (which->second.answering) --answering_;
    which->second.running.leave();
    which->second.answering = false;
    which->second.wanted = true;
    spare_place_ = under_way_.extract(which);
    room_.notify_one();
    host_.served_one();
}

task<> served_requests::serve(ticket mine, std::shared_ptr<session_context> context, incoming_request request) {
    auto& self = mine.owner();
    // Nothing is computed for a peer that does not take what it has asked for. What was computed waits in the outbox,
    // where it is counted.
    if (!self.may_answer(context->config)) co_await wait_for_room(self, context->config);
    if (!mine.wanted()) co_return;
    mine.begin_answer();
    if (!request.what) co_return mine.answer(std::move(request.refusal));
    auto work = ask_handler(context, self.host_.asker(), std::move(*request.what));
    mine.answer(co_await std::move(work));
}

bool served_requests::may_answer(const session_config& limits) const noexcept {
    return host_.answers_waiting() + answering_ * answer_share < limits.answer_buffer_bytes;
}

task<> served_requests::wait_for_room(served_requests& self, const session_config& limits) {
    while (!self.over_ && !self.may_answer(limits)) co_await self.room_.wait();
}

}  // namespace mydht::detail
