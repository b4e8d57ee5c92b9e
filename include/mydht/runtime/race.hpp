#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <mydht/core/result.hpp>
#include <mydht/runtime/deadline.hpp>
#include <mydht/runtime/task.hpp>

namespace mydht {

namespace detail {

/// Runs all at once until one says true; cancels the others then, and completes when all have ended. The index of the
/// first that said true, or the count of branches.
[[nodiscard]] task<std::size_t> race_branches(std::vector<task<bool>> branches);

template <typename T>
task<bool> keep_branch(std::shared_ptr<std::vector<std::optional<result<T>>>> into, std::size_t index,
                       task<result<T>> work) {
    auto got = co_await std::move(work);
    const bool won = got.has_value();
    (*into)[index].emplace(std::move(got));
    co_return won;
}

}  // namespace detail

/// What won a race.
template <typename T>
struct race_outcome {
    race_outcome() : value(failure(errc::cancelled)) {}
    race_outcome(std::size_t index_, result<T> value_) : index(index_), value(std::move(value_)) {}

    std::size_t index = 0;  ///< of the winner; of the last branch when all failed
    result<T> value;
};

/// Runs the branches at once; the first that succeeds wins, the others are cancelled and have ended when this
/// completes. When all fail, the error of the last branch in order; errc::bad_argument for no branches. Cancellation
/// from outside reaches all branches and goes on unwinding.
template <typename T>
[[nodiscard]] task<race_outcome<T>> race(std::vector<task<result<T>>> branches) {
    if (branches.empty()) co_return race_outcome<T>(0, failure(errc::bad_argument));
    const auto count = branches.size();
    auto kept = std::make_shared<std::vector<std::optional<result<T>>>>(count);
    std::vector<task<bool>> children;
    children.reserve(count);
    for (std::size_t i = 0; i < count; ++i) children.push_back(detail::keep_branch<T>(kept, i, std::move(branches[i])));
    const auto first = co_await detail::race_branches(std::move(children));
    const auto index = first < count ? first : count - 1;
    if (!(*kept)[index]) co_return race_outcome<T>(index, failure(errc::cancelled));
    co_return race_outcome<T>(index, std::move(*(*kept)[index]));
}

}  // namespace mydht
