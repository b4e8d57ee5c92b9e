// The life of sessions over datagrams: restarts, moves, silence, new keys, and who is let in.
#include <set>

#include "datagram_peers.hpp"

namespace mydht::test {

namespace {

using wire::packet_type;

session_config of_mode(wire::link_mode mode) {
    session_config out;
    out.mode = mode;
    return out;
}

session_config of_psk(std::uint8_t filling) {
    session_config out;
    out.psk = bytes(32, filling);
    return out;
}

address dialler() { return mem("dialler-1"); }

task<admission_verdict> refuse_all(peer_info) { co_return admission_verdict::refuse(); }
task<admission_verdict> welcome_all(peer_info) { co_return admission_verdict::accept(7); }

}  // namespace

TEST_CASE("a peer that has restarted is found out at once", "[datagrams]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    both.restart_b();
    both.w.advance(3s);
    const auto begun = both.w.time->now();
    CHECK(both.ping(*link).error() == errc::session_closed);
    CHECK(both.w.time->now() - begun < 100ms);
    REQUIRE(both.a.closed.size() == 1);
    CHECK(both.a.closed.front().second == errc::connection_reset);
    const auto next = both.ask(wire::ping());
    REQUIRE(next);
    CHECK_FALSE(next->reused);
    CHECK(std::holds_alternative<wire::pong>(*next->answer));
}

TEST_CASE("a session goes on from a new address of the peer", "[datagrams]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    both.net.rename(dialler(), mem("moved"));
    CHECK(both.ping(*link));
    both.w.advance(1s);
    CHECK(both.b.pool->counters().addresses_changed == 1);
    CHECK(both.b.pool->find(both.a.self->id()).peer().observed == mem("moved"));
    CHECK(both.a.pool->size() == 1);
    CHECK(both.a.pool->counters().dialled == 1);
    CHECK(both.ping(*link));
}

TEST_CASE("a packet with a forged source moves nothing", "[datagrams]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    const auto evil = mem("evil");
    both.net.tamper = [&](packet_net::packet& one) {
        if (one.to == mem("b")) one.from = evil;
        if (one.to == mem("b")) both.net.volume[{evil, mem("b")}] += one.data.size();
        return true;
    };
    // All of the peer's packets come from elsewhere; nobody answers there.
    CHECK(both.ping(*link));
    both.w.advance(2s);
    CHECK(both.ping(*link));
    CHECK(both.b.pool->counters().addresses_changed == 0);
    CHECK(both.b.pool->find(both.a.self->id()).peer().observed == dialler());
    CHECK(both.volume("b", "evil") > 0);
    CHECK(both.volume("b", "evil") <= both.volume("evil", "b"));
}

TEST_CASE("sessions at rest say nothing, and close in the end", "[datagrams]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    both.w.advance(2s);
    const auto sent = both.net.sent;
    both.w.advance(110s);
    CHECK(both.net.sent == sent);
    both.w.advance(20s);
    CHECK(both.a.pool->size() == 0);
    CHECK(both.b.pool->size() == 0);
    REQUIRE(both.a.closed.size() == 1);
    CHECK(both.a.closed.front().second == errc::idle);
    // Two goodbyes, which each come too late.
    CHECK(both.net.sent <= sent + 4);
}

TEST_CASE("a pool that stops says goodbye", "[datagrams]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    both.w.run(both.a.pool->stop(1s));
    both.w.advance(100ms);
    CHECK(both.b.pool->size() == 0);
    REQUIRE(both.b.closed.size() == 1);
    CHECK(both.b.closed.front().second == errc::session_closed);
}

TEST_CASE("plain and private networks speak datagrams too", "[datagrams]") {
    const bool plain = GENERATE(true, false);
    CAPTURE(plain);
    datagram_peers both(plain ? of_mode(wire::link_mode::plain) : of_psk(7));
    both.net.loss = 0.05;
    const auto got = both.ask(wire::ping());
    REQUIRE(got);
    CHECK(std::holds_alternative<wire::pong>(*got->answer));
    CHECK(got->over.peer().proven == !plain);
    both.at_b.large = values_of(200'000);
    const auto values = both.request(got->over, wire::find_value());
    REQUIRE(values);
    CHECK(std::get<wire::values>(*values) == *both.at_b.large);
}

TEST_CASE("peers of other networks hear nothing", "[datagrams]") {
    session_config config;
    SECTION("of another name") { config.network = "other"; }
    SECTION("of another secret") { config = of_psk(9); }
    SECTION("without encryption") { config = of_mode(wire::link_mode::plain); }
    datagram_peers both(session_config(), config);
    CHECK(both.connect(5s).error() == errc::timed_out);
    CHECK(both.volume("b", "dialler-1") == 0);
    CHECK(both.b.pool->counters().packets_refused > 0);
    CHECK(both.b.pool->size() == 0);
}

TEST_CASE("where nobody listens a dial is refused", "[datagrams]") {
    datagram_peers both;
    const auto got = both.w.run(both.a.pool->connect(both.b.at(mem("nobody")), both.a.in(10s)));
    CHECK(got.error() == errc::connection_refused);
}

TEST_CASE("word that nobody listens is a hint, since others can give it", "[datagrams]") {
    datagram_peers both;
    const auto begun = both.w.time->now();
    const auto took = [&] { return both.w.time->now() - begun; };
    both.net.delay = 10ms;
    const auto dialling = [&](std::vector<address> where, duration after) {
        std::optional<result<session>> got;
        asio::co_spawn(both.w.context,
                       both.a.pool->connect(contact_of(both.b.self->key(), 1, std::move(where)), both.a.in(10s)),
                       [&](std::exception_ptr, result<session> out) { got.emplace(std::move(out)); });
        both.w.advance(after);
        both.net.refuse(mem("dialler-1"), mem("b"));
        while (!got) both.w.advance(world::step);
        return std::move(*got);
    };
    SECTION("at once, and the answer comes") {
        CHECK(dialling({mem("b")}, 0ms));
        CHECK(took() <= 50ms);
    }
    SECTION("the answer takes a while") {
        both.net.delay = 245ms;
        CHECK(dialling({mem("b")}, 0ms));
        CHECK(took() <= 510ms);
    }
    SECTION("it is true") {
        both.net.tamper = [](packet_net::packet&) { return false; };
        const auto got = dialling({mem("b")}, 100ms);
        CHECK(got.error() == errc::connection_refused);
        CHECK(took() >= 600ms);
        CHECK(took() <= 650ms);
        // No further handshake was begun where nobody is.
        CHECK(both.net.sent == 1);
    }
    SECTION("the next address need not wait") {
        const auto got = dialling({mem("nobody"), mem("b")}, 0ms);
        REQUIRE(got);
        CHECK(took() <= 100ms);
    }
}

TEST_CASE("admission decides over datagrams as over connections", "[datagrams]") {
    session_config config;
    SECTION("nobody is on the list") { config.admission.allow.emplace(); }
    SECTION("the application refuses") { config.admission.decide = refuse_all; }
    datagram_peers both(session_config(), config);
    const auto got = both.ask(wire::ping());
    REQUIRE_FALSE(got);
    CHECK(got.error() == errc::not_admitted);
    both.w.advance(1s);
    CHECK(both.at_b.asked == 0);
    CHECK(both.a.pool->size() == 0);
    CHECK(both.b.pool->size() == 0);
    CHECK(both.b.opened.empty());
    CHECK(both.b.pool->counters().not_admitted == 1);
}

TEST_CASE("the application lets a peer in, with a priority", "[datagrams]") {
    session_config config;
    config.admission.decide = welcome_all;
    datagram_peers both(session_config(), config);
    const auto got = both.ask(wire::ping());
    REQUIRE(got);
    CHECK(std::holds_alternative<wire::pong>(*got->answer));
    CHECK(both.at_b.asked == 1);
    REQUIRE(both.b.opened.size() == 1);
    CHECK(both.b.opened.front().peer().priority == 7);
}

// --- silence ---------------------------------------------------------------------------------------------------------

namespace {

task<> keep_open(stream s) {
    bytes one(1);
    const auto got = co_await s.read_some(one);
    if (!got) co_return;
}

}  // namespace

TEST_CASE("a peer that does not answer is given up", "[datagrams]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    both.w.advance(40s);
    both.net.tamper = [](packet_net::packet&) { return false; };
    const auto begun = both.w.time->now();
    CHECK(both.ping(*link, 60s).error() == errc::session_closed);
    CHECK(both.w.time->now() - begun >= 20s);
    CHECK(both.w.time->now() - begun <= 25s);
    REQUIRE(both.a.closed.size() == 1);
    CHECK(both.a.closed.front().second == errc::unreachable);
}

TEST_CASE("an open stream keeps its session alive, and notices when the peer has gone", "[datagrams]") {
    datagram_peers both;
    both.b.pool->serve("idle/1", keep_open);
    auto opened = both.w.run(both.a.pool->open(both.b.at(mem("b")), "idle/1", both.a.in(10s)));
    REQUIRE(opened);
    both.w.advance(5s);
    const auto sent = both.net.sent;
    both.w.advance(300s);
    CHECK(both.a.pool->size() == 1);
    CHECK(both.b.pool->size() == 1);
    // About one ping and one pong for each silence, and the handshakes for new keys.
    CHECK(both.net.sent - sent >= 2 * 300 / 20);
    CHECK(both.net.sent - sent <= 2 * 300 / 15 + 30);
    both.net.tamper = [](packet_net::packet&) { return false; };
    both.w.advance(41s);
    CHECK(both.a.pool->size() == 0);
    CHECK(both.b.pool->size() == 0);
    REQUIRE(both.a.closed.size() == 1);
    CHECK(both.a.closed.front().second == errc::unreachable);
}

// --- new keys --------------------------------------------------------------------------------------------------------

namespace {

/// What the transport packets to b name.
std::set<std::uint32_t> indices_to_b(const packet_net& net) {
    std::set<std::uint32_t> out;
    for (const auto& one : net.recorded) {
        if (one.to == mem("b") && type_of(one) == packet_type::transport) out.insert(wire::receiver_of(one.data));
    }
    return out;
}

}  // namespace

TEST_CASE("a session changes its keys while it is used, and no request fails", "[datagrams]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    datagram_peers both;
    both.net.numbers = prng(seed);
    both.net.recording = true;
    const auto link = both.connect();
    REQUIRE(link);
    both.net.loss = 0.2;
    both.net.jitter = 20ms;
    both.net.repeats = 0.1;
    both.at_b.large = values_of(20'000);
    int failed = 0;
    for (int i = 0; i < 300; ++i) {
        failed += both.ping(*link, 30s) ? 0 : 1;
        if (i % 10 == 0) failed += both.request(*link, wire::find_value()) ? 0 : 1;
        failed += both.request(both.b.opened.front(), wire::ping()) ? 0 : 1;
        both.w.advance(1s);
    }
    for (const auto& [peer, why] : both.a.closed) UNSCOPED_INFO("a: " << why.message());
    for (const auto& [peer, why] : both.b.closed) UNSCOPED_INFO("b: " << why.message());
    CHECK(failed == 0);
    CHECK(both.a.closed.empty());
    CHECK(both.a.pool->counters().dialled == 1);
    CHECK(both.b.pool->counters().accepted == 1);
    CHECK(indices_to_b(both.net).size() >= 3);
    CHECK(indices_to_b(both.net).size() <= 8);
}

TEST_CASE("a session at rest has no use for new keys", "[datagrams]") {
    session_config config;
    config.idle_timeout = 600s;
    datagram_peers both(config);
    both.net.recording = true;
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    both.w.advance(300s);
    CHECK(indices_to_b(both.net).size() == 1);
    // Then it is used: at once under the old keys, later under new ones.
    CHECK(both.ping(*link));
    both.w.advance(1s);
    CHECK(both.ping(*link));
    CHECK(indices_to_b(both.net).size() == 2);
    // The old keys go, and with them what they were found by.
    both.w.advance(60s);
    CHECK(both.ping(*link));
    CHECK(both.ping(both.b.opened.front()));
    CHECK(both.a.closed.empty());
}

TEST_CASE("a peer that restarts amid a change of keys is found out", "[datagrams]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    for (int i = 0; i < 119; ++i) {
        REQUIRE(both.ping(*link));
        both.w.advance(1s);
    }
    both.restart_b();
    both.w.advance(2s);
    CHECK(both.ping(*link).error() == errc::session_closed);
    const auto next = both.ask(wire::ping());
    REQUIRE(next);
    CHECK(std::holds_alternative<wire::pong>(*next->answer));
    CHECK(both.ping(next->over));
}

TEST_CASE("a handshake for new keys that is sent again changes nothing", "[datagrams]") {
    datagram_peers both;
    both.net.recording = true;
    const auto link = both.connect();
    REQUIRE(link);
    for (int i = 0; i < 125; ++i) {
        REQUIRE(both.ping(*link));
        both.w.advance(1s);
    }
    CHECK(indices_to_b(both.net).size() == 2);
    both.w.advance(60s);
    const auto old = both.net.recorded;
    const auto before = both.volume("b", "dialler-1");
    for (auto one : old) {
        if (one.to == mem("b") && type_of(one) == packet_type::initial) both.net.inject(std::move(one));
    }
    both.w.advance(1s);
    // The first one of all may be answered as a handshake that nobody goes on with.
    CHECK(both.volume("b", "dialler-1") - before <= 1200);
    CHECK(both.ping(*link));
    CHECK(both.ping(both.b.opened.front()));
    CHECK(both.a.closed.empty());
    CHECK(both.b.closed.empty());
}

}  // namespace mydht::test
