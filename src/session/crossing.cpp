#include "session/crossing.hpp"

namespace mydht::detail {

crossing_verdict judge(const crossing& what) noexcept {
    const bool same_direction = what.older_dialled == what.fresh_dialled;
    if (same_direction || what.older_age > what.window) return crossing_verdict::older_is_gone;
    const bool own_link_stays = what.self < what.peer;
    return own_link_stays == what.older_dialled ? crossing_verdict::older_stays : crossing_verdict::fresh_stays;
}

}  // namespace mydht::detail
