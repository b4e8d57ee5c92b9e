#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include <mydht/core/result.hpp>
#include <mydht/runtime/wait_queue.hpp>

namespace mydht {

/// A bounded queue between coroutines of one executor. Bounded on purpose: a full channel is how a slow reader slows
/// its writer down.
template <typename T>
class channel {
public:
    explicit channel(std::size_t capacity) : capacity_(capacity) {}
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;

    /// False when the channel is full or closed; `value` is moved from only on success.
    [[nodiscard]] bool try_send(T&& value) {
        if (closed_ || items_.size() >= capacity_) return false;
        items_.push_back(std::move(value));
        readers_.notify_one();
        return true;
    }

    /// Completes when there was room. Errors: errc::closed. Cancelled: the value is gone, the channel unchanged.
    [[nodiscard]] task<result<void>> send(T value) {
        while (!closed_ && items_.size() >= capacity_) co_await writers_.wait();
        if (closed_) co_return failure(errc::closed);
        items_.push_back(std::move(value));
        readers_.notify_one();
        co_return result<void>();
    }

    /// Completes with the oldest value. Errors: errc::closed when the channel is closed and drained. Cancelled: takes
    /// nothing.
    [[nodiscard]] task<result<T>> receive() {
        while (items_.empty()) {
            if (closed_) co_return failure(errc::closed);
            co_await readers_.wait();
        }
        co_return take();
    }

    /// The same, but errc::timed_out at the deadline.
    [[nodiscard]] task<result<T>> receive_until(time_source& on, steady_time deadline) {
        while (items_.empty()) {
            if (closed_) co_return failure(errc::closed);
            const bool woken = co_await readers_.wait_until(on, deadline);
            if (!woken && items_.empty()) co_return failure(closed_ ? errc::closed : errc::timed_out);
        }
        co_return take();
    }

    /// Nothing goes in any more; what is inside can still be received. Wakes everybody. May be called again.
    void close() {
        closed_ = true;
        readers_.notify_all();
        writers_.notify_all();
    }

    [[nodiscard]] bool closed() const noexcept { return closed_; }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }

private:
    T take() {
        T out = std::move(items_.front());
        items_.pop_front();
        // A notify meant for a reader that found the channel drained must not be lost for the next value.
        if (!items_.empty()) readers_.notify_one();
        writers_.notify_one();
        return out;
    }

    std::size_t capacity_;
    bool closed_ = false;
    std::deque<T> items_;
    wait_queue readers_;
    wait_queue writers_;
};

}  // namespace mydht
