#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <tl/expected.hpp>

namespace mydht::tools {

/// How the command ends. Scripts rely on the numbers.
enum class exit_code : int {
    done = 0,       ///< at least one result or acknowledged copy
    failed = 1,     ///< everything that is not one of the others
    unusable = 2,   ///< arguments, files or values that can never work
    not_found = 3,  ///< enough nodes answered and none has it
    timed_out = 4,  ///< the deadline came before a result
};

/// Why a command ends without its result: the one line for the user, without the command's name, and the exit code.
struct problem {
    exit_code code = exit_code::failed;
    std::string text;
};

template <typename T>
using outcome = tl::expected<T, problem>;

/// The problem of one step as the problem of the whole.
template <typename T>
[[nodiscard]] tl::unexpected<problem> problem_of(const outcome<T>& step) {
    return tl::unexpected<problem>(step.error());
}

/// For what can never work: names the thing and says what to do.
[[nodiscard]] inline tl::unexpected<problem> unusable(std::string text) {
    return tl::unexpected<problem>(problem{exit_code::unusable, std::move(text)});
}

}  // namespace mydht::tools
