#pragma once

#include <chrono>

namespace mydht {

using duration = std::chrono::nanoseconds;

/// Tag of the time that only runs forward; its zero means nothing. Clocks are injected (mydht/runtime/clock.hpp): this
/// type has no now().
struct steady_tag {
    using rep = mydht::duration::rep;
    using period = mydht::duration::period;
    using duration = mydht::duration;
    using time_point = std::chrono::time_point<steady_tag, duration>;
};
using steady_time = steady_tag::time_point;

/// The time of the calendar, in milliseconds since 1970-01-01 UTC. What is signed or stored carries this one.
using wall_time = std::chrono::sys_time<std::chrono::milliseconds>;

}  // namespace mydht
