#include "session/eviction.hpp"

#include <tuple>

namespace mydht::detail {

std::optional<std::size_t> least_useful(std::span<const session_worth> sessions) noexcept {
    const auto worth = [](const session_worth& s) { return std::tuple(!s.stalled, s.priority, s.wanted, s.last_used); };
    std::optional<std::size_t> out;
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        if (sessions[i].busy) continue;
        if (!out || worth(sessions[i]) < worth(sessions[*out])) out = i;
    }
    return out;
}

}  // namespace mydht::detail
