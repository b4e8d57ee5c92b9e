#pragma once

#include <cstdint>

#include <mydht/core/id.hpp>
#include <mydht/core/time.hpp>

namespace mydht::detail {

/// What becomes of two links with the same peer over the same kind of transport.
enum class crossing_verdict : std::uint8_t {
    older_stays,    ///< the handshakes crossed: the older link stays, the fresh one is only answered until it is done
    fresh_stays,    ///< the handshakes crossed: the fresh link stays, the older one is only answered until it is done
    older_is_gone,  ///< the peer came again although it has a link: a restart or a second process; the fresh link stays
};

/// The facts of a crossing, as one side sees them.
struct crossing {
    node_id self;
    node_id peer;
    bool older_dialled = false;  ///< this side dialled the older link
    bool fresh_dialled = false;  ///< this side dialled the fresh one
    duration older_age{};        ///< since the older link was proven
    duration window{};           ///< the longest that the handshakes of two honest nodes can lie apart
};

/// Of two handshakes that crossed, the link whose initiator has the smaller id stays: both sides decide alike, whatever
/// they saw first. No honest node dials a peer that it has a link with, so a second link in the same direction, or one
/// long after the first, comes from a peer that has lost the first.
[[nodiscard]] crossing_verdict judge(const crossing& what) noexcept;

}  // namespace mydht::detail
