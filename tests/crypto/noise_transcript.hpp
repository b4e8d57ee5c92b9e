#pragma once

#include <string>

#include "crypto/noise_peers.hpp"

namespace mydht::test {

/// All that a handshake between fixed keys puts on the wire, and its hash, in hexadecimal: each handshake message with
/// the payload "payload <number>", then one transport message from each side that may send, "from initiator" and
/// "from responder".
struct noise_transcript {
    std::string hash;
    std::string wire;
};

inline noise_transcript transcript_of(const std::string& name) {
    const noise_peers peers(protocol_named(name));
    noise_exchange exchange(peers);
    noise_transcript out;
    for (std::size_t i = 0; i < peers.protocol.messages(); ++i) {
        out.wire += to_hex(exchange.step(to_bytes("payload " + std::to_string(i))));
    }
    out.hash = to_hex(exchange.sides[0].handshake_hash());
    auto initiator = exchange.sides[0].split();
    auto responder = exchange.sides[1].split();
    REQUIRE((initiator && responder));
    out.wire += to_hex(seal(initiator->send, as_bytes("from initiator")));
    if (!peers.protocol.one_way()) out.wire += to_hex(seal(responder->send, as_bytes("from responder")));
    return out;
}

}  // namespace mydht::test
