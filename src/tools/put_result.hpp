#pragma once

#include <mydht/query/outcome.hpp>

#include "tools/problem.hpp"

namespace mydht::tools {

/// The key of what was stored, on a line of its own; with `json`, what the holders said too.
[[nodiscard]] outcome<void> print_put(const put_report& report, bool json);

}  // namespace mydht::tools
