#pragma once

#include <cstdint>

#include <mydht/core/id.hpp>
#include <mydht/core/time.hpp>
#include <mydht/wire/handshake_payload.hpp>
#include <mydht/wire/packet.hpp>

#include "session/handshake_rules.hpp"
#include "session/session_ciphers.hpp"

/// What the messages of a datagram handshake hold: the handshake payload, what the sender says of the session, frames.
namespace mydht::detail {

struct datagram_payload {
    wire::handshake_payload who;
    std::uint32_t index = 0;  ///< in an initial packet the peer's index that is renewed; otherwise the sender's own
    wire::reset_token token{};
    bytes_view frames;
};

/// Errors: those of encode() for the handshake payload.
[[nodiscard]] result<void> append(bytes& out, const datagram_payload& what);
/// Frames are a view of `data`. Errors: those of decode_handshake_payload.
[[nodiscard]] result<datagram_payload> read_datagram_payload(bytes_view data);

/// What an initial packet says before that: when it was made.
void append_stamp(bytes& out, wall_time now);
/// Takes it off the front. Errors: errc::truncated.
[[nodiscard]] result<wall_time> take_stamp(bytes_view& data);

/// What the sides of a Noise handshake must agree on: the initial packet up to its cookie, then the prologue of
/// streams.
[[nodiscard]] bytes prologue_for(const local_party& party, const wire::initial_packet& initial);

/// A digest of a plain initial packet, and the tags that it and the answer lead to. `answer`: the whole packet but the
/// tag that ends it, which is the initiator's to check.
[[nodiscard]] id256 plain_transcript(const wire::initial_packet& initial) noexcept;
struct plain_agreement {
    plain_tag to_responder{};
    plain_tag to_initiator{};
};
[[nodiscard]] plain_agreement agree_plain(const id256& transcript, bytes_view answer) noexcept;

}  // namespace mydht::detail
