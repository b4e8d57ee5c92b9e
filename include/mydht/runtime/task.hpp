#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

namespace mydht {

/// A lazy coroutine: runs when it is awaited, on the executor of whoever awaits it. Give it to asio::co_spawn to use it
/// with any completion token.
template <typename T = void>
using task = asio::awaitable<T>;

/// Where coroutines run.
using executor = asio::any_io_executor;

}  // namespace mydht
