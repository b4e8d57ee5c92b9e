#include <mydht/runtime/wait_queue.hpp>

#include "fixture.hpp"

namespace mydht::test {

namespace {

/// Two pools on one network in memory, the first connected to the second.
struct pair_fixture {
    explicit pair_fixture(session_config config_a = {}, session_config config_b = {}, request_handler handler = {})
        : a(w, network, std::move(config_a)), b(w, network, std::move(config_b), std::move(handler)) {
        where = w.run(b.pool->listen(mem("b"))).value();
        link = w.run(a.pool->connect(b.at(where), a.in(5s))).value();
        w.poll();
    }
    ~pair_fixture() {
        w.run(a.pool->stop(1s));
        w.run(b.pool->stop(1s));
        CHECK(w.time->armed() == 0);
    }

    world w;
    memory_network network;
    peer a;
    peer b;
    address where;
    session link;
};

/// A handler whose answers wait until they are let go.
struct gate {
    request_handler handler() {
        return [this](peer_info, wire::message) { return hold(); };
    }
    task<wire::message> hold() {
        ++asked;
        struct leaving {
            explicit leaving(gate& of_) : of(of_) {}
            ~leaving() { ++of.left; }
            gate& of;
        };
        const leaving counted(*this);
        while (!open) co_await queue.wait();
        co_return wire::pong();
    }
    void let_go() {
        open = true;
        queue.notify_all();
    }

