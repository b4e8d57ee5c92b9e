#pragma once

#include <mydht/query/outcome.hpp>

#include "tools/problem.hpp"

namespace mydht::tools {

/// The value byte for byte; with `json`, an object that has it as base64 next to what is known about it.
[[nodiscard]] outcome<void> print_found(const get_report& found, bool json);

}  // namespace mydht::tools
