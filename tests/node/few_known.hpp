#pragma once

#include <cstdint>

#include <mydht/sim/scenario.hpp>

namespace mydht::test {

/// Nodes that know six others each, so that most queries have to be passed on.
inline sim::scenario_config few_known(std::uint64_t seed, bool streams, bool datagrams) {
    sim::scenario_config config;
    config.seed = seed;
    config.streams = streams;
    config.datagrams = datagrams;
    config.configure = [](sim::node_index, node_config& each) {
        flat_table_config few;
        few.list.contacts_max = 6;
        few.list.live_wanted = 6;
        each.table = few;
    };
    return config;
}

}  // namespace mydht::test
