#pragma once

#include <cstdint>
#include <system_error>

namespace mydht {

/// The category of errors that are an application's own, named "application".
[[nodiscard]] const std::error_category& application_category() noexcept;

/// What a service gives to say with a code of its own why it failed: its caller gets the same error. 1 to 0xffff'feff;
/// anything else is errc::peer_error there, as an error of any other category is.
[[nodiscard]] std::error_code application_error(std::uint32_t code) noexcept;

/// The code that travels for an error of a service: 0 when it has none.
[[nodiscard]] std::uint32_t application_code(std::error_code why) noexcept;

}  // namespace mydht
