#pragma once

#include <cstddef>
#include <optional>

#include <mydht/runtime/task_group.hpp>
#include <mydht/runtime/wait_queue.hpp>
#include <mydht/session/session.hpp>

#include "session/pool_core.hpp"

namespace mydht::detail {

/// A dial under way, and how many wait for it.
struct pool_core::dial {
    task_handle running;
    wait_queue arrived;
    std::size_t waiting = 0;
    std::optional<result<session>> outcome;
    /// To the request that whoever began the dial gave along.
    std::optional<wire::message> early_answer;
};

/// Whose turn it is to join a dial of several addresses.
struct pool_core::turns {
    steady_time began{};
    std::size_t failed = 0;
    wait_queue failure_seen;
};

}  // namespace mydht::detail
