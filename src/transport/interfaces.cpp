#include <mydht/transport/interfaces.hpp>

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace mydht {

namespace {

address address_of(const sockaddr& from, address_kind kind, std::uint16_t port) {
    if (from.sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &from, sizeof v4);
        std::array<std::uint8_t, 4> host{};
        std::memcpy(host.data(), &v4.sin_addr, host.size());
        return address::ipv4(kind, host, port);
    }
    sockaddr_in6 v6{};
    std::memcpy(&v6, &from, sizeof v6);
    std::array<std::uint8_t, 16> host{};
    std::memcpy(host.data(), &v6.sin6_addr, host.size());
    return address::ipv6(kind, host, port);
}

address loopback_of(const address& bound) {
    if (bound.is_ipv4()) return address::ipv4(bound.kind(), {127, 0, 0, 1}, bound.port());
    std::array<std::uint8_t, 16> host{};
    host.back() = 1;
    return address::ipv6(bound.kind(), host, bound.port());
}

}  // namespace

std::vector<address> dialable(const address& bound) {
    if (!bound.is_wildcard()) return {bound};
    std::vector<address> out;
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) == 0) {
        const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(first, ::freeifaddrs);
        const auto family = bound.is_ipv4() ? AF_INET : AF_INET6;
        for (const auto* each = first; each != nullptr; each = each->ifa_next) {
            if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != family) continue;
            if ((each->ifa_flags & IFF_UP) == 0) continue;
            const auto found = address_of(*each->ifa_addr, bound.kind(), bound.port());
            if (scope_of(found) == address_scope::link) continue;
            if (std::ranges::find(out, found) == out.end()) out.push_back(found);
        }
    }
    if (out.empty()) out.push_back(loopback_of(bound));
    std::ranges::stable_sort(out, std::ranges::greater(), scope_of);
    return out;
}

}  // namespace mydht
