#include <algorithm>
#include <stdexcept>
#include <vector>

#include <mydht/core/random.hpp>
#include <mydht/sim/latency.hpp>

#include "support/catch.hpp"

namespace mydht::sim {

namespace {

constexpr std::uint64_t most = ~std::uint64_t{0};

}  // namespace

TEST_CASE("A constant latency is constant", "[sim][latency]") {
    const auto model = latency_model::constant(duration(12'345'678));
    CHECK(model.sample(0) == duration(12'345'678));
    CHECK(model.sample(most) == duration(12'345'678));
}

TEST_CASE("A uniform latency reaches both limits and nothing else", "[sim][latency]") {
    const auto model = latency_model::uniform(duration(10), duration(13));
    CHECK(model.sample(0) == duration(10));
    CHECK(model.sample(most) == duration(13));
    std::vector<int> seen(4);
    prng random(1);
    for (int i = 0; i < 4'000; ++i) ++seen.at(static_cast<std::size_t>(model.sample(random()).count() - 10));
    for (const auto count : seen) CHECK((count > 850 && count < 1'150));
}

TEST_CASE("A long-tailed latency has its median where it says and a tail above it", "[sim][latency]") {
    using std::chrono::milliseconds;
    const auto model = latency_model::long_tailed(milliseconds(5), milliseconds(40));
    std::vector<duration> drawn;
    prng random(2);
    for (int i = 0; i < 10'001; ++i) drawn.push_back(model.sample(random()));
    std::sort(drawn.begin(), drawn.end());
    CHECK(drawn.front() > milliseconds(5));
    CHECK(drawn[5'000] > milliseconds(39));
    CHECK(drawn[5'000] < milliseconds(41));
    // exp(0.6 * 1.2816) above the least at the 90th percentile.
    CHECK(drawn[9'000] > milliseconds(78));
    CHECK(drawn[9'000] < milliseconds(85));
    CHECK(drawn.back() < milliseconds(5 + 35 * 5));
    CHECK(model.sample(std::uint64_t{1} << 63U) == milliseconds(40));
}

TEST_CASE("Latencies that can never work are refused", "[sim][latency]") {
    CHECK_THROWS_AS(latency_model::constant(duration(0)), std::invalid_argument);
    CHECK_NOTHROW(latency_model::constant(duration(1)));
    CHECK_THROWS_AS(latency_model::uniform(duration(2), duration(1)), std::invalid_argument);
    CHECK_NOTHROW(latency_model::uniform(duration(2), duration(2)));
    CHECK_THROWS_AS(latency_model::long_tailed(duration(0), duration(1)), std::invalid_argument);
    CHECK_THROWS_AS(latency_model::long_tailed(duration(1), std::chrono::hours(2)), std::invalid_argument);
}

}  // namespace mydht::sim
