#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <span>

#include <mydht/wire/codec.hpp>
#include <mydht/wire/handshake_payload.hpp>

namespace mydht::detail {

inline constexpr std::size_t codecs_max = wire::codecs_per_payload;

/// The one of these codecs that a handshake has settled on. It chooses among them alone.
[[nodiscard]] inline wire::any_codec codec_of(std::span<const wire::any_codec> codecs, wire::codec_id id) noexcept {
    const auto found = std::ranges::find(codecs, id, &wire::any_codec::id);
    assert(found != codecs.end());
    return *found;
}

}  // namespace mydht::detail
