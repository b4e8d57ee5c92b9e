#include <mydht/runtime/wait_queue.hpp>

#include "datagram_peers.hpp"
#include "two_peers.hpp"
#include "wrapped_transport.hpp"

namespace mydht::test {

namespace {

/// What the application says, and whom it was asked about.
struct application {
    [[nodiscard]] session_config config() {
        session_config out;
        out.exempt_loopback = false;
        out.admission.decide = [this](peer_info who) { return decide(*this, std::move(who)); };
        return out;
    }
    static task<admission_verdict> decide(application& self, peer_info who) {
        self.asked.push_back(who);
        while (self.hesitates) co_await self.decided.wait();
        if (self.throws) throw std::runtime_error("no opinion");
        co_return self.says;
    }
    void make_up_its_mind() {
        hesitates = false;
        decided.notify_all();
    }

    admission_verdict says = admission_verdict::accept();
    bool hesitates = false;
    bool throws = false;
    wait_queue decided;
    std::vector<peer_info> asked;
};

/// All of it holds over both sorts of transports.
struct scene {
    scene(carried_by how_, session_config config)
        : how(how_), node(w, std::move(config), {}), stranger(w, session_config(), {}) {
        let_talk(node);
        let_talk(stranger);
        where = w.run(node.pool->listen(mem("node"))).value();
        back = w.run(stranger.pool->listen(mem("stranger"))).value();
    }
    scene(const scene&) = delete;
    scene& operator=(const scene&) = delete;
    ~scene() {
        w.run(stranger.pool->stop(1s));
        w.run(node.pool->stop(1s));
        CHECK(w.time->armed() == 0);
    }

    void let_talk(peer& one) {
        if (how == carried_by::datagrams) {
            one.pool->add_transport(network.datagrams());
        } else {
            one.pool->add_transport(network.transport());
        }
    }
    [[nodiscard]] result<session> come() { return w.run(stranger.pool->connect(node.at(where), stranger.in(30s))); }
    [[nodiscard]] result<session> go() { return w.run(node.pool->connect(stranger.at(back), node.in(30s))); }
    [[nodiscard]] result<wire::message> ping(session over) { return w.run(over.request(wire::ping(), node.in(30s))); }

