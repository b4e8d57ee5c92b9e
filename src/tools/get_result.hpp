#pragma once

#include <mydht/query/outcome.hpp>

#include "tools/problem.hpp"

namespace mydht::tools {

/// The value byte for byte; with `json`, an object that has it as base64 next to what is known about it.
[[nodiscard]] outcome<void> print_found(const get_report& found, bool json);

/// The problem of a get; a value that was retracted is told from one that was never there.
[[nodiscard]] tl::unexpected<problem> problem_of_get(const outcome<get_report>& found, const id256& key,
                                                     const lookup_report& seen);

}  // namespace mydht::tools
