#pragma once

#include <string>
#include <vector>

#include <mydht/crypto/noise.hpp>

#include "support/catch.hpp"

namespace mydht::test {

inline secret<32> fixed_secret(std::uint8_t first) {
    secret<32> out;
    for (std::size_t i = 0; i < out.span().size(); ++i) out.span()[i] = static_cast<std::uint8_t>(first + i);
    return out;
}

/// The names of all patterns, in the order of the specification.
inline const std::vector<std::string>& noise_patterns() {
    static const std::vector<std::string> names{
        "N",   "K",    "X",   "NN",  "NK",   "NX",  "KN",  "KK",   "KX",   "XN",  "XK",   "XX",   "IN",
        "IK",  "IX",   "NK1", "NX1", "X1N",  "X1K", "XK1", "X1K1", "X1X",  "XX1", "X1X1", "K1N",  "K1K",
        "KK1", "K1K1", "K1X", "KX1", "K1X1", "I1N", "I1K", "IK1",  "I1K1", "I1X", "IX1",  "I1X1",
    };
    return names;
}

inline noise::protocol protocol_named(const std::string& name) {
    CAPTURE(name);
    const auto out = noise::protocol::parse(name);
    REQUIRE(out);
    return *out;
}

/// Two sides with fixed keys: the same bytes each time.
struct noise_peers {
    explicit noise_peers(const noise::protocol& which, const noise::dh& agree = noise::x25519())
        : protocol(which),
          agreement(agree),
          statics{agree.from_secret(fixed_secret(0x10)), agree.from_secret(fixed_secret(0x40))},
          ephemerals{agree.from_secret(fixed_secret(0x70)), agree.from_secret(fixed_secret(0xa0))} {
        for (std::size_t i = 0; i < which.psks(); ++i)
            psks.push_back(fixed_secret(static_cast<std::uint8_t>(0xd0 + i)));
    }

    [[nodiscard]] noise::handshake_config config(noise::role side) const {
        const std::size_t own = side == noise::role::initiator ? 0 : 1;
        noise::handshake_config out(protocol, side);
        out.prologue = as_bytes("mydht test");
        if (protocol.needs_static(side)) out.static_keys = &statics[own];
        if (protocol.needs_remote_static(side)) out.remote_static = statics[1 - own].public_part;
        out.psks = psks;
        out.ephemeral = &ephemerals[own];
        out.agreement = &agreement;
        return out;
    }

    [[nodiscard]] noise::handshake start(noise::role side) const {
        auto out = noise::handshake::create(config(side));
        REQUIRE(out);
        return std::move(*out);
    }

    noise::protocol protocol;
    const noise::dh& agreement;
    std::array<noise::key_pair, 2> statics;
    std::array<noise::key_pair, 2> ephemerals;
    std::vector<secret<32>> psks;
};

/// Both handshakes side by side.
struct noise_exchange {
    explicit noise_exchange(const noise_peers& peers)
        : sides{peers.start(noise::role::initiator), peers.start(noise::role::responder)} {}

    [[nodiscard]] noise::handshake& writer() { return sides[0].my_turn() ? sides[0] : sides[1]; }
    [[nodiscard]] noise::handshake& reader() { return sides[0].my_turn() ? sides[1] : sides[0]; }

    /// Carries one message over; gives it.
    bytes step(bytes_view payload) {
        auto& from = writer();
        auto& to = reader();
        const auto message = from.write(payload);
        REQUIRE(message);
        const auto read = to.read(*message);
        REQUIRE(read);
        CHECK(*read == to_bytes(payload));
        return *message;
    }

    std::array<noise::handshake, 2> sides;
};

inline bytes seal(noise::cipher& with, bytes_view plain) {
    bytes out(plain.size() + noise::tag_bytes);
    REQUIRE(with.seal({}, plain, out));
    return out;
}

inline result<bytes> open(noise::cipher& with, bytes_view sealed) {
    REQUIRE(sealed.size() >= noise::tag_bytes);
    bytes out(sealed.size() - noise::tag_bytes);
    if (auto done = with.open({}, sealed, out); !done) return failure(done.error());
    return out;
}

}  // namespace mydht::test
