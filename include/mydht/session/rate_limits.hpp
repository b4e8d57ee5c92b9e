#pragma once

#include <cstddef>
#include <cstdint>

#include <mydht/core/address.hpp>
#include <mydht/core/result.hpp>

namespace mydht {

/// How often something may happen: `burst` times at once, and `per_second` in the long run.
struct rate_limit {
    std::uint32_t per_second = 1;
    std::uint32_t burst = 1;
};

/// Success, or errc::bad_configuration for a limit that lets nothing through or is finer than the clock.
[[nodiscard]] result<void> check(const rate_limit& limit) noexcept;

/// How many requests a node answers. Counted at the address that a session is observed at, and for all sessions of its
/// network_prefix together; a request needs room in both. Answers to the node's own requests are not counted. A peer
/// that was admitted with a priority pays less for a request, see priority_discount.
struct request_limits {
    /// Of one address and port: what one peer may take of its network's share.
    rate_limit endpoint{500, 1'000};
    /// Of one /24 or /48, or of one address of other kinds: what one operator may take of the node.
    rate_limit prefix{2'000, 4'000};
    /// Refused requests of one endpoint, and of one prefix, that are told so (wire::error_code::throttled); those
    /// beyond it are dropped, and their asker waits in vain.
    rate_limit refusals{20, 20};
    /// Endpoints, and prefixes, that are remembered; beyond it the one that asked longest ago is forgotten, and starts
    /// anew.
    std::size_t entries_max = 4096;
};

/// Success, or errc::bad_configuration.
[[nodiscard]] result<void> check(const request_limits& limits) noexcept;

/// How often this node dials because somebody has named an address.
struct dial_limits {
    dial_limits() {}
    dial_limits(rate_limit address_, rate_limit prefix_, std::size_t at_once_, std::size_t entries_max_)
        : address(address_), prefix(prefix_), at_once(at_once_), entries_max(entries_max_) {}

    /// Of one address.
    rate_limit address{1, 1};
    /// Of one network_prefix.
    rate_limit prefix{10, 10};
    /// Under way together.
    std::size_t at_once = 100;
    /// Addresses, and prefixes, that are remembered.
    std::size_t entries_max = 1024;
};

/// Success, or errc::bad_configuration.
[[nodiscard]] result<void> check(const dial_limits& limits) noexcept;

/// A request of a peer with priority p costs the share priority_discount / (priority_discount + p) of one.
inline constexpr std::uint32_t priority_discount = 32;

namespace detail {

/// An address that only this machine, or this process, can use: rates need not count what comes from there.
[[nodiscard]] bool is_own_machine(const address& from) noexcept;

}  // namespace detail

}  // namespace mydht
