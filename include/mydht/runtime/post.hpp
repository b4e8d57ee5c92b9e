#pragma once

#include <functional>

#include <mydht/runtime/task.hpp>

namespace mydht {

/// Runs a plain function on the executor, soon and never from within this call. May be called from any thread. The
/// function must not throw.
void post(const executor& on, std::function<void()> work);

}  // namespace mydht
