// What ends a session, and what it outlives: a stop, a peer that has gone, a crossing.

#include <utility>

#include <mydht/runtime/wait_queue.hpp>

#include "datagram_peers.hpp"
#include "session/silence_watch.hpp"
#include "two_peers.hpp"
#include "wrapped_transport.hpp"

namespace mydht::test {

namespace {

/// A wire that can be cut without anybody being told, and that can be slow.
struct silent_wire {
    bool cut = false;
    duration read_pause{};
    std::size_t written = 0;  ///< times
    std::shared_ptr<manual_clock> time;

    /// What is written once the wire is cut is taken and lost.
    class end {
    public:
        end(any_connection inner, silent_wire& on)
            : inner_(std::make_shared<any_connection>(std::move(inner))), on_(&on) {}

        task<result<std::size_t>> read_some(bytes_span into) { return read(inner_, on_, into); }
        task<result<void>> write(bytes_view data) {
            ++on_->written;
            return on_->cut ? lose() : inner_->write(data);
        }
        task<result<void>> shutdown_write() { return on_->cut ? lose() : inner_->shutdown_write(); }
        void close() { inner_->close(); }
        [[nodiscard]] address local() const { return inner_->local(); }
        [[nodiscard]] address remote() const { return inner_->remote(); }

    private:
        static task<result<void>> lose() { co_return result<void>(); }
        static task<result<std::size_t>> read(std::shared_ptr<any_connection> inner, silent_wire* on, bytes_span into) {
            if (on->read_pause > duration{}) {
                wait_queue nobody;
                (void)co_await nobody.wait_until(*on->time, on->time->now() + on->read_pause);
            }
            co_return co_await inner->read_some(into);
        }

        std::shared_ptr<any_connection> inner_;
        silent_wire* on_;
    };

    /// Dials over this wire; what is accepted comes over it too.
    class transport {
    public:
        transport(any_transport inner, silent_wire& on) : inner_(std::move(inner)), on_(&on) {}

        [[nodiscard]] address_kind kind() const { return inner_.kind(); }
        task<result<any_listener>> listen(address at) { return listen(inner_, on_, at); }
        task<result<any_connection>> connect(address to) { return connect(inner_, on_, to); }

    private:
        struct listener {
            std::shared_ptr<any_listener> inner;
            silent_wire* on;

            task<result<any_connection>> accept() { return wrap(inner, on); }
            static task<result<any_connection>> wrap(std::shared_ptr<any_listener> from, silent_wire* over) {
                auto got = co_await from->accept();
                if (!got) co_return failure(got.error());
                co_return any_connection(end(std::move(*got), *over));
            }
            void close() { inner->close(); }
            [[nodiscard]] address local() const { return inner->local(); }
        };
        static task<result<any_listener>> listen(any_transport inner, silent_wire* on, address at) {
            auto got = co_await inner.listen(at);
            if (!got) co_return failure(got.error());
            listener out;
            out.inner = std::make_shared<any_listener>(std::move(*got));
            out.on = on;
            co_return any_listener(std::move(out));
        }
        static task<result<any_connection>> connect(any_transport inner, silent_wire* on, address to) {
            auto got = co_await inner.connect(to);
            if (!got) co_return failure(got.error());
            co_return any_connection(end(std::move(*got), *on));
        }

        any_transport inner_;
        silent_wire* on_;
    };
};

/// `a` is connected to `b` over a wire of its own.
struct wired_peers {
    explicit wired_peers(session_config of_b = {})
        : at_b(w.time), a(w, session_config(), {}), b(w, std::move(of_b), at_b.handler()) {
        wire_of_a.time = w.time;
        wire_of_b.time = w.time;
        a.pool->add_transport(any_transport(silent_wire::transport(network.transport(), wire_of_a)));
        b.pool->add_transport(any_transport(silent_wire::transport(network.transport(), wire_of_b)));
        b.pool->serve("held/1", held.handler());
        REQUIRE(w.run(b.pool->listen(mem("b"))));
        link = w.run(a.pool->connect(b.at(mem("b")), a.in(10s))).value();
        w.advance(10ms);
    }
    ~wired_peers() {
        w.run(a.pool->stop(1s));
        w.run(b.pool->stop(1s));
        w.advance(5s);
        CHECK(w.time->armed() == 0);
    }
    void cut() {
        wire_of_a.cut = true;
        wire_of_b.cut = true;
    }

