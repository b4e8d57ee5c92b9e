#include <mydht/core/address.hpp>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace mydht {

namespace {

constexpr std::size_t ipv4_size = 4;
constexpr std::size_t ipv6_size = 16;
constexpr std::size_t port_size = 2;
constexpr std::size_t onion_size = 32;
constexpr std::size_t destination_size = 32;

bool ip_kind(address_kind kind) noexcept { return kind == address_kind::tcp || kind == address_kind::udp; }

/// Names are shown, logged and written behind `mem://` and an optional pinned identity: visible ASCII without '@'.
bool name_allowed(bytes_view name) noexcept {
    return std::ranges::all_of(name, [](std::uint8_t c) { return c > 0x20 && c < 0x7f && c != '@'; });
}

bool fits(address_kind kind, bytes_view data) noexcept {
    if (data.empty() || data.size() > address::size_max) return false;
    switch (kind) {
        case address_kind::none: return false;
        case address_kind::tcp:
        case address_kind::udp: return data.size() == ipv4_size + port_size || data.size() == ipv6_size + port_size;
        case address_kind::tor: return data.size() == onion_size + port_size;
        case address_kind::i2p: return data.size() == destination_size;
        case address_kind::memory: return name_allowed(data);
        case address_kind::relay: return true;
    }
    return true;
}

/// The IPv4 host of ::ffff:a.b.c.d; the host itself when it is none.
bytes_view unmapped(bytes_view host) noexcept {
    constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (host.size() == ipv6_size && std::ranges::equal(host.first(mapped.size()), mapped)) {
        return host.subspan(mapped.size());
    }
    return host;
}

bool all_zero(bytes_view data) noexcept {
    return std::ranges::all_of(data, [](std::uint8_t byte) { return byte == 0; });
}

/// The ranges of the special-purpose registry (RFC 6890) that matter here. "This host" reaches the dialling machine,
/// and multicast and reserved addresses reach nobody that could be routed to.
address_scope scope_of_ipv4(bytes_view host) noexcept {
    const unsigned a = host[0];
    const unsigned b = host[1];
    if (a == 127 || a == 0) return address_scope::loopback;
    if ((a == 169 && b == 254) || a >= 224) return address_scope::link;
    if (a == 10 || (a == 172 && (b & 0xf0U) == 16) || (a == 192 && b == 168)) return address_scope::private_net;
    if ((a == 100 && (b & 0xc0U) == 64) || (a == 198 && (b & 0xfeU) == 18)) return address_scope::private_net;
    return address_scope::global;
}

address_scope scope_of_ipv6(bytes_view host) noexcept {
    if (all_zero(host.first(ipv6_size - 1)) && host[ipv6_size - 1] <= 1) return address_scope::loopback;
    const unsigned start = host[0] * 256U + host[1];
    if ((start & 0xffc0U) == 0xfe80U || (start & 0xff00U) == 0xff00U) return address_scope::link;
    if ((start & 0xfe00U) == 0xfc00U || (start & 0xffc0U) == 0xfec0U) return address_scope::private_net;
    return address_scope::global;
}

}  // namespace

std::string_view to_string(address_kind kind) noexcept {
    switch (kind) {
        case address_kind::none: return "none";
        case address_kind::tcp: return "tcp";
        case address_kind::udp: return "udp";
        case address_kind::tor: return "tor";
        case address_kind::i2p: return "i2p";
        case address_kind::memory: return "mem";
        case address_kind::relay: return "relay";
    }
    return "unknown";
}

result<address> address::from_bytes(address_kind kind, bytes_view data) {
    // Made where the caller has it: decoders make many.
    result<address> out;
    if (fits(kind, data)) {
        out->kind_ = kind;
        out->size_ = static_cast<std::uint8_t>(data.size());
        std::memcpy(out->data_.data(), data.data(), data.size());
    } else {
        out = failure(errc::bad_address);
    }
    return out;
}

