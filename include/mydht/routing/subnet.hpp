#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <mydht/core/address.hpp>

namespace mydht {

/// The network prefix of an address (network_prefix) in eight bytes, because tables keep one for each contact: exact
/// for IP prefixes, a 56-bit digest for other kinds. The default value belongs to no address.
class subnet {
public:
    subnet() = default;

    [[nodiscard]] static subnet of(const address& a) noexcept;

    /// The subnet that a cap counts: the default value, which no cap counts, when local addresses are exempt and
    /// `observed` is one. Exempt them only on nodes that listen on loopback or private addresses alone.
    [[nodiscard]] static subnet counted(const address& observed, bool exempt_local) noexcept;

    [[nodiscard]] bool empty() const noexcept { return family() == 0; }
    /// False for tor, i2p and the other kinds without IP hosts. The default value stands for a local IP address.
    [[nodiscard]] bool is_ip() const noexcept { return family() <= 6; }

    friend bool operator==(const subnet&, const subnet&) = default;
    friend std::strong_ordering operator<=>(const subnet&, const subnet&) = default;

private:
    [[nodiscard]] std::uint8_t family() const noexcept { return data_[0]; }

    std::array<std::uint8_t, 8> data_{};
};

/// Counts addresses by subnet against a limit. One operator, who easily gets many ids but not many networks, then takes
/// few of the places of a lookup or of a value's replicas. Go by addresses that sessions were observed at, not by
/// claims.
class subnet_cap {
public:
    subnet_cap(std::size_t limit, bool exempt_local) : limit_(limit), exempt_local_(exempt_local) {}

    [[nodiscard]] bool has_room(const address& observed) const { return has_room(counted(observed)); }
    /// Counts the address; false, and nothing changes, when its subnet is at the limit.
    [[nodiscard]] bool add(const address& observed) { return add(counted(observed)); }

    /// The same for a subnet that was made by counted(): what a caller keeps to give back later.
    [[nodiscard]] subnet counted(const address& observed) const { return subnet::counted(observed, exempt_local_); }
    [[nodiscard]] bool has_room(const subnet& from) const { return from.empty() || count(from) < limit_; }
    [[nodiscard]] bool add(const subnet& from);
    /// Gives back what add() took; nothing happens for a subnet that was not added.
    void remove(const subnet& from);

    [[nodiscard]] std::size_t count(const subnet& from) const;

private:
    struct counter {
        subnet from;
        std::size_t count = 0;
    };
    [[nodiscard]] std::vector<counter>::const_iterator find(const subnet& from) const;

    std::size_t limit_;
    bool exempt_local_;
    std::vector<counter> counters_;  // sorted by subnet
};

}  // namespace mydht
