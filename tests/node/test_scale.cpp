#include <string>
#include <vector>

#include <mydht/core/random.hpp>
#include <mydht/sim/scenario.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

id256 random_target(prng& random) {
    id256 out;
    for (auto& byte : out.data()) byte = static_cast<std::uint8_t>(random.below(256));
    return out;
}

/// Operations that run side by side, as they do in a real network; sessions are then used by many of them.
constexpr std::size_t batch = 100;

double mean_recall(scenario& s, prng& random) {
    std::vector<id256> targets;
    std::vector<node_index> askers;
    std::vector<task<result<lookup_report>>> lookups;
    for (std::size_t i = 0; i < batch; ++i) {
        targets.push_back(random_target(random));
        askers.push_back(s.any());
        lookups.push_back(s.at(askers.back()).lookup(targets.back()));
    }
    const auto found = s.run_all(std::move(lookups));
    double sum = 0;
    for (std::size_t i = 0; i < batch; ++i) {
        REQUIRE(found[i]);
        sum += s.recall(targets[i], found[i]->closest, 20, askers[i]);
    }
    return sum / static_cast<double>(batch);
}

std::vector<id256> put_values(scenario& s, std::size_t count) {
    std::vector<id256> keys;
    while (keys.size() < count) {
        std::vector<task<result<put_report>>> puts;
        for (std::size_t i = 0; i < batch; ++i) {
            puts.push_back(s.at(s.any()).put(value::immutable("value " + std::to_string(keys.size() + i))));
        }
        for (const auto& stored : s.run_all(std::move(puts))) {
            REQUIRE(stored);
            keys.push_back(*stored);
        }
    }
    return keys;
}

std::size_t count_found(scenario& s, const std::vector<id256>& keys) {
    std::size_t out = 0;
    for (std::size_t from = 0; from < keys.size(); from += batch) {
        std::vector<task<result<get_report>>> gets;
        for (std::size_t i = from; i < from + batch; ++i) gets.push_back(s.at(s.any()).get(keys[i]));
        for (const auto& found : s.run_all(std::move(gets))) out += found ? 1 : 0;
    }
    return out;
}

}  // namespace

TEST_CASE("a thousand nodes keep their values when a fifth of them crashes", "[scale]") {
    scenario_config config;
    config.seed = 2026;
    config.world.wall_skew_max = 1min;
    scenario s(std::move(config));
    prng random(99);
    CAPTURE(s.world().seed());
    REQUIRE(s.grow(1000) == 0);
    CHECK(mean_recall(s, random) >= 0.99);

    const auto keys = put_values(s, 1000);
    CHECK(count_found(s, keys) == 1000);

    for (int i = 0; i < 200; ++i) s.crash(s.any(), i % 2 == 0 ? crash_kind::reset : crash_kind::silence);
    CHECK(count_found(s, keys) >= 990);

    s.world().run_for(10min);
    CHECK(mean_recall(s, random) >= 0.99);
}
