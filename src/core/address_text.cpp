#include <mydht/core/address.hpp>

#include <algorithm>
#include <charconv>

#include "core/sha3.hpp"

namespace mydht {

namespace {

constexpr std::string_view scheme_end = "://";
constexpr std::string_view onion_suffix = ".onion";
constexpr std::string_view b32_suffix = ".b32.i2p";
constexpr std::uint8_t onion_version = 3;
constexpr std::size_t onion_key_size = 32;
constexpr std::size_t onion_checksum_size = 2;
/// Key, checksum and version are 35 bytes, a whole number of base32 characters.
constexpr std::size_t onion_name_size = 56;
constexpr std::size_t destination_name_size = 52;
constexpr std::size_t host_name_max = 253;
constexpr std::size_t host_label_max = 63;

using ipv4_host = std::array<std::uint8_t, 4>;
using ipv6_host = std::array<std::uint8_t, 16>;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::string lower(std::string_view text) {
    std::string out(text);
    for (auto& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

/// A whole decimal number without sign or leading zeros.
std::optional<unsigned> parse_decimal(std::string_view text, unsigned max) noexcept {
    if (text.empty() || !std::ranges::all_of(text, is_digit) || (text.size() > 1 && text[0] == '0')) return {};
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value > max) return {};
    return value;
}

std::optional<ipv4_host> parse_ipv4(std::string_view text) noexcept {
    ipv4_host out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto dot = i + 1 < out.size() ? text.find('.') : text.size();
        if (dot == std::string_view::npos) return {};
        const auto value = parse_decimal(text.substr(0, dot), 255);
        if (!value) return {};
        out[i] = static_cast<std::uint8_t>(*value);
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return out;
}

/// Colon-separated groups, with an IPv4 address as the last two when `last` says that the text ends the address.
/// Returns the bytes written, nothing for a wrong form.
std::optional<std::size_t> parse_groups(std::string_view text, bool last, ipv6_host& out) noexcept {
    std::size_t written = 0;
    while (!text.empty()) {
        const auto colon = text.find(':');
        const auto group = text.substr(0, colon);
        if (last && colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
            const auto tail = parse_ipv4(group);
            if (!tail || written + tail->size() > out.size()) return {};
            std::ranges::copy(*tail, out.begin() + static_cast<std::ptrdiff_t>(written));
            return written + tail->size();
        }
        if (group.empty() || group.size() > 4 || !std::ranges::all_of(group, is_hex)) return {};
        if (written + 2 > out.size()) return {};
        unsigned value = 0;
        std::from_chars(group.data(), group.data() + group.size(), value, 16);
        out[written++] = static_cast<std::uint8_t>(value >> 8U);
        out[written++] = static_cast<std::uint8_t>(value & 0xffU);
        if (colon == std::string_view::npos) return written;
        text.remove_prefix(colon + 1);
        if (text.empty()) return {};
    }
    return written;
}

std::optional<ipv6_host> parse_ipv6(std::string_view text) noexcept {
    ipv6_host out{};
    const auto gap = text.find("::");
    if (gap == std::string_view::npos) {
        const auto written = parse_groups(text, true, out);
        if (written != out.size()) return {};
        return out;
    }
    ipv6_host tail{};
    const auto head_size = parse_groups(text.substr(0, gap), false, out);
    const auto tail_size = parse_groups(text.substr(gap + 2), true, tail);
    if (!head_size || !tail_size || *head_size + *tail_size > out.size() - 2) return {};
    std::copy_n(tail.begin(), *tail_size, out.end() - static_cast<std::ptrdiff_t>(*tail_size));
    return out;
}

std::string ipv4_text(bytes_view host) {
    std::string out;
    for (const auto byte : host) {
        if (!out.empty()) out.push_back('.');
        out += std::to_string(byte);
    }
    return out;
}

/// RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as "::", and the IPv4 form
/// for the mapped prefix.
std::string ipv6_text(bytes_view host) {
    constexpr std::size_t group_count = 8;
    std::array<unsigned, group_count> groups{};
    for (std::size_t i = 0; i < group_count; ++i) groups[i] = host[2 * i] * 256U + host[2 * i + 1];
    if (groups[5] == 0xffffU && std::all_of(groups.begin(), groups.begin() + 5, [](unsigned g) { return g == 0; })) {
        return "::ffff:" + ipv4_text(host.subspan(12));
    }
    std::size_t gap = group_count;
    std::size_t gap_size = 1;
    for (std::size_t i = 0; i < group_count;) {
        std::size_t end = i;
        while (end < group_count && groups[end] == 0) ++end;
        if (end - i > gap_size) {
            gap = i;
            gap_size = end - i;
        }
        i = end + 1;
    }
    std::string out;
    for (std::size_t i = 0; i < group_count; ++i) {
        if (i == gap) {
            out += "::";
            i += gap_size - 1;
            continue;
        }
        if (!out.empty() && out.back() != ':') out.push_back(':');
        std::array<char, 4> digits{};
        const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), groups[i], 16);
        out.append(digits.data(), written.ptr);
    }
    return out;
}

std::string host_text(const address& a) { return a.is_ipv4() ? ipv4_text(a.host()) : ipv6_text(a.host()); }

/// The checksum of rend-spec-v3, section "Encoding onion addresses".
std::array<std::uint8_t, onion_checksum_size> onion_checksum(bytes_view key) {
    bytes hashed = to_bytes(".onion checksum");
    hashed.insert(hashed.end(), key.begin(), key.end());
    hashed.push_back(onion_version);
    const auto hash = detail::sha3_256(hashed);
    return {hash[0], hash[1]};
}

std::string onion_text(bytes_view key) {
    bytes name = to_bytes(key);
    const auto checksum = onion_checksum(key);
    name.insert(name.end(), checksum.begin(), checksum.end());
    name.push_back(onion_version);
    return to_base32(name) + std::string(onion_suffix);
}

result<address> onion_address(std::string_view host, std::uint16_t port) {
    const std::string name = lower(host);
    if (name.size() != onion_name_size + onion_suffix.size() || !name.ends_with(onion_suffix)) {
        return failure(errc::bad_address);
    }
    const auto decoded = from_base32(std::string_view(name).substr(0, onion_name_size));
    if (!decoded) return failure(errc::bad_address);
    const auto key = bytes_view(*decoded).first(onion_key_size);
    const auto checksum = bytes_view(*decoded).subspan(onion_key_size, onion_checksum_size);
    if (decoded->back() != onion_version || !std::ranges::equal(checksum, onion_checksum(key))) {
        return failure(errc::bad_address);
    }
    bytes data = to_bytes(key);
    data.push_back(static_cast<std::uint8_t>(port >> 8U));
    data.push_back(static_cast<std::uint8_t>(port & 0xffU));
    return address::from_bytes(address_kind::tor, data);
}

result<address> destination_address(std::string_view host) {
    const std::string name = lower(host);
    if (name.size() != destination_name_size + b32_suffix.size() || !name.ends_with(b32_suffix)) {
        return failure(errc::bad_address);
    }
    const auto decoded = from_base32(std::string_view(name).substr(0, destination_name_size));
    if (!decoded) return failure(errc::bad_address);
    return address::from_bytes(address_kind::i2p, *decoded);
}

/// Letters, digits, '-' and '_' in labels (RFC 1123, and the underscores that exist in practice). A last label that a
/// resolver would take for a number is refused: "127.1" and "0x7f000001" are no names.
bool is_host_name(std::string_view host) noexcept {
    if (host.ends_with('.')) host.remove_suffix(1);
    if (host.empty() || host.size() > host_name_max) return false;
    std::string_view label;
    while (true) {
        const auto dot = host.find('.');
        label = host.substr(0, dot);
        const bool allowed =
            std::ranges::all_of(label, [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; });
        if (label.empty() || label.size() > host_label_max || !allowed) return false;
        if (label.front() == '-' || label.back() == '-') return false;
        if (dot == std::string_view::npos) break;
        host.remove_prefix(dot + 1);
    }
    const bool hexadecimal = label.starts_with("0x") || label.starts_with("0X");
    if (hexadecimal) label.remove_prefix(2);
    return !std::ranges::all_of(label, hexadecimal ? is_hex : is_digit);
}

result<address> ip_address(const location& where) {
    if (const auto host = parse_ipv4(where.host)) return address::ipv4(where.kind, *host, where.port);
    if (const auto host = parse_ipv6(where.host)) return address::ipv6(where.kind, *host, where.port);
    return failure(is_host_name(where.host) ? errc::address_has_name : errc::bad_address);
}

std::optional<address_kind> kind_of_scheme(std::string_view scheme) noexcept {
    for (const auto kind :
         {address_kind::tcp, address_kind::udp, address_kind::tor, address_kind::i2p, address_kind::memory}) {
        if (scheme == to_string(kind)) return kind;
    }
    return {};
}

/// Splits "host:port" and "[host]:port" into `out`; false for a wrong form.
bool split_port(std::string_view rest, location& out) {
    const auto colon = rest.rfind(':');
    if (colon == std::string_view::npos) return false;
    const auto port = parse_decimal(rest.substr(colon + 1), 65535);
    if (!port) return false;
    auto host = rest.substr(0, colon);
    const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
    if (bracketed) host = host.substr(1, host.size() - 2);
    // Brackets are for IPv6 hosts, and IPv6 hosts need them: otherwise nobody could tell where the port starts.
    if (bracketed != (host.find(':') != std::string_view::npos)) return false;
    out.host = host;
    out.port = static_cast<std::uint16_t>(*port);
    return true;
}

bool has_port(address_kind kind) noexcept {
    return kind == address_kind::tcp || kind == address_kind::udp || kind == address_kind::tor;
}

std::string join(std::string_view scheme, std::string_view pin, std::string_view rest) {
    std::string out(scheme);
    out += scheme_end;
    if (!pin.empty()) (out += pin) += '@';
    return out += rest;
}

}  // namespace

