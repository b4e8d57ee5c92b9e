#pragma once

#include <cstddef>

#include <mydht/wire/codec.hpp>
#include <mydht/wire/handshake_payload.hpp>

namespace mydht::detail {

inline constexpr std::size_t codecs_max = wire::codecs_per_payload;

/// The codec of this number; nullptr when this build has none.
[[nodiscard]] inline const wire::codec* find_codec(wire::codec_id id) noexcept {
    return id == wire::codec_id::capnp ? &wire::capnp_codec() : nullptr;
}

}  // namespace mydht::detail
