#include "transport/socket_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cassert>
#include <cstring>

namespace mydht::detail {

socket_address to_system(const address& where) noexcept {
    assert(where.is_ip());
    socket_address out;
    const auto host = where.host();
    if (where.is_ipv4()) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(where.port());
        std::memcpy(&v4.sin_addr, host.data(), host.size());
        std::memcpy(&out.storage, &v4, sizeof v4);
        out.size = sizeof v4;
        return out;
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(where.port());
    std::memcpy(&v6.sin6_addr, host.data(), host.size());
    std::memcpy(&out.storage, &v6, sizeof v6);
    out.size = sizeof v6;
    return out;
}

address from_system(const sockaddr& where, address_kind kind) noexcept {
    if (where.sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &where, sizeof v4);
        std::array<std::uint8_t, 4> host{};
        std::memcpy(host.data(), &v4.sin_addr, host.size());
        return address::ipv4(kind, host, ntohs(v4.sin_port));
    }
    if (where.sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &where, sizeof v6);
        std::array<std::uint8_t, 16> host{};
        std::memcpy(host.data(), &v6.sin6_addr, host.size());
        return address::ipv6(kind, host, ntohs(v6.sin6_port));
    }
    return {};
}

}  // namespace mydht::detail
