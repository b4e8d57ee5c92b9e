#pragma once

#include <cstdint>

#include <mydht/core/contact.hpp>
#include <mydht/core/random.hpp>

namespace mydht::bench {

inline node_id random_id(prng& random) {
    node_id out;
    for (auto& byte : out.data()) byte = static_cast<std::uint8_t>(random.below(256));
    return out;
}

/// A server with an IPv4 address in a subnet of its own: the `number`-th of 2^22.
inline contact sample_contact(std::uint32_t number, prng& random) {
    const auto byte = [number](unsigned shift) { return static_cast<std::uint8_t>(number >> shift); };
    // Hosts from 32 to 95 have no special-purpose range.
    const auto first = static_cast<std::uint8_t>(32 + (number >> 16U) % 64);
    contact out;
    out.id = random_id(random);
    for (auto& part : out.peer.data()) part = static_cast<std::uint8_t>(random.below(256));
    out.capabilities = static_cast<std::uint32_t>(capability::server);
    out.addresses = {address::ipv4(address_kind::tcp, {first, byte(8), byte(0), 1}, 4000)};
    return out;
}

}  // namespace mydht::bench
