#include "fixture.hpp"

namespace mydht::test {

TEST_CASE("a request finds its answer over a secured link", "[session]") {
    world w;
    memory_network network;
    peer a(w, network);
    peer b(w, network);
    const auto where = w.run(b.pool->listen(mem("b"))).value();
    auto link = w.run(a.pool->connect(b.at(where), a.in(5s)));
    REQUIRE(link);
    CHECK(link->open());
    CHECK(link->peer().proven);
    CHECK(link->peer().outgoing);
    CHECK(link->peer().who.id == b.self->id());

    const auto answer = w.run(link->request(wire::ping(), a.in(5s)));
    REQUIRE(answer);
    CHECK(std::holds_alternative<wire::pong>(*answer));
    CHECK(a.opened.size() == 1);
    REQUIRE(b.opened.size() == 1);
    CHECK(b.opened.front().peer().who.id == a.self->id());
    CHECK_FALSE(b.opened.front().peer().outgoing);

    w.run(a.pool->stop(1s));
    w.run(b.pool->stop(1s));
    CHECK(w.time->armed() == 0);
    CHECK_FALSE(link->open());
    const auto late = w.run(link->request(wire::ping(), a.in(5s)));
    CHECK(late.error() == errc::session_closed);
}

}  // namespace mydht::test
