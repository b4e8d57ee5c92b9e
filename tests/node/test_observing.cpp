#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <vector>

#include <asio/co_spawn.hpp>

#include <mydht/sim/scenario.hpp>

#include "session/fixture.hpp"
#include "session/packet_net.hpp"
#include "support/catch.hpp"
#include "support/prng_source.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

/// Takes all events as they come.
struct listener {
    static task<> listen(listener& self, event_stream from) {
        for (;;) {
            auto got = co_await from.next();
            if (!got) {
                self.ended = got.error();
                co_return;
            }
            self.all.push_back(std::move(*got));
        }
    }
    void start(scenario& s, const node& to) {
        asio::co_spawn(s.world().driver_environment().exec, listen(*this, to.events()), [](std::exception_ptr) {});
    }
    [[nodiscard]] std::size_t count(node_event::kind what, const node_id& who) const {
        return static_cast<std::size_t>(
            std::ranges::count_if(all, [&](const node_event& e) { return e.what == what && e.who.who.id == who; }));
    }

    std::vector<node_event> all;
    std::optional<std::error_code> ended;
};

/// All nodes listen at their addresses, but this one everywhere.
scenario_config with_wildcard(node_index one) {
    scenario_config out;
    out.configure = [one](node_index index, node_config& c) {
        if (index == one) c.listen = {parse_address("tcp://0.0.0.0:4000").value()};
    };
    return out;
}

}  // namespace

TEST_CASE("a node tells of peers that come and go, and of its end", "[observing]") {
    scenario s(scenario_config{});
    REQUIRE(s.grow(1) == 0);
    listener heard;
    heard.start(s, s.at(0));
    REQUIRE(s.grow(1) == 0);
    CHECK(heard.count(node_event::kind::peer_up, s.id_of(1)) == 1);
    CHECK(heard.count(node_event::kind::peer_down, s.id_of(1)) == 0);
    s.run(s.at(1).stop());
    s.world().run_for(1s);
    CHECK(heard.count(node_event::kind::peer_down, s.id_of(1)) == 1);
    CHECK_FALSE(heard.ended);
    REQUIRE(s.grow(1) == 0);
    s.run(s.at(0).stop());
    s.world().run_for(1s);
    // Also the sessions that ended with the node.
    CHECK(heard.count(node_event::kind::peer_up, s.id_of(2)) == 1);
    CHECK(heard.count(node_event::kind::peer_down, s.id_of(2)) == 1);
    CHECK(heard.ended == make_error_code(errc::closed));
}

TEST_CASE("a node that never runs has no events", "[observing]") {
    scenario s(scenario_config{});
    REQUIRE(s.grow(1) == 0);
    auto idle = node(s.world().driver_environment(), node_config());
    listener heard;
    heard.start(s, idle);
    s.run(idle.stop());
    s.world().run_for(1s);
    CHECK(heard.all.empty());
    CHECK(heard.ended == make_error_code(errc::closed));
}

TEST_CASE("a peer that admission blocks is told of, and leaves the table", "[observing]") {
    scenario_config config;
    std::set<node_id> unwanted;
    config.configure = [&unwanted](node_index index, node_config& c) {
        if (index != 0) return;
        c.sessions.admission.decide = [&unwanted](peer_info who) -> task<admission_verdict> {
            const bool bad = unwanted.contains(who.who.id);
            co_return bad ? admission_verdict::block(10min) : admission_verdict::accept(3);
        };
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(2) == 0);
    listener heard;
    heard.start(s, s.at(0));
    CHECK(s.run(s.at(0).contacts()).size() == 1);
    unwanted.insert(s.id_of(1));
    // It comes anew to look for its neighbours, once the session that it has was idle for long enough.
    s.world().run_for(6min);
    CHECK(heard.count(node_event::kind::peer_blocked, s.id_of(1)) == 1);
    CHECK(s.run(s.at(0).contacts()).empty());
    // Which has understood.
    CHECK(s.run(s.at(1).contacts()).empty());
    CHECK(s.run(s.at(0).status()).traffic.not_admitted >= 1);
}

TEST_CASE("a node that listens everywhere learns from peers where it is", "[observing]") {
    scenario s(with_wildcard(9));
    REQUIRE(s.grow(10) == 0);
    s.world().run_for(10min);
    const auto status = s.run(s.at(9).status());
    const auto where = s.network().address_of(9, 4000);
    CHECK(std::ranges::count(status.addresses, where) == 1);
    CHECK(std::ranges::count(s.at(9).addresses(), where) == 0);
    for (node_index i = 0; i < 9; ++i) {
        const auto other = s.run(s.at(i).status());
        CHECK(other.addresses == std::vector{s.network().address_of(i, 4000)});
    }
}

