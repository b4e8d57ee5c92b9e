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

double mean_recall(scenario& s, prng& random, int lookups) {
    double sum = 0;
    for (int i = 0; i < lookups; ++i) {
        const auto target = random_target(random);
        const auto found = s.run(s.at(s.any()).lookup(target));
        REQUIRE(found);
        sum += s.recall(target, found->closest, 20);
    }
    return sum / lookups;
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
    CHECK(mean_recall(s, random, 100) >= 0.99);

    std::vector<id256> keys;
    for (int i = 0; i < 1000; ++i) {
        const auto stored = s.run(s.at(s.any()).put(value::immutable("value " + std::to_string(i))));
        REQUIRE(stored);
        keys.push_back(*stored);
    }
    int found = 0;
    for (const auto& key : keys) found += s.run(s.at(s.any()).get(key)) ? 1 : 0;
    CHECK(found == 1000);

    for (int i = 0; i < 200; ++i) s.crash(s.any(), i % 2 == 0 ? crash_kind::reset : crash_kind::silence);
    int still_found = 0;
    for (const auto& key : keys) still_found += s.run(s.at(s.any()).get(key)) ? 1 : 0;
    CHECK(still_found >= 990);

    s.world().run_for(10min);
    CHECK(mean_recall(s, random, 100) >= 0.99);
}
