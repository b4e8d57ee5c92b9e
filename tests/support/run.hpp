#pragma once

#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <mydht/runtime/task.hpp>

namespace mydht::test {

/// Runs a coroutine to its end on an io_context of its own and gives back what it returns, or throws what it throws.
/// Throws, and so fails the test, when the coroutine waits for something that will never happen.
template <typename T>
T run(task<T> what) {
    using outcome = std::conditional_t<std::is_void_v<T>, bool, std::optional<T>>;
    asio::io_context context(1);
    std::exception_ptr error;
    outcome out{};
    if constexpr (std::is_void_v<T>) {
        asio::co_spawn(context, std::move(what), [&](std::exception_ptr e) {
            error = e;
            out = true;
        });
    } else {
        asio::co_spawn(context, std::move(what), [&](std::exception_ptr e, T value) {
            error = e;
            out = std::move(value);
        });
    }
    context.run();
    if (error) std::rethrow_exception(error);
    if (!out) throw std::logic_error("the coroutine did not finish");
    if constexpr (!std::is_void_v<T>) return std::move(*out);
}

}  // namespace mydht::test
