#include <mydht/runtime/task_group.hpp>
#include <mydht/sim/network.hpp>
#include <mydht/sim/world.hpp>

#include "fixture.hpp"

namespace mydht::test {

namespace {

/// A pool of a simulated machine.
struct machine {
    machine(sim::world& world, const sim::network& network, session_config config = {})
        : index(world.add_node()),
          env(world.node_environment(index)),
          self(std::make_shared<const identity>(identity::generate(*env.secure_random))),
          pool(std::make_unique<session_pool>(env, self, std::move(config), peer::make_echo(), session_events())) {
        pool->add_transport(network.transport(index));
    }

    [[nodiscard]] steady_time in(duration d) const { return env.time->now() + d; }

    sim::node_index index;
    environment env;
    std::shared_ptr<const identity> self;
    std::unique_ptr<session_pool> pool;
};

task<result<address>> listen(machine& on, address at) { return on.pool->listen(at); }

/// Dials and asks, some requests on the handle it got first and some on the newest.
task<> talk(machine& from, contact to, duration start, duration gap, int& failures) {
    co_await sleep_for(*from.env.time, start);
    auto link = co_await from.pool->connect(to, from.in(30s));
    if (!link) {
        ++failures;
        co_return;
    }
    for (int i = 0; i < 40; ++i) {
        auto on = i % 2 == 0 ? *link : from.pool->find(to.id);
        const auto answer = co_await on.request(wire::ping(), from.in(10s));
        failures += answer ? 0 : 1;
        co_await sleep_for(*from.env.time, gap);
    }
}

struct crossed {
    std::uint64_t crossings = 0;
    std::uint64_t trace = 0;
};

/// Two machines dial each other at nearly the same time.
crossed cross(std::uint64_t seed) {
    CAPTURE(seed);
    prng numbers(seed);
    const auto some = [&](std::uint64_t most) { return duration(std::chrono::microseconds(numbers.below(most))); };
    sim::world world(seed);
    sim::network_config config;
    config.latency = sim::latency_model::uniform(1ms, 300ms);
    config.jitter_max = some(20'000);
    sim::network network(world, config);
    machine a(world, network);
    machine b(world, network);
    const auto at_a = world.run(listen(a, network.address_of(a.index, 4000))).value();
    const auto at_b = world.run(listen(b, network.address_of(b.index, 4000))).value();
    int failures = 0;
    int ended = 0;
    const auto apart = network.latency(a.index, b.index);
    const auto later = some(static_cast<std::uint64_t>(apart / 1us) * 3);
    const auto gap = some(200'000);
    const auto both = [](machine& from, contact to, duration start, duration pause, int& failed, int& done) -> task<> {
        co_await talk(from, std::move(to), start, pause, failed);
        ++done;
    };
    task_group group(world.driver_environment().exec, [&](std::string_view, const std::exception_ptr&) { ++failures; });
    group.spawn("a", both(a, contact_of(b.self->key(), 1, {at_b}), 0ms, gap, failures, ended));
    group.spawn("b", both(b, contact_of(a.self->key(), 1, {at_a}), later, gap, failures, ended));
    world.run_for(2min / 2);
    CHECK(ended == 2);
    CHECK(failures == 0);
    CHECK(a.pool->size() == 1);
    CHECK(b.pool->size() == 1);
    CHECK(network.open_connections(a.index) == 1);
    CHECK(network.open_connections(b.index) == 1);
    CHECK(a.pool->counters().replaced + b.pool->counters().replaced == 0);
    crossed out;
    out.crossings = std::max(a.pool->counters().crossings, b.pool->counters().crossings);
    world.run(a.pool->stop(1s));
    world.run(b.pool->stop(1s));
    CHECK(network.open_connections(a.index) == 0);
    out.trace = world.trace_hash();
    return out;
}

}  // namespace

TEST_CASE("two nodes that dial each other at once keep one link, and no request fails", "[crossing][sim]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    std::uint64_t crossings = 0;
    for (std::uint64_t i = 0; i < 60; ++i) crossings += cross(seed + i).crossings > 0 ? 1 : 0;
    // The test is worth something only when they do cross.
    CHECK(crossings > 5);
}

TEST_CASE("a crossing replays from its seed", "[crossing][sim]") { CHECK(cross(42).trace == cross(42).trace); }

TEST_CASE("a peer that crashed without a word comes back", "[sim]") {
    sim::world world(3);
    sim::network network(world);
    machine a(world, network);
    machine b(world, network);
    const auto at_a = world.run(listen(a, network.address_of(a.index, 4000))).value();
    auto link = world.run(b.pool->connect(contact_of(a.self->key(), 1, {at_a}), b.in(30s))).value();
    world.run_for(1min);
    REQUIRE(world.run(link.request(wire::ping(), b.in(10s))));
    network.crash(b.index, sim::crash_kind::silence);
    b.pool.reset();
    world.run_for(1s);
    network.restart(b.index);
    b.pool = std::make_unique<session_pool>(b.env, b.self, session_config(), peer::make_echo(), session_events());
    b.pool->add_transport(network.transport(b.index));
    auto again = world.run(b.pool->connect(contact_of(a.self->key(), 1, {at_a}), b.in(30s)));
    REQUIRE(again);
    world.run_for(30s);
    CHECK(world.run(again->request(wire::ping(), b.in(10s))));
    CHECK(a.pool->counters().replaced == 1);
    world.run(a.pool->stop(1s));
    world.run(b.pool->stop(1s));
}

}  // namespace mydht::test
