// What becomes of sockets of datagrams that break, and of the sessions that go through them.
#include "handmade_datagrams.hpp"
#include "session/address_watch.hpp"

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

/// The lost socket opens within so long and not before; the peer then finds out that its session is over, and comes
/// again.
void check_it_opens(datagram_peers& both, const socket_story& story, result<session>& link,
                    std::chrono::milliseconds within) {
    const auto& counters = both.b.pool->counters();
    CHECK(counters.sockets_reopened == 0);
    CHECK(story.back.empty());
    both.w.advance(within);
    CHECK(counters.sockets_reopened == 1);
    CHECK(story.back == std::vector{mem("b")});
    CHECK_FALSE(both.ping(*link));
    link = both.connect();
    REQUIRE(link);
    CHECK(both.ping(*link));
}

}  // namespace

TEST_CASE("a socket that breaks is opened again, and its sessions go on", "[datagrams][ports]") {
    datagram_peers both;
    const socket_story story(both);
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    int failures = 2;
    both.net.fails = not_opened(mem("b"), failures);
    const auto& counters = both.b.pool->counters();

    both.net.sever(mem("b"));
    both.w.advance(10ms);
    REQUIRE(story.lost.size() == 1);
    CHECK(story.lost.front() == std::pair(mem("b"), make_error_code(errc::network_failed)));
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
    CHECK(both.b.closed.empty());
    CHECK(both.ping(*link));
    auto back = both.b.pool->find(both.a.self->id());
    CHECK(both.w.run(back.request(wire::ping(), both.b.in(5s))));
    CHECK(counters.accepted == 1);
}

