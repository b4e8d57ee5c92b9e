#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <mydht/runtime/environment.hpp>
#include <mydht/runtime/race.hpp>
#include <mydht/runtime/wait_queue.hpp>

namespace mydht::tools {

/// The user's wish that the program ends.
class interruption {
public:
    interruption() = default;
    interruption(const interruption&) = delete;
    interruption& operator=(const interruption&) = delete;

    /// Completes when the wish has come; at once when it has come before.
    [[nodiscard]] task<> wait();
    void raise();
    [[nodiscard]] bool raised() const noexcept { return raised_; }

private:
    bool raised_ = false;
    wait_queue waiting_;
};

/// Runs one coroutine to its end on this thread, in the real world. The first SIGINT or SIGTERM raises the
/// interruption, a second one ends the process as if nobody handled it. Rethrows what the coroutine throws.
void run_program(const logger& log, const std::function<task<>(environment, interruption&)>& body);

namespace detail {

template <typename T>
using maybe_done = std::optional<result<T>>;

template <typename T>
task<result<maybe_done<T>>> done_with(task<result<T>> work) {
    maybe_done<T> out(co_await std::move(work));
    co_return result<maybe_done<T>>(std::move(out));
}

template <typename T>
task<result<maybe_done<T>>> interrupted_by(interruption& by) {
    co_await by.wait();
    co_return result<maybe_done<T>>(maybe_done<T>());
}

}  // namespace detail

/// The result of `work`, or errc::cancelled when the interruption came first; `work` has ended in both cases.
template <typename T>
[[nodiscard]] task<result<T>> unless_interrupted(interruption& by, task<result<T>> work) {
    std::vector<task<result<detail::maybe_done<T>>>> branches;
    branches.push_back(detail::done_with<T>(std::move(work)));
    branches.push_back(detail::interrupted_by<T>(by));
    auto first = co_await race<detail::maybe_done<T>>(std::move(branches));
    if (!first.value || !*first.value) co_return failure(errc::cancelled);
    co_return std::move(**first.value);
}

}  // namespace mydht::tools
