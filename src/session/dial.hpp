#pragma once

#include <cstddef>
#include <optional>
#include <vector>

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
    turns(steady_time began_, std::size_t addresses) : began(began_), gave_way(addresses) {}

    /// The address has failed, or looks as if it would: the next one need not wait for its time.
    void give_way(std::size_t index) {
        if (gave_way[index]) return;
        gave_way[index] = true;
        ++count;
        changed.notify_all();
    }

    steady_time began;
    std::vector<bool> gave_way;
    std::size_t count = 0;
    wait_queue changed;
};

}  // namespace mydht::detail
