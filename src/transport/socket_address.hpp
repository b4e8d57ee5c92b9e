#pragma once

#include <sys/socket.h>

#include <mydht/core/address.hpp>

namespace mydht::detail {

/// An IP address as the system wants it.
struct socket_address {
    sockaddr_storage storage{};
    socklen_t size = 0;

    [[nodiscard]] sockaddr* data() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
    [[nodiscard]] const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// Call with IP addresses only.
[[nodiscard]] socket_address to_system(const address& where) noexcept;

/// Empty for another family than IPv4 and IPv6.
[[nodiscard]] address from_system(const sockaddr& where, address_kind kind) noexcept;

}  // namespace mydht::detail
