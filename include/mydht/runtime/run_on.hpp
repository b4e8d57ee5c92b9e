#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <mydht/runtime/deadline.hpp>
#include <mydht/runtime/task.hpp>

namespace mydht {

namespace detail {

/// True when the caller runs on `target` already, as far as executors can be compared.
[[nodiscard]] task<bool> runs_on(executor target);

/// Runs `work` on `target` and completes on the caller's executor. Cancellation of the caller is posted to `target`.
[[nodiscard]] task<> hop(executor target, task<> work);

[[nodiscard]] task<> offload_void(executor workers, std::function<void()> work);

}  // namespace detail

/// Awaits `work` on another executor and comes back: how public calls reach a node's executor from anywhere. Costs
/// nothing when the caller is there already. Completes on the caller's executor. A cancellation is posted to `target`
/// (Asio 1.22 would emit it on the caller's thread, where it races with the coroutine that it cancels), and the call
/// ends when `work` has ended. What `work` refers to must live until then and be touched on `target` only.
template <typename T>
[[nodiscard]] task<T> run_on(executor target, task<T> work) {
    const bool there = co_await detail::runs_on(target);
    if (there) co_return co_await std::move(work);
    auto kept = std::make_shared<std::optional<T>>();
    auto child = detail::keep_result(kept, std::move(work));
    co_await detail::hop(target, std::move(child));
    co_return std::move(**kept);
}

inline task<> run_on(executor target, task<> work) {
    const bool there = co_await detail::runs_on(target);
    if (there) {
        co_await std::move(work);
        co_return;
    }
    co_await detail::hop(target, std::move(work));
}

/// Runs a plain function that may block (name resolution, files, hashing much) on the workers and completes on the
/// caller's executor with what it returned. Exceptions of the function arrive at the caller. Cancelled: throws
/// std::system_error(operation_aborted) at once, and the function goes on without anybody who waits for it; so it owns
/// all that it refers to. The io_context may go down while it runs.
template <typename T>
[[nodiscard]] task<T> offload(executor workers, std::function<T()> work) {
    auto kept = std::make_shared<std::optional<T>>();
    std::function<void()> job = [kept, call = std::move(work)] { kept->emplace(call()); };
    co_await detail::offload_void(std::move(workers), std::move(job));
    co_return std::move(**kept);
}

}  // namespace mydht
