#pragma once

#include <string_view>

#include <mydht/core/result.hpp>
#include <mydht/wire/decode_limits.hpp>
#include <mydht/wire/message.hpp>

namespace mydht::wire {

/// What no field alone can say of a message, whatever it was encoded with: limits, and fields that have to fit
/// together. Errors: errc::too_large for a limit, errc::bad_argument for what no peer accepts; `where` is then the
/// path of the field.
[[nodiscard]] result<void> check_message(const message& what, const decode_limits& limits, std::string_view& where);

}  // namespace mydht::wire