    wait_queue queue;
    bool open = false;
    std::size_t asked = 0;
    std::size_t left = 0;
};

/// Requests that run beside the test.
struct requests {
    void start(world& w, session on, std::size_t count, steady_time deadline) {
        for (std::size_t i = 0; i < count; ++i) {
            asio::co_spawn(w.context, on.request(wire::ping(), deadline),
                           [this](std::exception_ptr error, result<wire::message> got) {
                               if (error) return;
                               if (got)
                                   ++answered;
                               else
                                   errors.push_back(got.error());
                           });
        }
    }
    std::size_t answered = 0;
    std::vector<std::error_code> errors;
};

task<wire::message> break_down(peer_info, wire::message) {
    throw std::runtime_error("no luck today");
    co_return wire::pong();
}

task<wire::message> answer_too_much(peer_info, wire::message) {
    wire::values out;
    out.contacts.resize(limits::contacts_per_message + 1);
    co_return out;
}

}  // namespace

TEST_CASE("a request finds its answer over a secured link", "[session]") {
    pair_fixture f;
    CHECK(f.link.open());
    CHECK(f.link.peer().proven);
    CHECK(f.link.peer().outgoing);
    CHECK(f.link.peer().who.id == f.b.self->id());
    const auto answer = f.w.run(f.link.request(wire::ping(), f.a.in(5s)));
    REQUIRE(answer);
    CHECK(std::holds_alternative<wire::pong>(*answer));
    CHECK(f.a.opened.size() == 1);
    REQUIRE(f.b.opened.size() == 1);
    CHECK(f.b.opened.front().peer().who.id == f.a.self->id());
    CHECK_FALSE(f.b.opened.front().peer().outgoing);
    // And the other way, over the same link.
    auto back = f.b.opened.front();
    CHECK(f.w.run(back.request(wire::find_node(), f.b.in(5s))));
    CHECK(f.a.pool->counters().requests_served == 1);
    CHECK(f.b.pool->counters().requests_served == 1);
}

TEST_CASE("a handle outlives its pool and then says that all is over", "[session]") {
    world w;
    session link;
    {
        memory_network network;
        peer a(w, network);
        peer b(w, network);
        const auto where = w.run(b.pool->listen(mem("b"))).value();
        link = w.run(a.pool->connect(b.at(where), a.in(5s))).value();
    }
    w.poll();
    CHECK_FALSE(link.open());
    CHECK(w.run(link.request(wire::ping(), w.time->now() + 1s)).error() == errc::session_closed);
    CHECK(w.time->armed() == 0);
    link.close();
    session empty;
    CHECK(w.run(empty.request(wire::ping(), w.time->now() + 1s)).error() == errc::session_closed);
}

TEST_CASE("as many requests as configured are under way, and not one more", "[session]") {
    gate held;
    pair_fixture f({}, {}, held.handler());
    requests r;
    r.start(f.w, f.link, 257, f.a.in(5s));
    f.w.poll();
    CHECK(held.asked == 256);
    CHECK(r.errors == std::vector{make_error_code(errc::too_many_requests)});
    held.let_go();
    f.w.poll();
    CHECK(r.answered == 256);
    CHECK(f.w.run(f.link.request(wire::ping(), f.a.in(5s))));
}

TEST_CASE("more of a peer's requests than configured wait, and the rest goes on", "[session]") {
    session_config few;
    few.served_max = 2;
    gate held;
    pair_fixture f({}, few, held.handler());
    requests r;
    r.start(f.w, f.link, 5, f.a.in(5s));
    f.w.poll();
    CHECK(held.asked == 2);
    held.let_go();
    f.w.poll();
    CHECK(held.asked == 5);
    CHECK(r.answered == 5);
}

TEST_CASE("a request ends at its deadline, and the peer is told", "[session]") {
    gate held;
    pair_fixture f({}, {}, held.handler());
    const auto late = f.w.run(f.link.request(wire::ping(), f.a.in(1s)));
    CHECK(late.error() == errc::timed_out);
    f.w.poll();
    CHECK(held.asked == 1);
    CHECK(held.left == 1);  // cancelled there
    CHECK(f.link.open());
    held.let_go();
    CHECK(f.w.run(f.link.request(wire::ping(), f.a.in(1s))));
}

TEST_CASE("a request that is cancelled is taken back", "[session]") {
    gate held;
    pair_fixture f({}, {}, held.handler());
    asio::cancellation_signal stop;
    bool cancelled = false;
    asio::co_spawn(f.w.context, f.link.request(wire::ping(), f.a.in(1h)),
                   asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr error, result<wire::message>) {
                       cancelled = error != nullptr;
                   }));
    f.w.poll();
    CHECK(held.asked == 1);
    stop.emit(asio::cancellation_type::terminal);
    f.w.poll();
    CHECK(cancelled);
    CHECK(held.left == 1);
    held.let_go();
    CHECK(f.w.run(f.link.request(wire::ping(), f.a.in(1s))));
}

TEST_CASE("requests under way end with the session", "[session]") {
    gate held;
    pair_fixture f({}, {}, held.handler());
    requests r;
    r.start(f.w, f.link, 3, f.a.in(1h));
    f.w.poll();
    const bool here = GENERATE(true, false);
    if (here) {
        f.link.close();
    } else {
        f.b.opened.front().close();
    }
    f.w.poll();
    CHECK(r.errors == std::vector(3, make_error_code(errc::session_closed)));
    CHECK(held.left == 3);
    CHECK_FALSE(f.link.open());
    REQUIRE(f.a.closed.size() == 1);
    CHECK(f.a.closed.front().second == errc::session_closed);
    CHECK(f.b.closed.size() == 1);
    CHECK(f.a.pool->size() == 0);
    CHECK(f.b.pool->size() == 0);
}

TEST_CASE("a handler that fails, or says what does not encode, is answered for", "[session]") {
    const bool throws = GENERATE(true, false);
    pair_fixture f({}, {}, throws ? request_handler(break_down) : request_handler(answer_too_much));
    const auto answer = f.w.run(f.link.request(wire::ping(), f.a.in(1s)));
    REQUIRE(answer);
    CHECK(std::get<wire::error>(*answer).code == wire::error_code::internal);
    CHECK(f.link.open());
}

