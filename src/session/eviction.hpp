#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// What a session is worth, when there are too many.
struct session_worth {
    bool busy = false;    ///< requests are under way, in either direction, and the peer takes its answers
    bool wanted = false;  ///< this side dialled it, or has asked the peer something
    steady_time last_used{};
    std::uint8_t priority = 0;  ///< given by admission
    bool stalled = false;       ///< the peer takes nothing of what waits for it
};

/// The session to give up: never a busy one; one whose peer takes nothing first; one of lower priority before one of
/// higher; one that only the peer wanted before one that this side did, so that strangers who come in numbers push out
/// each other; then the one that was not used for longest, the first of equals. None when all are busy.
[[nodiscard]] std::optional<std::size_t> least_useful(std::span<const session_worth> sessions) noexcept;

}  // namespace mydht::detail
