#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include <asio/co_spawn.hpp>

#include <mydht/sim/scenario.hpp>

#include "support/catch.hpp"

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
    scenario_config config;
    const auto wildcard = parse_address("tcp://0.0.0.0:4000").value();
    config.configure = [wildcard](node_index index, node_config& c) {
        if (index == 9) c.listen = {wildcard};
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(10) == 0);
    listener heard;
    heard.start(s, s.at(9));
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
