#include <algorithm>
#include <string>

#include <mydht/sim/scenario.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

scenario_config both_kinds() {
    scenario_config out;
    out.datagrams = true;
    return out;
}

bool has(const std::vector<address>& all, address_kind kind) {
    return std::ranges::any_of(all, [kind](const address& a) { return a.kind() == kind; });
}

}  // namespace

TEST_CASE("a network of datagrams alone stores and finds", "[kinds]") {
    auto config = both_kinds();
    config.streams = false;
    scenario s(std::move(config));
    REQUIRE(s.grow(20) == 0);
    const auto key = s.run(s.at(3).put(value::immutable(std::string(60'000, 'x'))));
    REQUIRE(key);
    CHECK(key->stored >= 15);
    for (const node_index i : {0U, 9U, 19U}) CHECK(s.run(s.at(i).get(*key)));
}

TEST_CASE("nodes that speak both kinds ask by datagrams", "[kinds]") {
    scenario s(both_kinds());
    REQUIRE(s.grow(16) == 0);
    const auto key = s.run(s.at(3).put(value::immutable("hello")));
    REQUIRE(key);
    // The streams by which they entered are idle by then.
    s.world().run_for(10min);
    std::size_t connections = 0;
    for (const auto i : s.running()) connections += s.network().open_connections(i);
    CHECK(connections == 0);
    CHECK(s.run(s.at(12).get(*key))->text() == "hello");
    connections = 0;
    for (const auto i : s.running()) connections += s.network().open_connections(i);
    CHECK(connections == 0);
    for (const auto& known : s.run(s.at(5).contacts())) {
        CHECK(has(known.addresses, address_kind::tcp));
        CHECK(has(known.addresses, address_kind::udp));
    }
}

TEST_CASE("nodes of one kind find each other's values through those of both", "[kinds]") {
    auto config = both_kinds();
    config.configure = [](node_index index, node_config& c) {
        // A third speaks streams only, a third datagrams only.
        if (index % 3 == 1) {
            c.datagram_transports.clear();
            std::erase_if(c.listen, [](const address& a) { return a.kind() == address_kind::udp; });
        }
        if (index % 3 != 2) return;
        c.transports.clear();
        std::erase_if(c.listen, [](const address& a) { return a.kind() == address_kind::tcp; });
        for (auto& each : c.bootstrap) each.kind = address_kind::udp;
    };
    config.bootstraps = 6;
    scenario s(std::move(config));
    REQUIRE(s.grow(24) == 0);
    const auto key = s.run(s.at(1).put(value::immutable("by streams")));
    REQUIRE(key);
    CHECK(s.run(s.at(2).get(*key))->text() == "by streams");
    const auto other = s.run(s.at(5).put(value::immutable("by datagrams")));
    REQUIRE(other);
    CHECK(s.run(s.at(4).get(*other))->text() == "by datagrams");
    for (const auto& known : s.run(s.at(1).contacts())) CHECK(has(known.addresses, address_kind::tcp));
    for (const auto& known : s.run(s.at(2).contacts())) CHECK(has(known.addresses, address_kind::udp));
}
