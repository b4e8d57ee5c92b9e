#include <mydht/runtime/wait_queue.hpp>
#include <mydht/wire/frame.hpp>

#include "counting.hpp"
#include "handmade.hpp"

namespace mydht::test {

namespace {

/// A node, an honest peer that is connected to it, and one that the test plays.
struct siege {
    explicit siege(session_config config = {}, request_handler handler = {})
        : node(w, network, config, std::move(handler)), honest(w, network), attacker(config) {
        where = w.run(node.pool->listen(mem("node"))).value();
        link = w.run(honest.pool->connect(node.at(where), honest.in(5s))).value();
        REQUIRE(w.run(attacker.dial(network.transport(), where)));
        w.poll();
        REQUIRE(node.pool->size() == 2);
    }
    ~siege() {
        // Whatever happened: the others have not noticed.
        CHECK(w.run(link.request(wire::ping(), honest.in(5s))));
        attacker.connection.close();
        w.run(honest.pool->stop(1s));
        w.run(node.pool->stop(1s));
        CHECK(w.time->armed() == 0);
    }

    [[nodiscard]] std::optional<std::error_code> verdict() const {
        for (const auto& [id, why] : node.closed) {
            if (id == attacker.self->id()) return why;
        }
        return std::nullopt;
    }

    world w;
    memory_network network;
    peer node;
    peer honest;
    handmade attacker;
    address where;
    session link;
};

bytes frame(std::uint8_t kind, std::uint32_t channel, const bytes& payload) {
    bytes out;
    wire::append_frame(out, static_cast<wire::frame_kind>(kind), channel, payload);
    return out;
}

bytes joined(bytes a, const bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

task<wire::message> answer_big(peer_info, wire::message) {
    item big;
    big.kind = item_kind::immutable;
    big.body = bytes(limits::inline_value_bytes, 1);
    wire::values out;
    out.items.assign(8, big);
    co_return out;
}

}  // namespace

TEST_CASE("frames that break the rules end the session with a reason", "[hostile]") {
    struct sin {
        const char* what;
        bytes said;
        errc why;
    };
    const auto id_zero_answer = handmade::message(1, wire::pong());
    const auto bad = GENERATE_COPY(values<sin>({
        {"garbage for a message", frame(1, 0, bytes(40, 0xff)), errc::too_large},
        {"an unknown kind that must be known", frame(77, 0, {}), errc::protocol_violation},
        {"a message on another channel", frame(1, 5, {1, 2, 3}), errc::protocol_violation},
        {"an opening of a stream without a name", frame(2, 1, {0, 0, 0, 0, 'x'}), errc::protocol_violation},
        {"a ping of a wrong size", frame(7, 0, {1}), errc::protocol_violation},
        {"a message of a length over the limit", {1, 0, 0, 0, 0, 0xff, 0xff, 0xff}, errc::too_large},
        {"an answer to nothing", id_zero_answer, errc::protocol_violation},
        {"a request twice", joined(handmade::message(9, wire::ping()), handmade::message(9, wire::ping())),
         errc::protocol_violation},
    }));
    CAPTURE(bad.what);
    siege s;
    REQUIRE(s.w.run(s.attacker.say(bad.said)));
    s.w.advance(3s);
    REQUIRE(s.verdict());
    CAPTURE(s.verdict()->message());
    CHECK(*s.verdict() == bad.why);
    CHECK(s.w.log->count(s.attacker.self->id().hex().substr(0, 8)) == 1);
    CHECK(s.node.pool->size() == 1);
}

TEST_CASE("bytes that are no records end the session", "[hostile]") {
    siege s;
    SECTION("not authentic") {
        REQUIRE(s.w.run(s.attacker.say_raw(joined({0, 40}, bytes(40, 7)))));
        s.w.poll();
        REQUIRE(s.verdict());
        CHECK(*s.verdict() == errc::decrypt_failed);
    }
    SECTION("too short to be authentic") {
        REQUIRE(s.w.run(s.attacker.say_raw({0, 0})));
        s.w.poll();
        REQUIRE(s.verdict());
        CHECK(*s.verdict() == errc::decrypt_failed);
    }
    SECTION("cut off in the middle") {
        REQUIRE(s.w.run(s.attacker.say_raw({0, 40, 1, 2, 3})));
        s.w.poll();
        CHECK_FALSE(s.verdict());
        s.attacker.connection.close();
        s.w.poll();
        REQUIRE(s.verdict());
        CHECK(*s.verdict() == errc::end_of_stream);
        CHECK(s.w.log->count("in the middle of a message") == 1);
    }
    SECTION("a record again") {
        bytes out;
        REQUIRE(s.attacker.layer->seal(handmade::message(1, wire::ping()), out));
        REQUIRE(s.w.run(s.attacker.say_raw(joined(out, out))));
        s.w.poll();
        REQUIRE(s.verdict());
        CHECK(*s.verdict() == errc::decrypt_failed);
    }
}

TEST_CASE("what a newer build may say is tolerated", "[hostile]") {
    siege s;
    bytes said = frame(200, 3, bytes(1000, 1));
    said = joined(said, frame(8, 0, bytes(8, 1)));  // a pong that nobody asked for
    said = joined(said, handmade::message(4, wire::cancel()));
    said = joined(said, frame(7, 0, {1, 2, 3, 4, 5, 6, 7, 8}));
    REQUIRE(s.w.run(s.attacker.say(said)));
    const auto echoed = s.w.run(s.attacker.hear());
    REQUIRE(echoed);
    CHECK(echoed->first == wire::frame_kind::pong);
    CHECK(echoed->second == bytes{1, 2, 3, 4, 5, 6, 7, 8});
    CHECK_FALSE(s.verdict());
}

TEST_CASE("a request byte by byte is a request", "[hostile]") {
    siege s;
    bytes out;
    REQUIRE(s.attacker.layer->seal(handmade::message(3, wire::ping()), out));
    for (const auto byte : out) {
        REQUIRE(s.w.run(s.attacker.say_raw({byte})));
        s.w.advance(100ms);
    }
    const auto answer = s.w.run(s.attacker.hear_message());
    REQUIRE(answer);
    CHECK(answer->id == 3);
    CHECK(std::holds_alternative<wire::pong>(answer->body));
}

TEST_CASE("a message that is begun comes to its end, or on", "[hostile]") {
    session_config config;
    config.stall_timeout = 10s;
    config.idle_timeout = 1h;
    siege s(config);
    // One that is skipped, of the largest size that may be.
    const auto whole = frame(200, 3, bytes(64 * 1024, 1));
    const auto part = [&](std::size_t from, std::size_t size) {
        const auto view = bytes_view(whole).subspan(from, size);
        return bytes(view.begin(), view.end());
    };
    SECTION("it stops") {
        REQUIRE(s.w.run(s.attacker.say(part(0, 40'000))));
        s.w.advance(9900ms);
        CHECK_FALSE(s.verdict());
        s.w.advance(200ms);
        REQUIRE(s.verdict());
        CHECK(*s.verdict() == errc::slow_peer);
        CHECK(s.w.log->count("does not end what it says") == 1);
    }
    SECTION("it dribbles") {
        REQUIRE(s.w.run(s.attacker.say(part(0, 40'000))));
        for (std::size_t i = 0; i < 9; ++i) {
            s.w.advance(1s);
            REQUIRE(s.w.run(s.attacker.say(part(40'000 + i, 1))));
        }
        CHECK_FALSE(s.verdict());
        s.w.advance(1100ms);
        REQUIRE(s.verdict());
        CHECK(*s.verdict() == errc::slow_peer);
    }
    SECTION("a record that stops") {
        REQUIRE(s.w.run(s.attacker.say_raw({0, 40, 1, 2, 3})));
        s.w.advance(10100ms);
        REQUIRE(s.verdict());
        CHECK(*s.verdict() == errc::slow_peer);
    }
    SECTION("it is slow, and comes on") {
        constexpr std::size_t slice = 16 * 1024 + 2;
        for (std::size_t from = 0; from < whole.size(); from += slice) {
            REQUIRE(s.w.run(s.attacker.say(part(from, std::min(slice, whole.size() - from)))));
            s.w.advance(9s);
        }
        CHECK_FALSE(s.verdict());
        // Nothing is begun now.
        s.w.advance(1min);
        CHECK_FALSE(s.verdict());
    }
}

TEST_CASE("a peer that takes nothing is closed, and what waits for it stays bounded", "[hostile]") {
    std::size_t computed = 0;
    siege s({}, [&computed](peer_info who, wire::message what) {
        if (std::holds_alternative<wire::find_value>(what)) ++computed;
        return answer_big(std::move(who), std::move(what));
    });
    const auto before = live_bytes();
    bytes said;
    for (std::uint64_t id = 1; id <= 300; ++id) said = joined(said, handmade::message(id, wire::find_value()));
    REQUIRE(s.w.run(s.attacker.say(said)));
    s.w.advance(10s);
    // One answer is more than may wait, so no other one is computed. The pipe, and 256 small requests.
    CHECK(computed == 1);
    CHECK(live_bytes() - before < 2 * 1024 * 1024);
    CHECK_FALSE(s.verdict());
    s.w.advance(11s);
    REQUIRE(s.verdict());
    CHECK(*s.verdict() == errc::slow_peer);
    s.w.poll();
    CHECK(live_bytes() < before + 256 * 1024);
}

TEST_CASE("a handler that takes its time is not given more than the answers may hold", "[hostile]") {
    session_config config;
    config.answer_buffer_bytes = 64 * 1024;
    std::size_t begun = 0;
    wait_queue gate;
    bool open = false;
    const auto slow = [](std::size_t& count, wait_queue& until, const bool& may) -> task<wire::message> {
        ++count;
        while (!may) co_await until.wait();
        co_return wire::pong();
    };
    siege s(config, [&](peer_info, wire::message) { return slow(begun, gate, open); });
    bytes said;
    for (std::uint64_t id = 1; id <= 200; ++id) said = joined(said, handmade::message(id, wire::ping()));
    REQUIRE(s.w.run(s.attacker.say(said)));
    s.w.poll();
    CHECK(begun == 64);
    open = true;
    gate.notify_all();
    for (int i = 0; i < 200; ++i) REQUIRE(s.w.run(s.attacker.hear_message()));
    CHECK(begun == 200);
}

TEST_CASE("the one for whom most waits goes when too much waits for all", "[hostile]") {
    session_config config;
    config.send_bytes_total = 1200 * 1024;
    siege s(config, answer_big);
    handmade second(config, 78);
    REQUIRE(s.w.run(second.dial(s.network.transport(), s.where)));
    handmade third(config, 79);
    REQUIRE(s.w.run(third.dial(s.network.transport(), s.where)));
    const auto before = live_bytes();
    REQUIRE(s.w.run(s.attacker.say(handmade::message(1, wire::find_value()))));
    REQUIRE(s.w.run(second.say(handmade::message(1, wire::find_value()))));
    s.w.poll();
    CHECK(s.node.pool->size() == 4);
    REQUIRE(s.w.run(third.say(handmade::message(1, wire::find_value()))));
    s.w.poll();
    CHECK(s.node.pool->size() == 3);
    REQUIRE(s.node.closed.size() == 1);
    CHECK(s.node.closed.front().second == errc::slow_peer);
    CHECK(s.node.closed.front().first != s.honest.self->id());
    CHECK(s.w.log->count("for all sessions together too much") == 1);
    CHECK(live_bytes() - before < 3 * 1024 * 1024);
    // What has ended does not count any more: there is room again.
    s.attacker.connection.close();
    second.connection.close();
    third.connection.close();
    s.w.poll();
    handmade fourth(config, 80);
    REQUIRE(s.w.run(fourth.dial(s.network.transport(), s.where)));
    REQUIRE(s.w.run(fourth.say(handmade::message(1, wire::find_value()))));
    CHECK(s.w.run(fourth.hear_message()));
    fourth.connection.close();
}

TEST_CASE("a peer that takes nothing makes room for another", "[hostile]") {
    session_config config;
    config.sessions_max = 2;
    siege s(config, answer_big);
    bytes said;
    for (std::uint64_t id = 1; id <= 20; ++id) said = joined(said, handmade::message(id, wire::find_value()));
    REQUIRE(s.w.run(s.attacker.say(said)));
    s.w.advance(3s);
    peer fresh(s.w, s.network);
    CHECK(s.w.run(fresh.pool->connect(s.node.at(s.where), fresh.in(5s))));
    s.w.poll();
    REQUIRE(s.verdict());
    CHECK(*s.verdict() == errc::session_closed);
    CHECK(s.link.open());
    s.w.run(fresh.pool->stop(1s));
}

TEST_CASE("pings without an end hold little memory when the answers are not read", "[hostile]") {
    session_config config;
    config.answer_buffer_bytes = 64 * 1024;
    siege s(config);
    const auto before = live_bytes();
    bytes said;
    for (int i = 0; i < 3000; ++i) said = joined(said, frame(7, 0, bytes(8, 1)));
    bool ended = false;
    const auto flood = [](handmade& by, bytes what) -> task<> {
        for (int i = 0; i < 100; ++i) {
            const auto said_it = co_await by.say(what);
            if (!said_it) co_return;
        }
    };
    asio::co_spawn(s.w.context, flood(s.attacker, said), [&](std::exception_ptr) { ended = true; });
    s.w.advance(5s);
    CHECK_FALSE(ended);
    CHECK(live_bytes() - before < 1024 * 1024);
    s.w.advance(20s);
    CHECK(ended);
    REQUIRE(s.verdict());
    CHECK(*s.verdict() == errc::slow_peer);
}

TEST_CASE("silent connections in numbers lock nobody out", "[hostile]") {
    world w;
    memory_network network;
    session_config config;
    config.handshakes_max = 3;
    peer node(w, network, config);
    const auto where = w.run(node.pool->listen(mem("node"))).value();
    std::vector<any_connection> silent;
    for (int i = 0; i < 20; ++i) silent.push_back(w.run(network.transport().connect(where)).value());
    w.poll();
    CHECK(node.pool->counters().handshakes_failed == 17);
    peer honest(w, network);
    const auto started = w.time->now();
    CHECK(w.run(honest.pool->connect(node.at(where), honest.in(5s))));
    CHECK(w.time->now() - started < 100ms);
    bytes in(1);
    CHECK(w.run(silent[0].read_some(in)).error() == errc::end_of_stream);
    CHECK(w.log->count("turned away mem://") == node.pool->counters().handshakes_failed);
    w.run(honest.pool->stop(1s));
    w.run(node.pool->stop(1s));
}

TEST_CASE("a peer that says its preamble little by little, or nothing after it, does not hold a handshake for long",
          "[hostile]") {
    world w;
    memory_network network;
    peer node(w, network);
    const auto where = w.run(node.pool->listen(mem("node"))).value();
    auto dribbles = w.run(network.transport().connect(where)).value();
    auto stops = w.run(network.transport().connect(where)).value();
    const auto hello = wire::encode(handmade().party.hello);
    REQUIRE(w.run(stops.write(hello)));
    for (int i = 0; i < 3; ++i) {
        REQUIRE(w.run(dribbles.write(bytes_view(hello).subspan(static_cast<std::size_t>(i), 1))));
        w.advance(600ms);
    }
    CHECK(node.pool->counters().handshakes_failed == 0);
    w.advance(300ms);
    CHECK(node.pool->counters().handshakes_failed == 1);
    CHECK(w.log->count("no preamble in time") == 1);
    w.advance(7s);
    CHECK(node.pool->counters().handshakes_failed == 1);
    w.advance(1s);
    CHECK(node.pool->counters().handshakes_failed == 2);
    bytes in(1);
    CHECK(w.run(dribbles.read_some(in)).error() == errc::end_of_stream);
    w.run(node.pool->stop(1s));
}

TEST_CASE("a stranger is told why, or nothing", "[hostile]") {
    world w;
    memory_network network;
    peer node(w, network);
    const auto where = w.run(node.pool->listen(mem("node"))).value();
    session_config other;
    other.network = "another";
    peer stranger(w, network, other);
    CHECK(w.run(stranger.pool->connect(node.at(where), stranger.in(5s))).error() == errc::other_network);
    session_config plain;
    plain.mode = wire::link_mode::plain;
    peer bare(w, network, plain);
    CHECK(w.run(bare.pool->connect_to(where, {}, bare.in(5s))).error() == errc::mode_refused);
    auto browser = w.run(network.transport().connect(where)).value();
    const auto text = to_bytes("GET / HTTP/1.1\r\n\r\n");
    REQUIRE(w.run(browser.write(text)));
    bytes in(100);
    CHECK(w.run(browser.read_some(in)).error() == errc::end_of_stream);
    CHECK(node.pool->size() == 0);
    for (auto* one : {&stranger, &bare, &node}) w.run(one->pool->stop(1s));
}

TEST_CASE("a session at rest is small", "[hostile]") {
    constexpr int count = 50;
    world w;
    memory_network network;
    peer node(w, network);
    const auto where = w.run(node.pool->listen(mem("node"))).value();
    std::vector<std::unique_ptr<peer>> others;
    for (int i = 0; i < count; ++i) others.push_back(std::make_unique<peer>(w, network));
    w.poll();
    const auto before = live_bytes();
    for (auto& one : others) {
        auto link = w.run(one->pool->connect(node.at(where), one->in(5s))).value();
        REQUIRE(w.run(link.request(wire::ping(), one->in(5s))));
    }
    w.advance(30s);
    const auto each = (live_bytes() - before) / std::int64_t{2 * count};
    INFO("bytes of one end of a session at rest, its share of the pipe in memory included: " << each);
    CHECK(each < 6000);
    for (auto& one : others) w.run(one->pool->stop(1s));
    w.run(node.pool->stop(1s));
}

}  // namespace mydht::test
