#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <mydht/core/bytes.hpp>
#include <mydht/core/id.hpp>
#include <mydht/core/result.hpp>

namespace mydht {

/// Which transport an address belongs to. The numbers travel on the wire and in files.
enum class address_kind : std::uint8_t {
    none = 0,
    tcp = 1,
    udp = 2,
    tor = 3,
    i2p = 4,
    memory = 5,
    relay = 6,
};

/// The scheme of the kind's text form ("tcp", "mem", ...); "unknown" for a number that this build does not know.
[[nodiscard]] std::string_view to_string(address_kind kind) noexcept;

/// Where a peer can be reached: a kind and bytes that only the kind's transport understands.
/// tcp and udp: IPv4 address and big-endian port (6 bytes) or IPv6 address and port (18); tor: the 32-byte public key
/// and port (34); i2p: the destination's hash (32); memory: a name. Kept inline; copying allocates nothing.
class address {
public:
    static constexpr std::size_t size_max = 62;

    address() = default;

    /// Errors: errc::bad_address when the bytes do not fit the kind. Unknown kinds with 1 to size_max bytes are kept as
    /// they are, so that newer peers' addresses survive being passed on.
    [[nodiscard]] static result<address> from_bytes(address_kind kind, bytes_view data);

    [[nodiscard]] static address ipv4(address_kind kind, std::array<std::uint8_t, 4> host, std::uint16_t port);
    [[nodiscard]] static address ipv6(address_kind kind, std::array<std::uint8_t, 16> host, std::uint16_t port);
    /// Errors: errc::bad_address for an empty or too long name, or characters other than visible ASCII without '@'.
    [[nodiscard]] static result<address> memory(std::string_view name);

    [[nodiscard]] address_kind kind() const noexcept { return kind_; }
    [[nodiscard]] bytes_view data() const noexcept { return {data_.data(), size_}; }
    [[nodiscard]] bool empty() const noexcept { return kind_ == address_kind::none; }

    [[nodiscard]] bool is_ip() const noexcept;
    [[nodiscard]] bool is_ipv4() const noexcept { return is_ip() && size_ == 6; }
    [[nodiscard]] bool is_ipv6() const noexcept { return is_ip() && size_ == 18; }
    /// The host part of an IP address: 4 or 16 bytes; empty for other kinds.
    [[nodiscard]] bytes_view host() const noexcept;
    /// 0 for kinds without ports.
    [[nodiscard]] std::uint16_t port() const noexcept;
    [[nodiscard]] address with_port(std::uint16_t port) const;
    /// True for 0.0.0.0 and [::], which one can listen at but not dial.
    [[nodiscard]] bool is_wildcard() const noexcept;

    /// "tcp://127.0.0.1:4000", "udp://[::1]:4000", "tor://<56>.onion:4000", "i2p://<52>.b32.i2p", "mem://name".
    [[nodiscard]] std::string text() const;

    friend bool operator==(const address& a, const address& b) noexcept;
    friend std::strong_ordering operator<=>(const address& a, const address& b) noexcept;

private:
    address_kind kind_ = address_kind::none;
    std::uint8_t size_ = 0;
    std::array<std::uint8_t, size_max> data_{};
};

/// From how far away an address can be reached. A contact at a narrow scope is accepted only from a peer in that scope.
enum class address_scope : std::uint8_t { loopback, link, private_net, global };

/// Kinds without IP hosts are global. IPv4-mapped IPv6 hosts have the scope of the IPv4 host.
[[nodiscard]] address_scope scope_of(const address& a) noexcept;

/// The network prefix that one operator is likely to own: /24 of IPv4, /48 of IPv6, the whole address of other kinds.
/// Equal prefixes have equal bytes; the first byte tells the families apart. tcp and udp share prefixes.
[[nodiscard]] bytes network_prefix(const address& a);

/// An address as a user writes it: the host may be a name, and the identity may be pinned.
/// `tcp://host:port`, `tcp://<64 hex digits>@host:port`.
struct location {
    address_kind kind = address_kind::none;
    std::string host;  ///< a number, a name, or the whole rest for kinds without hosts
    std::uint16_t port = 0;
    std::optional<node_id> pinned;  ///< dial only succeeds with this identity

    [[nodiscard]] std::string text() const;
};

/// Reads the text form without asking the network. Errors: errc::bad_address.
[[nodiscard]] result<location> parse_location(std::string_view text);

/// The address of a location whose host is a number or that has no host. Errors: errc::address_has_name when the host
/// is a name (runtime or transport resolves it), errc::bad_address.
[[nodiscard]] result<address> to_address(const location& where);

/// parse_location and to_address in one. Errors: errc::bad_address (also for a pinned identity),
/// errc::address_has_name.
[[nodiscard]] result<address> parse_address(std::string_view text);

}  // namespace mydht

template <>
struct std::hash<mydht::address> {
    [[nodiscard]] std::size_t operator()(const mydht::address& a) const noexcept;
};