    world w;
    memory_network network;
    silent_wire wire_of_a;
    silent_wire wire_of_b;
    held_streams held;
    asked_handler at_b;
    peer a;
    peer b;
    session link;
};

/// A request beside the test, which it may outlive.
struct asking {
    asking(world& w, session on, wire::message what, steady_time deadline) {
        asio::co_spawn(w.context, on.request(std::move(what), deadline),
                       [to = kept](std::exception_ptr, result<wire::message> got) { to->emplace(std::move(got)); });
        w.poll();
    }
    asking(const asking&) = delete;
    asking& operator=(const asking&) = delete;
    [[nodiscard]] bool succeeded() const { return answer && answer->has_value(); }

    std::shared_ptr<std::optional<result<wire::message>>> kept =
        std::make_shared<std::optional<result<wire::message>>>();
    std::optional<result<wire::message>>& answer = *kept;
};

/// A stop beside the test, which it may outlive.
struct stopping {
    stopping(world& w, session_pool& which, duration grace) {
        asio::co_spawn(w.context, which.stop(grace), [to = kept](std::exception_ptr) { *to = true; });
        w.poll();
    }
    stopping(const stopping&) = delete;
    stopping& operator=(const stopping&) = delete;

    std::shared_ptr<bool> kept = std::make_shared<bool>(false);
    bool& done = *kept;
};

constexpr std::size_t large_bytes = 1'000'000;

}  // namespace

// --- answers that travel ---------------------------------------------------------------------------------------------

TEST_CASE("a stop lets an answer in many packets arrive, and waits no longer than it may", "[session][datagrams]") {
    const bool arrives = GENERATE(true, false);
    datagram_peers p;
    p.at_b.large = values_of(large_bytes);
    p.net.delay = 100ms;
    auto link = p.connect().value();
    const asking question(p.w, link, wire::find_value(), p.a.in(1min));
    p.w.advance(400ms);
    REQUIRE(p.at_b.asked == 1);
    REQUIRE_FALSE(question.answer);
    if (!arrives) p.net.loss = 1;
    const stopping stop(p.w, *p.b.pool, 10s);
    CHECK_FALSE(stop.done);
    p.w.advance(9s);
    CHECK(stop.done == arrives);
    CHECK(question.succeeded() == arrives);
    p.w.advance(2s);
    CHECK(stop.done);
}

TEST_CASE("a stop lets a large answer over a connection arrive, and waits no longer than it may", "[session]") {
    const bool arrives = GENERATE(true, false);
    wired_peers p;
    p.at_b.large = values_of(large_bytes);
    // More slowly than a goodbye may take.
    p.wire_of_a.read_pause = 100ms;
    const asking question(p.w, p.link, wire::find_value(), p.a.in(1min));
    p.w.advance(100ms);
    REQUIRE(p.at_b.asked == 1);
    if (!arrives) p.wire_of_a.read_pause = 1h;
    const stopping stop(p.w, *p.b.pool, 10s);
    p.w.advance(2500ms);
    CHECK_FALSE(stop.done);
    p.w.advance(7s);
    CHECK(stop.done == arrives);
    CHECK(question.succeeded() == arrives);
    p.w.advance(2s);
    CHECK(stop.done);
    p.wire_of_a.read_pause = {};
    p.w.advance(2h);
}

TEST_CASE("a session on which an answer travels is not the one to be given up", "[session][eviction]") {
    session_config one;
    one.sessions_max = 1;
    SECTION("in packets") {
        datagram_peers p({}, one);
        p.at_b.large = values_of(large_bytes);
        p.net.delay = 100ms;
        auto link = p.connect().value();
        const asking question(p.w, link, wire::find_value(), p.a.in(1min));
        p.w.advance(400ms);
        REQUIRE_FALSE(question.answer);
        peer other(p.w, p.net.transport());
        auto second = p.w.run(other.pool->connect(p.b.at(mem("b")), other.in(10s)));
        if (second) CHECK_FALSE(p.w.run(second->request(wire::ping(), other.in(10s))));
        p.w.advance(10s);
        CHECK(question.succeeded());
        CHECK(p.b.pool->counters().evicted == 0);
        p.w.run(other.pool->stop(1s));
    }
    SECTION("over a connection") {
        wired_peers p(one);
        p.at_b.large = values_of(large_bytes);
        p.wire_of_a.read_pause = 50ms;
        const asking question(p.w, p.link, wire::find_value(), p.a.in(1min));
        p.w.advance(100ms);
        peer other(p.w, p.network);
        CHECK_FALSE(p.w.run(other.pool->connect(p.b.at(mem("b")), other.in(10s))));
        p.w.advance(10s);
        CHECK(question.succeeded());
        CHECK(p.b.pool->counters().evicted == 0);
        p.w.run(other.pool->stop(1s));
    }
}

// --- peers that have gone --------------------------------------------------------------------------------------------

TEST_CASE("silence is watched only while something is to come", "[session]") {
    using detail::silence_watch;
    using verdict = silence_watch::verdict;
    const steady_time t{};
    for (const bool dialler : {true, false}) {
        const duration silence = dialler ? 15s : 18s;
        silence_watch watch(dialler, t);
        CHECK(watch.next() == steady_time::max());
        CHECK(watch.begin(t));
        CHECK_FALSE(watch.begin(t + 1s));
        CHECK(watch.next() == t + silence);
        CHECK(watch.look(t + silence - 1s, 20s) == verdict::wait);
        watch.heard(t + 5s);
        CHECK(watch.look(t + silence, 20s) == verdict::wait);
        CHECK(watch.next() == t + 5s + silence);
        const auto asked = t + 5s + silence;
        CHECK(watch.look(asked, 20s) == verdict::ask);
        CHECK(watch.look(asked + 3s, 20s) == verdict::ask);
        CHECK(watch.look(asked + 20s - 1ns, 20s) == verdict::ask);
        CHECK(watch.look(asked + 20s, 20s) == verdict::gone);
        // A side that could not hear anything begins anew.
        CHECK(watch.look_unheard(asked + 30s) == verdict::ask);
        CHECK(watch.look_unheard(asked + 30s + silence - 1ns) == verdict::wait);
        CHECK(watch.look(asked + 30s + silence - 1ns, 20s) == verdict::wait);
        watch.expect(asked + 40s);
        watch.stop();
        CHECK(watch.next() == steady_time::max());
        CHECK(watch.begin(asked + 90s));
        CHECK(watch.look(asked + 90s, 20s) == verdict::wait);
    }
}

TEST_CASE("a peer is asked often before it is given up where all may be lost", "[session]") {
    using detail::silence_watch;
    using verdict = silence_watch::verdict;
    const bool begun = GENERATE(true, false);  // or nothing was expected before the silence was long
    const steady_time t{};
    silence_watch watch(true, t, 10s);
    const auto owes_from = begun ? t + 2s : t + 15s;
    REQUIRE(watch.begin(t));
    if (begun) {
        watch.expect(owes_from);
        CHECK(watch.next() == owes_from + 10s);
        watch.expect(owes_from + 1s);  // no later
    }
    int asked = 0;
    int often = 0;
    auto verdict_now = verdict::wait;
    for (auto now = watch.next(); now < owes_from + 20s; now = watch.next()) {
        verdict_now = watch.look(now, 20s);
        asked += verdict_now == verdict::ask ? 1 : 0;
        often += verdict_now == verdict::ask && now >= owes_from + 10s ? 1 : 0;
        REQUIRE(watch.next() > now);
    }
    CHECK(often == 10);
    CHECK(asked == (begun ? 10 : 14));
    CHECK(watch.look(owes_from + 20s - 1ns, 20s) != verdict::gone);
    CHECK(watch.look(owes_from + 20s, 20s) == verdict::gone);
    watch.heard(owes_from + 20s);
    CHECK(watch.look(owes_from + 21s, 20s) == verdict::wait);
    CHECK(watch.next() == owes_from + 35s);
}

TEST_CASE("a connection to a peer that has gone without a word is given up", "[session]") {
    const bool streaming = GENERATE(true, false);
    wired_peers p;
    p.at_b.slow = 10min;
    std::optional<stream> open;
    std::optional<asking> question;
    if (streaming) {
        open = p.w.run(p.a.pool->open(p.b.at(mem("b")), "held/1", p.a.in(10s))).value();
    } else {
        question.emplace(p.w, p.link, wire::ping(), p.a.in(1h));
    }
    p.w.advance(4min);
    CHECK(p.link.open());
    CHECK(p.b.pool->size() == 1);
    p.cut();
    p.w.advance(18s);
    CHECK(p.link.open());
    p.w.advance(22s);
    CHECK_FALSE(p.link.open());
    REQUIRE(p.a.closed.size() == 1);
    CHECK(p.a.closed.front().second == errc::unreachable);
    if (streaming) {
        CHECK(p.b.closed.size() == 1);
        CHECK(p.held.cancelled == 1);
    } else {
        REQUIRE(question->answer);
        CHECK(question->answer->error() == errc::session_closed);
    }
}

TEST_CASE("a connection that nobody waits on is not asked for a sign", "[session]") {
    wired_peers p;
    p.w.advance(10s);
    const auto before = p.wire_of_a.written + p.wire_of_b.written;
    p.w.advance(100s);
    CHECK(p.link.open());
    CHECK(p.wire_of_a.written + p.wire_of_b.written == before);
}

TEST_CASE("a peer that does not listen for a while says that it is there", "[session]") {
    session_config one;
    one.served_max = 1;
    wired_peers p(one);
    p.at_b.slow = 5min;
    const asking first(p.w, p.link, wire::ping(), p.a.in(1h));
    const asking second(p.w, p.link, wire::ping(), p.a.in(1h));
    p.w.advance(9min);
    CHECK(first.succeeded());
    CHECK(p.at_b.asked == 2);
    CHECK(p.link.open());
    p.w.advance(2min);
    CHECK(second.succeeded());
}

// --- crossings -------------------------------------------------------------------------------------------------------

namespace {

/// Sends a byte each second and wants it back.
task<int> converse(peer& from, session over, int seconds) {
    auto opened = over.open_stream("echo/1");
    if (!opened) co_return 0;
    int echoed = 0;
    for (; echoed < seconds; ++echoed) {
        const bytes one(1, static_cast<std::uint8_t>(echoed));
        bytes back(1);
        const auto sent = co_await opened->write(one);
        if (!sent) break;
        const auto got = co_await opened->read(back);
        if (!got || back != one) break;
        wait_queue nobody;
        (void)co_await nobody.wait_until(*from.env.time, from.in(1s));
    }
    (void)co_await opened->finish();
    co_return echoed;
}

/// What comes of a conversation beside the test.
struct conversation {
    void begin(world& w, task<int> what) {
        asio::co_spawn(w.context, std::move(what), [this](std::exception_ptr, int echoed) { seconds = echoed; });
    }
    std::optional<int> seconds;
};

/// Both listen, and dial each other by nothing but an address, so that neither knows who is dialled and their links
/// cross.
struct crossing_peers {
    explicit crossing_peers(carried_by how, session_config of_b = {})
        : net(w.time), a(w, session_config(), {}), b(w, std::move(of_b), {}) {
        slow.time = w.time;
        slow.read_pause = 10ms;
        for (auto* one : {&a, &b}) {
            if (how == carried_by::datagrams) {
                one->pool->add_transport(net.transport());
            } else {
                one->pool->add_transport(any_transport(silent_wire::transport(network.transport(), slow)));
            }
            one->pool->serve("echo/1", echo_stream);
        }
        REQUIRE(w.run(a.pool->listen(mem("a"))));
        REQUIRE(w.run(b.pool->listen(mem("b"))));
        w.advance(3s);
    }
    ~crossing_peers() {
        w.run(a.pool->stop(1s));
        w.run(b.pool->stop(1s));
        w.advance(5s);
        CHECK(w.time->armed() == 0);
    }

