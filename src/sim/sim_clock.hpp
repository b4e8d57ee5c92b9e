#pragma once

#include <cstdint>

#include "sim/world_core.hpp"

namespace mydht::sim::detail {

/// The clock of one node: its alarms wait here, and the earliest of them is an event of the world. An alarm that is
/// taken back leaves its event behind, which the world then skips: most alarms are deadlines that never come.
class sim_clock final : public time_source {
public:
    sim_clock(world_core& world, node_index node, wall_time wall_start)
        : world_(&world), node_(node), wall_start_(wall_start) {}

    [[nodiscard]] steady_time now() const noexcept override;
    [[nodiscard]] wall_time wall_now() const noexcept override;
    void arm(alarm& a, steady_time when) override;
    void disarm(alarm& a) noexcept override { alarms_.disarm(a); }

    /// What the node takes for the calendar time at the world's beginning.
    void set_wall_start(wall_time start) noexcept { wall_start_ = start; }

    /// Does the event still stand for the earliest alarm? If not, one that does is made where it is missing.
    [[nodiscard]] bool confirm(const event_key& e);
    /// Fires what is due. Only after confirm().
    void fire_due();
    /// The world is gone: the time stands still, alarms never fire.
    void detach() noexcept;

private:
    void request(steady_time when);

    world_core* world_;
    node_index node_;
    wall_time wall_start_;
    alarm_queue alarms_;
    bool requested_ = false;
    steady_time requested_for_{};
    std::uint64_t request_ = 0;
    steady_time last_{};
};

}  // namespace mydht::sim::detail
