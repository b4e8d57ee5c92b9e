#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string_view>

#include <mydht/runtime/clock.hpp>
#include <mydht/runtime/task.hpp>

namespace mydht {

/// The coroutines that an object keeps running in the background. The one way to start a coroutine that nobody awaits: it is
/// named, its exceptions reach a handler, and its owner joins it before it goes. All calls on the executor it was made with.
/// A group that dies with tasks left terminates them; that is for an io_context that goes down as a whole, an owner joins.
class task_group {
public:
    /// Told of every exception that is not a cancellation, with the name of the task. Must not throw.
    using error_handler = std::function<void(std::string_view name, const std::exception_ptr& error)>;

    task_group(executor on, error_handler on_error);
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;
    ~task_group();

    /// Starts `work` soon, never from within this call. `name` must be a literal. A task that has not begun when
    /// the group is cancelled never begins.
    void spawn(std::string_view name, task<> work);

    /// Asks all tasks to end: first wish, obeyed wherever an operation can be left without damage (total cancellation).
    void cancel();

    /// Ends all tasks, leaving half-done operations behind (terminal cancellation).
    void terminate();

    /// Completes when no task is left. Tasks spawned meanwhile are waited for too. Cancelling the wait leaves them running.
    [[nodiscard]] task<> join();

    /// The two phases in one: cancel(), at most `grace` of waiting, terminate(), join.
    [[nodiscard]] task<> stop(time_source& on, duration grace);

    [[nodiscard]] std::size_t size() const noexcept;

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace mydht
