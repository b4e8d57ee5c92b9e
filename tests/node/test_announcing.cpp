#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <mydht/sim/scenario.hpp>
#include <mydht/transport/memory.hpp>

#include "node/published.hpp"
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

namespace {

address at(const char* text) { return parse_address(text).value(); }
address an_onion() { return address::from_bytes(address_kind::tor, bytes(34, 7)).value(); }

}  // namespace

TEST_CASE("a record has the addresses of one group, and of them those that reach farthest", "[announcing]") {
    const auto onion = an_onion();
    const auto garlic = address::from_bytes(address_kind::i2p, bytes(32, 9)).value();
    const auto relayed = address::from_bytes(address_kind::relay, bytes(40, 3)).value();
    const auto unknown = address::from_bytes(static_cast<address_kind>(77), bytes(5, 1)).value();
    const std::vector<address> mixed{at("udp://127.0.0.1:1"),   onion,   at("tcp://93.184.216.34:2"),
                                     at("udp://192.168.1.7:3"), garlic,  at("udp://[2606:2800:220::1]:4"),
                                     at("tcp://[fe80::1]:5"),   relayed, at("udp://93.184.216.34:6"),
                                     at("tcp://10.1.2.3:7"),    unknown, address()};
    using mydht::detail::published;
    CHECK(published(mixed, address_group::ip) == std::vector{mixed[2], mixed[5], mixed[8]});
    CHECK(published(mixed, address_group::tor) == std::vector{onion});
    CHECK(published(mixed, address_group::i2p) == std::vector{garlic});
    // Without those of the whole network the next wider ones.
    auto nearby = mixed;
    std::erase_if(nearby, [](const address& a) { return a.is_ip() && scope_of(a) == address_scope::global; });
    const auto own_network = published(nearby, address_group::ip);
    REQUIRE_FALSE(own_network.empty());
    for (const auto& each : own_network) {
        CHECK(each.is_ip());
        CHECK(scope_of(each) != address_scope::loopback);
    }
    CHECK(published({onion, relayed}, address_group::ip).empty());
    CHECK(published({}, address_group::ip).empty());
    // No more than a record holds, the preferred ones first.
    std::vector<address> many;
    for (int i = 0; i < 20; ++i) {
        many.push_back(at(("udp://93.184.216." + std::to_string(i) + ":9").c_str()));
        many.push_back(onion);
    }
    for (const std::size_t count : {limits::addresses_per_contact, limits::addresses_per_contact + 1}) {
        const std::vector<address> some(many.begin(), many.begin() + static_cast<std::ptrdiff_t>(2 * count));
        const auto out = published(some, address_group::ip);
        REQUIRE(out.size() == limits::addresses_per_contact);
        CHECK(out.front() == many[0]);
        CHECK(out.back() == many[2 * (limits::addresses_per_contact - 1)]);
    }
}

namespace {

/// A way to be reached at an onion address, which nobody takes.
class onion_listener {
public:
    explicit onion_listener(any_listener inner) : inner_(std::move(inner)) {}
    task<result<any_connection>> accept() { return inner_.accept(); }
    void close() { inner_.close(); }
    [[nodiscard]] address local() const { return an_onion(); }

private:
    any_listener inner_;
};

class onion_transport {
public:
    explicit onion_transport(any_transport inner) : inner_(std::make_shared<any_transport>(std::move(inner))) {}
    [[nodiscard]] address_kind kind() const { return address_kind::tor; }
    [[nodiscard]] bool simulated() const { return true; }
    task<result<any_listener>> listen(address) { return listen_in(inner_); }
    task<result<any_connection>> connect(address) { return nobody(); }

private:
    static task<result<any_listener>> listen_in(std::shared_ptr<any_transport> inner) {
        auto made = co_await inner->listen(address::memory("onion").value());
        if (!made) co_return failure(made.error());
        co_return any_listener(onion_listener(std::move(*made)));
    }
    static task<result<any_connection>> nobody() { co_return failure(errc::unreachable); }

    std::shared_ptr<any_transport> inner_;
};

}  // namespace

TEST_CASE("a node that is reached in several ways announces those of one group at a time", "[announcing]") {
    memory_network elsewhere;
    scenario_config config;
    config.datagrams = true;
    config.configure = [&elsewhere](node_index index, node_config& c) {
        if (index != 2) return;
        c.transports.emplace_back(onion_transport(elsewhere.transport()));
        c.listen.push_back(an_onion());
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(4) == 0);
    REQUIRE(s.at(2).addresses().size() == 3);
    const auto announced = [&s](address_group group) {
        s.world().run_for(1s);
        REQUIRE(s.run(s.at(2).announce(announce_options().group(group))));
        const auto record = s.run(s.at(0).resolve_peer(s.id_of(2)));
        REQUIRE(record);
        CHECK(record->group == group);
        return record->addresses;
    };
    auto by_ip = s.at(2).addresses();
    std::erase(by_ip, an_onion());
    CHECK(announced(address_group::ip) == by_ip);
    CHECK(announced(address_group::tor) == std::vector{an_onion()});
    CHECK(announced(address_group::ip) == by_ip);
    CHECK(s.run(s.at(2).announce(announce_options().group(address_group::i2p))).error() == errc::unsupported_address);
}
