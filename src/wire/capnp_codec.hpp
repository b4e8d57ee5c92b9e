#pragma once

#include <mydht/wire/codec.hpp>

/// The two halves of the Cap'n Proto codec. Only their bodies see capnp and kj.
namespace mydht::wire {

/// Appends the message: one segment behind its table. The message is within the limits of the protocol.
void capnp_encode(const envelope& what, bytes& out);

/// Reads a message that fills `data`.
[[nodiscard]] tl::expected<envelope, decode_error> capnp_decode(bytes_view data, const decode_limits& limits);

}  // namespace mydht::wire
