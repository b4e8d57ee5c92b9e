#include <mydht/runtime/task_group.hpp>
#include <mydht/sim/network.hpp>

#include "support/catch.hpp"

namespace mydht::sim {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct crowd_config {
    std::size_t nodes = 50;
    std::size_t dials = 6;
    std::size_t rounds = 5;
};

struct totals {
    std::uint64_t trace = 0;
    std::uint64_t events = 0;
    std::uint64_t connections = 0;
    std::uint64_t echoed = 0;

    friend bool operator==(const totals&, const totals&) = default;
};

task<> echo(any_connection with) {
    bytes buffer(300);
    for (;;) {
        const auto count = co_await with.read_some(buffer);
        if (!count) co_return;
        const auto done = co_await with.write(bytes_view(buffer).first(*count));
        if (!done) co_return;
    }
}

task<> serve(any_listener at, task_group& group) {
    for (;;) {
        auto made = co_await at.accept();
        if (!made) co_return;
        group.spawn("echo", echo(std::move(*made)));
    }
}

/// Dials, sends secret bytes of random lengths and waits for each to come back.
task<> ask(environment env, any_transport over, address to, std::size_t rounds, std::uint64_t& echoed) {
    co_await sleep_for(*env.time, duration(static_cast<duration::rep>(env.random->below(1'000'000'000))));
    auto made = co_await over.connect(to);
    if (!made) co_return;
    for (std::size_t round = 0; round < rounds; ++round) {
        bytes data(1 + env.random->below(200));
        env.secure_random->fill(data);
        const auto done = co_await made->write(data);
        if (!done) co_return;
        for (std::size_t seen = 0; seen < data.size();) {
            const auto count = co_await made->read_some(data);
            if (!count) co_return;
            seen += *count;
            echoed += *count;
        }
    }
}

task<> begin(world& w, network& net, crowd_config config, task_group& group, std::uint64_t& echoed) {
    for (node_index node = 0; node < config.nodes; ++node) {
        auto listener = co_await net.transport(node).listen(net.address_of(node, 80));
        group.spawn("serve", serve(std::move(*listener), group));
    }
    for (node_index node = 0; node < config.nodes; ++node) {
        const auto env = w.node_environment(node);
        for (std::size_t i = 0; i < config.dials; ++i) {
            const auto peer = static_cast<node_index>(env.random->below(config.nodes));
            group.spawn("ask", ask(env, net.transport(node), net.address_of(peer, 80), config.rounds, echoed));
        }
    }
}

/// Many nodes that talk, some of which crash and come back, behind a partition that heals.
totals run_crowd(std::uint64_t seed, crowd_config config = {}) {
    totals out;
    world w(seed);
    for (std::size_t i = 0; i < config.nodes; ++i) w.add_node();
    network_config links;
    links.jitter_max = milliseconds(5);
    links.disconnects_per_million = 1'000;
    network net(w, links);
    task_group group(w.driver_environment().exec,
                     [](std::string_view, const std::exception_ptr&) { FAIL_CHECK("threw"); });
    w.run(begin(w, net, config, group, out.echoed));
    w.run_for(milliseconds(500));
    net.partition({1, 2, 3});
    net.crash(4, crash_kind::reset);
    net.crash(5, crash_kind::silence);
    w.run_for(seconds(2));
    net.heal();
    net.restart(4);
    CHECK(w.run_until_idle(std::chrono::hours(1)));
    out.trace = w.trace_hash();
    out.events = w.event_count();
    out.connections = net.counts().connections;
    return out;
}

}  // namespace

TEST_CASE("The same seed gives the same run, another seed another", "[sim][replay]") {
    const auto first = run_crowd(1);
    CHECK(run_crowd(1) == first);
    const auto second = run_crowd(2);
    CHECK(second.trace != first.trace);
    CHECK(first.connections > 100);
    CHECK(first.echoed > 10'000);
}

TEST_CASE("A run is the same in every process and with every compiler", "[sim][replay]") {
    // Changes of the simulation change this number. A change that should not be one of those must not.
    CHECK(run_crowd(42).trace == 0x6f6e050194310d6bULL);
}

TEST_CASE("One byte more, or at another time, is another trace", "[sim][replay]") {
    const auto trace = [](std::size_t size, duration wait, std::uint8_t value) {
        world w(1);
        w.add_node();
        w.add_node();
        network net(w);
        const auto talk = [](world& of, network& on, std::size_t count, duration pause, std::uint8_t what) -> task<> {
            auto listener = co_await on.transport(1).listen(on.address_of(1, 80));
            auto dialed = co_await on.transport(0).connect(listener->local());
            co_await sleep_for(*of.node_environment(0).time, pause);
            const bytes data(count, what);
            const auto done = co_await dialed->write(data);
            CHECK(done);
        };
        w.run(talk(w, net, size, wait, value));
        CHECK(w.run_until_idle(seconds(10)));
        return w.trace_hash();
    };
    const auto base = trace(100, milliseconds(1), 7);
    CHECK(trace(100, milliseconds(1), 7) == base);
    CHECK(trace(101, milliseconds(1), 7) != base);
    CHECK(trace(100, milliseconds(1) + duration(1), 7) != base);
    CHECK(trace(100, milliseconds(1), 8) != base);
}

TEST_CASE("A thousand connections at a time all get their bytes", "[sim][replay]") {
    crowd_config config;
    config.nodes = 200;
    config.dials = 10;
    config.rounds = 20;
    const auto out = run_crowd(3, config);
    CHECK(out.connections > 1'900);
    CHECK(out.events > 80'000);
    CHECK(out.echoed > 2'000'000);
}

}  // namespace mydht::sim
