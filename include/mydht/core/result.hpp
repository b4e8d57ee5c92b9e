#pragma once

#include <system_error>
#include <utility>

#include <tl/expected.hpp>

#include <mydht/core/errc.hpp>

namespace mydht {

/// A value, or the error code that says why there is none. Whatever the network or a user can do to us arrives
/// as one of these; exceptions are left for broken configuration, lack of memory and cancelled coroutines.
template <typename T>
using result = tl::expected<T, std::error_code>;

/// `return failure(errc::timed_out);` in a function that returns any result.
[[nodiscard]] inline tl::unexpected<std::error_code> failure(std::error_code code) {
    return tl::unexpected<std::error_code>(code);
}

}  // namespace mydht
