#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include <mydht/node/events.hpp>
#include <mydht/runtime/wait_queue.hpp>

namespace mydht::detail {

/// What one subscriber has not taken yet. Everything but its making and end on `on`.
class event_queue {
public:
    event_queue(executor on, std::size_t capacity) : on_(std::move(on)), capacity_(capacity == 0 ? 1 : capacity) {}

    void add(const node_event& what);
    void close();
    [[nodiscard]] static task<result<node_event>> next(std::shared_ptr<event_queue> self);
    [[nodiscard]] const executor& on() const noexcept { return on_; }

private:
    executor on_;
    std::size_t capacity_;
    std::deque<node_event> events_;
    wait_queue readers_;
    bool closed_ = false;
};

/// The subscribers of a node.
class event_hub {
public:
    event_hub() = default;
    event_hub(const event_hub&) = delete;
    event_hub& operator=(const event_hub&) = delete;
    ~event_hub() { close(); }

    /// A queue of a hub that is closed is closed at once.
    void subscribe(const std::shared_ptr<event_queue>& who);
    void tell(const node_event& what);
    void close();

    [[nodiscard]] std::size_t subscribers() const noexcept { return queues_.size(); }

private:
    std::vector<std::weak_ptr<event_queue>> queues_;
    bool closed_ = false;
};

}  // namespace mydht::detail
