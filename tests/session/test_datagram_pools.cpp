// Pools that talk in packets, over datagrams in memory.
#include "fixture.hpp"

namespace mydht::test {

namespace {

struct pair_of_peers {
    explicit pair_of_peers(session_config config = {})
        : a(w, network.datagrams(), config), b(w, network.datagrams(), config) {
        b.pool->describe(1, {mem("b")});
        REQUIRE(w.run(b.pool->listen(mem("b"))));
    }
    ~pair_of_peers() {
        for (auto* one : {&a, &b}) w.run(one->pool->stop(1s));
        CHECK(w.time->armed() == 0);
    }

    [[nodiscard]] result<wire::message> ping(session over) { return w.run(over.request(wire::ping(), a.in(10s))); }

    world w;
    memory_network network;
    peer a;
    peer b;
};

}  // namespace

TEST_CASE("a peer whose key is known is reached in one round trip, and asked", "[datagrams]") {
    pair_of_peers both;
    auto link = both.w.run(both.a.pool->connect(both.b.at(mem("b")), both.a.in(10s)));
    REQUIRE(link);
    CHECK(link->peer().who.id == both.b.self->id());
    CHECK(link->peer().proven);
    const auto answer = both.ping(*link);
    REQUIRE(answer);
    CHECK(std::holds_alternative<wire::pong>(*answer));
    CHECK(both.b.pool->size() == 1);
    REQUIRE(both.b.opened.size() == 1);
    CHECK(both.b.opened.front().peer().who.id == both.a.self->id());
}

TEST_CASE("an address alone is dialled without knowing whose it is", "[datagrams]") {
    pair_of_peers both;
    auto link = both.w.run(both.a.pool->connect_to(mem("b"), std::nullopt, both.a.in(10s)));
    REQUIRE(link);
    CHECK(link->peer().who.id == both.b.self->id());
    CHECK(both.ping(*link));
    CHECK(both.b.pool->size() == 1);
}

}  // namespace mydht::test
