// What becomes of sockets of datagrams that break, and of the sessions that go through them.
#include "handmade_datagrams.hpp"

namespace mydht::test {

namespace {

/// How often a socket at `where` may not be opened.
auto not_opened(address where, int& times) {
    return [where = std::move(where), &times](std::string_view what, const address& at) -> std::error_code {
        if (what != "open" || at != where || times == 0) return {};
        --times;
        return errc::address_not_available;
    };
}

/// What happened to the sockets of a peer, in order.
struct socket_story {
    explicit socket_story(datagram_peers& both) {
        auto events = both.b.make_events();
        events.socket_lost = [this](const address& at, std::error_code why) { lost.emplace_back(at, why); };
        events.socket_back = [this](const address& at) { back.push_back(at); };
        both.b.pool.reset();
        both.w.poll();
        both.b.pool = std::make_unique<session_pool>(both.b.env, both.b.self, session_config(), both.at_b.handler(),
                                                     std::move(events));
        both.b.pool->add_transport(both.net.transport());
        both.listen_b();
        both.w.advance(3s);
    }

    std::vector<std::pair<address, std::error_code>> lost;
    std::vector<address> back;
};

}  // namespace

TEST_CASE("a socket that breaks is opened again, and its sessions end", "[datagrams][ports]") {
    datagram_peers both;
    const socket_story story(both);
    auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    int failures = 2;
    both.net.fails = not_opened(mem("b"), failures);
    const auto& counters = both.b.pool->counters();

    both.net.sever(mem("b"));
    both.w.advance(10ms);
    REQUIRE(story.lost.size() == 1);
    CHECK(story.lost.front() == std::pair(mem("b"), make_error_code(errc::network_failed)));
    REQUIRE(both.b.closed.size() == 1);
    CHECK(both.b.closed.front().second == errc::network_failed);
    CHECK(both.b.pool->size() == 0);
    CHECK(counters.sockets_lost == 1);
    CHECK(both.w.log->count("b cannot be used any more") == 1);

    // After one second, two more, and four more.
    both.w.advance(6900ms);
    CHECK(failures == 0);
    CHECK(counters.sockets_reopened == 0);
    CHECK(story.back.empty());
    both.w.advance(200ms);
    CHECK(counters.sockets_reopened == 1);
    CHECK(story.back == std::vector{mem("b")});
    // The peer finds out, and comes again.
    CHECK_FALSE(both.ping(*link));
    link = both.connect();
    REQUIRE(link);
    CHECK(both.ping(*link));
    CHECK(both.b.pool->size() == 1);
}

TEST_CASE("sessions of a broken socket go on through another one", "[datagrams][ports]") {
    datagram_peers both;
    both.listen_a();
    REQUIRE(both.w.run(both.a.pool->listen(mem("a2"))));
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    CHECK(both.b.opened.front().peer().observed == mem("a"));
    SECTION("at rest") {}
    SECTION("with a request under way") {
        both.at_b.slow = 2s;
        std::optional<result<wire::message>> got;
        auto over = *link;
        asio::co_spawn(both.w.context, over.request(wire::ping(), both.a.in(20s)),
                       [&](std::exception_ptr, result<wire::message> out) { got.emplace(std::move(out)); });
        both.w.advance(100ms);
        both.net.sever(mem("a"));
        both.w.advance(5s);
        REQUIRE(got);
        CHECK(*got);
        CHECK(both.at_b.asked == 2);
        both.at_b.slow = 0s;
        REQUIRE(both.w.run(both.a.pool->listen(mem("a3"))));
        return;
    }
    both.net.sever(mem("a"));
    both.w.advance(1s);
    CHECK(both.b.pool->counters().addresses_changed == 1);
    CHECK(both.a.closed.empty());
    CHECK(both.ping(*link));
    auto back = both.b.pool->find(both.a.self->id());
    REQUIRE_FALSE(back.empty());
    CHECK(back.peer().observed == mem("a2"));
    CHECK(both.w.run(back.request(wire::ping(), both.b.in(5s))));
    CHECK(both.b.pool->counters().accepted == 1);
}

TEST_CASE("a dial whose socket breaks fails, and the next one has another", "[datagrams][ports]") {
    datagram_peers both;
    both.net.tamper = [](packet_net::packet&) { return false; };
    std::optional<result<session>> got;
    asio::co_spawn(both.w.context, both.a.pool->connect(both.b.at(mem("b")), both.a.in(10s)),
                   [&](std::exception_ptr, result<session> out) { got.emplace(std::move(out)); });
    both.w.advance(100ms);
    both.net.sever(mem("dialler-1"));
    both.w.advance(100ms);
    REQUIRE(got);
    CHECK(got->error() == errc::network_failed);
    both.net.tamper = {};
    CHECK(both.connect());
    // Nobody waits for that one to come back.
    both.w.advance(5s);
    CHECK(both.a.pool->counters().sockets_lost == 1);
    CHECK(both.a.pool->counters().sockets_reopened == 0);
}

TEST_CASE("a network that cannot be reached for a while costs time only", "[datagrams][ports]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    std::size_t failed = 0;
    const auto back_at = both.w.time->now() + 5s;
    both.net.fails = [&](std::string_view what, const address&) -> std::error_code {
        if (what != "send" || both.w.time->now() >= back_at) return {};
        ++failed;
        return errc::unreachable;
    };
    CHECK(both.ping(*link, 20s));
    CHECK(failed >= 3);
    CHECK(both.a.closed.empty());
    CHECK(both.a.pool->counters().sockets_lost == 0);
    both.net.fails = {};
}

TEST_CASE("a pool whose socket is broken stops like any other", "[datagrams][ports]") {
    datagram_peers both;
    REQUIRE(both.connect());
    int failures = 1'000'000;
    both.net.fails = not_opened(mem("b"), failures);
    both.net.sever(mem("b"));
    both.w.advance(30min);
    // Once a minute in the end.
    CHECK(1'000'000 - failures >= 30);
    CHECK(1'000'000 - failures <= 40);
    both.net.fails = {};
}

TEST_CASE("pings that come together are all answered, up to a bound", "[datagrams][ports]") {
    datagram_peers both;
    handmade_datagrams peer(both, mem("handmade"));
    peer.connect();
    peer.got.clear();
    const auto pings = GENERATE(2U, 8U, 9U, 60U);
    CAPTURE(pings);
    bytes frames;
    for (std::uint8_t i = 0; i < pings; ++i) {
        std::array<std::uint8_t, wire::ping_bytes> number{};
        number[0] = i;
        wire::append_ping(frames, wire::frame_kind::ping, number);
    }
    peer.send_frames(frames);
    both.w.advance(1s);
    std::size_t pongs = 0;
    for (auto& each : peer.got) {
        const auto plain = peer.keys->open(each, both.w.time->now());
        if (!plain) continue;
        wire::frame_decoder decoder;
        bytes_view rest(*plain);
        for (auto next = decoder.next(rest); next && *next; next = decoder.next(rest)) {
            if ((*next)->kind != wire::frame_kind::pong) continue;
            CHECK((*next)->payload[0] == pongs);
            ++pongs;
        }
    }
    CHECK(pongs == std::min(pings, 8U));
}

TEST_CASE("what peers can write into the log is bounded", "[datagrams][ports]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    both.w.log->lines.clear();
    // The peer moves to and fro.
    auto here = mem("dialler-1");
    constexpr std::size_t moves = 200;
    for (std::size_t i = 0; i < moves; ++i) {
        const auto there = mem("moved-" + std::to_string(i));
        both.net.rename(here, there);
        here = there;
        REQUIRE(both.ping(*link));
    }
    CHECK(both.b.pool->counters().addresses_changed > moves / 2);
    const auto seconds = 30U;
    CHECK(both.w.log->count("is now at") <= 20 + 2 * seconds);
    CHECK(both.w.log->count("lines of this kind before it") > 0);
}

}  // namespace mydht::test
