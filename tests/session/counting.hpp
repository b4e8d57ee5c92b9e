#pragma once

#include <cstdint>

namespace mydht::test {

/// Bytes that this program has allocated with new and not freed.
[[nodiscard]] std::int64_t live_bytes() noexcept;

/// Calls of operator new so far.
[[nodiscard]] std::uint64_t allocations() noexcept;

}  // namespace mydht::test