std::string address::text() const {
    const auto scheme = to_string(kind_);
    switch (kind_) {
        case address_kind::tcp:
        case address_kind::udp: {
            const auto host = host_text(*this);
            const auto shown = is_ipv6() ? "[" + host + "]" : host;
            return join(scheme, {}, shown + ":" + std::to_string(port()));
        }
        case address_kind::tor:
            return join(scheme, {}, onion_text(data().first(onion_key_size)) + ":" + std::to_string(port()));
        case address_kind::i2p: return join(scheme, {}, to_base32(data()) + std::string(b32_suffix));
        case address_kind::memory: return join(scheme, {}, as_text(data()));
        case address_kind::none:
        case address_kind::relay: break;
    }
    // Forms for people only: what is in there is another transport's business.
    if (scheme == "unknown")
        return join(scheme, {}, std::to_string(static_cast<unsigned>(kind_)) + ":" + to_hex(data()));
    return join(scheme, {}, to_hex(data()));
}

std::string location::text() const {
    std::string rest = host.find(':') == std::string::npos || !has_port(kind) ? host : "[" + host + "]";
    if (has_port(kind)) rest += ":" + std::to_string(port);
    return join(to_string(kind), pinned ? pinned->hex() : std::string(), rest);
}

result<location> parse_location(std::string_view text) {
    const auto scheme = text.find(scheme_end);
    if (scheme == std::string_view::npos) return failure(errc::bad_address);
    const auto kind = kind_of_scheme(text.substr(0, scheme));
    if (!kind) return failure(errc::bad_address);
    auto rest = text.substr(scheme + scheme_end.size());

    location out;
    out.kind = *kind;
    if (const auto at = rest.find('@'); at != std::string_view::npos) {
        const auto id = node_id::from_hex(rest.substr(0, at));
        if (!id) return failure(errc::bad_address);
        out.pinned = *id;
        rest.remove_prefix(at + 1);
    }
    if (!has_port(*kind)) {
        out.host = rest;
    } else if (!split_port(rest, out)) {
        return failure(errc::bad_address);
    }

    const auto number = to_address(out);
    if (!number && number.error() != errc::address_has_name) return failure(number.error());
    if (number && number->is_ip()) {
        out.host = host_text(*number);
    } else if (*kind != address_kind::memory) {
        out.host = lower(out.host);
    }
    return out;
}

result<address> to_address(const location& where) {
    switch (where.kind) {
        case address_kind::tcp:
        case address_kind::udp: return ip_address(where);
        case address_kind::tor: return onion_address(where.host, where.port);
        case address_kind::i2p: return destination_address(where.host);
        case address_kind::memory: return address::memory(where.host);
        case address_kind::none:
        case address_kind::relay: break;
    }
    return failure(errc::bad_address);
}

result<address> parse_address(std::string_view text) {
    const auto where = parse_location(text);
    if (!where) return failure(where.error());
    if (where->pinned) return failure(errc::bad_address);
    return to_address(*where);
}

}  // namespace mydht
