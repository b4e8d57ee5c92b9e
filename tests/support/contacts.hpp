#pragma once

#include <cstdint>
#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/core/random.hpp>

namespace mydht::test {

/// The `number`-th of 2^24 addresses, each in a subnet of its own: a.b.c.1 with a public first byte.
inline address public_address(std::uint32_t number) {
    const auto byte = [number](unsigned shift) { return static_cast<std::uint8_t>(number >> shift); };
    // 32 to 95 has no special-purpose range.
    const auto first = static_cast<std::uint8_t>(32 + (number >> 16U) % 64);
    return address::ipv4(address_kind::tcp, {first, byte(8), byte(0), 1}, 4000);
}

inline node_id random_id(prng& random) {
    node_id out;
    for (auto& byte : out.data()) byte = static_cast<std::uint8_t>(random.below(256));
    return out;
}

/// A random id that shares exactly `shared` leading bits with `near`.
inline node_id id_sharing(const node_id& near, std::size_t shared, prng& random) {
    node_id out = random_id(random);
    for (std::size_t i = 0; i < shared; ++i) out.set_bit(i, near.bit(i));
    out.set_bit(shared, !near.bit(shared));
    return out;
}

inline contact server_at(const node_id& id, const address& where) {
    contact out;
    out.id = id;
    out.capabilities = static_cast<std::uint32_t>(capability::server);
    out.addresses = {where};
    return out;
}

}  // namespace mydht::test
