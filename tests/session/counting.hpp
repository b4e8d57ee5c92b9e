#pragma once

#include <malloc.h>

#include <cstdint>

namespace mydht::test {

/// Bytes that this program holds, however they were allocated (Asio's coroutine frames do not come from operator new).
/// Zero under sanitizers, which have no such count.
[[nodiscard]] inline std::int64_t live_bytes() noexcept {
    const auto heap = mallinfo2();
    // Large blocks are counted apart.
    return static_cast<std::int64_t>(heap.uordblks + heap.hblkhd);
}

}  // namespace mydht::test
