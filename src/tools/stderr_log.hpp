#pragma once

#include <mydht/core/log.hpp>

namespace mydht::tools {

/// Log lines of at least this level on standard error: the time, the level, who says it, what.
[[nodiscard]] logger make_stderr_log(log_level least);

}  // namespace mydht::tools
