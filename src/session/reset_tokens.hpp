#pragma once

#include <cstdint>

#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/secret.hpp>
#include <mydht/wire/packet.hpp>

namespace mydht::detail {

/// What proves that this node has forgotten a session. It is told to the peer in the handshake, and can be computed
/// again after a restart, when nothing else is left of the session.
class reset_tokens {
public:
    explicit reset_tokens(const identity& self);

    [[nodiscard]] wire::reset_token token_for(std::uint32_t own_index) const noexcept;

    /// True when a reset may answer a packet of this size: a reset is shorter than what it answers, so that two nodes
    /// that know nothing of each other fall silent.
    [[nodiscard]] static constexpr bool may_answer(std::size_t packet_bytes) noexcept {
        return packet_bytes > wire::reset_packet_bytes;
    }

private:
    secret<32> secret_;
};

}  // namespace mydht::detail
