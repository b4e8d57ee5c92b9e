#include <algorithm>
#include <utility>

#include <mydht/core/random.hpp>
#include <mydht/wire/stream_frames.hpp>

#include "counting.hpp"
#include "handmade.hpp"
#include "handmade_datagrams.hpp"
#include "streams.hpp"
#include "support/seed.hpp"
#include "two_peers.hpp"

// What peers can do to the memory for streams, on both carriers.

namespace mydht::test {

namespace {

bytes number_of(std::uint64_t value, std::size_t size = 8) {
    bytes out;
    for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return out;
}

bytes payload_at(std::uint64_t offset, std::size_t size) {
    auto out = number_of(offset);
    const auto rest = pattern(size, static_cast<std::size_t>(offset));
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}

bytes opening(std::uint32_t channel, std::string_view service = "hold/1") {
    bytes out;
    const auto place = wire::begin_frame(out, wire::frame_kind::stream_open, channel);
    const auto window = number_of(wire::initial_stream_window);
    out.insert(out.end(), window.begin(), window.end());
    const auto name = as_bytes(service);
    out.insert(out.end(), name.begin(), name.end());
    REQUIRE(wire::end_frame(out, place));
    return out;
}

bytes end_of(std::uint32_t channel, std::uint64_t total) {
    bytes out;
    wire::append_number(out, wire::frame_kind::stream_end, channel, total);
    return out;
}

bytes reset_of(std::uint32_t channel, std::uint64_t total) {
    bytes out;
    wire::stream_resetting what;
    what.total = total;
    wire::append_stream_reset(out, channel, what);
    return out;
}

bytes joined(std::initializer_list<bytes> parts) {
    bytes out;
    for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
}

/// A node with a service, and a peer that the test plays, over one carrier or the other.
class siege {
public:
    explicit siege(carried_by how, const session_config& config = {}) : how_(how) {
        if (how == carried_by::datagrams) {
            packets_ = std::make_unique<datagram_peers>(session_config(), config);
            packets_->b.pool->serve("hold/1", held.handler());
            by_packets_ = std::make_unique<handmade_datagrams>(*packets_, mem("evil"));
            by_packets_->connect();
            return;
        }
        w_ = std::make_unique<world>();
        node_ = std::make_unique<peer>(*w_, network_, config);
        node_->pool->serve("hold/1", held.handler());
        by_connection_ = std::make_unique<handmade>();
        const auto where = w_->run(node_->pool->listen(mem("node"))).value();
        REQUIRE(w_->run(by_connection_->dial(network_.transport(), where)));
        w_->poll();
    }
    siege(const siege&) = delete;
    siege& operator=(const siege&) = delete;
    ~siege() {
        held.streams.clear();
        if (packets_) return;
        by_connection_->connection.close();
        w_->run(node_->pool->stop(1s));
    }

    void say(const bytes& frames) {
        if (packets_) {
            by_packets_->send_frames(frames);
            packets_->w.advance(10ms);
            by_packets_->got.clear();
            return;
        }
        (void)w_->run(by_connection_->say(frames));
        w_->poll();
    }
    void say_data(std::uint32_t channel, std::uint64_t offset, std::size_t size) {
        bytes out;
        auto payload = payload_at(offset, size);
        if (how_ == carried_by::connections) payload.erase(payload.begin(), payload.begin() + 8);
        wire::append_frame(out, wire::frame_kind::stream_data, channel, payload);
        say(out);
    }
    [[nodiscard]] const session_counters& counters() { return node().pool->counters(); }
    [[nodiscard]] bool violated() {
        (packets_ ? packets_->w : *w_).advance(5s);
        const auto& closed = node().closed;
        return !closed.empty() && closed.front().second == errc::protocol_violation;
    }

    held_streams held;

private:
    [[nodiscard]] peer& node() { return packets_ ? packets_->b : *node_; }

