#include "fixture.hpp"

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

}  // namespace mydht::test