address address::ipv4(address_kind kind, std::array<std::uint8_t, 4> host, std::uint16_t port) {
    assert(ip_kind(kind));
    address out;
    out.kind_ = kind;
    out.size_ = ipv4_size + port_size;
    std::ranges::copy(host, out.data_.begin());
    return out.with_port(port);
}

address address::ipv6(address_kind kind, std::array<std::uint8_t, 16> host, std::uint16_t port) {
    assert(ip_kind(kind));
    address out;
    out.kind_ = kind;
    out.size_ = ipv6_size + port_size;
    std::ranges::copy(host, out.data_.begin());
    return out.with_port(port);
}

result<address> address::memory(std::string_view name) { return from_bytes(address_kind::memory, as_bytes(name)); }

bool address::is_ip() const noexcept { return ip_kind(kind_); }

bytes_view address::host() const noexcept {
    if (!is_ip()) return {};
    return data().first(size_ - port_size);
}

std::uint16_t address::port() const noexcept {
    if (!is_ip() && kind_ != address_kind::tor) return 0;
    const unsigned high = data_[size_ - port_size];
    const unsigned low = data_[size_ - 1U];
    return static_cast<std::uint16_t>((high << 8U) | low);
}

address address::with_port(std::uint16_t port) const {
    address out = *this;
    if (is_ip() || kind_ == address_kind::tor) {
        out.data_[size_ - port_size] = static_cast<std::uint8_t>(port >> 8U);
        out.data_[size_ - 1U] = static_cast<std::uint8_t>(port & 0xffU);
    }
    return out;
}

bool address::is_wildcard() const noexcept { return is_ip() && all_zero(unmapped(host())); }

bool operator==(const address& a, const address& b) noexcept {
    return a.kind_ == b.kind_ && std::ranges::equal(a.data(), b.data());
}

std::strong_ordering operator<=>(const address& a, const address& b) noexcept {
    if (const auto order = a.kind_ <=> b.kind_; order != 0) return order;
    if (const auto order = a.size_ <=> b.size_; order != 0) return order;
    return a.data_ <=> b.data_;
}

address_scope scope_of(const address& a) noexcept {
    if (!a.is_ip()) return address_scope::global;
    const auto host = unmapped(a.host());
    return host.size() == ipv4_size ? scope_of_ipv4(host) : scope_of_ipv6(host);
}

bytes network_prefix(const address& a) {
    constexpr std::size_t ipv4_prefix = 3;
    constexpr std::size_t ipv6_prefix = 6;
    // The families' first bytes: 4, 6, and the kind's number above them for the rest.
    constexpr std::uint8_t other_families = 0x80;
    bytes out;
    if (a.is_ip()) {
        const auto host = unmapped(a.host());
        const bool v4 = host.size() == ipv4_size;
        const auto prefix = host.first(v4 ? ipv4_prefix : ipv6_prefix);
        out.reserve(1 + prefix.size());
        out.push_back(v4 ? 4 : 6);
        out.insert(out.end(), prefix.begin(), prefix.end());
        return out;
    }
    out.reserve(1 + a.data().size());
    out.push_back(static_cast<std::uint8_t>(other_families | static_cast<std::uint8_t>(a.kind())));
    out.insert(out.end(), a.data().begin(), a.data().end());
    return out;
}

}  // namespace mydht

std::size_t std::hash<mydht::address>::operator()(const mydht::address& a) const noexcept {
    // FNV-1a: tables keyed by addresses are bounded, so crafted collisions win nothing.
    std::uint64_t out = 0xcbf29ce484222325ULL;
    const auto mix = [&out](std::uint8_t byte) { out = (out ^ byte) * 0x100000001b3ULL; };
    mix(static_cast<std::uint8_t>(a.kind()));
    for (const auto byte : a.data()) mix(byte);
    return static_cast<std::size_t>(out);
}
