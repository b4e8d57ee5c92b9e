#include <mydht/wire/stream_frames.hpp>

#include "handmade.hpp"
#include "two_peers.hpp"

namespace mydht::test {

namespace {

/// A node with services, and a peer that the test plays.
struct stream_siege {
    explicit stream_siege(session_config config = {}) : node(w, network, config), attacker(config) {
        node.pool->serve("hold/1", held.handler());
        node.pool->serve("echo/1", echo_stream);
        const auto where = w.run(node.pool->listen(mem("node"))).value();
        REQUIRE(w.run(attacker.dial(network.transport(), where)));
        w.poll();
        REQUIRE(node.pool->size() == 1);
    }
    ~stream_siege() {
        attacker.connection.close();
        held.streams.clear();
        w.run(node.pool->stop(1s));
        CHECK(w.time->armed() == 0);
    }

    void say(bytes frames) {
        (void)w.run(attacker.say(std::move(frames)));
        w.poll();
    }
    [[nodiscard]] std::size_t said(std::string_view part) const { return w.log->count(part); }
    [[nodiscard]] std::optional<std::error_code> verdict() const {
        if (node.closed.empty()) return std::nullopt;
        return node.closed.front().second;
    }

    world w;
    memory_network network;
    peer node;
    held_streams held;
    handmade attacker;
};

bytes opening(std::uint32_t channel, std::string_view service = "hold/1") {
    bytes out;
    wire::stream_opening what;
    what.window = wire::initial_stream_window;
    what.service = service;
    wire::append_stream_open(out, channel, what);
    return out;
}

bytes data(std::uint32_t channel, std::size_t size) {
    bytes out;
    wire::append_frame(out, wire::frame_kind::stream_data, channel, bytes(size, 1));
    return out;
}

bytes joined(bytes a, const bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

}  // namespace

TEST_CASE("a peer that breaks the rules of streams loses its session, and its services end", "[streams][hostile]") {
    struct sin {
        const char* what;
        bytes said;
    };
    const auto window = static_cast<std::size_t>(wire::initial_stream_window);
    const auto bad = GENERATE_COPY(values<sin>({
        {"beyond the window", joined(data(1, window), data(1, 1))},
        {"a channel of the other side's", opening(2)},
        {"a channel that was never opened", data(3, 1)},
        {"the same channel again", opening(1)},
    }));
    CAPTURE(bad.what);
    stream_siege s;
    s.say(opening(1));
    REQUIRE(s.held.running == 1);
    for (bytes_view rest = bad.said; !rest.empty();) {
        const auto part = rest.first(std::min<std::size_t>(rest.size(), 60'000));
        s.say(to_bytes(part));
        rest = rest.subspan(part.size());
    }
    s.w.advance(5s);
    CHECK(s.verdict() == make_error_code(errc::protocol_violation));
    CHECK(s.node.pool->counters().violations_closed == 1);
    CHECK(s.said("the peer broke the rules") == 1);
    CHECK(s.held.cancelled == 1);
    bytes one(1);
    CHECK(s.w.run(s.held.streams[0].write(one)).error() == errc::session_closed);
}

TEST_CASE("exactly the window is no sin", "[streams][hostile]") {
    stream_siege s;
    s.say(opening(1));
    for (int i = 0; i < 4; ++i) s.say(data(1, wire::initial_stream_window / 4));
    CHECK_FALSE(s.verdict());
    bytes all(wire::initial_stream_window);
    CHECK(s.w.run(s.held.streams[0].read(all)));
}

TEST_CASE("streams without end are refused, then the session is cut", "[streams][hostile]") {
    session_config config;
    config.streams_max = 10;
    stream_siege s(config);
    std::uint32_t channel = 1;
    for (int i = 0; i < 200 && !s.verdict(); ++i) {
        bytes many;
        for (int k = 0; k < 20; ++k, channel += 2) many = joined(std::move(many), opening(channel));
        s.say(std::move(many));
    }
    CHECK(s.held.running == 10);
    CHECK(s.verdict() == make_error_code(errc::protocol_violation));
    CHECK(s.node.pool->counters().violations_closed == 1);
    CHECK(s.node.pool->counters().streams_refused >= 1024);
    CHECK(s.said("the peer broke the rules") == 1);
    CHECK(channel < 2 * (10 + 1024 + 40));
}

TEST_CASE("a peer that asks for an echo and never reads it is slow", "[streams][hostile]") {
    session_config config;
    config.stall_timeout = 5s;
    stream_siege s(config);
    s.say(opening(1, "echo/1"));
    bytes frames;
    wire::append_number(frames, wire::frame_kind::stream_window, 1, 1U << 30U);
    s.say(frames);
    for (int i = 0; i < 15; ++i) s.say(data(1, 10'000));
    CHECK_FALSE(s.verdict());
    s.w.advance(10s);
    CHECK(s.verdict() == make_error_code(errc::slow_peer));
    CHECK(s.node.pool->counters().slow_closed == 1);
    CHECK(s.said("takes nothing") == 1);
}

TEST_CASE("a stream whose session breaks in the middle of a frame says so to its service", "[streams][hostile]") {
    stream_siege s;
    s.say(opening(1));
    auto half = data(1, 1000);
    half.resize(500);
    s.say(half);
    s.attacker.connection.close();
    s.w.poll();
    CHECK(s.held.cancelled == 1);
    REQUIRE(s.verdict());
    CHECK(s.said(s.verdict()->message()) == 1);
    CHECK(s.node.pool->counters().violations_closed == 0);
    bytes one(1);
    CHECK(s.w.run(s.held.streams[0].read_some(one)).error() == errc::session_closed);
}

}  // namespace mydht::test
