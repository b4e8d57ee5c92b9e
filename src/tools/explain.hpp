#pragma once

#include <string_view>
#include <system_error>

#include "tools/problem.hpp"

namespace mydht::tools {

/// What an error means for the exit status.
[[nodiscard]] exit_code exit_code_of(std::error_code error) noexcept;

/// What the user can do about an error; empty when nothing better than its text can be said.
[[nodiscard]] std::string_view remedy_of(std::error_code error) noexcept;

/// "<subject>: <what happened>; <what to do>".
[[nodiscard]] problem explain(std::string_view subject, std::error_code error);

}  // namespace mydht::tools
