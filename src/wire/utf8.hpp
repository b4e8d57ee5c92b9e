#pragma once

#include <mydht/core/bytes.hpp>

namespace mydht::wire {

/// True for well-formed UTF-8 (The Unicode Standard, table 3-7): no overlong forms, no surrogates, nothing above
/// U+10FFFF.
[[nodiscard]] bool is_utf8(bytes_view text) noexcept;

}  // namespace mydht::wire
