#include <string>
#include <vector>

#include <mydht/sim/scenario_modes.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define MYDHT_IS_SLOW
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer) || __has_feature(thread_sanitizer)
#define MYDHT_IS_SLOW
#endif
#endif

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

/// A tenth where it takes ten times as long.
#ifdef MYDHT_IS_SLOW
constexpr std::size_t many_nodes = 100;
#else
constexpr std::size_t many_nodes = 1000;
#endif

modes_config network_of(topology shape, std::size_t nodes, std::size_t values) {
    modes_config out;
    out.seed = 7;
    out.shape = shape;
    out.nodes = nodes;
    out.values = values;
    return out;
}

}  // namespace

TEST_CASE("every mode finds what is there when everybody reaches everybody", "[modes]") {
    auto config = network_of(topology::everybody, 60, 20);
    config.datagrams = GENERATE(true, false);
    const auto report = compare_modes(config);
    CHECK(report.failed_starts == 0);
    CHECK(report.puts.succeeded == 20);
    REQUIRE(report.gets.size() == config.modes.size());
    for (const auto& each : report.gets) {
        CHECK(each.asked == 20);
        CHECK(each.succeeded == 20);
        CHECK(each.messages > 0);
        CHECK(each.bytes > each.messages);
        CHECK(each.p95 >= each.median);
    }
}

TEST_CASE("around a ring of thirty queries that are passed on find what asking oneself does not", "[modes]") {
    auto config = network_of(topology::ring, 30, 20);
    config.hops = 15;
    config.modes = {iterative(), proxied()};
    const auto report = compare_modes(config);
    CHECK(report.failed_starts == 0);
    CHECK(report.puts.succeeded == 20);
    CHECK(report.gets[1].succeeded == 20);
    CHECK(report.gets[0].succeeded < 10);
}

TEST_CASE("proxied gets cross the bridge between two cliques", "[modes]") {
    auto config = network_of(topology::two_cliques, 32, 60);
    config.modes = {iterative(), proxied()};
    const auto report = compare_modes(config);
    CHECK(report.puts.succeeded == 60);
    CHECK(report.gets[0].succeeded < 45);
    CHECK(report.gets[1].succeeded >= 59);
    CHECK(report.gets[1].messages < 80);
    // Some of them are on the asker's side, the others two hops and more away.
    CHECK(report.gets[1].hops > 1);
}

TEST_CASE("among a thousand nodes with four links each, proxied gets find what is there and others do not",
          "[modes][scale]") {
    auto config = network_of(topology::four_links, many_nodes, 100);
    config.seed = 1;  // as in docs/queries.md
    const auto report = compare_modes(config);
    CHECK(report.failed_starts == 0);
    CHECK(report.puts.succeeded == 100);
    CHECK(report.puts.messages < 300);
    REQUIRE(config.modes == std::vector<query_mode>{iterative(), direct(), proxied(), mixed(3)});
    const auto& gets = report.gets;
    CHECK(gets[0].succeeded < (many_nodes == 1000 ? 50 : 95));
    CHECK(gets[1].succeeded < (many_nodes == 1000 ? 50 : 95));
    CHECK(gets[2].succeeded >= 99);
    CHECK(gets[3].succeeded >= 80);
    // docs/queries.md has 66.
    CHECK(gets[2].messages < 100);
    for (const auto& each : gets) CHECK(each.messages < 400);
}

TEST_CASE("puts among nodes that let nobody in do not wait for these until their time is over", "[modes]") {
    auto config = network_of(topology::sheltered, 60, 60);
    config.modes = {proxied()};
    const auto report = compare_modes(config);
    CHECK(report.puts.succeeded == 60);
    CHECK(report.puts.p95 < 6s);
    CHECK(report.gets[0].succeeded == 60);
}

TEST_CASE("a comparison of modes is the same again", "[modes]") {
    const auto config = network_of(topology::long_links, 40, 10);
    const auto one = compare_modes(config);
    const auto other = compare_modes(config);
    for (std::size_t i = 0; i < one.gets.size(); ++i) {
        CHECK(one.gets[i].succeeded == other.gets[i].succeeded);
        CHECK(one.gets[i].messages == other.gets[i].messages);
        CHECK(one.gets[i].bytes == other.gets[i].bytes);
        CHECK(one.gets[i].p95 == other.gets[i].p95);
    }
}

TEST_CASE("topologies have names that are understood", "[modes]") {
    for (const auto shape : {topology::everybody, topology::ring, topology::long_links, topology::four_links,
                             topology::two_cliques, topology::sheltered}) {
        CHECK(parse_topology(name_of(shape)) == shape);
    }
    CHECK_FALSE(parse_topology("star"));
    CHECK_THROWS_AS(compare_modes(network_of(topology::ring, 7, 1)), std::invalid_argument);
}