TEST_CASE("a node tells when it has learnt where it is", "[observing]") {
    scenario s(with_wildcard(1));
    REQUIRE(s.grow(2) == 0);
    listener heard;
    heard.start(s, s.at(1));
    // One peer is not enough to be believed.
    const auto where = s.network().address_of(1, 4000);
    CHECK(std::ranges::count(s.run(s.at(1).status()).addresses, where) == 0);
    REQUIRE(s.grow(8) == 0);
    s.world().run_for(20min);
    std::size_t told = 0;
    for (const auto& each : heard.all) {
        if (each.what != node_event::kind::address_changed) continue;
        ++told;
        CHECK(std::ranges::count(each.addresses, where) == 1);
    }
    CHECK(told == 1);
    CHECK(std::ranges::count(s.run(s.at(1).status()).addresses, where) == 1);
}

namespace {

/// Two nodes over datagrams in memory, the second of which joins through the first, and what the first one tells.
struct two_nodes {
    /// `net` may have been told to misbehave.
    void start() {
        here = node(w.make_env(), at("here"));
        REQUIRE(w.run(here.start()));
        asio::co_spawn(w.context, listener::listen(heard, here.events()), [](std::exception_ptr) {});
        auto config = at("there");
        config.bootstrap = {parse_location("mem://here").value()};
        there = node(w.make_env(), std::move(config));
        REQUIRE(w.run(there.start()));
        REQUIRE(heard.count(node_event::kind::peer_up, there.id()) == 1);
    }
    void stop() {
        w.run(there.stop());
        w.run(here.stop());
    }
    [[nodiscard]] node_config at(std::string_view name) {
        node_config out;
        out.datagram_transports = {net.transport()};
        out.listen = {test::mem(name)};
        return out;
    }

    test::world w;
    test::packet_net net{w.time};
    node here;
    listener heard;
    node there;
};

}  // namespace

TEST_CASE("a node tells of a peer that goes on from another address", "[observing]") {
    using test::mem;
    two_nodes two;
    auto& w = two.w;
    auto& heard = two.heard;
    two.start();

    two.net.rename(mem("there"), mem("elsewhere"));
    // Nothing is known before the peer says something, and has answered a challenge where it is.
    w.advance(1s);
    CHECK(heard.count(node_event::kind::peer_moved, two.there.id()) == 0);
    REQUIRE(w.run(two.there.ping(mem("here"), two.here.id(), 5s)));
    w.advance(1s);
    REQUIRE(heard.count(node_event::kind::peer_moved, two.there.id()) == 1);
    const auto& moved = *std::ranges::find(heard.all, node_event::kind::peer_moved, &node_event::what);
    CHECK(moved.who.observed == mem("elsewhere"));
    CHECK(moved.before == mem("there"));
    CHECK(heard.count(node_event::kind::peer_down, two.there.id()) == 0);
    two.stop();
}

TEST_CASE("a node tells of its sockets that are lost and come back", "[observing]") {
    using test::mem;
    bool away = false;
    two_nodes two;
    auto& w = two.w;
    auto& heard = two.heard;
    two.net.has = [&away](const address& at) { return std::optional(!away || at != mem("here")); };
    two.net.fails = [&away](std::string_view what, const address& at) -> std::error_code {
        return away && what == "open" && at == mem("here") ? errc::address_not_available : std::error_code();
    };
    two.net.tamper = [&away](test::packet_net::packet& one) { return !away || one.to != mem("here"); };
    two.start();
    const auto told = [&heard](node_event::kind what) {
        std::vector<node_event> out;
        std::ranges::copy_if(heard.all, std::back_inserter(out), [what](const auto& e) { return e.what == what; });
        return out;
    };

    // With an error of its own, or without a word.
    const bool silent = GENERATE(false, true);
    CAPTURE(silent);
    const auto why = make_error_code(silent ? errc::address_not_available : errc::network_failed);
    away = true;
    if (!silent) two.net.sever(mem("here"));
    w.advance(silent ? 17s : 1ms);
    const auto lost = told(node_event::kind::socket_lost);
    REQUIRE(lost.size() == 1);
    CHECK(lost.front().addresses == std::vector{mem("here")});
    CHECK(lost.front().why == why);
    CHECK(w.run(two.here.status()).traffic.sockets_lost == 1);
    // There is no other socket for the session, which waits for a while.
    CHECK(heard.count(node_event::kind::peer_down, two.there.id()) == 0);
    w.advance(60s);
    CHECK(heard.count(node_event::kind::peer_down, two.there.id()) == 1);
    CHECK(told(node_event::kind::socket_back).empty());

    away = false;
    w.advance(5s);
    const auto back = told(node_event::kind::socket_back);
    REQUIRE(back.size() == 1);
    CHECK(back.front().addresses == std::vector{mem("here")});
    CHECK_FALSE(back.front().why);
    CHECK(told(node_event::kind::socket_lost).size() == 1);
    // The peer finds out that the session is over, and comes again.
    CHECK_FALSE(w.run(two.there.ping(mem("here"), two.here.id(), 30s)));
    CHECK(w.run(two.there.ping(mem("here"), two.here.id(), 30s)));
    CHECK(heard.count(node_event::kind::peer_up, two.there.id()) == 2);
    two.stop();
}

