#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string_view>

#include <mydht/runtime/clock.hpp>
#include <mydht/runtime/task.hpp>

namespace mydht {

class task_group;

namespace detail {
struct group_child;
}

/// What cancels one task of a group alone. Belongs to whoever spawns the task, stays where it is, and may die before or
/// after the task, which it then leaves running.
class task_handle {
public:
    task_handle() = default;
    task_handle(const task_handle&) = delete;
    task_handle& operator=(const task_handle&) = delete;
    ~task_handle();

    /// Asks the task to end (total cancellation). Nothing happens when it has ended, or was never spawned.
    void cancel();

    /// Lets the task go, as the destructor does: it runs on, and the handle may be used for another one.
    void leave() noexcept;

    [[nodiscard]] bool running() const noexcept { return child_ != nullptr; }

private:
    friend class task_group;
    friend struct detail::group_child;

    detail::group_child* child_ = nullptr;
};

/// The coroutines that an object keeps running in the background. The one way to start a coroutine that nobody awaits:
/// it is named, its exceptions reach a handler, and its owner joins it before it goes. All calls on the executor it was
/// made with. A group that dies with tasks left terminates them; that is for an io_context that goes down as a whole,
/// an owner joins.
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

    /// The same; `handle`, which is not in use, can then cancel this task.
    void spawn(std::string_view name, task_handle& handle, task<> work);

    /// The same for a caller on the executor that is not amid anything: `work` begins within this call, and may end
    /// within it. Spares what it costs to come back later.
    void begin(std::string_view name, task_handle& handle, task<> work);

    /// Asks all tasks to end: first wish, obeyed wherever an operation can be left without damage (total cancellation).
    /// For good: what is spawned later does not run.
    void cancel();

    /// Ends all tasks, leaving half-done operations behind (terminal cancellation).
    void terminate();

    /// Completes when no task is left. Tasks spawned meanwhile are waited for too. Cancelling the wait leaves them
    /// running.
    [[nodiscard]] task<> join();

    /// The two phases in one: cancel(), at most `grace` of waiting, terminate(), join.
    [[nodiscard]] task<> stop(time_source& on, duration grace);

    [[nodiscard]] std::size_t size() const noexcept;

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace mydht
