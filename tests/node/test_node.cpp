#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>

#include <mydht/crypto/ids.hpp>
#include <mydht/sim/scenario.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

scenario_config small_world(std::uint64_t seed = 1) {
    scenario_config out;
    out.seed = seed;
    return out;
}

std::shared_ptr<const identity> author_of(scenario& s) {
    return std::make_shared<const identity>(identity::generate(*s.world().driver_environment().secure_random));
}

}  // namespace

TEST_CASE("a node alone stores and finds its own values", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(1) == 0);
    const auto stored = s.run(s.at(0).put(value::immutable("alone")));
    REQUIRE(stored);
    CHECK(stored->stored == 1);
    const auto found = s.run(s.at(0).get(*stored));
    REQUIRE(found);
    CHECK(found->text() == "alone");
    CHECK(s.run(s.at(0).get(id256())).error() == errc::no_peers);
}

TEST_CASE("two nodes find each other's values", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(2) == 0);
    CHECK(s.run(s.at(0).contacts()).size() == 1);
    const auto stored = s.run(s.at(0).put(value::immutable("hello")));
    REQUIRE(stored);
    CHECK(stored->stored == 2);
    const auto found = s.run(s.at(1).get(*stored, get_options().local()));
    REQUIRE(found);
    CHECK(found->text() == "hello");
}

TEST_CASE("a mutable value is updated, resolved from everywhere, and deleted", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(30) == 0);
    const auto me = author_of(s);
    const auto first = s.run(s.at(3).publish(me, to_bytes("one"), publish_options().salt("status")));
    REQUIRE(first);
    CHECK(first->sequence == 1);
    const auto second = s.run(s.at(9).publish(me, to_bytes("two"), publish_options().salt("status")));
    REQUIRE(second);
    CHECK(second->sequence == 2);
    CHECK(second->key == first->key);
    for (node_index i = 0; i < 30; i += 7) {
        const auto found = s.run(s.at(i).get(*first));
        REQUIRE(found);
        CHECK(found->text() == "two");
        CHECK(found->best.author() == me->key());
    }
    const auto lost = s.run(s.at(4).publish(me, to_bytes("x"), publish_options().salt("status").expect_sequence(1)));
    REQUIRE_FALSE(lost);
    CHECK(lost.error() == errc::cas_mismatch);

    const auto gone = s.run(s.at(5).retract(me, publish_options().salt("status")));
    REQUIRE(gone);
    CHECK(gone->sequence == 3);
    CHECK(s.run(s.at(11).get(*first)).error() == errc::not_found);
    // The next value outdoes the tombstone without being told.
    const auto again = s.run(s.at(12).publish(me, to_bytes("back"), publish_options().salt("status")));
    REQUIRE(again);
    CHECK(again->sequence == 4);
    CHECK(s.run(s.at(13).get(*first))->text() == "back");
}

TEST_CASE("values end at their deadline everywhere", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(25) == 0);
    const auto stored = s.run(s.at(1).put(value::immutable("short"), put_options().lifetime(30min)));
    REQUIRE(stored);
    s.world().run_for(29min);
    CHECK(s.run(s.at(20).get(*stored)));
    s.world().run_for(2min);
    CHECK(s.run(s.at(20).get(*stored)).error() == errc::not_found);
    s.world().run_for(5min);
    std::size_t entries = 0;
    for (const auto i : s.running()) entries += s.run(s.at(i).status()).stored.entries;
    CHECK(entries == 0);
}

TEST_CASE("clients use the network and enter nobody's table", "[node]") {
    auto config = small_world();
    config.configure = [](node_index index, node_config& c) {
        if (index >= 20) c.client_only = true;
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(24) == 0);
    const auto stored = s.run(s.at(21).put(value::immutable("from a client")));
    REQUIRE(stored);
    const auto found = s.run(s.at(23).get(*stored));
    REQUIRE(found);
    CHECK(found->text() == "from a client");
    std::set<node_id> clients;
    for (node_index i = 20; i < 24; ++i) clients.insert(s.id_of(i));
    for (node_index i = 0; i < 24; ++i) {
        for (const auto& each : s.run(s.at(i).contacts())) CHECK(clients.count(each.id) == 0);
    }
    for (node_index i = 20; i < 24; ++i) CHECK(s.run(s.at(i).status()).stored.entries == 0);
}

TEST_CASE("nodes of another network are told so", "[node]") {
    auto config = small_world();
    config.configure = [](node_index index, node_config& c) {
        if (index == 1) c.sessions.network = "another";
    };
    scenario s(std::move(config));
    CHECK(s.grow(1) == 0);
    CHECK(s.grow(1) == 0);
    CHECK(s.run(s.at(1).contacts()).empty());
    const auto told = s.run(s.at(1).ping(s.network().address_of(0, 4000), {}, 5s));
    REQUIRE_FALSE(told);
    CHECK(told.error() == errc::other_network);
}

