#pragma once

#include <memory>
#include <utility>

#include "session/datagram_handshake.hpp"
#include "session/reset_tokens.hpp"
#include "support/catch.hpp"
#include "support/prng_source.hpp"

namespace mydht::test {

/// One node's side of datagram handshakes.
struct datagram_side {
    explicit datagram_side(std::uint64_t seed, session_config config = {})
        : random(seed),
          party(std::make_shared<const identity>(identity::generate(random)), config, random),
          tokens(*party.self) {}

    /// Knows the key of `peer`, or nothing of it.
    [[nodiscard]] detail::datagram_goal goal(const datagram_side* peer, std::uint32_t own_index = 0x11) const {
        detail::datagram_goal out;
        if (peer != nullptr) out.known = peer->party.self->key();
        out.own_index = own_index;
        out.token = tokens.token_for(own_index);
        return out;
    }

    prng_source random;
    detail::local_party party;
    detail::reset_tokens tokens;
};

inline session_config plain_network() {
    session_config out;
    out.mode = wire::link_mode::plain;
    return out;
}

inline session_config private_network(std::uint8_t filling = 7) {
    session_config out;
    out.psk = bytes(32, filling);
    return out;
}

inline session_config simulated_network() {
    session_config out;
    out.agreement = &noise::fast_dh();
    return out;
}

/// What a responder makes of an initial packet, with everything that it can find wrong.
inline result<detail::accepted_initial> accept_packet(const detail::local_party& party, bytes_view packet) {
    const auto initial = wire::decode_initial(packet);
    if (!initial) return failure(initial.error());
    if (auto fine = detail::judge_initial(party, *initial); !fine) return failure(fine.error());
    return detail::accepted_initial::accept(party, *initial);
}

inline constexpr wall_time some_time{std::chrono::milliseconds(1'700'000'000'000)};

}  // namespace mydht::test