    carried_by how;
    world w;
    memory_network network;
    peer node;
    peer stranger;
    address where;
    address back;
};

}  // namespace

TEST_CASE("a peer that the application refuses gets no rights, and is told", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    application app;
    app.says = admission_verdict::refuse();
    scene s(how, app.config());
    // The dialler has proven itself before it hears of the refusal.
    auto link = s.come().value();
    CHECK(s.ping(link).error() == errc::not_admitted);
    CHECK(s.node.opened.empty());
    CHECK(s.node.closed.empty());
    CHECK(s.node.pool->size() == 0);
    CHECK(s.node.pool->counters().requests_served == 0);
    CHECK(s.node.pool->counters().not_admitted == 1);
    REQUIRE(s.stranger.closed.size() == 1);
    CHECK(s.stranger.closed.front().second == errc::not_admitted);
    REQUIRE(app.asked.size() == 1);
    CHECK(app.asked.front().who.id == s.stranger.self->id());
    CHECK(app.asked.front().proven);
    CHECK_FALSE(app.asked.front().outgoing);
    // It is asked again when the peer comes again.
    app.says = admission_verdict::accept();
    CHECK(s.ping(s.come().value()));
    CHECK(app.asked.size() == 2);
}

TEST_CASE("until the verdict nothing of a peer is served", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    application app;
    app.hesitates = true;
    scene s(how, app.config());
    auto link = s.come().value();
    std::optional<bool> answered;
    asio::co_spawn(s.w.context, link.request(wire::ping(), s.node.in(30s)),
                   [&](std::exception_ptr, result<wire::message> got) { answered = got.has_value(); });
    s.w.advance(1s);
    CHECK(app.asked.size() == 1);
    CHECK(s.node.opened.empty());
    CHECK(s.node.pool->counters().requests_served == 0);
    CHECK_FALSE(answered);
    app.make_up_its_mind();
    s.w.advance(1s);
    CHECK(s.node.opened.size() == 1);
    CHECK(answered == true);
}

TEST_CASE("who is not decided about in time is not let in", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    application app;
    app.hesitates = true;
    scene s(how, app.config());
    auto link = s.come().value();
    CHECK(s.ping(link).error() == errc::not_admitted);
    CHECK(s.node.pool->counters().not_admitted == 1);
    CHECK(app.decided.empty());  // and the question was cancelled

    CHECK(s.go().error() == errc::not_admitted);
    CHECK(s.node.pool->counters().not_admitted == 2);
    CHECK(app.decided.empty());
}

TEST_CASE("a decision that throws refuses", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    application app;
    app.throws = true;
    scene s(how, app.config());
    CHECK(s.ping(s.come().value()).error() == errc::not_admitted);
    CHECK(s.go().error() == errc::not_admitted);
}

TEST_CASE("a peer that this node dials is asked about before it hears who dialled", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    application app;
    app.says = admission_verdict::refuse();
    scene s(how, app.config());
    CHECK(s.go().error() == errc::not_admitted);
    REQUIRE(app.asked.size() == 1);
    CHECK(app.asked.front().outgoing);
    CHECK(s.stranger.opened.empty());
    CHECK(s.stranger.pool->counters().accepted == 0);
    app.says = admission_verdict::accept(7);
    const auto link = s.go();
    REQUIRE(link);
    CHECK(link->peer().priority == 7);
}

TEST_CASE("a blocked peer is not dialled and not let in for its time", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    application app;
    app.says = admission_verdict::block(60s);
    scene s(how, app.config());
    CHECK(s.go().error() == errc::peer_blocked);
    s.w.poll();
    REQUIRE(s.node.blocked.size() == 1);
    CHECK(s.node.blocked.front().first == s.stranger.self->id());
    CHECK(s.node.blocked.front().second == 60s);
    // Nobody is asked any more.
    app.says = admission_verdict::accept();
    const auto dialled = s.stranger.pool->counters().handshakes_failed;
    CHECK(s.go().error() == errc::peer_blocked);
    CHECK(s.stranger.pool->counters().handshakes_failed == dialled);
    CHECK(s.w.run(s.node.pool->connect_to(s.back, {}, s.node.in(30s))).error() == errc::peer_blocked);
    CHECK(app.asked.size() == 1);
    // At another host it may be somebody whom its operator moved.
    const auto moved = s.w.run(s.stranger.pool->listen(mem("moved"))).value();
    const auto link = s.w.run(s.node.pool->connect(s.stranger.at(moved), s.node.in(30s)));
    REQUIRE(link);
    s.w.run(s.node.pool->stop(1s));
}

TEST_CASE("a blocked peer that comes from another address is asked about again", "[admission][datagrams]") {
    application app;
    app.says = admission_verdict::block(10min);
    datagram_peers p(session_config(), app.config());
    const auto come = [&p] {
        const auto link = p.connect();
        return link ? p.ping(*link) : result<wire::message>(failure(link.error()));
    };
    CHECK(come().error() == errc::not_admitted);
    REQUIRE(app.asked.size() == 1);
    app.says = admission_verdict::accept();
    CHECK(come().error() == errc::not_admitted);
    CHECK(app.asked.size() == 1);
    p.net.rename(app.asked.front().observed, mem("elsewhere"));
    CHECK(come());
    CHECK(app.asked.size() == 2);
}

TEST_CASE("a block ends", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    application app;
    app.says = admission_verdict::block(60s);
    scene s(how, app.config());
    CHECK(s.go().error() == errc::peer_blocked);
    app.says = admission_verdict::accept();
    s.w.advance(59s);
    CHECK(s.go().error() == errc::peer_blocked);
    s.w.advance(2s);
    CHECK(s.go());
}

TEST_CASE("a block closes the session that is there", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    application app;
    scene s(how, app.config());
    auto there = s.go().value();
    app.says = admission_verdict::block(60s);
    // A second process with the same identity comes, and makes the application think again.
    peer twin(s.w, session_config(), {});
    twin.pool = std::make_unique<session_pool>(twin.env, s.stranger.self, session_config(), peer::make_echo(),
                                               twin.make_events());
    s.let_talk(twin);
    CHECK(s.w.run(twin.pool->connect(s.node.at(s.where), twin.in(30s))));
    s.w.advance(1s);
    CHECK_FALSE(there.open());
    CHECK(s.node.pool->size() == 0);
    REQUIRE(s.stranger.closed.size() == 1);
    CHECK(s.stranger.closed.front().second == errc::not_admitted);
    s.w.run(twin.pool->stop(1s));
}

TEST_CASE("lists hold for both directions and are not asked about", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    application app;
    auto config = app.config();
    config.admission.allow.emplace();
    scene s(how, config);
    CHECK(s.ping(s.come().value()).error() == errc::not_admitted);
    CHECK(s.go().error() == errc::not_admitted);
    CHECK(s.w.run(s.node.pool->connect_to(s.back, {}, s.node.in(30s))).error() == errc::not_admitted);
    CHECK(app.asked.empty());
}

TEST_CASE("a higher priority keeps its session when there are too many", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    application app;
    auto config = app.config();
    config.sessions_max = 1;
    scene s(how, config);
    app.says = admission_verdict::accept(9);
    auto important = s.come().value();
    REQUIRE(s.ping(important));
    app.says = admission_verdict::accept(8);
    peer other(s.w, session_config(), {});
    s.let_talk(other);
    auto refused = s.w.run(other.pool->connect(s.node.at(s.where), other.in(30s))).value();
    CHECK(s.w.run(refused.request(wire::ping(), other.in(30s))).error() == errc::session_closed);
    CHECK(important.open());
    app.says = admission_verdict::accept(9);
    auto equal = s.w.run(other.pool->connect(s.node.at(s.where), other.in(30s))).value();
    CHECK(s.w.run(equal.request(wire::ping(), other.in(30s))));
    CHECK_FALSE(important.open());
    // What the node itself wants comes first.
    app.says = admission_verdict::accept(0);
    CHECK(s.go());
    s.w.run(other.pool->stop(1s));
}

TEST_CASE("a stop does not wait for the application", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    application app;
    app.hesitates = true;
    scene s(how, app.config());
    REQUIRE(s.come());
    s.w.poll();
    REQUIRE(app.asked.size() == 1);
    s.w.run(s.node.pool->stop(1s), 5s);
    CHECK(s.node.opened.empty());
}

// --- rates -----------------------------------------------------------------------------------------------------------

TEST_CASE("requests beyond the rate are refused as throttled, then dropped", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    session_config config;
    config.exempt_loopback = false;
    config.request_rate->endpoint = {1, 4};
    config.request_rate->refusals = {1, 2};
    scene s(how, config);
    auto link = s.come().value();
    std::size_t served = 0;
    std::size_t told = 0;
    for (int i = 0; i < 6; ++i) {
        const auto answer = s.ping(link).value();
        served += std::holds_alternative<wire::pong>(answer) ? 1 : 0;
        const auto* refusal = std::get_if<wire::error>(&answer);
        told += refusal != nullptr && refusal->code == wire::error_code::throttled ? 1 : 0;
    }
    CHECK(served == 4);
    CHECK(told == 2);
    CHECK(s.w.run(link.request(wire::ping(), s.node.in(100ms))).error() == errc::timed_out);
    // Over datagrams a request that is not answered is sent again.
    const auto throttled = s.node.pool->counters().requests_throttled;
    CHECK(throttled >= 3);
    if (how == carried_by::connections) CHECK(throttled == 3);
    CHECK(link.open());
    // The node's own requests, and what the peer answers to them, have nothing to do with it.
    auto reverse = s.node.pool->find(s.stranger.self->id());
    for (int i = 0; i < 20; ++i) CHECK(s.ping(reverse));
    CHECK(s.node.pool->counters().requests_throttled == throttled);
    s.w.advance(1s);
    CHECK(std::holds_alternative<wire::pong>(s.ping(link).value()));
}

TEST_CASE("handshakes beyond the rate of a network are dropped unread", "[admission]") {
    session_config config;
    config.handshake_rate = rate_limit{1, 3};
    world w;
    memory_network network;
    peer node(w, network, config);
    before_operation at_once = [](std::string_view, address) -> task<result<void>> { co_return result<void>(); };
    node.pool->add_transport(
        any_transport(wrapped_transport(network.transport(), at_once, parse_address("tcp://1.2.3.4:5").value())));
    const auto where = w.run(node.pool->listen(mem("node"))).value();
    std::vector<std::unique_ptr<peer>> crowd;
    for (std::size_t i = 0; i < 5; ++i) {
        auto& one = *crowd.emplace_back(std::make_unique<peer>(w, network));
        const auto link = w.run(one.pool->connect(node.at(where), one.in(100ms)));
        CHECK(link.has_value() == (i < 3));
    }
    CHECK(node.pool->counters().handshakes_throttled == 2);
    CHECK(node.pool->size() == 3);
    w.advance(1s);
    CHECK(w.run(crowd.back()->pool->connect(node.at(where), node.in(100ms))));
    for (auto& one : crowd) w.run(one->pool->stop(1s));
    w.run(node.pool->stop(1s));
}

TEST_CASE("without a rate, and for this machine, nothing is throttled", "[admission]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    CAPTURE(how);
    for (const bool off : {true, false}) {
        session_config config;
        config.request_rate->endpoint = {1, 1};
        if (off) {
            config.request_rate.reset();
            config.handshake_rate.reset();
            config.exempt_loopback = false;
        }
        scene s(how, config);
        auto link = s.come().value();
        for (int i = 0; i < 20; ++i) CHECK(std::holds_alternative<wire::pong>(s.ping(link).value()));
        CHECK(s.node.pool->counters().requests_throttled == 0);
    }
}

}  // namespace mydht::test
