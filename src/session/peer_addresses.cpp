#include "session/peer_addresses.hpp"

#include <algorithm>
#include <optional>

namespace mydht::detail {

namespace {

std::optional<address> with_observed_host(const address& claimed, const address& observed) {
    if (!claimed.is_wildcard()) return claimed;
    if (claimed.is_ipv4() != observed.is_ipv4() || claimed.is_ipv6() != observed.is_ipv6()) return std::nullopt;
    auto data = to_bytes(observed.host());
    data.push_back(static_cast<std::uint8_t>(claimed.port() >> 8U));
    data.push_back(static_cast<std::uint8_t>(claimed.port()));
    const auto made = address::from_bytes(claimed.kind(), data);
    return made ? std::optional(*made) : std::nullopt;
}

}  // namespace

std::vector<address> usable_addresses(const std::vector<address>& claimed, const address& observed) {
    std::vector<address> out;
    for (const auto& one : claimed) {
        const auto filled = with_observed_host(one, observed);
        if (!filled || scope_of(*filled) < scope_of(observed)) continue;
        if (std::ranges::find(out, *filled) == out.end()) out.push_back(*filled);
    }
    return out;
}

peer_info make_peer(contact who, const address& observed, bool outgoing, bool proven) {
    peer_info out;
    out.observed = observed;
    out.who = std::move(who);
    out.who.addresses = usable_addresses(out.who.addresses, observed);
    out.kind = observed.kind();
    out.outgoing = outgoing;
    out.proven = proven;
    return out;
}

}  // namespace mydht::detail
