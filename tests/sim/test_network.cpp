#include <set>
#include <stdexcept>
#include <vector>

#include <mydht/runtime/task_group.hpp>
#include <mydht/sim/network.hpp>

#include "sim/fixture.hpp"
#include "support/catch.hpp"

namespace mydht::sim {

namespace {

using namespace test;
using std::chrono::milliseconds;
using std::chrono::seconds;

network_config constant_latency(duration always) {
    network_config config;
    config.latency = latency_model::constant(always);
    return config;
}

task<duration> time_connect(pair& p) {
    const auto before = p.w.now();
    const auto connected = co_await p.connect();
    CHECK(connected);
    co_return p.w.now() - before;
}

/// From before the write until the reader has `size` bytes.
task<duration> time_transfer(pair& p, std::size_t size) {
    const auto before = p.w.now();
    const bytes data(size, 7);
    p.group.spawn("write", write_all(p.dialed, data));
    bytes into(size);
    std::size_t seen = 0;
    while (seen < size) {
        const auto count = co_await p.accepted.read_some(into);
        REQUIRE(count);
        seen += *count;
    }
    const auto taken = p.w.now() - before;
    co_await p.group.join();
    co_return taken;
}

}  // namespace

TEST_CASE("A dial takes a round trip and a byte takes a way, to the nanosecond", "[sim][network]") {
    constexpr duration way(12'345'677);
    pair p(1, constant_latency(way));
    CHECK(p.net.latency(0, 1) == way);
    CHECK(p.w.run(time_connect(p)) == 2 * way);
    CHECK(p.w.run(time_transfer(p, 1)) == way);
    CHECK(p.w.run(time_transfer(p, 30'000)) == way);
}

TEST_CASE("Each pair of nodes has a latency of its own, the same both ways", "[sim][network]") {
    world w(3);
    for (int i = 0; i < 30; ++i) w.add_node();
    const network net(w);
    std::set<duration> seen;
    for (node_index a = 0; a < 30; ++a) {
        for (node_index b = a + 1; b < 30; ++b) {
            CHECK(net.latency(a, b) == net.latency(b, a));
            seen.insert(net.latency(a, b));
        }
    }
    CHECK(seen.size() > 400);
    const network again(w);
    CHECK(net.latency(4, 9) == again.latency(4, 9));
}

TEST_CASE("More than a window takes a round trip more", "[sim][network]") {
    auto config = constant_latency(milliseconds(10));
    config.window_bytes = 1000;
    pair p(1, config);
    p.w.run(time_connect(p));
    CHECK(p.w.run(time_transfer(p, 1000)) == milliseconds(10));
    // What the reader has read is news that travels too.
    CHECK(p.w.run_until_idle(seconds(1)));
    CHECK(p.w.run(time_transfer(p, 1001)) == milliseconds(30));
    CHECK(p.w.run_until_idle(seconds(1)));
    CHECK(p.w.run(time_transfer(p, 2001)) == milliseconds(50));
}

TEST_CASE("A narrow upload is shared by all connections of a node", "[sim][network]") {
    auto config = constant_latency(milliseconds(10));
    config.upload_bytes_per_second = 1'000'000;
    pair p(1, config);
    p.w.run(time_connect(p));
    // 1,000 bytes and 40 of headers at a microsecond each.
    CHECK(p.w.run(time_transfer(p, 1000)) == milliseconds(10) + std::chrono::microseconds(1040));
    CHECK(p.w.run(time_transfer(p, 1000)) == milliseconds(10) + std::chrono::microseconds(1040));
}

TEST_CASE("Jitter delays bytes and never reorders them", "[sim][network]") {
    auto config = constant_latency(milliseconds(10));
    config.jitter_max = milliseconds(50);
    pair p(9, config);
    p.w.run(time_connect(p));
    std::vector<std::uint8_t> got;
    std::set<steady_time> arrivals;
    const auto collect = [](pair& q, std::vector<std::uint8_t>& into, std::set<steady_time>& times) -> task<> {
        bytes one(1);
        while (into.size() < 200) {
            const auto count = co_await q.accepted.read_some(one);
            REQUIRE(count);
            into.push_back(one[0]);
            times.insert(q.w.now());
        }
    };
    const auto send = [](pair& q) -> task<> {
        for (int i = 0; i < 200; ++i) {
            const bytes one(1, static_cast<std::uint8_t>(i));
            const auto done = co_await q.dialed.write(one);
            REQUIRE(done);
            co_await sleep_for(*q.env.time, milliseconds(1));
        }
    };
    p.group.spawn("send", send(p));
    const auto before = p.w.now();
    p.w.run(collect(p, got, arrivals));
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == static_cast<std::uint8_t>(i));
    CHECK(arrivals.size() > 10);
    CHECK(*arrivals.begin() >= before + milliseconds(10));
    CHECK(*arrivals.rbegin() <= before + milliseconds(199 + 60));
    CHECK(p.w.run_until_idle(seconds(1)));
}

TEST_CASE("A writer waits when much of it waits for the upload, and others get in between", "[sim][network]") {
    auto config = constant_latency(milliseconds(10));
    config.upload_bytes_per_second = 1'000'000;
    config.unsent_bytes_max = 10'000;
    pair p(1, config);
    REQUIRE(p.w.run(p.connect()));
    p.w.run_for(seconds(1));
    // More than may wait, less than the window.
    p.group.spawn("long", write_all(p.dialed, bytes(60'000, 1)));
    p.w.run_for(milliseconds(1));
    const auto begin = p.env.time->now();
    std::size_t seen = 0;
    while (seen < 60'000) {
        bytes into(1'000);
        const auto count = p.w.run(p.accepted.read_some(into));
        REQUIRE(count);
        seen += *count;
        const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(p.env.time->now() - begin).count();
        // What has arrived left the node at its rate.
        CHECK(static_cast<std::int64_t>(seen) <= passed + 1'000);
    }
    // Kept busy all the time: 60,000 bytes and some headers at 1 byte a microsecond, and the latency.
    CHECK(p.env.time->now() - begin < milliseconds(75));
    p.w.run(p.group.join());
}

TEST_CASE("Short writes add up to what may wait for the upload", "[sim][network]") {
    auto config = constant_latency(milliseconds(10));
    config.upload_bytes_per_second = 1'000'000;
    config.unsent_bytes_max = 10'000;
    pair p(1, config);
    REQUIRE(p.w.run(p.connect()));
    p.w.run_for(seconds(1));
    std::size_t written = 0;
    const auto write_many = [](any_connection& to, std::size_t& count) -> task<> {
        const bytes data(1'000);
        for (; count < 30; ++count) {
            const auto done = co_await to.write(data);
            CHECK(done);
        }
    };
    p.group.spawn("write", write_many(p.dialed, written));
    p.w.run_for(duration(1));
    CHECK(written == 10);
    CHECK(p.w.run_until_idle(seconds(10)));
    CHECK(written == 30);
}

TEST_CASE("A short frame does not wait behind all that another connection has to say", "[sim][network]") {
    const auto delay = [](std::size_t unsent_bytes_max) {
        auto config = constant_latency(milliseconds(10));
        config.upload_bytes_per_second = 1'000'000;
        config.unsent_bytes_max = unsent_bytes_max;
        pair p(1, config);
        REQUIRE(p.w.run(p.connect()));
        auto bulk_dialed = std::move(p.dialed);
        auto bulk_accepted = std::move(p.accepted);
        REQUIRE(p.w.run(p.connect()));
        p.w.run_for(seconds(1));
        p.group.spawn("bulk", write_all(bulk_dialed, bytes(60'000, 1)));
        p.w.run_for(milliseconds(1));
        const auto begin = p.env.time->now();
        p.group.spawn("short", write_all(p.dialed, bytes(10, 2)));
        bytes into(10);
        REQUIRE(p.w.run(p.accepted.read_some(into)));
        const auto took = p.env.time->now() - begin;
        bulk_accepted.close();
        return took;
    };
    CHECK(delay(64 * 1024) > milliseconds(65));
    CHECK(delay(10'000) < milliseconds(25));
}

TEST_CASE("Addresses are public, distinct in their first two bytes, and lead back to their nodes", "[sim][network]") {
    world w(1);
    for (int i = 0; i < 5'000; ++i) w.add_node();
    const auto nodes_per_prefix = GENERATE(1U, 4U, 254U);
    network_config config;
    config.nodes_per_prefix = nodes_per_prefix;
    const network net(w, config);
    std::set<std::pair<int, int>> wide;
    std::set<bytes> narrow;
    bool all_public = true;
    bool all_found = true;
    for (node_index i = 0; i < 5'000; ++i) {
        const auto a = net.address_of(i, 4000);
        all_public = all_public && scope_of(a) == address_scope::global && a.port() == 4000 && a.is_ipv4();
        all_found = all_found && net.node_at(a) == i && net.node_at(net.datagram_address_of(i, 4000)) == i;
        wide.emplace(a.host()[0], a.host()[1]);
        narrow.insert(network_prefix(a));
    }
    CHECK(all_public);
    CHECK(all_found);
    const std::size_t groups = (5'000 + nodes_per_prefix - 1) / nodes_per_prefix;
    CHECK(wide.size() == groups);
    CHECK(narrow.size() == groups);
    for (const auto* nobody :
         {"tcp://127.0.0.1:4000", "tcp://10.0.0.1:4000", "tcp://223.255.255.1:1", "tcp://1.0.0.0:1",
          "tcp://1.0.0.255:1", "tcp://[2001:db8::1]:4000", "udp://10.0.0.1:4000", "mem://x"}) {
        CHECK(!net.node_at(parse_address(nobody).value()));
    }
}

TEST_CASE("What a node can listen at", "[sim][network]") {
    pair p(1, {});
    const auto listen = [&p](const address& at) { return p.w.run(p.net.transport(1).listen(at)); };
    const auto first = listen(p.net.address_of(1, 0));
    const auto second = listen(p.net.address_of(1, 0));
    REQUIRE((first && second));
    CHECK(first->local() != second->local());
    CHECK(first->local() == p.net.address_of(1, first->local().port()));
    const auto refused = [&](const address& at) {
        const auto outcome = listen(at);
        REQUIRE(!outcome);
        return outcome.error();
    };
    CHECK(refused(first->local()) == make_error_code(errc::address_in_use));
    CHECK(refused(p.net.address_of(0, 0)) == make_error_code(errc::address_not_available));
    CHECK(refused(parse_address("tcp://[::]:0").value()) == make_error_code(errc::address_not_available));
    const auto wildcard = listen(parse_address("tcp://0.0.0.0:80").value());
    REQUIRE(wildcard);
    CHECK(wildcard->local().port() == 80);
}

TEST_CASE("Dials that lead nowhere", "[sim][network]") {
    network_config config = constant_latency(milliseconds(10));
    config.dial_timeout = seconds(3);
    pair p(1, config);
    p.w.add_node();
    const auto dial = [&p](const address& to) {
        const auto before = p.w.now();
        const auto outcome = p.w.run(p.net.transport(0).connect(to));
        REQUIRE(!outcome);
        return std::pair(outcome.error(), p.w.now() - before);
    };
    const auto unreachable = std::pair(make_error_code(errc::unreachable), duration(seconds(3)));
    CHECK(dial(p.net.address_of(1, 9)) ==
          std::pair(make_error_code(errc::connection_refused), duration(milliseconds(20))));
    CHECK(dial(parse_address("tcp://9.9.9.9:9").value()) == unreachable);
    CHECK(dial(parse_address("tcp://[2001:db8::1]:9").value()) == unreachable);
    p.net.crash(2, crash_kind::silence);
    CHECK(dial(p.net.address_of(2, 9)) == unreachable);
    p.net.partition({0});
    CHECK(dial(p.net.address_of(1, 9)) == unreachable);
    CHECK(dial(p.net.address_of(1, 0)).first == make_error_code(errc::address_not_available));
    CHECK(p.net.open_connections(0) == 0);
}

TEST_CASE("Only linked nodes reach each other, and nobody dials a sheltered one", "[sim][network]") {
    network_config config = constant_latency(milliseconds(10));
    config.dial_timeout = seconds(3);
    pair p(1, config);
    p.w.add_node();
    std::vector<any_listener> listeners;
    for (node_index i = 0; i < 3; ++i) {
        auto made = p.w.run(p.net.transport(i).listen(p.net.address_of(i, 80)));
        REQUIRE(made);
        listeners.push_back(std::move(*made));
    }
    const auto dials = [&p](node_index from, node_index to) {
        return p.w.run(p.net.transport(from).connect(p.net.address_of(to, 80))).has_value();
    };
    CHECK((dials(0, 2) && dials(2, 0)));
    p.net.link_only({{1, 0}, {1, 2}});
    CHECK((dials(0, 1) && dials(1, 0) && dials(2, 1)));
    CHECK_FALSE(dials(0, 2));
    CHECK_FALSE(dials(2, 0));
    p.net.shelter(0);
    CHECK(dials(0, 1));
    CHECK_FALSE(dials(1, 0));
    p.net.partition({1});
    CHECK_FALSE(dials(0, 1));
}

TEST_CASE("Lost dials are not answered, lost segments take the connection with them", "[sim][network]") {
    network_config config = constant_latency(milliseconds(10));
    SECTION("every dial") {
        config.lost_dials_per_million = 1'000'000;
        pair p(1, config);
        const auto listener = p.w.run(p.net.transport(1).listen(p.net.address_of(1, 80)));
        const auto outcome = p.w.run(p.net.transport(0).connect(listener->local()));
        REQUIRE(!outcome);
        CHECK(outcome.error() == make_error_code(errc::unreachable));
    }
    SECTION("every segment") {
        config.disconnects_per_million = 1'000'000;
        pair p(1, config);
        p.w.run(time_connect(p));
        const bytes data(10);
        CHECK(p.w.run(p.dialed.write(data)));
        CHECK(p.w.run(read_error(p.accepted)) == make_error_code(errc::connection_reset));
        CHECK(p.w.run(read_error(p.dialed)) == make_error_code(errc::connection_reset));
        CHECK(p.net.open_connections(0) == 0);
        CHECK(p.net.open_connections(1) == 0);
    }
    SECTION("one segment in a hundred") {
        config.disconnects_per_million = 10'000;
        pair p(1, config);
        const auto count_losses = [](pair& q) -> task<int> {
            int lost = 0;
            for (int i = 0; i < 1'000; ++i) {
                const auto connected = co_await q.connect();
                REQUIRE(connected);
                const bytes data(10);
                const auto written = co_await q.dialed.write(data);
                REQUIRE(written);
                bytes into(10);
                const auto count = co_await q.accepted.read_some(into);
                if (!count) ++lost;
            }
            co_return lost;
        };
        const auto lost = p.w.run(count_losses(p));
        CHECK(lost > 1);
        CHECK(lost < 30);
    }
}

TEST_CASE("Settings that can never work are refused by name", "[sim][network]") {
    world w(1);
    const auto refused = [&w](void (*spoil)(network_config&)) {
        network_config config;
        spoil(config);
        CHECK_THROWS_AS(network(w, config), std::invalid_argument);
    };
    refused([](network_config& c) { c.window_bytes = 0; });
    refused([](network_config& c) { c.backlog = 0; });
    refused([](network_config& c) { c.jitter_max = duration(-1); });
    refused([](network_config& c) { c.upload_bytes_per_second = 0; });
    refused([](network_config& c) { c.disconnects_per_million = 1'000'001; });
    refused([](network_config& c) { c.lost_dials_per_million = 1'000'001; });
    refused([](network_config& c) { c.dial_timeout = duration(0); });
    refused([](network_config& c) { c.retry_interval = duration(0); });
    refused([](network_config& c) { c.break_after = duration(0); });
    refused([](network_config& c) { c.unsent_bytes_max = 0; });
    refused([](network_config& c) { c.loss_per_million = 1'000'001; });
    refused([](network_config& c) { c.duplicates_per_million = 1'000'001; });
    refused([](network_config& c) { c.reorder_per_million = 1'000'001; });
    refused([](network_config& c) { c.reorder_delay_max = duration(0); });
    refused([](network_config& c) { c.datagram_bytes_max = 0; });
    refused([](network_config& c) { c.datagram_bytes_max = 65'508; });
    refused([](network_config& c) { c.upload_queue_bytes = 0; });
    refused([](network_config& c) { c.datagram_send_bytes = 0; });
    refused([](network_config& c) { c.datagram_queue_packets = 0; });
    refused([](network_config& c) { c.nodes_per_prefix = 0; });
    refused([](network_config& c) { c.nodes_per_prefix = 255; });
    CHECK_THROWS_WITH(([&w] {
                          network_config config;
                          config.nodes_per_prefix = 0;
                          const network net(w, config);
                      }()),
                      Catch::Contains("nodes_per_prefix"));
}

}  // namespace mydht::sim
