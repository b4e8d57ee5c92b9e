#include <mydht/sim/scenario.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

TEST_CASE("a node that announced itself is found by its id", "[announcing]") {
    scenario s(scenario_config{});
    REQUIRE(s.grow(12) == 0);
    const auto who = s.id_of(3);
    CHECK(s.run(s.at(7).resolve_peer(who)).error() == errc::not_found);
    const auto put = s.run(s.at(3).announce(announce_options().name("three").lifetime(1h)));
    REQUIRE(put);
    CHECK(put->key == who);
    CHECK(put->stored > 1);
    const auto record = s.run(s.at(7).resolve_peer(who));
    REQUIRE(record);
    CHECK(record->peer == s.at(3).key());
    CHECK(record->name == "three");
    CHECK(record->group == address_group::ip);
    CHECK(record->addresses == s.at(3).addresses());
    CHECK((record->capabilities & static_cast<std::uint32_t>(capability::server)) != 0);

    // A newer one takes its place; after its lifetime there is none.
    s.world().run_for(1s);
    const auto again = s.run(s.at(3).announce(announce_options().name("drei").lifetime(1h)));
    REQUIRE(again);
    CHECK(again->sequence > put->sequence);
    CHECK(s.run(s.at(8).resolve_peer(who))->name == "drei");
    s.world().run_for(2h);
    CHECK(s.run(s.at(8).resolve_peer(who)).error() == errc::not_found);
}

TEST_CASE("announcements follow each other also when the clock stands still", "[announcing]") {
    scenario s(scenario_config{});
    REQUIRE(s.grow(1) == 0);
    const auto one = s.run(s.at(0).announce());
    const auto two = s.run(s.at(0).announce());
    REQUIRE(one);
    REQUIRE(two);
    CHECK(two->sequence > one->sequence);
}

TEST_CASE("what cannot be announced is refused", "[announcing]") {
    scenario_config config;
    config.configure = [](node_index index, node_config& c) {
        if (index == 1) c.listen.clear();
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(2) == 0);
    CHECK(s.run(s.at(1).announce()).error() == errc::unsupported_address);
    CHECK(s.run(s.at(0).announce(announce_options().group(address_group::tor))).error() == errc::unsupported_address);
    CHECK(s.run(s.at(0).announce(announce_options().lifetime(49h))).error() == errc::bad_argument);
    CHECK(s.run(s.at(0).announce(announce_options().name(std::string(65, 'n')))).error() == errc::too_large);
    s.run(s.at(0).stop());
    CHECK(s.run(s.at(0).announce()).error() == errc::not_running);
    CHECK(s.run(s.at(0).resolve_peer(s.id_of(1))).error() == errc::not_running);
}

TEST_CASE("a client that announced itself can be reached by its id", "[announcing]") {
    scenario_config config;
    config.configure = [](node_index index, node_config& c) { c.client_only = index == 5; };
    scenario s(std::move(config));
    REQUIRE(s.grow(6) == 0);
    // Until the sessions by which it came are idle and gone.
    s.world().run_for(10min);
    CHECK(s.run(s.at(0).open(s.id_of(5), "x")).error() == errc::not_found);
    REQUIRE(s.run(s.at(5).announce()));
    s.world().run_for(10min);
    CHECK(s.run(s.at(0).open(s.id_of(5), "x")).error() == errc::no_service);
}
