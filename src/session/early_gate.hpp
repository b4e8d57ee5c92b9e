#pragma once

#include <algorithm>
#include <chrono>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// Whether a request in a first packet counts. Such a packet can be recorded and sent again, so it must be fresh: then it is
/// among those whose keys are remembered (seen_ephemerals), which this node's start and every change of its clock survive.
class early_gate {
public:
    /// As old as the packet may be; no longer than keys are remembered.
    static constexpr std::chrono::minutes age_max{2};
    /// How far the initiator's clock may be ahead.
    static constexpr std::chrono::seconds ahead_max{2};

    explicit early_gate(wall_time started) noexcept : started_(started), latest_(started) {}

    /// `stamp`: when the packet was made, by the initiator's clock.
    [[nodiscard]] bool lets_in(wall_time stamp, wall_time now) noexcept {
        // A clock that was set back must not make old packets young again.
        latest_ = std::max(latest_, now);
        // Before the start it could have been let in with a stamp up to ahead_max later, and is forgotten.
        return stamp > started_ + ahead_max && stamp <= now + ahead_max && stamp >= latest_ - age_max;
    }

private:
    wall_time started_;
    wall_time latest_;
};

}  // namespace mydht::detail
