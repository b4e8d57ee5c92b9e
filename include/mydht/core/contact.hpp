#pragma once

#include <cstdint>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/keys.hpp>

namespace mydht {

/// What a peer says it can do; bits that this build does not know are kept and passed on.
enum class capability : std::uint32_t {
    /// Answers queries and keeps values. A peer without it is a client and enters nobody's table.
    server = 1U << 0U,
};

/// How to reach a peer: unsigned, a hint that the handshake proves. `id` always is the hash of `peer` (contact_of in
/// mydht/crypto/ids.hpp makes it so; decoders compute it and never read it). No aggregate: one that is written with
/// braces inside a co_await expression would be destroyed twice by g++ 12.
struct contact {
    contact() {}

    node_id id;
    public_key peer;
    std::uint32_t capabilities = 0;
    std::vector<address> addresses;  ///< preferred first, at most limits::addresses_per_contact

    [[nodiscard]] bool can(capability what) const noexcept {
        return (capabilities & static_cast<std::uint32_t>(what)) != 0;
    }

    friend bool operator==(const contact&, const contact&) = default;
};

}  // namespace mydht