TEST_CASE("a node tells of a peer that comes again from another host", "[observing]") {
    const bool datagrams = GENERATE(false, true);
    scenario_config config;
    config.streams = !datagrams;
    config.datagrams = datagrams;
    test::prng_source random(5);
    const auto nomad = std::make_shared<const identity>(identity::generate(random));
    config.configure = [&nomad](node_index index, node_config& c) {
        if (index == 1 || index == 2) c.self = nomad;
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(1) == 0);
    listener heard;
    heard.start(s, s.at(0));
    REQUIRE(s.grow(1) == 0);
    s.world().run_for(1s);
    CHECK(heard.count(node_event::kind::peer_up, nomad->id()) == 1);
    s.run(s.at(1).stop());
    s.world().run_for(1s);
    CHECK(heard.count(node_event::kind::peer_moved, nomad->id()) == 0);
    REQUIRE(s.grow(1) == 0);
    s.world().run_for(1s);
    REQUIRE(heard.count(node_event::kind::peer_moved, nomad->id()) == 1);
    const auto& moved = *std::ranges::find(heard.all, node_event::kind::peer_moved, &node_event::what);
    CHECK(std::ranges::equal(moved.before.host(), s.network().address_of(1, 1).host()));
    CHECK(std::ranges::equal(moved.who.observed.host(), s.network().address_of(2, 1).host()));
    // The session is there before it is said where.
    const auto up = [&](const node_event& e) {
        return e.what == node_event::kind::peer_up && e.who.observed == moved.who.observed;
    };
    CHECK(std::ranges::find_if(heard.all, up) <
          std::ranges::find(heard.all, node_event::kind::peer_moved, &node_event::what));
}

TEST_CASE("who does not take a node's events loses the oldest, and hears how many", "[observing]") {
    scenario s(scenario_config{});
    REQUIRE(s.grow(1) == 0);
    listener all;
    all.start(s, s.at(0));
    auto slow = s.at(0).events(3);
    REQUIRE(s.grow(8) == 0);
    s.world().run_for(1s);
    const auto told = all.all.size();
    REQUIRE(told > 3);
    const auto first = s.run(slow.next()).value();
    CHECK(first.missed == told - 3);
    CHECK(first.who.who.id == all.all[told - 3].who.who.id);
    CHECK(s.run(slow.next()).value().missed == 0);
}

TEST_CASE("who has a priority stays in the table when a bucket is full", "[observing][admission]") {
    scenario_config config;
    std::set<node_id> wanted;
    config.configure = [&wanted](node_index index, node_config& c) {
        if (index != 0) return;
        kbucket_config narrow;
        narrow.k = 2;
        narrow.replacements = 2;
        c.table = narrow;
        c.sessions.admission.decide = [&wanted](peer_info who) -> task<admission_verdict> {
            co_return admission_verdict::accept(wanted.contains(who.who.id) ? 200 : 0);
        };
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(9) == 0);
    const auto known = [&s](const node_id& id) {
        return std::ranges::count(s.run(s.at(0).contacts()), id, &contact::id) == 1;
    };
    // Somebody for whom there was no room comes again with a priority.
    std::optional<node_index> outside;
    for (node_index i = 1; i < 9; ++i) {
        if (!known(s.id_of(i))) outside = i;
    }
    REQUIRE(outside);
    const auto before = s.run(s.at(0).contacts()).size();
    wanted.insert(s.id_of(*outside));
    s.world().run_for(3min);  // until sessions are idle
    REQUIRE(s.run(s.at(*outside).ping(s.at(0).addresses().front(), s.at(0).id(), 10s)));
    CHECK(known(s.id_of(*outside)));
    CHECK(s.run(s.at(0).contacts()).size() == before);
}