    carried_by how_;
    memory_network network_;
    std::unique_ptr<world> w_;
    std::unique_ptr<peer> node_;
    std::unique_ptr<handmade> by_connection_;
    std::unique_ptr<datagram_peers> packets_;
    std::unique_ptr<handmade_datagrams> by_packets_;
};

carried_by either() { return GENERATE(carried_by::connections, carried_by::datagrams); }

}  // namespace

TEST_CASE("on both carriers exactly the window is no sin, and a byte more is one", "[streams][hostile]") {
    siege s(either());
    s.say(opening(1));
    constexpr std::size_t part = 1024;
    for (std::uint64_t at = 0; at < wire::initial_stream_window; at += part) s.say_data(1, at, part);
    CHECK_FALSE(s.violated());
    CHECK(s.counters().stream_bytes_unread >= wire::initial_stream_window);
    CHECK(s.counters().stream_bytes_unread < 2 * wire::initial_stream_window);
    s.say_data(1, wire::initial_stream_window, 1);
    CHECK(s.violated());
}

TEST_CASE("on both carriers exactly the session's window is no sin, and a byte more is one", "[streams][hostile]") {
    siege s(either());
    constexpr auto streams = wire::initial_session_window / wire::initial_stream_window;
    constexpr std::size_t part = 1024;
    std::uint32_t channel = 1;
    for (std::uint64_t i = 0; i < streams; ++i, channel += 2) {
        s.say(opening(channel));
        for (std::uint64_t at = 0; at < wire::initial_stream_window; at += part) s.say_data(channel, at, part);
    }
    s.say(opening(channel));
    CHECK_FALSE(s.violated());
    CHECK(s.held.running == static_cast<int>(streams) + 1);
    CHECK(s.counters().stream_bytes_unread >= wire::initial_session_window);
    // Within the window of its own stream.
    s.say_data(channel, 0, 1);
    CHECK(s.violated());
}

TEST_CASE("on both carriers so many streams of a peer are open, and no more", "[streams][hostile]") {
    session_config config;
    config.streams_max = 5;
    siege s(either(), config);
    for (std::uint32_t i = 0; i < 5; ++i) s.say(opening(1 + 2 * i));
    CHECK(s.held.running == 5);
    CHECK(s.counters().streams_refused == 0);
    s.say(opening(11));
    CHECK(s.held.running == 5);
    CHECK(s.counters().streams_refused == 1);
    CHECK_FALSE(s.violated());
    // One that ends makes room.
    s.say(reset_of(1, 0));
    s.held.streams.clear();
    CHECK(s.held.cancelled == 1);
    s.say(opening(13));
    CHECK(s.held.running == 6);
    CHECK(s.counters().streams_refused == 1);
    CHECK_FALSE(s.violated());
}

TEST_CASE("on both carriers channels that nobody opened are taken up to a bound", "[streams][hostile]") {
    const auto how = either();
    siege s(how);
    if (how == carried_by::connections) {
        // There nothing overtakes, so that a single one is a violation.
        s.say_data(1, 0, 1);
        CHECK(s.violated());
        return;
    }
    for (std::uint32_t i = 0; i < 64; ++i) s.say_data(1 + 2 * i, 0, 1);
    CHECK(s.counters().stream_frames_refused == 0);
    s.say_data(129, 0, 1);
    CHECK(s.counters().stream_frames_refused == 1);
    CHECK_FALSE(s.violated());
}

TEST_CASE("on both carriers a size that contradicts what was said before breaks the session", "[streams][hostile]") {
    siege s(either());
    s.say(opening(1));
    s.say_data(1, 0, 100);
    const auto sin = GENERATE(0, 1, 2, 3);
    CAPTURE(sin);
    if (sin == 0) s.say(end_of(1, 99));
    if (sin == 1) s.say(joined({end_of(1, 100), reset_of(1, 101)}));
    if (sin == 2) s.say(reset_of(1, wire::initial_stream_window + 1));
    if (sin == 3) {
        s.say(end_of(1, 100));
        s.say_data(1, 100, 1);
    }
    CHECK(s.violated());
    CHECK(s.held.cancelled == 1);
}

TEST_CASE("on both carriers a name that is none is refused, counted and served by nobody", "[streams][hostile]") {
    siege s(either());
    std::uint32_t channel = 1;
    for (const auto* name : {"hold /1", "hold/1\n", "\x1b[31mhold/1", "h\xc3\xb6ld/1"}) {
        s.say(opening(channel, name));
        channel += 2;
    }
    CHECK(s.counters().service_names_refused == 4);
    CHECK(s.held.running == 0);
    s.say(opening(channel, "hold/2"));
    CHECK(s.counters().service_names_refused == 4);
    CHECK(s.counters().streams_refused == 1);
    s.say(opening(channel + 2));
    CHECK(s.held.running == 1);
    CHECK_FALSE(s.violated());
}

TEST_CASE("on both carriers streams that are opened and reset without end leave nothing", "[streams][hostile]") {
    siege s(either());
    std::uint32_t channel = 1;
    for (int i = 0; i < 300; ++i, channel += 2) {
        s.say(opening(channel));
        s.say(reset_of(channel, 0));
        s.held.streams.clear();
    }
    CHECK_FALSE(s.violated());
    CHECK(s.held.running == 300);
    CHECK(s.held.cancelled == 300);
    // A second word about one that is over.
    s.say(reset_of(1, 0));
    CHECK_FALSE(s.violated());
}

TEST_CASE("frames for channels that nobody opens are refused when there are many, and the session goes on",
          "[streams][hostile]") {
    siege s(carried_by::datagrams);
    for (std::uint32_t i = 0; i < 100; ++i) s.say_data(1 + 2 * i, 0, 10);
    CHECK(s.counters().stream_frames_refused == 36);
    CHECK_FALSE(s.violated());
    for (std::uint32_t i = 0; i < 100; ++i) {
        s.say(opening(1 + 2 * i));
        s.say_data(1 + 2 * i, 0, 10);
    }
    CHECK(s.held.running == 100);
    CHECK(s.counters().stream_frames_refused == 36);
    bytes ten(10);
    CHECK(s.held.streams.size() == 100);
}

namespace {

result<detail::frame_fate> say(stream_side& to, wire::frame_kind kind, std::uint32_t channel, const bytes& payload) {
    wire::frame what;
    what.kind = kind;
    what.channel = channel;
    what.payload = payload;
    return to.set->take(what, true);
}

}  // namespace

TEST_CASE("whatever pieces a peer sends on many streams, memory stays within its share, and all of it arrives",
          "[streams][hostile][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    constexpr std::size_t share = 1024 * 1024;
    constexpr std::uint32_t streams = 40;
    constexpr std::uint64_t each = 25'000;
    auto settings = stream_side::usual();
    settings.streams_max = streams;
    const auto size_max = GENERATE(1U, 40U, 1500U);
    CAPTURE(size_max);
    stream_side b(false, settings, stream_side::some_memory(std::make_shared<manual_clock>(), 8 * share, 8 * share));
    auto open = number_of(wire::initial_stream_window);
    open.push_back('x');
    for (std::uint32_t i = 0; i < streams; ++i) REQUIRE(say(b, wire::frame_kind::stream_open, 1 + 2 * i, open));
    const auto before = live_bytes();
    std::int64_t most = 0;
    for (int i = 0; i < 30'000; ++i) {
        const auto channel = static_cast<std::uint32_t>(1 + 2 * random.below(streams));
        const auto size = 1 + random.below(size_max);
        const auto at = random.below(each - size);
        const auto payload = payload_at(at, static_cast<std::size_t>(size));
        // As often as not it comes twice.
        for (auto times = 1 + random.below(2); times > 0; --times) {
            REQUIRE(say(b, wire::frame_kind::stream_data, channel, payload));
        }
        if (i % 500 == 0) most = std::max(most, live_bytes() - before);
    }
    CHECK(b.account().held(detail::stream_side_of::receiving) <= share);
    CHECK(most < static_cast<std::int64_t>(share + share / 4));
    if (size_max == 1500) CHECK(b.events[detail::stream_event::frame_refused] > 0);
    // What was lost or refused comes again, in order, and the readers read.
    std::vector<std::uint64_t> sent(streams);
    for (bool moved = true; moved;) {
        moved = false;
        for (std::uint32_t i = 0; i < streams; ++i) {
            const auto size = std::min<std::uint64_t>(1000, each - sent[i]);
            if (size == 0) continue;
            const auto fate =
                say(b, wire::frame_kind::stream_data, 1 + 2 * i, payload_at(sent[i], static_cast<std::size_t>(size)));
            REQUIRE(fate == detail::frame_fate::taken);
            const auto got = read_all(*b.opened[i]);
            REQUIRE(got == pattern(got.size(), static_cast<std::size_t>(sent[i])));
            sent[i] += got.size();
            moved = true;
        }
    }
    CHECK(b.account().held(detail::stream_side_of::receiving) == streams * detail::stream_state::bytes_each);
}

TEST_CASE("losses and acks in turns cost what their number costs", "[streams]") {
    detail::stream_sending sending;
    constexpr std::uint64_t count = 200'000;
    REQUIRE(sending.take(bytes(count), count) == count);
    sending.raise_limit(count);
    sending.said({0, count});
    // Every other byte arrives; then all others are lost, one by one and backwards. With lists this took minutes.
    for (std::uint64_t i = 1; i < count; i += 2) sending.acknowledged({i, i + 1});
    for (std::uint64_t i = count; i > 0; i -= 2) sending.lost({i - 2, i});
    CHECK(sending.next(10, 10) == detail::byte_range{0, 1});
    sending.lost({0, count});
    std::uint64_t again = 0;
    while (const auto range = sending.next(1000, 0)) {
        again += range->end - range->begin;
        sending.said(*range);
        sending.acknowledged(*range);
    }
    CHECK(again == count / 2);
    CHECK(sending.data_acknowledged());
}

}  // namespace mydht::test
