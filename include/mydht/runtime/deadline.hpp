#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <mydht/core/result.hpp>
#include <mydht/runtime/clock.hpp>
#include <mydht/runtime/task.hpp>

namespace mydht {

namespace detail {

/// Runs `work` to its end; at the deadline it is cancelled first. True when it ended by itself.
[[nodiscard]] task<bool> run_until(time_source& on, steady_time deadline, task<> work);

template <typename T>
task<> keep_result(std::shared_ptr<std::optional<T>> into, task<T> work) {
    into->emplace(co_await std::move(work));
}

}  // namespace detail

/// The result of `work`, or errc::timed_out when the deadline came first. `work` has ended in every case: at the
/// deadline it is cancelled and waited for, and a result that it still gives counts. A cancellation from outside is
/// passed on to `work` and goes on unwinding; it is never mistaken for the deadline. `on` must be the clock of the
/// executor that the caller runs on, and outlive the call.
template <typename T>
[[nodiscard]] task<result<T>> with_deadline(time_source& on, steady_time deadline, task<result<T>> work) {
    auto kept = std::make_shared<std::optional<result<T>>>();
    auto child = detail::keep_result(kept, std::move(work));
    const bool in_time = co_await detail::run_until(on, deadline, std::move(child));
    if (!in_time && !kept->has_value()) co_return failure(errc::timed_out);
    co_return std::move(**kept);
}

}  // namespace mydht
