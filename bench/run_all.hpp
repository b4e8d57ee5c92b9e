#pragma once

#include <exception>
#include <utility>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

namespace mydht::bench {

/// Runs these coroutines side by side to their ends, on an io_context that has other work too, which stays.
inline void run_all(asio::io_context& on, std::vector<asio::awaitable<void>> what) {
    auto left = what.size();
    std::exception_ptr failed;
    const auto ended = [&](const std::exception_ptr& error) {
        if (error) failed = error;
        if (--left == 0) on.stop();
    };
    for (auto& each : what) asio::co_spawn(on, std::move(each), ended);
    on.restart();
    on.run();
    if (failed) std::rethrow_exception(failed);
}

}  // namespace mydht::bench