TEST_CASE("sessions wait for a socket as long as for a silent peer", "[datagrams][ports]") {
    datagram_peers both;
    const socket_story story(both);
    auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    int failures = 1'000'000;
    both.net.fails = not_opened(mem("b"), failures);
    both.net.sever(mem("b"));
    both.w.advance(10ms);
    std::optional<result<wire::message>> got;
    SECTION("at rest") {}
    SECTION("with a request under way") {
        auto back = both.b.pool->find(both.a.self->id());
        asio::co_spawn(both.w.context, back.request(wire::ping(), both.b.in(60s)),
                       [&got](std::exception_ptr, result<wire::message> out) { got.emplace(std::move(out)); });
    }
    both.w.advance(19'980ms);
    CHECK(both.b.closed.empty());
    CHECK(both.b.pool->size() == 1);
    CHECK_FALSE(got);
    both.w.advance(20ms);
    REQUIRE(both.b.closed.size() == 1);
    CHECK(both.b.closed.front().second == errc::network_failed);
    CHECK(both.b.pool->size() == 0);

    failures = 0;
    check_it_opens(both, story, link, 60s);
    CHECK(both.b.pool->size() == 1);
}

TEST_CASE("sessions of a socket that was opened to dial get another one", "[datagrams][ports]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    bool possible = false;
    both.net.fails = [&possible](std::string_view what, const address&) -> std::error_code {
        return what == "open" && !possible ? errc::out_of_descriptors : std::error_code();
    };
    SECTION("at once") {
        possible = true;
        both.net.sever(mem("dialler-1"));
        both.w.advance(1s);
    }
    SECTION("when somebody else needs one") {
        both.net.sever(mem("dialler-1"));
        both.w.advance(19s);
        CHECK(both.b.pool->counters().addresses_changed == 0);
        possible = true;
        both.listen_a();
        both.w.advance(1s);
    }
    SECTION("or end when there is none for as long as a peer may be silent") {
        both.net.sever(mem("dialler-1"));
        both.w.advance(21s);
        REQUIRE(both.a.closed.size() == 1);
        CHECK(both.a.closed.front().second == errc::network_failed);
        both.net.fails = {};
        return;
    }
    both.net.fails = {};
    CHECK(both.b.pool->counters().addresses_changed == 1);
    CHECK(both.ping(*link));
    CHECK(both.a.closed.empty());
    CHECK(both.b.pool->counters().accepted == 1);
    CHECK(both.a.pool->counters().sockets_reopened == 0);
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

TEST_CASE("an address is looked for now and then, and is lost when it stays away", "[datagrams][ports]") {
    constexpr auto start = steady_time(1h);
    detail::address_watch watch(start);
    CHECK(watch.next() == start + 5s);
    CHECK_FALSE(watch.looked(true, start + 5s));
    CHECK(watch.next() == start + 10s);

    SECTION("it goes") {
        CHECK_FALSE(watch.looked(false, start + 10s));
        CHECK(watch.next() == start + 11s);
        CHECK_FALSE(watch.looked(false, start + 11s));
        CHECK_FALSE(watch.looked(false, start + 22s - 1ns));
        CHECK(watch.looked(false, start + 22s));
    }
    SECTION("it comes back in time") {
        CHECK_FALSE(watch.looked(false, start + 10s));
        CHECK_FALSE(watch.looked(true, start + 20s));
        CHECK(watch.next() == start + 25s);
        CHECK_FALSE(watch.looked(false, start + 25s));
        CHECK_FALSE(watch.looked(false, start + 36s));
        CHECK(watch.looked(false, start + 37s));
    }
    SECTION("a look that shows nothing changes nothing") {
        CHECK_FALSE(watch.looked(std::nullopt, start + 100s));
        CHECK(watch.next() == start + 105s);
        CHECK_FALSE(watch.looked(false, start + 105s));
        CHECK_FALSE(watch.looked(std::nullopt, start + 106s));
        CHECK(watch.next() == start + 107s);
        CHECK_FALSE(watch.looked(std::nullopt, start + 120s));
        CHECK(watch.looked(false, start + 121s));
    }
    SECTION("sends that fail bring looks forward, to one a second") {
        CHECK(watch.send_failed(start + 5s + 1ns));
        CHECK(watch.next() == start + 6s);
        CHECK_FALSE(watch.send_failed(start + 5s + 2ns));
        CHECK_FALSE(watch.looked(true, start + 6s));
        CHECK(watch.send_failed(start + 9s));
        CHECK(watch.next() == start + 9s);
        CHECK_FALSE(watch.looked(false, start + 9s));
        CHECK_FALSE(watch.send_failed(start + 9s));
        CHECK(watch.next() == start + 10s);
    }
}

namespace {

/// The machine of `b` has its address, or not: then what it sends fails, nothing arrives, and its socket is silent.
struct address_of_b {
    explicit address_of_b(datagram_peers& both_) : both(both_) {
        both.net.has = [this](const address& at) -> std::optional<bool> {
            if (at != mem("b")) return std::nullopt;
            ++looks;
            return there;
        };
        both.net.fails = [this](std::string_view what, const address& at) -> std::error_code {
            if (at != mem("b") || there) return {};
            if (what == "open") return errc::address_not_available;
            return what == "send" ? make_error_code(errc::unreachable) : std::error_code();
        };
        both.net.tamper = [this](packet_net::packet& one) { return there || one.to != mem("b"); };
    }
    ~address_of_b() {
        both.net.has = {};
        both.net.fails = {};
        both.net.tamper = {};
    }
    address_of_b(const address_of_b&) = delete;
    address_of_b& operator=(const address_of_b&) = delete;

    datagram_peers& both;
    bool there = true;
    std::size_t looks = 0;
};

}  // namespace

TEST_CASE("a silent socket whose address is gone is lost, and opened when it is back", "[datagrams][ports]") {
    datagram_peers both;
    address_of_b of_b(both);
    const socket_story story(both);
    auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    const auto& counters = both.b.pool->counters();
    SECTION("while it is used") {
        of_b.there = false;
        auto back = both.b.pool->find(both.a.self->id());
        asio::co_spawn(both.w.context, back.request(wire::ping(), both.b.in(60s)),
                       [](std::exception_ptr, result<wire::message>) {});
        both.w.advance(11s);
        CHECK(story.lost.empty());
        both.w.advance(3s);
    }
    SECTION("at rest") {
        of_b.there = false;
        both.w.advance(5s + 12s);
    }
    REQUIRE(story.lost.size() == 1);
    CHECK(story.lost.front() == std::pair(mem("b"), make_error_code(errc::address_not_available)));
    CHECK(both.b.closed.empty());
    // From when the address was first missed.
    both.w.advance(20s - 12s);
    REQUIRE(both.b.closed.size() == 1);
    CHECK(both.b.closed.front().second == errc::network_failed);
    CHECK(both.b.pool->size() == 0);
    CHECK(counters.sockets_lost == 1);

    // However long it is away, it is noticed soon.
    both.w.advance(30min);
    of_b.there = true;
    check_it_opens(both, story, link, 2100ms);

    // The new socket is watched like the first one.
    of_b.there = false;
    both.w.advance(5s + 12s);
    CHECK(counters.sockets_lost == 2);
}

TEST_CASE("an address that is away for a moment costs no session", "[datagrams][ports]") {
    datagram_peers both;
    address_of_b of_b(both);
    const socket_story story(both);
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    for (int i = 0; i < 10; ++i) {
        of_b.there = false;
        both.w.advance(6s);
        of_b.there = true;
        both.w.advance(5s);
    }
    CHECK(both.ping(*link));
    CHECK(story.lost.empty());
    CHECK(both.b.closed.empty());
    CHECK(both.b.pool->counters().accepted == 1);
}

TEST_CASE("an address that is away for longer than its socket waits costs no session either", "[datagrams][ports]") {
    datagram_peers both;
    address_of_b of_b(both);
    const socket_story story(both);
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    auto back = both.b.pool->find(both.a.self->id());
    REQUIRE_FALSE(back.empty());
    std::optional<result<wire::message>> got;
    const auto ask = [&](session over, wire::message what) {
        asio::co_spawn(both.w.context, over.request(std::move(what), both.b.in(60s)),
                       [&got](std::exception_ptr, result<wire::message> out) { got.emplace(std::move(out)); });
    };
    bool asks = true;
    of_b.there = false;
    SECTION("at rest") { asks = false; }
    SECTION("with a request from there") { ask(back, wire::ping()); }
    SECTION("with a request to there") { ask(*link, wire::ping()); }
    SECTION("with an answer from there that is large") {
        of_b.there = true;
        both.at_b.large = values_of(400'000);
        ask(*link, wire::find_value());
        both.w.advance(60ms);
        REQUIRE_FALSE(got);
        of_b.there = false;
    }
    both.w.advance(15s);
    // At rest it may be missed as late as the next look.
    if (!asks && story.lost.empty()) both.w.advance(3s);
    REQUIRE(story.lost.size() == 1);
    CHECK_FALSE(got);
    of_b.there = true;
    // As long as it may take until the address is looked for, and a request is repeated.
    both.w.advance(5s);
    CHECK(story.back == std::vector{mem("b")});
    CHECK(got.has_value() == asks);
    if (got) CHECK(*got);
    CHECK(both.ping(*link));
    CHECK(both.w.run(back.request(wire::ping(), both.b.in(5s))));
    CHECK(both.a.closed.empty());
    CHECK(both.b.closed.empty());
    CHECK(both.b.pool->counters().accepted == 1);
}

TEST_CASE("sends that fail lose no socket whose address is there, and cause few looks", "[datagrams][ports]") {
    datagram_peers both;
    address_of_b of_b(both);
    const socket_story story(both);
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    both.net.fails = [](std::string_view what, const address& at) -> std::error_code {
        if (what != "send" || at != mem("b")) return {};
        return errc::unreachable;
    };
    const auto before = of_b.looks;
    auto back = both.b.pool->find(both.a.self->id());
    for (int i = 0; i < 50; ++i) {
        asio::co_spawn(both.w.context, back.request(wire::ping(), both.b.in(60s)),
                       [](std::exception_ptr, result<wire::message>) {});
    }
    both.w.advance(10s);
    CHECK(of_b.looks - before >= 3);
    CHECK(of_b.looks - before <= 11);
    CHECK(story.lost.empty());
    both.net.fails = {};
    CHECK(both.ping(*link));
}

TEST_CASE("an address that the machine did not have when its socket was opened is not watched", "[datagrams][ports]") {
    datagram_peers both;
    address_of_b of_b(both);
    both.net.has = [](const address&) { return std::optional(false); };
    const socket_story story(both);
    const auto link = both.connect();
    REQUIRE(link);
    both.w.advance(60s);
    CHECK(both.ping(*link));
    CHECK(story.lost.empty());
    // Nor does that keep it from being opened again.
    both.net.sever(mem("b"));
    both.w.advance(1100ms);
    CHECK(story.lost.size() == 1);
    CHECK(story.back.size() == 1);
}

TEST_CASE("a pool whose address is away stops like any other", "[datagrams][ports]") {
    datagram_peers both;
    address_of_b of_b(both);
    const socket_story story(both);
    REQUIRE(both.connect());
    of_b.there = false;
    // Found away, and lost.
    const auto after = GENERATE(2s, 20s);
    both.w.advance(after);
    CHECK(story.lost.size() == (after > 8s ? 1U : 0U));
    both.w.run(both.b.pool->stop(1s));
    CHECK(story.back.empty());
    CHECK(both.b.pool->counters().sockets_reopened == 0);
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