TEST_CASE("ping says who is there and what it sees", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(2) == 0);
    const auto there = s.network().address_of(1, 4000);
    const auto seen = s.run(s.at(0).ping(there, s.id_of(1), 5s));
    REQUIRE(seen);
    CHECK(seen->who.id == s.id_of(1));
    CHECK(seen->round_trip == 2 * s.network().latency(0, 1));
    CHECK(s.network().node_at(seen->observed) == node_index{0});
    CHECK(s.run(s.at(0).ping(there, id256(), 5s)).error() == errc::identity_mismatch);
}

TEST_CASE("operations fail in order before the start and after the stop", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(3) == 0);
    auto& one = s.at(1);
    CHECK(s.run(one.start()).error() == errc::already_running);
    s.run(one.stop());
    CHECK(s.run(one.get(id256())).error() == errc::not_running);
    CHECK(s.run(one.put(value::immutable("x"))).error() == errc::not_running);
    CHECK(s.run(one.start()).error() == errc::not_running);
    s.run(one.stop());  // again

    const auto index = s.world().add_node();
    node idle(s.world().node_environment(index), [&] {
        node_config c;
        c.transports.push_back(s.network().transport(index));
        return c;
    }());
    CHECK(s.run(idle.get(id256())).error() == errc::not_running);
    s.run(idle.stop());
}

TEST_CASE("an address that is taken fails the start with its reason", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(1) == 0);
    node_config config;
    config.transports.push_back(s.network().transport(0));
    config.sessions.agreement = &noise::fast_dh();
    config.listen.push_back(s.network().address_of(0, 4100));
    config.listen.push_back(s.network().address_of(0, 4000));
    config.listen.push_back(s.network().address_of(0, 4200));
    node second(s.world().node_environment(0), std::move(config));
    CHECK(s.run(second.start()).error() == errc::address_in_use);
    CHECK(second.listen_failed_at() == s.network().address_of(0, 4000));
    CHECK_FALSE(s.at(0).listen_failed_at());
}

TEST_CASE("a node without its bootstrap keeps trying and joins when it appears", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(1) == 0);
    const auto late = s.world().add_node();
    node_config config;
    config.transports.push_back(s.network().transport(late));
    config.sessions.agreement = &noise::fast_dh();
    config.bootstrap.push_back(*parse_location(s.network().address_of(0, 4001).text()));
    node waiting(s.world().node_environment(late), std::move(config));
    const auto joined = s.run(waiting.start());
    REQUIRE(joined);
    CHECK(joined->reached == 0);
    CHECK(joined->error == errc::connection_refused);

    node_config server;
    server.transports.push_back(s.network().transport(0));
    server.sessions.agreement = &noise::fast_dh();
    server.listen.push_back(s.network().address_of(0, 4001));
    node appears(s.world().node_environment(0), std::move(server));
    REQUIRE(s.run(appears.start()));
    s.world().run_for(1min);
    CHECK(s.run(waiting.contacts()).size() == 1);
    s.run(waiting.stop());
    s.run(appears.stop());
}

TEST_CASE("a stop ends what is under way and leaves nothing", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(20) == 0);
    // Peers that are silent keep a query waiting for its timeouts.
    for (node_index i = 10; i < 20; ++i) s.network().crash(i, crash_kind::silence);
    bool ended = false;
    std::error_code why;
    asio::co_spawn(s.world().driver_environment().exec, s.at(0).get(id256()), [&](std::exception_ptr, auto found) {
        ended = true;
        why = found ? std::error_code{} : found.error();
    });
    s.world().run_for(100ms);
    REQUIRE_FALSE(ended);
    const auto before = s.world().now();
    s.run(s.at(0).stop());
    CHECK(ended);
    CHECK(why);
    CHECK(s.world().now() - before <= 5s);
    CHECK(s.network().open_connections(0) == 0);
}

namespace {

/// A node on a machine of its own that is told of a bootstrap.
struct newcomer {
    newcomer(scenario& s, const address& bootstrap, std::chrono::milliseconds grace) {
        const auto index = s.world().add_node();
        node_config config;
        config.transports.push_back(s.network().transport(index));
        config.sessions.agreement = &noise::fast_dh();
        config.listen.push_back(s.network().address_of(index, 4000));
        config.bootstrap.push_back(*parse_location(bootstrap.text()));
        config.stop_grace = grace;
        one = node(s.world().node_environment(index), std::move(config));
    }
    node one;
};

}  // namespace