    /// Each dials the other at the same time, and begins to talk as soon as it has a session.
    void cross(int seconds) {
        a_says.begin(w, converse_at(a, mem("b"), seconds));
        b_says.begin(w, converse_at(b, mem("a"), seconds));
    }
    static task<int> converse_at(peer& from, address where, int seconds) {
        const auto link = co_await from.pool->connect_to(where, {}, from.in(10s));
        if (!link) co_return 0;
        co_return co_await converse(from, *link, seconds);
    }
    [[nodiscard]] std::uint64_t crossings() const {
        return a.pool->counters().crossings + b.pool->counters().crossings;
    }

    world w;
    packet_net net;
    memory_network network;
    silent_wire slow;
    peer a;
    peer b;
    conversation a_says;
    conversation b_says;
};

}  // namespace

TEST_CASE("streams of a link that lost a crossing last until they end", "[session][crossing]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    crossing_peers p(how);
    constexpr int seconds = 150;
    p.cross(seconds);
    p.w.advance(1s);
    REQUIRE(p.crossings() == 2);
    // The grace ends, and the idle timeout too.
    p.w.advance(140s);
    CHECK_FALSE(p.a_says.seconds);
    CHECK_FALSE(p.b_says.seconds);
    CHECK(p.a.closed.empty());
    CHECK(p.b.closed.empty());
    p.w.advance(30s);
    CHECK(p.a_says.seconds == seconds);
    CHECK(p.b_says.seconds == seconds);
    // Then the link goes, and only that one.
    CHECK(p.a.closed.size() + p.b.closed.size() <= 2);
    CHECK(p.a.pool->size() == 1);
    CHECK(p.b.pool->size() == 1);
}

TEST_CASE("a link that lost a crossing and the one that stayed are one to their holder", "[session][crossing]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    crossing_peers p(how);
    p.cross(1000);
    p.w.advance(20s);
    REQUIRE(p.crossings() == 2);
    auto& loser = p.a.self->id() < p.b.self->id() ? p.b : p.a;
    const auto dialled = std::ranges::find_if(loser.opened, [](const session& s) { return s.peer().outgoing; });
    REQUIRE(dialled != loser.opened.end());
    dialled->close();
    p.w.advance(3s);
    CHECK(p.a_says.seconds);
    CHECK(p.b_says.seconds);
    CHECK(p.a.pool->size() == 0);
    CHECK(p.b.pool->size() == 0);
    CHECK(p.a_says.seconds < 30);
}

TEST_CASE("a link that lost a crossing counts among the sessions while its streams last", "[session][crossing]") {
    const auto how = GENERATE(carried_by::connections, carried_by::datagrams);
    session_config two;
    two.sessions_max = 2;
    crossing_peers p(how, two);
    p.cross(60);
    p.w.advance(20s);
    REQUIRE(p.crossings() == 2);
    CHECK(p.b.pool->size() == 1);
    // The link on which only the other side has a stream has to go.
    peer third(p.w, p.network);
    if (how == carried_by::datagrams) third.pool->add_transport(p.net.transport());
    CHECK(p.w.run(third.pool->connect(p.b.at(mem("b")), third.in(10s))));
    p.w.advance(1s);
    CHECK(p.b.pool->counters().evicted == 1);
    CHECK(p.a_says.seconds < 30);
    CHECK_FALSE(p.b_says.seconds);
    p.w.run(third.pool->stop(1s));
}

}  // namespace mydht::test
