#include <string>
#include <vector>

#include <mydht/sim/scenario.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

std::uint64_t trace_of(std::uint64_t seed) {
    scenario_config config;
    config.seed = seed;
    config.world.wall_skew_max = 2min;
    scenario s(std::move(config));
    REQUIRE(s.grow(40) == 0);
    std::vector<id256> keys;
    for (int i = 0; i < 10; ++i) {
        const auto stored = s.run(s.at(s.any()).put(value::immutable("value " + std::to_string(i))));
        REQUIRE(stored);
        keys.push_back(*stored);
    }
    for (node_index i = 0; i < 8; ++i) s.crash(i, i % 2 == 0 ? crash_kind::reset : crash_kind::silence);
    for (const auto& key : keys) REQUIRE(s.run(s.at(s.any()).get(key)));
    s.world().run_for(5min);
    return s.world().trace_hash();
}

}  // namespace

TEST_CASE("a scenario replays from its seed", "[scenario]") {
    const auto first = trace_of(7);
    CHECK(trace_of(7) == first);
    CHECK(trace_of(8) != first);
}

TEST_CASE("a partitioned network works in its parts and again as a whole", "[scenario]") {
    scenario_config config;
    config.seed = 3;
    scenario s(std::move(config));
    REQUIRE(s.grow(40) == 0);
    std::vector<node_index> island;
    for (node_index i = 0; i < 20; ++i) island.push_back(i);
    const auto before = s.run(s.at(30).put(value::immutable("before")));
    REQUIRE(before);
    s.network().partition(island);
    s.world().run_for(2min);
    const auto inside = s.run(s.at(2).put(value::immutable("inside")));
    REQUIRE(inside);
    CHECK(s.run(s.at(17).get(*inside)));
    CHECK_FALSE(s.run(s.at(30).get(*inside)));
    s.network().heal();
    s.world().run_for(10min);
    CHECK(s.run(s.at(39).get(*before)));
    CHECK(s.run(s.at(39).get(*inside)));
}

TEST_CASE("a node that restarts with an empty table is back in the network", "[scenario]") {
    scenario_config config;
    config.seed = 5;
    scenario s(std::move(config));
    REQUIRE(s.grow(30) == 0);
    const auto stored = s.run(s.at(4).put(value::immutable("still there")));
    REQUIRE(stored);
    s.crash(4, crash_kind::silence);
    s.world().run_for(1min);
    const auto joined = s.restart(4);
    REQUIRE(joined);
    CHECK(joined->reached > 0);
    const auto found = s.run(s.at(4).get(*stored));
    REQUIRE(found);
    CHECK(found->text() == "still there");
}
