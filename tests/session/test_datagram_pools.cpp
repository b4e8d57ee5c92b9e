// Pools that talk in packets, over datagrams in memory.
#include <mydht/runtime/wait_queue.hpp>

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

TEST_CASE("beyond the rate of a network its packets need a cookie, and then they have a rate of their own",
          "[datagrams]") {
    session_config config;
    config.handshake_rate = rate_limit{1, 1};
    config.exempt_loopback = false;
    pair_of_peers both(config);
    const auto& counters = both.b.pool->counters();
    const auto dial = [&] {
        auto link = both.w.run(both.a.pool->connect_to(mem("b"), std::nullopt, both.a.in(200ms)));
        if (link) link->close();
        both.w.poll();
        return link.has_value();
    };
    CHECK(dial());
    CHECK(counters.cookies_sent == 0);
    CHECK(dial());
    CHECK(counters.cookies_sent == 1);
    CHECK(counters.handshakes_throttled == 0);
    CHECK_FALSE(dial());
    CHECK(counters.cookies_sent == 2);
    CHECK(counters.handshakes_throttled == 1);
    both.w.advance(2s);
    CHECK(dial());
    CHECK(counters.cookies_sent == 2);
}

TEST_CASE("a peer over datagrams waits for the application, and is told when it is refused", "[datagrams]") {
    session_config config;
    config.admission.decide = [](peer_info who) -> task<admission_verdict> {
        co_return who.outgoing ? admission_verdict::accept(5) : admission_verdict::refuse();
    };
    pair_of_peers both(config);
    auto link = both.w.run(both.a.pool->connect(both.b.at(mem("b")), both.a.in(10s)));
    REQUIRE(link);
    CHECK(link->peer().priority == 5);
    CHECK(both.ping(*link).error() == errc::not_admitted);
    CHECK(both.b.opened.empty());
    CHECK(both.b.pool->counters().requests_served == 0);
    CHECK(both.b.pool->counters().not_admitted == 1);
}

namespace {

/// Thinks until it is told to say yes.
struct hesitation {
    static task<admission_verdict> decide(hesitation& self) {
        while (!self.decided) co_await self.told.wait();
        co_return admission_verdict::accept();
    }
    bool decided = false;
    wait_queue told;
};

}  // namespace

TEST_CASE("so many peers over datagrams wait for the application, and no more", "[datagrams]") {
    hesitation app;
    session_config config;
    config.handshakes_max = 2;
    config.admission.decide = [&app](peer_info) { return hesitation::decide(app); };
    world w;
    memory_network network;
    peer node(w, network.datagrams(), config);
    REQUIRE(w.run(node.pool->listen(mem("node"))));
    std::vector<std::unique_ptr<peer>> crowd;
    for (int i = 0; i < 5; ++i) {
        auto& one = *crowd.emplace_back(std::make_unique<peer>(w, network.datagrams()));
        auto link = w.run(one.pool->connect(node.at(mem("node")), one.in(1s)));
        REQUIRE(link);
        asio::co_spawn(w.context, link->request(wire::ping(), one.in(1s)),
                       [](std::exception_ptr, result<wire::message>) {});
        w.poll();
    }
    CHECK(node.pool->counters().not_admitted == 3);
    CHECK(node.opened.empty());
    app.decided = true;
    app.told.notify_all();
    w.poll();
    CHECK(node.opened.size() == 2);
    for (auto& one : crowd) w.run(one->pool->stop(1s));
    w.run(node.pool->stop(1s));
}

TEST_CASE("requests over datagrams have their rate", "[datagrams]") {
    session_config config;
    config.exempt_loopback = false;
    config.request_rate->endpoint = {1, 4};
    config.request_rate->refusals = {1, 1};
    pair_of_peers both(config);
    auto link = both.w.run(both.a.pool->connect(both.b.at(mem("b")), both.a.in(10s)));
    REQUIRE(link);
    std::size_t served = 0;
    for (int i = 0; i < 4; ++i) served += std::holds_alternative<wire::pong>(both.ping(*link).value()) ? 1 : 0;
    CHECK(served == 4);
    const auto fifth = both.ping(*link).value();
    REQUIRE(std::holds_alternative<wire::error>(fifth));
    CHECK(std::get<wire::error>(fifth).code == wire::error_code::throttled);
    CHECK(both.b.pool->counters().requests_throttled >= 1);
}

TEST_CASE("a probe over datagrams makes no session", "[datagrams]") {
    pair_of_peers both;
    CHECK(both.w.run(both.a.pool->probe(both.b.self->id(), mem("b"), both.a.in(5s))));
    both.w.advance(1s);
    CHECK(both.a.pool->size() == 0);
    CHECK(both.b.pool->size() == 0);
    CHECK(both.b.opened.empty());
    node_id other;
    CHECK(both.w.run(both.a.pool->probe(other, mem("b"), both.a.in(5s))).error() == errc::identity_mismatch);
}

}  // namespace mydht::test
