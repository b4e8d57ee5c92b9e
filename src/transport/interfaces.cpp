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

/// Of all interfaces that are up, with the kind, family and port of `like`. Nothing when the system does not say.
std::optional<std::vector<address>> own_addresses(const address& like) {
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) return std::nullopt;
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(first, ::freeifaddrs);
    const auto family = like.is_ipv4() ? AF_INET : AF_INET6;
    std::vector<address> out;
    for (const auto* each = first; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != family) continue;
        if ((each->ifa_flags & IFF_UP) == 0) continue;
        out.push_back(detail::from_system(*each->ifa_addr, like.kind()).with_port(like.port()));
    }
    return out;
}

}  // namespace

std::vector<address> dialable(const address& bound) {
    if (!bound.is_wildcard()) return {bound};
    std::vector<address> out;
    for (const auto& found : own_addresses(bound).value_or(std::vector<address>())) {
        if (scope_of(found) == address_scope::link) continue;
        if (std::ranges::find(out, found) == out.end()) out.push_back(found);
    }
    if (out.empty()) out.push_back(loopback_of(bound));
    std::ranges::stable_sort(out, std::ranges::greater(), scope_of);
    return out;
}

std::optional<bool> machine_has(const address& at) {
    if (!at.is_ip() || at.is_wildcard()) return std::nullopt;
    const auto found = own_addresses(at);
    if (!found) return std::nullopt;
    return std::ranges::find(*found, at) != found->end();
}

}  // namespace mydht
