#include "two_peers.hpp"
#include "wrapped_transport.hpp"

namespace mydht::test {

namespace {

/// Sends something through an echo and waits for its end.
task<bool> talk_to_echo(stream s) {
    const bytes sent(20'000, 7);
    bytes back(sent.size());
    const auto written = co_await s.write(sent);
    const auto finished = co_await s.finish();
    const auto read = co_await s.read(back);
    const auto end = co_await s.read_some(back);
    co_return written&& finished&& read&& back == sent && !end && end.error() == errc::end_of_stream;
}

/// Two nodes meet, talk both ways and over streams, and part. Counts what worked.
task<> meet(peer& a, peer& b, int& worked) {
    const auto where = co_await b.pool->listen(mem("b"));
    if (!where) co_return;
    ++worked;
    (void)co_await a.pool->listen(mem("a"));
    auto to = b.at(*where);
    auto link = co_await a.pool->connect(to, a.in(20s));
    if (!link) co_return;
    ++worked;
    const auto answer = co_await link->request(wire::ping(), a.in(5s));
    worked += answer ? 1 : 0;
    auto back = b.pool->find(a.self->id());
    if (!back.empty()) {
        const auto other = co_await back.request(wire::find_node(), b.in(5s));
        worked += other ? 1 : 0;
    }
    b.pool->serve("echo/1", echo_stream);
    auto opened = co_await a.pool->open(b.at(*where), "echo/1", a.in(5s));
    auto unused = co_await a.pool->open(b.at(*where), "echo/1", a.in(5s));
    if (opened) {
        const bool echoed = co_await talk_to_echo(*opened);
        worked += echoed ? 1 : 0;
    }
    if (unused) ++worked;
    link->close();
}

task<> part(peer& a, peer& b) {
    co_await a.pool->stop(5s);
    co_await b.pool->stop(5s);
}

task<result<void>> outcome(bool fails) {
    if (fails) co_return failure(errc::connection_reset);
    co_return result<void>();
}

}  // namespace

TEST_CASE("whichever operation of the transport fails, both nodes end in order", "[sweep]") {
    std::size_t fail_at = 0;
    std::size_t reached = 0;
    int best = 0;
    do {
        CAPTURE(fail_at);
        world w;
        memory_network network;
        peer a(w, network);
        peer b(w, network);
        reached = 0;
        before_operation before = [&](std::string_view, address) { return outcome(reached++ == fail_at); };
        for (auto* one : {&a, &b})
            one->pool->add_transport(any_transport(wrapped_transport(network.transport(), before)));
        int worked = 0;
        w.run(meet(a, b, worked));
        w.run(part(a, b));
        CHECK(w.time->armed() == 0);
        CHECK(a.opened.size() == a.closed.size());
        CHECK(b.opened.size() == b.closed.size());
        best = std::max(best, worked);
        ++fail_at;
    } while (fail_at <= reached);
    CHECK(best == 6);
    CHECK(fail_at > 20);
}

namespace {

task<> live(std::shared_ptr<peer> a, std::shared_ptr<peer> b) {
    int worked = 0;
    co_await meet(*a, *b, worked);
    co_await part(*a, *b);
    CHECK(worked == 6);
}

}  // namespace

TEST_CASE("after any handler everything can be destroyed", "[sweep]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    const bool pools_first = GENERATE(true, false);
    CAPTURE(how, pools_first);
    bool ended = false;
    std::size_t kills = 0;
    for (std::size_t kill_at = 0; !ended; ++kill_at) {
        CAPTURE(kill_at);
        world w;
        memory_network network;
        const auto make = [&] {
            return how == carried_by::datagrams ? std::make_shared<peer>(w, network.datagrams())
                                                : std::make_shared<peer>(w, network);
        };
        auto a = make();
        auto b = make();
        session kept;
        asio::co_spawn(w.context, live(a, b), [&](std::exception_ptr) { ended = true; });
        for (std::size_t handlers = 0; !ended && handlers < kill_at;) {
            w.context.restart();
            if (w.context.poll_one() > 0) {
                ++handlers;
            } else {
                w.time->advance(world::step);
            }
        }
        if (ended) break;
        ++kills;
        kept = a->pool->find(b->self->id());
        if (pools_first) {
            a->pool.reset();
            b->pool.reset();
            CHECK_FALSE(kept.open());
        }
        // Otherwise they go with the coroutine that holds them, when the context does.
        a.reset();
        b.reset();
    }
    CHECK(kills > 40);
}

}  // namespace mydht::test
