#pragma once

#include <algorithm>
#include <chrono>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// Whether a request in a first packet counts. Such a packet can be recorded and sent again, so it must be fresh: then
/// it is among those whose keys are remembered (seen_ephemerals), which this node's start and every change of its clock
/// survive.
class early_gate {
public:
    /// As old as the packet may be, by a clock of this node that never goes back.
    static constexpr std::chrono::minutes age_max{2};
    /// How far the initiator's clock may be ahead.
    static constexpr std::chrono::seconds ahead_max{2};
    /// How long after it came a packet can still be fresh, so how long its key has to be remembered.
    static constexpr auto fresh_for = age_max + ahead_max;

    early_gate(wall_time started, steady_time now) noexcept : started_(started), latest_(started), seen_at_(now) {}

    /// `stamp`: when the packet was made, by the initiator's clock. `now` and `at` are the same moment by this node's
    /// clocks.
    [[nodiscard]] bool lets_in(wall_time stamp, wall_time now, steady_time at) noexcept {
        // A clock that was set back must not make old packets young again, nor keep those young that are forgotten
        // soon.
        const auto went = std::chrono::duration_cast<wall_time::duration>(std::max(at - seen_at_, duration::zero()));
        latest_ = std::max(latest_ + went, now);
        seen_at_ = std::max(seen_at_, at);
        // Before the start it could have been let in with a stamp up to ahead_max later, and is forgotten.
        return stamp > started_ + ahead_max && stamp <= now + ahead_max && stamp >= latest_ - age_max;
    }

private:
    wall_time started_;
    wall_time latest_;
    steady_time seen_at_;
};

}  // namespace mydht::detail
