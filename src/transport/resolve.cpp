#include <mydht/transport/resolve.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include <netdb.h>
#include <sys/socket.h>

#include <mydht/runtime/run_on.hpp>

#include "transport/socket_address.hpp"

namespace mydht {

namespace {

using found_addresses = result<std::vector<address>>;

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
        const auto found = detail::from_system(*entry->ai_addr, where.kind).with_port(where.port);
        if (!found.empty() && std::find(out.begin(), out.end(), found) == out.end()) out.push_back(found);
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
