#include <mydht/transport/resolve.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <mydht/runtime/run_on.hpp>

namespace mydht {

namespace {

using found_addresses = result<std::vector<address>>;

result<address> to_mydht(address_kind kind, const addrinfo& entry, std::uint16_t port) {
    if (entry.ai_family == AF_INET && entry.ai_addrlen >= sizeof(sockaddr_in)) {
        sockaddr_in in{};
        std::memcpy(&in, entry.ai_addr, sizeof in);
        std::array<std::uint8_t, 4> host{};
        std::memcpy(host.data(), &in.sin_addr, host.size());
        return address::ipv4(kind, host, port);
    }
    if (entry.ai_family == AF_INET6 && entry.ai_addrlen >= sizeof(sockaddr_in6)) {
        sockaddr_in6 in{};
        std::memcpy(&in, entry.ai_addr, sizeof in);
        std::array<std::uint8_t, 16> host{};
        std::memcpy(host.data(), &in.sin6_addr, host.size());
        return address::ipv6(kind, host, port);
    }
    return failure(errc::bad_address);
}

/// Blocks until the system's resolver has answered.
found_addresses ask_system(const location& where) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    // One entry an address instead of one for each socket type.
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* first = nullptr;
    if (getaddrinfo(where.host.c_str(), nullptr, &hints, &first) != 0) return failure(errc::unknown_host);
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(first, &freeaddrinfo);
    std::vector<address> out;
    for (const auto* entry = first; entry != nullptr; entry = entry->ai_next) {
        const auto made = to_mydht(where.kind, *entry, where.port);
        if (made && std::find(out.begin(), out.end(), *made) == out.end()) out.push_back(*made);
    }
    if (out.empty()) return failure(errc::unknown_host);
    return out;
}

/// Names that mean this machine whatever a resolver says or lacks (RFC 6761, section 6.3).
bool is_localhost(std::string_view host) {
    constexpr std::string_view name = "localhost";
    if (host.size() < name.size()) return false;
    const auto end = host.substr(host.size() - name.size());
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
    if (!std::equal(end.begin(), end.end(), name.begin(), same)) return false;
    return host.size() == name.size() || host[host.size() - name.size() - 1] == '.';
}

std::vector<address> loopback(const location& where) {
    std::array<std::uint8_t, 16> v6{};
    v6.back() = 1;
    return {address::ipv4(where.kind, {127, 0, 0, 1}, where.port), address::ipv6(where.kind, v6, where.port)};
}

}  // namespace

task<result<std::vector<address>>> resolve(environment env, location where) {
    const auto known = to_address(where);
    if (known) co_return std::vector<address>{*known};
    if (known.error() != make_error_code(errc::address_has_name)) co_return failure(known.error());
    if (where.kind != address_kind::tcp && where.kind != address_kind::udp) co_return failure(errc::bad_address);
    if (is_localhost(where.host)) co_return loopback(where);
    std::function<found_addresses()> job = [where = std::move(where)] { return ask_system(where); };
    co_return co_await offload<found_addresses>(env.workers, std::move(job));
}

}  // namespace mydht
