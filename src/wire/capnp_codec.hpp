#pragma once

#include <mydht/wire/codec.hpp>

/// The two halves of the Cap'n Proto codec. Only their bodies see capnp and kj.
namespace mydht::wire {

/// Appends the message: one segment behind its table. The message is within the limits of the protocol.
void capnp_encode(const envelope& what, bytes& out);

/// Reads a message that fills `data`; false with the reason in `why`.
[[nodiscard]] bool capnp_decode(bytes_view data, envelope& out, const decode_limits& limits, decode_error& why);

/// Appends any struct, and reads one: what an application's values look like, for which there is no schema of ours. The
/// layout is in capnp_structs.cpp and in docs/wire-format.md.
[[nodiscard]] result<void> write_capnp_struct(const shape& what, const void* from, bytes& out);
[[nodiscard]] bool read_capnp_struct(bytes_view data, const shape& what, void* to, const decode_limits& limits,
                                     decode_error& why);

}  // namespace mydht::wire
