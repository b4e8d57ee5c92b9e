#pragma once

#include <cstdint>

namespace mydht::bench {

/// How often this thread has asked for memory so far: operator new, and what Asio takes for its handlers.
[[nodiscard]] std::uint64_t allocations() noexcept;

/// For how many bytes it has asked, those that were given back included.
[[nodiscard]] std::uint64_t allocated_bytes() noexcept;

}  // namespace mydht::bench
