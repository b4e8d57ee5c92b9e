#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <mydht/runtime/environment.hpp>
#include <mydht/transport/conformance.hpp>

#include "support/catch.hpp"

namespace mydht::test {

/// An io_context with a real environment, to run one coroutine to its end.
struct real_world {
    asio::io_context context{1};
    environment env = make_environment(context.get_executor());

    template <typename T>
    T run(task<T> what) {
        std::exception_ptr error;
        std::optional<T> out;
        asio::co_spawn(context, std::move(what), [&](std::exception_ptr e, T value) {
            error = e;
            out.emplace(std::move(value));
        });
        context.restart();
        // Not run(): the clock may still wait for an alarm that was taken back.
        while (!error && !out) {
            if (context.run_one() == 0)
                throw std::logic_error("the coroutine waits for something that can never happen");
        }
        if (error) std::rethrow_exception(error);
        return std::move(*out);
    }
};

/// Fails the running test with whatever the check found.
inline void report(const conformance_check& check, const std::vector<std::string>& findings) {
    for (const auto& finding : findings) FAIL_CHECK(check.name << ": " << finding);
    CHECK(findings.empty());
}

}  // namespace mydht::test
