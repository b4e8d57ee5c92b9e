#include <algorithm>
#include <vector>

#include <mydht/runtime/task_group.hpp>
#include <mydht/sim/network.hpp>
#include <mydht/sim/world.hpp>

#include "streams.hpp"
#include "support/seed.hpp"
#include "two_peers.hpp"

namespace mydht::test {

namespace {

constexpr std::uint64_t ten_megabits = 10'000'000 / 8;

/// A node on a line of 10 Mbit/s.
struct line_end {
    line_end(sim::world& world, const sim::network& network, carried_by how)
        : index(world.add_node()),
          where(how == carried_by::datagrams ? network.datagram_address_of(index, 4000)
                                             : network.address_of(index, 4000)),
          env(world.node_environment(index)),
          self(std::make_shared<const identity>(identity::generate(*env.secure_random))),
          pool(std::make_unique<session_pool>(env, self, session_config(), peer::make_echo(), session_events())),
          group(env.exec, [](std::string_view, const std::exception_ptr&) {}) {
        if (how == carried_by::datagrams) {
            pool->add_transport(network.datagrams(index));
        } else {
            pool->add_transport(network.transport(index));
        }
    }

    sim::node_index index;
    address where;
    environment env;
    std::shared_ptr<const identity> self;
    std::unique_ptr<session_pool> pool;
    task_group group;
};

sim::network_config line() {
    sim::network_config out;
    out.latency = sim::latency_model::constant(20ms);
    out.upload_bytes_per_second = ten_megabits;
    out.window_bytes = 256 * 1024;
    return out;
}

task<> swallow(stream s, std::size_t& got) {
    bytes part(64 * 1024);
    for (;;) {
        const auto count = co_await s.read_some(part);
        if (!count) co_return;
        got += *count;
    }
}

task<> pour(stream s) {
    const bytes part(64 * 1024);
    for (;;) {
        const auto written = co_await s.write(part);
        if (!written) co_return;
    }
}

task<std::vector<duration>> ask_often(line_end& from, session to, int count) {
    std::vector<duration> out;
    for (int i = 0; i < count; ++i) {
        const auto begun = from.env.time->now();
        const auto answer = co_await to.request(wire::ping(), begun + 10s);
        if (answer) out.push_back(from.env.time->now() - begun);
        co_await sleep_for(*from.env.time, 23ms);
    }
    co_return out;
}

duration p95(std::vector<duration> times) {
    std::ranges::sort(times);
    return times[times.size() * 95 / 100];
}

struct measured {
    duration idle{};
    duration busy{};
    double bytes_per_second = 0;
};

/// `there`: the bulk goes from the asker to the asked, or else the other way. It is measured when it has run for
/// `warm`.
task<measured> measure(line_end& a, line_end& b, bool there, duration warm) {
    measured out;
    std::size_t got = 0;
    service_handler taker = [&got](stream s) { return swallow(std::move(s), got); };
    for (auto* one : {&a, &b}) one->pool->serve("bulk/1", taker);
    const auto at = co_await b.pool->listen(b.where);
    if (!at) co_return out;
    auto to = contact_of(b.self->key(), 1, {*at});
    auto link = co_await a.pool->connect(std::move(to), a.env.time->now() + 10s);
    if (!link) co_return out;
    const auto quiet = co_await ask_often(a, *link, 100);
    auto& source = there ? a : b;
    auto from = there ? *link : b.pool->find(a.self->id());
    auto bulk = from.open_stream("bulk/1");
    if (!bulk) co_return out;
    source.group.spawn("bulk", pour(*bulk));
    co_await sleep_for(*a.env.time, warm);
    const auto before = got;
    const auto begun = a.env.time->now();
    const auto beside = co_await ask_often(a, *link, 200);
    out.bytes_per_second =
        static_cast<double>(got - before) / std::chrono::duration<double>(a.env.time->now() - begun).count();
    if (quiet.size() == 100 && beside.size() == 200) {
        out.idle = p95(quiet);
        out.busy = p95(beside);
    }
    bulk->reset();
    co_await source.group.join();
    co_await a.pool->stop(5s);
    co_await b.pool->stop(5s);
    co_return out;
}

}  // namespace

TEST_CASE("a request beside a bulk stream waits for two of its frames at most", "[streams][sim]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    const bool there = GENERATE(true, false);
    const auto seed = property_seed();
    CAPTURE(how, there, seed);
    sim::world world(seed);
    sim::network network(world, line());
    line_end a(world, network, how);
    line_end b(world, network, how);
    const auto got = world.run(measure(a, b, there, 2s));
    REQUIRE(got.idle > 40ms);
    const std::chrono::microseconds one_frame(wire::stream_frame_bytes * 1'000'000 / ten_megabits);
    CAPTURE(got.idle.count(), got.busy.count(), one_frame.count());
    CHECK(got.busy < got.idle + 2 * one_frame);
    // And the line is not left idle for it.
    CHECK(got.bytes_per_second > 0.85 * static_cast<double>(ten_megabits));
}

TEST_CASE("a bulk stream takes jitter for no queue, and what waits beside it waits little longer", "[streams][sim]") {
    const auto jitter = GENERATE(2ms, 5ms, 10ms, 20ms);
    const auto seed = property_seed();
    CAPTURE(jitter.count(), seed);
    sim::world world(seed);
    auto config = line();
    config.jitter_max = jitter;
    sim::network network(world, config);
    line_end a(world, network, carried_by::datagrams);
    line_end b(world, network, carried_by::datagrams);
    const auto got = world.run(measure(a, b, true, 5s));
    REQUIRE(got.idle > 40ms);
    const std::chrono::microseconds one_frame(wire::stream_frame_bytes * 1'000'000 / ten_megabits);
    CAPTURE(got.idle.count(), got.busy.count());
    // Packets stay in order: behind many others more of them are as late as the latest.
    CHECK(got.busy < got.idle + 2 * one_frame + jitter);
    // Some nine tenths are usual (headers and acks take five percent), a third where jitter is taken for a queue.
    CHECK(got.bytes_per_second > 0.8 * static_cast<double>(ten_megabits));
}

namespace {

task<> answer_with_pattern(stream s, std::size_t size) {
    const auto data = pattern(size);
    (void)co_await s.write(data);
    s.close();
}

task<bool> fetch(line_end& from, contact what, std::size_t size) {
    auto opened = co_await from.pool->open(std::move(what), "give/1", from.env.time->now() + 60s);
    if (!opened) co_return false;
    bytes all(size);
    const auto read = co_await opened->read(all);
    bytes more(1);
    const auto end = co_await opened->read_some(more);
    co_return read&& all == pattern(size) && !end && end.error() == errc::end_of_stream;
}

task<> fetch_into(line_end& from, contact what, std::size_t size, int& whole) {
    const bool done = co_await fetch(from, std::move(what), size);
    whole += done ? 1 : 0;
}

task<int> fetch_many(line_end& from, line_end& to, int count, std::size_t size) {
    to.pool->serve("give/1", [size](stream s) { return answer_with_pattern(std::move(s), size); });
    const auto at = co_await to.pool->listen(to.where);
    int whole = 0;
    for (int i = 0; i < count; ++i) {
        auto who = contact_of(to.self->key(), 1, {*at});
        from.group.spawn("fetch", fetch_into(from, std::move(who), size, whole));
    }
    co_await from.group.join();
    co_await from.pool->stop(5s);
    co_await to.pool->stop(5s);
    co_return whole;
}

}  // namespace

TEST_CASE("over a line that loses, repeats and reorders packets, streams are whole", "[streams][sim]") {
    // The same line each time: of some hundred lines one loses so much that a fetch is not done by its deadline.
    const std::uint64_t seed = 20'261'122;
    CAPTURE(seed);
    const std::uint32_t loss = GENERATE(0U, 10'000U, 50'000U, 200'000U);
    CAPTURE(loss);
    sim::world world(seed);
    auto config = line();
    config.latency = sim::latency_model::constant(10ms);
    config.loss_per_million = loss;
    config.duplicates_per_million = 20'000;
    config.reorder_per_million = 50'000;
    sim::network network(world, config);
    line_end a(world, network, carried_by::datagrams);
    line_end b(world, network, carried_by::datagrams);
    CHECK(world.run(fetch_many(a, b, 5, 100'000)) == 5);
}

namespace {

task<int> fetch_crosswise(line_end& a, line_end& b) {
    const std::size_t size = 50'000;
    for (auto* one : {&a, &b}) {
        one->pool->serve("give/1", [](stream s) { return answer_with_pattern(std::move(s), size); });
        const auto at = co_await one->pool->listen(one->where);
        if (!at) co_return 0;
    }
    int whole = 0;
    a.group.spawn("fetch", fetch_into(a, contact_of(b.self->key(), 1, {b.where}), size, whole));
    b.group.spawn("fetch", fetch_into(b, contact_of(a.self->key(), 1, {a.where}), size, whole));
    co_await a.group.join();
    co_await b.group.join();
    co_await a.pool->stop(5s);
    co_await b.pool->stop(5s);
    co_return whole;
}

}  // namespace

TEST_CASE("streams that are opened while two dials cross carry their bytes", "[streams][sim][crossing]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    const auto seed = property_seed();
    CAPTURE(how, seed);
    std::uint64_t crossings = 0;
    for (std::uint64_t i = 0; i < 20; ++i) {
        sim::world world(seed + i);
        auto config = line();
        config.jitter_max = 10ms;
        sim::network network(world, config);
        line_end a(world, network, how);
        line_end b(world, network, how);
        REQUIRE(world.run(fetch_crosswise(a, b)) == 2);
        crossings += a.pool->counters().crossings + b.pool->counters().crossings;
    }
    // On datagrams one of the two first packets is ignored, and nothing crosses.
    if (how == carried_by::connections) CHECK(crossings > 5);
}

}  // namespace mydht::test
