#include <mydht/node/events.hpp>

#include <utility>

#include <mydht/runtime/run_on.hpp>

#include "node/event_hub.hpp"

namespace mydht {

task<result<node_event>> event_stream::next() { return run_on(queue_->on(), detail::event_queue::next(queue_)); }

}  // namespace mydht

namespace mydht::detail {

void event_queue::add(const node_event& what) {
    if (closed_) return;
    events_.push_back(what);
    if (events_.size() > capacity_) {
        // Whoever was slow wants to know how things are, more than how they were.
        const auto missed = events_.front().missed + 1;
        events_.pop_front();
        events_.front().missed += missed;
    }
    readers_.notify_one();
}

void event_queue::close() {
    closed_ = true;
    readers_.notify_all();
}

task<result<node_event>> event_queue::next(std::shared_ptr<event_queue> self) {
    while (self->events_.empty()) {
        if (self->closed_) co_return failure(errc::closed);
        co_await self->readers_.wait();
    }
    auto out = std::move(self->events_.front());
    self->events_.pop_front();
    // The notification of a reader that came too late for its event may have been for another one.
    if (!self->events_.empty()) self->readers_.notify_one();
    co_return out;
}

void event_hub::subscribe(const std::shared_ptr<event_queue>& who) {
    if (closed_) return who->close();
    std::erase_if(queues_, [](const auto& one) { return one.expired(); });
    queues_.push_back(who);
}

void event_hub::tell(const node_event& what) {
    bool gone = false;
    for (const auto& one : queues_) {
        const auto queue = one.lock();
        if (queue) queue->add(what);
        gone = gone || !queue;
    }
    if (gone) std::erase_if(queues_, [](const auto& one) { return one.expired(); });
}

void event_hub::close() {
    closed_ = true;
    for (const auto& one : queues_) {
        if (const auto queue = one.lock()) queue->close();
    }
    queues_.clear();
}

}  // namespace mydht::detail
