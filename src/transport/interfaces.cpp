#include <mydht/transport/interfaces.hpp>

#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <memory>

#include "transport/socket_address.hpp"

namespace mydht {

namespace {

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
            const auto found = detail::from_system(*each->ifa_addr, bound.kind()).with_port(bound.port());
            if (scope_of(found) == address_scope::link) continue;
            if (std::ranges::find(out, found) == out.end()) out.push_back(found);
        }
    }
    if (out.empty()) out.push_back(loopback_of(bound));
    std::ranges::stable_sort(out, std::ranges::greater(), scope_of);
    return out;
}

}  // namespace mydht
