#include <map>

#include <mydht/runtime/wait_queue.hpp>

#include "fixture.hpp"
#include "wrapped_transport.hpp"

namespace mydht::test {

namespace {

task<result<void>> sleep_first(std::shared_ptr<time_source> time, duration length) {
    co_await sleep_for(*time, length);
    co_return result<void>();
}

task<result<void>> at_once() { co_return result<void>(); }

/// Delays dials by name.
struct slow_names {
    [[nodiscard]] any_transport over(any_transport inner, std::shared_ptr<time_source> time) {
        before_operation before = [this, time](std::string_view what, address where) {
            if (what != "connect") return at_once();
            order.push_back(where.text());
            const auto delay = delays.find(where.text());
            return delay == delays.end() ? at_once() : sleep_first(time, delay->second);
        };
        return any_transport(wrapped_transport(std::move(inner), std::move(before)));
    }

    std::map<std::string, duration> delays;
    std::vector<std::string> order;
};

/// Dials that run beside the test.
struct dials {
    void start(world& w, peer& from, contact to, duration patience, asio::cancellation_signal* stop = nullptr) {
        auto work = from.pool->connect(std::move(to), from.in(patience));
        auto done = [this](std::exception_ptr error, result<session> got) {
            if (error) {
                ++cancelled;
            } else {
                outcomes.push_back(std::move(got));
            }
        };
        if (stop != nullptr) {
            asio::co_spawn(w.context, std::move(work), asio::bind_cancellation_slot(stop->slot(), done));
        } else {
            asio::co_spawn(w.context, std::move(work), done);
        }
    }
    std::vector<result<session>> outcomes;
    std::size_t cancelled = 0;
};

void stop_all(world& w, std::initializer_list<peer*> all) {
    for (auto* one : all) w.run(one->pool->stop(1s));
    CHECK(w.time->armed() == 0);
}

}  // namespace

TEST_CASE("calls for the same peer share one dial, and cancelling one leaves the others", "[pool]") {
    world w;
    memory_network network;
    peer a(w, network);
    peer b(w, network);
    slow_names names;
    names.delays["mem://b"] = 1s;
    a.pool->add_transport(names.over(network.transport(), a.env.time));
    const auto where = w.run(b.pool->listen(mem("b"))).value();
    asio::cancellation_signal stop;
    dials d;
    d.start(w, a, b.at(where), 5s, &stop);
    d.start(w, a, b.at(where), 5s);
    d.start(w, a, b.at(where), 100ms);
    w.advance(200ms);
    REQUIRE(d.outcomes.size() == 1);
    CHECK(d.outcomes.front().error() == errc::timed_out);
    stop.emit(asio::cancellation_type::terminal);
    w.advance(2s);
    CHECK(d.cancelled == 1);
    REQUIRE(d.outcomes.size() == 2);
    REQUIRE(d.outcomes.back());
    CHECK(names.order.size() == 1);
    CHECK(a.pool->counters().dialled == 1);
    // From now on the session is there.
    CHECK(w.run(a.pool->connect(b.at(where), a.in(0s))).value() == *d.outcomes.back());
    stop_all(w, {&a, &b});
}

TEST_CASE("an address that somebody invented does not hold up a dial of the right one", "[pool]") {
    world w;
    memory_network network;
    peer a(w, network);
    peer b(w, network);
    slow_names names;
    names.delays["mem://nowhere"] = 9s;
    a.pool->add_transport(names.over(network.transport(), a.env.time));
    const auto where = w.run(b.pool->listen(mem("b"))).value();
    dials d;
    d.start(w, a, b.at(mem("nowhere")), 5s);
    d.start(w, a, b.at(where), 5s);
    w.advance(100ms);
    // The link that was made serves both.
    REQUIRE(d.outcomes.size() == 2);
    REQUIRE(d.outcomes[0]);
    REQUIRE(d.outcomes[1]);
    CHECK(*d.outcomes[0] == *d.outcomes[1]);
    stop_all(w, {&a, &b});
}

TEST_CASE("a dial that nobody waits for any more is given up", "[pool]") {
    world w;
    memory_network network;
    peer a(w, network);
    slow_names names;
    names.delays["mem://b"] = 1h;
    a.pool->add_transport(names.over(network.transport(), a.env.time));
    peer b(w, network);
    dials d;
    d.start(w, a, b.at(mem("b")), 1s);
    w.advance(2s);
    REQUIRE(d.outcomes.size() == 1);
    CHECK(d.outcomes.front().error() == errc::timed_out);
    CHECK(w.time->armed() == 0);
    stop_all(w, {&a, &b});
}

TEST_CASE("a peer's addresses join in one after the other, and the first proven link wins", "[pool]") {
    world w;
    memory_network network;
    peer a(w, network);
    peer b(w, network);
    slow_names names;
    a.pool->add_transport(names.over(network.transport(), a.env.time));
    REQUIRE(w.run(b.pool->listen(mem("second"))));
    REQUIRE(w.run(b.pool->listen(mem("third"))));
    auto to = b.at(mem("first"));
    to.addresses = {mem("first"), mem("second"), mem("third")};
    SECTION("a refused address makes way at once") {
        const auto began = w.time->now();
        REQUIRE(w.run(a.pool->connect(to, a.in(5s))));
        CHECK(w.time->now() - began < 100ms);
        CHECK(names.order == std::vector<std::string>{"mem://first", "mem://second"});
    }
    SECTION("a slow one makes way after a while") {
        names.delays["mem://first"] = 1h;
        names.delays["mem://second"] = 1h;
        const auto began = w.time->now();
        REQUIRE(w.run(a.pool->connect(to, a.in(5s))));
        CHECK(w.time->now() - began >= 500ms);
        CHECK(w.time->now() - began < 700ms);
    }
    SECTION("the slow one may still win") {
        names.delays["mem://first"] = 1h;
        names.delays["mem://second"] = 100ms;
        names.delays["mem://third"] = 1h;
        REQUIRE(w.run(a.pool->connect(to, a.in(5s))));
        CHECK(b.pool->counters().accepted == 1);
    }
    SECTION("when all fail, the last one says why") {
        to.addresses = {mem("nobody"), mem("second")};
        to = contact_of(a.self->key(), 0, to.addresses);
        to.id.data()[5] ^= 1U;
        CHECK(w.run(a.pool->connect(to, a.in(5s))).error() == errc::identity_mismatch);
    }
    w.advance(1s);
    CHECK(b.pool->counters().replaced == 0);
    CHECK(b.pool->size() <= 1);
    stop_all(w, {&a, &b});
}

TEST_CASE("what cannot be dialled is said", "[pool]") {
    world w;
    memory_network network;
    peer a(w, network);
    peer b(w, network);
    const auto where = w.run(b.pool->listen(mem("b"))).value();
    REQUIRE(w.run(a.pool->listen(mem("a"))));
    const auto tcp = parse_address("tcp://127.0.0.1:1").value();
    CHECK(w.run(a.pool->connect(b.at(tcp), a.in(1s))).error() == errc::unsupported_address);
    CHECK(w.run(a.pool->listen(tcp)).error() == errc::unsupported_address);
    CHECK(w.run(a.pool->listen(mem("a"))).error() == errc::address_in_use);
    CHECK(w.run(a.pool->connect(b.at(mem("nobody")), a.in(1s))).error() == errc::connection_refused);
    CHECK(w.run(a.pool->connect(a.at(where), a.in(1s))).error() == errc::self_connection);
    CHECK(w.run(a.pool->connect_to(mem("a"), {}, a.in(1s))).error() == errc::self_connection);
    CHECK(w.run(a.pool->connect_to(where, a.self->id(), a.in(1s))).error() == errc::self_connection);
    auto wrong = b.self->id();
    wrong.data()[0] ^= 1U;
    CHECK(w.run(a.pool->connect_to(where, wrong, a.in(1s))).error() == errc::identity_mismatch);
    const auto got = w.run(a.pool->connect_to(where, b.self->id(), a.in(1s)));
    REQUIRE(got);
    // Dialled again without a pin: the peer is recognised, and its session kept.
    CHECK(w.run(a.pool->connect_to(where, {}, a.in(1s))).value() == *got);
    w.poll();
    CHECK(b.pool->size() == 1);
    CHECK(b.pool->counters().replaced == 0);
    CHECK(a.pool->find(b.self->id()) == *got);
    CHECK(a.pool->find(a.self->id()).empty());
    CHECK(a.pool->sessions() == std::vector{*got});
    stop_all(w, {&a, &b});
}

TEST_CASE("beyond the cap the least useful session is given up", "[pool]") {
    world w;
    memory_network network;
    session_config two;
    two.sessions_max = 2;
    peer node(w, network, two);
    const auto where = w.run(node.pool->listen(mem("node"))).value();
    peer first(w, network);
    peer second(w, network);
    peer third(w, network);
    auto one = w.run(first.pool->connect(node.at(where), first.in(1s))).value();
    w.advance(1s);
    auto other = w.run(second.pool->connect(node.at(where), second.in(1s))).value();
    w.advance(1s);
    REQUIRE(w.run(one.request(wire::ping(), first.in(1s))));
    REQUIRE(w.run(third.pool->connect(node.at(where), third.in(1s))));
    w.poll();
    CHECK(node.pool->size() == 2);
    CHECK(node.pool->counters().evicted == 1);
    CHECK(one.open());
    CHECK_FALSE(other.open());
    REQUIRE(second.closed.size() == 1);
    CHECK(second.closed.front().second == errc::peer_busy);
    stop_all(w, {&first, &second, &third, &node});
}

TEST_CASE("when all sessions are busy a new one is refused", "[pool]") {
    world w;
    memory_network network;
    session_config one;
    one.sessions_max = 1;
    wait_queue never;
    request_handler hold = [&never](peer_info, wire::message) {
        const auto wait = [](wait_queue& on) -> task<wire::message> {
            co_await on.wait();
            co_return wire::pong();
        };
        return wait(never);
    };
    peer node(w, network, one, hold);
    const auto where = w.run(node.pool->listen(mem("node"))).value();
    peer first(w, network);
    peer second(w, network);
    auto link = w.run(first.pool->connect(node.at(where), first.in(1s))).value();
    asio::co_spawn(w.context, link.request(wire::ping(), first.in(1h)), [](std::exception_ptr, auto) {});
    w.poll();
    CHECK(w.run(second.pool->connect(node.at(where), second.in(1s))).error() == errc::peer_busy);
    peer busy(w, network, one);
    REQUIRE(w.run(second.pool->listen(mem("second"))));
    CHECK(w.run(node.pool->connect(second.at(mem("second")), node.in(1s))).error() == errc::too_many_sessions);
    CHECK(link.open());
    stop_all(w, {&first, &second, &busy, &node});
}

TEST_CASE("a second process with the same identity takes the first one's place", "[pool]") {
    world w;
    memory_network network;
    peer node(w, network);
    const auto where = w.run(node.pool->listen(mem("node"))).value();
    peer first(w, network);
    peer second(w, network);
    // The same identity twice.
    second.pool = std::make_unique<session_pool>(second.env, first.self, session_config(), peer::make_echo(),
                                                 second.make_events());
    second.pool->add_transport(network.transport());
    auto one = w.run(first.pool->connect(node.at(where), first.in(1s))).value();
    w.poll();
    auto other = w.run(second.pool->connect(node.at(where), second.in(1s))).value();
    w.poll();
    CHECK_FALSE(one.open());
    CHECK(first.closed.front().second == errc::session_replaced);
    CHECK(node.pool->size() == 1);
    CHECK(node.pool->counters().replaced == 1);
    CHECK(w.log->count("the same identity came again") == 1);
    CHECK(w.run(other.request(wire::ping(), second.in(1s))));
    CHECK(node.opened.size() == 2);
    CHECK(node.closed.size() == 1);
    stop_all(w, {&first, &second, &node});
}

TEST_CASE("insecure key agreement is for simulated transports", "[pool]") {
    world w;
    memory_network network;
    session_config fast;
    fast.agreement = &noise::fast_dh();
    CHECK_THROWS_AS(peer(w, network, fast), std::invalid_argument);
    session_config broken;
    broken.requests_max = 0;
    CHECK_THROWS_WITH(peer(w, network, broken), Catch::Matchers::Contains("requests_max"));
}

}  // namespace mydht::test
