#include <map>

#include "fixture.hpp"
#include "packet_net.hpp"

namespace mydht::test {

TEST_CASE("a probe finds out who is at an address, without a session", "[probing]") {
    world w;
    memory_network network;
    peer a(w, network);
    peer b(w, network);
    const auto where = w.run(b.pool->listen(mem("b"))).value();
    CHECK(w.run(a.pool->probe(b.self->id(), where, a.in(5s))));
    CHECK(a.pool->size() == 0);
    w.poll();
    CHECK(b.opened.empty());
    CHECK(b.pool->counters().accepted == 0);
    // Also while there is a session.
    w.advance(1s);
    REQUIRE(w.run(a.pool->connect(b.at(where), a.in(5s))));
    CHECK(w.run(a.pool->probe(b.self->id(), where, a.in(5s))));
    CHECK(a.pool->size() == 1);
    w.advance(1s);
    CHECK(w.run(a.pool->probe(a.self->id(), where, a.in(5s))).error() == errc::self_connection);
    node_id other;
    CHECK(w.run(a.pool->probe(other, where, a.in(5s))).error() == errc::identity_mismatch);
    CHECK(w.run(a.pool->probe(b.self->id(), mem("nobody"), a.in(5s))).error() == errc::connection_refused);
    const auto elsewhere = parse_address("tcp://1.2.3.4:5").value();
    CHECK(w.run(a.pool->probe(b.self->id(), elsewhere, a.in(5s))).error() == errc::unsupported_address);
    w.run(a.pool->stop(1s));
    CHECK(w.run(a.pool->probe(b.self->id(), where, a.in(5s))).error() == errc::session_closed);
    w.run(b.pool->stop(1s));
}

TEST_CASE("probes are bounded and say so", "[probing]") {
    world w;
    memory_network network;
    session_config config;
    config.probes.at_once = 1;
    peer a(w, network, config);
    peer b(w, network);
    const auto where = w.run(b.pool->listen(mem("b"))).value();
    CHECK(w.run(a.pool->probe(b.self->id(), where, a.in(5s))));
    CHECK(w.run(a.pool->probe(b.self->id(), where, a.in(5s))).error() == errc::throttled);
    // One that ended without success has ended too.
    CHECK_FALSE(w.run(a.pool->probe(b.self->id(), mem("nobody"), a.in(5s))));
    w.advance(1s);
    CHECK(w.run(a.pool->probe(b.self->id(), where, a.in(5s))));
    w.run(a.pool->stop(1s));
    w.run(b.pool->stop(1s));
}

TEST_CASE("nobody is probed whom admission is against", "[probing]") {
    world w;
    memory_network network;
    peer b(w, network);
    session_config config;
    config.admission.deny = {b.self->id()};
    peer a(w, network, config);
    const auto where = w.run(b.pool->listen(mem("b"))).value();
    CHECK(w.run(a.pool->probe(b.self->id(), where, a.in(5s))).error() == errc::not_admitted);
    CHECK(b.pool->counters().handshakes_failed == 0);
    w.run(a.pool->stop(1s));
    w.run(b.pool->stop(1s));
}

namespace {

task<> ask_quietly(session_pool* pool, contact who, steady_time deadline, address_source source, int& throttled) {
    const auto got = co_await pool->ask(std::move(who), wire::ping(), deadline, source);
    if (!got && got.error() == errc::throttled) ++throttled;
}

}  // namespace

TEST_CASE("who names many contacts at one network does not make this node send much there", "[probing]") {
    world w;
    packet_net net(w.time, address_kind::udp);
    peer a(w, net.transport());
    const auto victim = [](std::size_t number) {
        return address::ipv4(address_kind::udp, {93, 184, 216, static_cast<std::uint8_t>(number)}, 53);
    };
    std::map<address, std::size_t> sent;
    net.tamper = [&](packet_net::packet& one) {
        ++sent[one.to];
        return false;
    };
    const auto source = GENERATE(address_source::heard, address_source::found);
    const bool hidden = GENERATE(false, true);
    int throttled = 0;
    for (std::size_t i = 0; i < 200; ++i) {
        auto who = contact_of(identity::generate(*a.env.secure_random).key(), 1, {victim(i)});
        // Behind an address that is somewhere else.
        const auto lure = address::ipv4(address_kind::udp, {60, static_cast<std::uint8_t>(i), 1, 1}, 53);
        if (hidden) who.addresses.insert(who.addresses.begin(), lure);
        asio::co_spawn(w.context, ask_quietly(a.pool.get(), std::move(who), a.in(30s), source, throttled),
                       [](std::exception_ptr) {});
    }
    w.advance(400ms);
    std::size_t dials = 0;
    for (std::size_t i = 0; i < 200; ++i) dials += sent[victim(i)];
    if (source == address_source::found) {
        CHECK(dials == 200);
    } else {
        // The burst, and what came free meanwhile.
        CHECK(dials >= 40);
        CHECK(dials <= 44);
        if (!hidden) CHECK(throttled >= 156);
    }
    w.advance(30s);
    std::size_t packets = 0;
    for (std::size_t i = 0; i < 200; ++i) packets += sent[victim(i)];
    if (source == address_source::heard) CHECK(packets <= 44 * 5);
    w.run(a.pool->stop(1s));
}

namespace {

/// What a peer that has something for an asker says in its first packet.
wire::message delivery(std::size_t bytes_of_value) {
    wire::deliver out;
    out.what.outcome = wire::gathered_outcome::found;
    out.what.items.emplace_back().body = bytes(bytes_of_value, 1);
    return out;
}

task<> ask_once(session_pool* pool, contact who, wire::message what, steady_time deadline, address_source source) {
    (void)co_await pool->ask(std::move(who), std::move(what), deadline, source);
}

}  // namespace

TEST_CASE("who is named as an asker gets a single packet in all, at whichever addresses", "[probing]") {
    world w;
    packet_net net(w.time, address_kind::udp);
    memory_network connections;
    session_config config;
    config.exempt_loopback = GENERATE(true, false);
    peer a(w, net.transport(), config);
    a.pool->add_transport(connections.transport());
    peer b(w, connections);
    const auto door = w.run(b.pool->listen(mem("victim"))).value();
    // The second one does not fit into a first packet, and is asked for without.
    const std::vector<wire::message> messages{delivery(20), delivery(5'000), wire::ping()};
    const auto& what = messages[GENERATE(0U, 1U, 2U)];
    const std::string host = GENERATE("93.184.216.34", "192.168.1.7", "127.0.0.1");
    CAPTURE(what.index(), host, config.exempt_loopback);
    std::map<address, std::size_t> sent;
    net.tamper = [&](packet_net::packet& one) {
        ++sent[one.to];
        return false;
    };
    const auto packets_for = [&](address_source source) {
        sent.clear();
        std::vector<address> all;
        for (int port = 4000; port < 4007; ++port)
            all.push_back(parse_address("udp://" + host + ":" + std::to_string(port)).value());
        all.push_back(door);
        const auto who = contact_of(identity::generate(*a.env.secure_random).key(), 1, std::move(all));
        asio::co_spawn(w.context, ask_once(a.pool.get(), who, what, a.in(30s), source), [](std::exception_ptr) {});
        w.advance(30s);
        std::size_t out = 0;
        for (const auto& [where, count] : sent) out += count;
        return out;
    };
    CHECK(packets_for(address_source::named) == 1);
    CHECK(sent.size() == 1);
    CHECK(b.pool->counters().accepted + b.pool->counters().handshakes_failed == 0);
    // Somebody who was found there is looked for at several places, and more than once.
    CHECK(packets_for(address_source::found) > 4);
    CHECK(sent.size() > 1);
    w.run(a.pool->stop(1s));
    w.run(b.pool->stop(1s));
}

namespace {

struct ending {
    std::error_code why;
    steady_time at;
};

task<> ask_named(peer* of, address where, address cause, std::vector<ending>* into) {
    auto who = contact_of(identity::generate(*of->env.secure_random).key(), 1, {where});
    const auto deadline = of->in(30s);
    const auto got = co_await of->pool->ask(std::move(who), wire::ping(), deadline, address_source::named,
                                            steady_time::max(), cause);
    into->push_back({got ? std::error_code() : got.error(), of->env.time->now()});
}

}  // namespace

TEST_CASE("no neighbour takes all the dials for others, and those that nobody answers end soon", "[probing]") {
    world w;
    packet_net net(w.time, address_kind::udp);
    session_config config;
    config.probes.at_once = 8;
    peer a(w, net.transport(), config);
    std::vector<ending> ended;
    std::uint8_t number = 0;
    const auto neighbour = [](std::uint8_t n) { return address::ipv4(address_kind::udp, {50, n, 1, 1}, 4000); };
    const auto dial = [&](std::uint8_t cause) {
        const auto nobody = address::ipv4(address_kind::udp, {90, 1, ++number, 1}, 53);
        asio::co_spawn(w.context, ask_named(&a, nobody, neighbour(cause), &ended), [](std::exception_ptr) {});
    };
    const auto throttled = [&] {
        return std::ranges::count_if(ended, [](const ending& e) { return e.why == errc::throttled; });
    };
    const auto begun = a.env.time->now();
    for (int i = 0; i < 50; ++i) dial(1);
    w.advance(100ms);
    CHECK(throttled() == 48);
    for (int i = 0; i < 3; ++i) dial(2);
    dial(3);
    w.advance(100ms);
    CHECK(throttled() == 49);
    ended.clear();
    w.advance(1900ms);
    REQUIRE(ended.size() >= 2);
    CHECK(ended.front().why != errc::throttled);
    CHECK(ended.front().at <= begun + 2s);
    w.advance(200ms);
    CHECK(ended.size() == 5);
    // There is room again.
    ended.clear();
    dial(1);
    w.advance(100ms);
    CHECK(throttled() == 0);
    w.run(a.pool->stop(1s));
}

TEST_CASE("one address is dialled now and then, and neighbours whenever they are named", "[probing]") {
    world w;
    packet_net net(w.time, address_kind::udp);
    session_config config;
    config.exempt_loopback = GENERATE(true, false);
    peer a(w, net.transport(), config);
    const auto dials_of = [&](const address& where) {
        std::size_t out = 0;
        net.tamper = [&](packet_net::packet& one) {
            out += one.to == where ? 1 : 0;
            return false;
        };
        int throttled = 0;
        for (int i = 0; i < 60; ++i) {
            const auto who = contact_of(identity::generate(*a.env.secure_random).key(), 1, {where});
            asio::co_spawn(w.context, ask_quietly(a.pool.get(), who, a.in(400ms), address_source::heard, throttled),
                           [](std::exception_ptr) {});
        }
        w.advance(450ms);
        CHECK(out + static_cast<std::size_t>(throttled) == 60);
        return out;
    };
    CHECK(dials_of(parse_address("udp://8.8.8.8:53").value()) == 4);
    const std::size_t near = config.exempt_loopback ? 60 : 4;
    CHECK(dials_of(parse_address("udp://192.168.1.7:53").value()) == near);
    CHECK(dials_of(parse_address("udp://127.0.0.1:53").value()) == near);
    w.run(a.pool->stop(1s));
}

}  // namespace mydht::test
