#pragma once

#include <cstdint>

namespace mydht::wire {

/// The encodings of messages, as they are named in the handshake. Numbers that this build does not know are kept, so
/// that newer peers' lists survive.
enum class codec_id : std::uint8_t {
    none = 0,  ///< no choice was made
    capnp = 1,
    json = 2,
    cbor = 3,
    bencode = 4,
    protobuf = 5,
    capnp_packed = 6,
};

/// From here on the numbers are applications' own.
inline constexpr codec_id codec_id_private{192};

}  // namespace mydht::wire
