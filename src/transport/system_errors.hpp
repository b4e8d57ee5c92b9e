#pragma once

#include <system_error>

#include <mydht/core/errc.hpp>

namespace mydht::detail {

/// What an error of the operating system means while a socket is made and bound, dialled, or used. Whatever is not in
/// the tables becomes errc::network_failed.
[[nodiscard]] errc listen_error(const std::error_code& error) noexcept;
[[nodiscard]] errc connect_error(const std::error_code& error) noexcept;
[[nodiscard]] errc stream_error(const std::error_code& error) noexcept;

/// What to do after a failed accept.
enum class accept_trouble {
    one_connection,  ///< the connection died while it waited; take the next one
    shortage,        ///< the process or the machine has no descriptors or buffers left; wait a little
    broken,          ///< the listener itself is of no use any more
};
[[nodiscard]] accept_trouble classify_accept(const std::error_code& error) noexcept;

}  // namespace mydht::detail
