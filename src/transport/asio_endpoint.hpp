#pragma once

#include <cstring>

#include <mydht/core/address.hpp>

#include "transport/socket_address.hpp"

namespace mydht::detail {

/// An IP address as Asio wants it: an asio::ip::tcp::endpoint or asio::ip::udp::endpoint.
template <typename Endpoint>
[[nodiscard]] Endpoint to_endpoint(const address& where) {
    const auto system = to_system(where);
    Endpoint out;
    out.resize(system.size);
    std::memcpy(out.data(), system.data(), system.size);
    return out;
}

}  // namespace mydht::detail