TEST_CASE("a stop while the start waits for a silent bootstrap takes no longer than its grace", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(2) == 0);
    s.network().crash(1, crash_kind::silence);
    newcomer late(s, s.network().address_of(1, 4000), 1s);
    std::error_code why;
    asio::co_spawn(s.world().driver_environment().exec, late.one.start(),
                   [&](std::exception_ptr, auto joined) { why = joined ? std::error_code{} : joined.error(); });
    s.world().run_for(1s);
    const auto begun = s.world().now();
    s.run(late.one.stop());
    CHECK(s.world().now() - begun <= 2s);
    CHECK(why == errc::not_running);
}

TEST_CASE("a node whose start was given up goes on joining", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(3) == 0);
    s.network().crash(1, crash_kind::silence);
    newcomer late(s, s.network().address_of(1, 4000), 1s);
    asio::cancellation_signal cancel;
    bool ended = false;
    asio::co_spawn(s.world().driver_environment().exec, late.one.start(),
                   asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr, auto) { ended = true; }));
    s.world().run_for(1s);
    cancel.emit(asio::cancellation_type::terminal);
    s.world().run_for(1s);
    REQUIRE(ended);
    s.crash(1, crash_kind::silence);
    REQUIRE(s.restart(1));
    s.world().run_for(5min);
    CHECK(s.run(late.one.contacts()).size() == 3);
    s.run(late.one.stop());
}

TEST_CASE("askers in a hurry do not blame their peers", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(12) == 0);
    for (int i = 0; i < 10; ++i) {
        CHECK(s.run(s.at(0).get(id256(), get_options().timeout(1ms))).error() == errc::timed_out);
    }
    const auto found = s.run(s.at(0).lookup(id256()));
    REQUIRE(found);
    CHECK(found->answered == 11);
    const auto told = s.run(s.at(5).lookup(s.id_of(0)));
    REQUIRE(told);
    CHECK(told->closest.front().id == s.id_of(0));
    CHECK(s.run(s.at(0).contacts()).size() == 11);
}

TEST_CASE("a node that lost all its peers comes back through its bootstrap", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(4) == 0);
    newcomer lone(s, s.network().address_of(0, 4000), 1s);
    REQUIRE(s.run(lone.one.start()));
    for (node_index i = 0; i < 4; ++i) s.crash(i, crash_kind::silence);
    s.world().run_for(30min);
    REQUIRE(s.restart(0));
    s.world().run_for(10min);
    const auto seen = s.run(lone.one.lookup(s.id_of(0)));
    REQUIRE(seen);
    CHECK(seen->closest.size() == 1);
    s.run(lone.one.stop());
}

TEST_CASE("a node whose handles are all gone stops by itself", "[node]") {
    scenario s(small_world());
    REQUIRE(s.grow(2) == 0);
    REQUIRE(s.network().open_connections(0) > 0);
    s.at(0) = {};
    s.world().run_for(10s);
    CHECK(s.network().open_connections(0) == 0);
    CHECK(s.run(s.at(1).ping(s.network().address_of(0, 4000), {}, 5s)).error() == errc::connection_refused);
}

TEST_CASE("operations can be cancelled at any time and leave the node working", "[node][sweep]") {
    scenario s(small_world());
    REQUIRE(s.grow(25) == 0);
    for (int after = 0; after < 400; after += 13) {
        CAPTURE(after);
        asio::cancellation_signal cancel;
        bool ended = false;
        const auto exec = s.world().driver_environment().exec;
        asio::co_spawn(exec, s.at(3).put(value::immutable("cancelled " + std::to_string(after))),
                       asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr, auto) { ended = true; }));
        s.world().run_for(std::chrono::milliseconds(after));
        cancel.emit(asio::cancellation_type::terminal);
        s.world().run_for(1ms);
        REQUIRE(ended);
    }
    const auto stored = s.run(s.at(3).put(value::immutable("after all that")));
    REQUIRE(stored);
    CHECK(s.run(s.at(7).get(*stored)));
}

TEST_CASE("contacts saved in a file bring a node back without its bootstrap", "[node]") {
    const auto file = std::filesystem::temp_directory_path() / ("mydht_test_table_" + std::to_string(::getpid()));
    auto config = small_world();
    config.configure = [&](node_index index, node_config& c) {
        if (index == 5) c.table_file = file;
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(12) == 0);
    s.run(s.at(5).stop());
    REQUIRE(std::filesystem::exists(file));

    node_config again;
    again.transports.push_back(s.network().transport(5));
    again.sessions.agreement = &noise::fast_dh();
    again.listen.push_back(s.network().address_of(5, 4000));
    again.table_file = file;
    node back(s.world().node_environment(5), std::move(again));
    const auto joined = s.run(back.start());
    REQUIRE(joined);
    CHECK(joined->reached >= 8);
    CHECK(joined->contacts >= 8);
    s.run(back.stop());
    std::filesystem::remove(file);
}
