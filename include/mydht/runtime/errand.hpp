#pragma once

#include <exception>
#include <functional>
#include <memory>

#include <mydht/runtime/task.hpp>

namespace mydht {

/// A task that a completion handler waits for instead of a coroutine: the bottom of operations that take Asio's
/// completion tokens. Its members may be called on any thread.
class errand {
public:
    errand() = default;
    errand(const errand&) = delete;
    errand& operator=(const errand&) = delete;
    virtual ~errand() = default;

    /// Begins. Once.
    virtual void start() = 0;
    /// Asks the task to end (total cancellation). Nothing happens when it has ended.
    virtual void cancel() = 0;
};

/// A task to run on an executor. `done` is called there once, when `work` has ended, with what it threw; it must not
/// throw. When the executor's context goes down before, both are destroyed there.
[[nodiscard]] std::shared_ptr<errand> make_errand(executor on, task<> work,
                                                  std::function<void(const std::exception_ptr&)> done);

}  // namespace mydht
