#pragma once

#include <optional>

#include <mydht/runtime/clock.hpp>
#include <mydht/runtime/task.hpp>

namespace mydht {

namespace detail {
class waiter;
}

/// Coroutines that wait for something to happen, first come first served. The primitive under channels, pending answers
/// and joins. Everything on one executor. A queue that dies cancels who still waits in it.
class wait_queue {
public:
    wait_queue() = default;
    wait_queue(const wait_queue&) = delete;
    wait_queue& operator=(const wait_queue&) = delete;
    ~wait_queue();

    /// Completes after a notify that reaches this waiter. A wake-up is a hint: test the condition again.
    /// Cancellation: throws std::system_error(operation_aborted) and leaves the queue; a notify that was given to this
    /// waiter before is not lost, the wait then succeeds.
    [[nodiscard]] task<> wait();

    /// The same, but gives up at the deadline. True when notified, false when the deadline came first.
    [[nodiscard]] task<bool> wait_until(time_source& on, steady_time deadline);

    /// Wakes the one that waits longest. Resumes nobody from within the call.
    void notify_one();
    void notify_all();

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

private:
    friend class detail::waiter;
    void unlink(detail::waiter& w) noexcept;

    detail::waiter* first_ = nullptr;
    detail::waiter* last_ = nullptr;
};

}  // namespace mydht
