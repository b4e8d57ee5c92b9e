#include <mydht/query/hidden.hpp>

#include <variant>

namespace mydht::hidden {

void dress(wire::forward& query) {
    query.hidden = true;
    query.hops = hops;
    query.wander = wander;
    query.fan_out = fan_out;
    query.paths = spread;
    query.results = results;
    query.priority = priority;
    query.lifetime = lifetime;
    query.storing = wire::storage_mode::none;
    query.trace_max = 0;
    query.trace.clear();
}

bool is_dressed(const wire::forward& query) {
    // The kinds of addresses that an asker can use would tell askers apart.
    const auto* goal = std::get_if<wire::find_value>(&query.goal);
    if (goal == nullptr || goal->kinds != 0) return false;
    // Compared as a whole, so that no field is forgotten.
    auto as_it_should_be = wire::forward();
    as_it_should_be.tag = query.tag;
    as_it_should_be.goal = query.goal;
    dress(as_it_should_be);
    return query == as_it_should_be;
}

}  // namespace mydht::hidden
