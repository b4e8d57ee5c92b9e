#pragma once

#include <functional>
#include <memory>

#include <mydht/core/log.hpp>
#include <mydht/core/random.hpp>
#include <mydht/runtime/clock.hpp>
#include <mydht/runtime/task.hpp>

namespace mydht {

/// All that a node knows of the world. Nothing else reads a clock, a random device or a global, so the same node runs
/// over sockets in real time and over a simulated network in virtual time. Copies share their parts.
struct environment {
    executor exec;                                 ///< runs the node; one thread at a time
    executor workers;                              ///< runs what blocks; in simulation the same as `exec`
    std::shared_ptr<time_source> time;             ///< steady and wall time, alarms
    std::shared_ptr<random_source> secure_random;  ///< keys, ids, nonces, tokens
    std::shared_ptr<prng> random;                  ///< sampling, jitter
    logger log;
};

/// The real world: the machine's clocks and random source, and Asio's system executor for what blocks (its threads
/// start with the first use). `exec` must run on one thread at a time (an io_context run by one thread, or a strand of
/// one run by several) and outlive the environment.
[[nodiscard]] environment make_environment(executor exec, logger log = {});

/// Runs one program to its end on this thread: an io_context, an environment for it, `main_task`. SIGINT and SIGTERM
/// cancel the task. Rethrows what the task throws, except its cancellation. For small programs; larger ones own their
/// io_context.
void run(const std::function<task<>(environment)>& main_task, logger log = {});

}  // namespace mydht
