#pragma once

#include <malloc.h>

#include <cstdint>

namespace mydht::test {

/// Bytes that this program holds, however they were allocated (Asio's coroutine frames do not come from operator new). Zero
/// under sanitizers, which have no such count.
[[nodiscard]] inline std::int64_t live_bytes() noexcept { return static_cast<std::int64_t>(mallinfo2().uordblks); }

}  // namespace mydht::test
