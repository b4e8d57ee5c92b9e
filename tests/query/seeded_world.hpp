#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <mydht/core/random.hpp>
#include <mydht/runtime/environment.hpp>

#include "runtime/fixture.hpp"
#include "support/prng_source.hpp"

namespace mydht::test {

/// A world in which time passes when the loop says so, and that replays from its seed. The loop outlives it.
inline environment environment_on(loop& on, std::uint64_t seed) {
    environment out;
    out.exec = on.context.get_executor();
    out.workers = out.exec;
    out.time = std::shared_ptr<time_source>(std::shared_ptr<void>(), &on.time);
    out.secure_random = std::make_shared<prng_source>(seed);
    out.random = std::make_shared<prng>(seed);
    return out;
}

/// Runs an operation to its end, moving the time as it waits.
template <typename T>
T run_to_end(loop& on, task<T> work) {
    std::optional<T> out;
    asio::co_spawn(on.context, std::move(work), [&](std::exception_ptr error, T value) {
        if (error) std::rethrow_exception(error);
        out.emplace(std::move(value));
    });
    on.poll();
    for (int step = 0; !out && step < 10'000; ++step) on.advance(100ms);
    REQUIRE(out);
    return std::move(*out);
}

}  // namespace mydht::test
