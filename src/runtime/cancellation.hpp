#pragma once

#include <exception>

namespace mydht::detail {

/// True for the exception that unwinds a cancelled coroutine.
[[nodiscard]] bool is_cancellation(const std::exception_ptr& error) noexcept;

/// That exception.
[[nodiscard]] std::exception_ptr make_cancellation();

}  // namespace mydht::detail