TEST_CASE("a request that does not encode fails alone", "[session]") {
    pair_fixture f;
    wire::store too_much;
    too_much.what.kind = item_kind::immutable;
    too_much.what.body = bytes(limits::item_body_bytes + 1);
    CHECK(f.w.run(f.link.request(too_much, f.a.in(1s))).error() == errc::too_large);
    CHECK(f.w.run(f.link.request(wire::ping(), f.a.in(1s))));
}

TEST_CASE("large messages pass both ways at once through small pipes", "[session]") {
    gate held;
    pair_fixture f;
    wire::store big;
    big.what.kind = item_kind::immutable;
    big.what.body = bytes(limits::inline_value_bytes, 7);
    std::size_t answered = 0;
    const auto count = [&](std::exception_ptr, result<wire::message> got) { answered += got ? 1 : 0; };
    for (int i = 0; i < 100; ++i) {
        asio::co_spawn(f.w.context, f.link.request(big, f.a.in(1min)), count);
        asio::co_spawn(f.w.context, f.b.opened.front().request(big, f.a.in(1min)), count);
    }
    f.w.poll();
    CHECK(answered == 200);
}

TEST_CASE("a session that is not used is closed, one that is used is not", "[session]") {
    pair_fixture f;
    for (int i = 0; i < 5; ++i) {
        f.w.advance(100s);
        REQUIRE(f.w.run(f.link.request(wire::ping(), f.a.in(1s))));
    }
    f.w.advance(119s);
    CHECK(f.link.open());
    f.w.advance(2s);
    CHECK_FALSE(f.link.open());
    REQUIRE(f.a.closed.size() == 1);
    CHECK(f.a.closed.front().second == errc::idle);
    CHECK(f.b.closed.front().second == errc::idle);
    CHECK(f.a.pool->counters().idle_closed + f.b.pool->counters().idle_closed >= 1);
    CHECK(f.w.time->armed() == 0);
}

TEST_CASE("a session with a request under way is not idle", "[session]") {
    gate held;
    pair_fixture f({}, {}, held.handler());
    requests r;
    r.start(f.w, f.link, 1, f.a.in(1h));
    f.w.advance(10min);
    CHECK(f.link.open());
    held.let_go();
    f.w.poll();
    CHECK(r.answered == 1);
}

TEST_CASE("plain links serve requests and prove nothing", "[session]") {
    session_config plain;
    plain.mode = wire::link_mode::plain;
    pair_fixture f(plain, plain);
    CHECK_FALSE(f.link.peer().proven);
    CHECK(f.w.run(f.link.request(wire::ping(), f.a.in(1s))));
    // What a user pins cannot be proven here.
    CHECK(f.w.run(f.a.pool->connect_to(f.where, f.b.self->id(), f.a.in(1s))).error() == errc::identity_mismatch);
}

TEST_CASE("a stop waits for requests under way, says goodbye, and leaves nothing", "[session]") {
    gate held;
    pair_fixture f({}, {}, held.handler());
    requests r;
    r.start(f.w, f.link, 1, f.a.in(1h));
    f.w.poll();
    bool stopped = false;
    asio::co_spawn(f.w.context, f.b.pool->stop(10s), [&](std::exception_ptr) { stopped = true; });
    f.w.advance(5s);
    CHECK_FALSE(stopped);
    const bool in_time = GENERATE(true, false);
    if (in_time) held.let_go();
    f.w.advance(6s);
    CHECK(stopped);
    CHECK(r.answered == (in_time ? 1 : 0));
    CHECK(r.errors.size() == (in_time ? 0 : 1));
    CHECK(held.left == 1);
    CHECK(f.b.pool->size() == 0);
    CHECK(f.w.run(f.a.pool->connect(f.b.at(f.where), f.a.in(1s))).error() == errc::connection_refused);
    CHECK(f.w.run(f.b.pool->connect(f.a.at(f.where), f.a.in(1s))).error() == errc::session_closed);
}

}  // namespace mydht::test
