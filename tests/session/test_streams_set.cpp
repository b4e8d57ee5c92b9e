#include <algorithm>
#include <deque>

#include <mydht/core/random.hpp>

#include "streams.hpp"
#include "support/seed.hpp"

namespace mydht::test {

using detail::packet_piece;

namespace {

constexpr auto window = static_cast<std::size_t>(wire::initial_stream_window);

std::uint32_t number(wire::stream_code code) { return static_cast<std::uint32_t>(code); }

/// Writes as the peer would, in a stream session.
result<detail::frame_fate> say(stream_side& to, wire::frame_kind kind, std::uint32_t channel, const bytes& payload,
                               bool with_offsets = false) {
    wire::frame what;
    what.kind = kind;
    what.channel = channel;
    what.payload = payload;
    return to.set->take(what, with_offsets);
}

bytes number_of(std::uint64_t value, std::size_t size = 8) {
    bytes out;
    for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return out;
}

bytes opening(std::string_view name = "echo/1") {
    auto out = number_of(wire::initial_stream_window);
    const auto text = as_bytes(name);
    out.insert(out.end(), text.begin(), text.end());
    return out;
}

bytes reset_of(std::uint32_t code, std::uint64_t total) {
    auto out = number_of(code, 4);
    const auto rest = number_of(total);
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}

}  // namespace

TEST_CASE("a stream is opened, carries bytes both ways and ends on both sides", "[streams]") {
    stream_side a(true);
    stream_side b(false);
    auto& mine = open_one(a);
    CHECK(mine.channel() == 1);
    CHECK(a.set->open_streams() == 1);
    REQUIRE(mine.write_ready(pattern(1000)) == 1000);
    REQUIRE(pump(a, b));
    REQUIRE(b.opened.size() == 1);
    auto& theirs = *b.opened.front();
    CHECK(theirs.service() == "echo/1");
    CHECK(read_all(theirs) == pattern(1000));
    REQUIRE(theirs.write_ready(pattern(500)) == 500);
    REQUIRE(theirs.finish_now());
    REQUIRE(pump(a, b));
    CHECK(read_all(mine) == pattern(500));
    CHECK(error_of_read(mine) == errc::end_of_stream);
    CHECK(error_of_write(theirs) == errc::closed);
    CHECK_FALSE(a.set->quiet());

    REQUIRE(mine.write_ready(pattern(10, 1000)) == 10);
    const auto kept = a.set->open("other/1");
    REQUIRE(kept);
    CHECK((*kept)->channel() == 3);
    (*kept)->reset(1);
    const auto mine_kept = mine.shared_from_this();
    REQUIRE(mine.finish_now());
    REQUIRE(pump(a, b));
    CHECK(read_all(theirs) == pattern(10, 1000));
    CHECK(error_of_read(theirs) == errc::end_of_stream);
    CHECK(a.set->quiet());
    CHECK(b.set->quiet());
    CHECK(a.set->size() == 0);
    CHECK(b.set->size() == 0);
    CHECK(error_of_read(mine) == errc::end_of_stream);
    CHECK(error_of_write(mine) == errc::closed);
    CHECK(a.quiet == 1);
}

TEST_CASE("a writer gets as far as the reader lets it", "[streams]") {
    stream_side a(true);
    stream_side b(false);
    auto& mine = open_one(a);
    const auto kept_max = a.set->settings().stream_send_bytes;
    const auto data = pattern(4 * kept_max);
    REQUIRE(mine.write_ready(data) == kept_max);
    CHECK(mine.write_ready(data) == 0);
    REQUIRE(pump(a, b));
    // One window is under way, and the send buffer behind it has taken as much again.
    REQUIRE(mine.write_ready(bytes_view(data).subspan(kept_max)) == window);
    REQUIRE(pump(a, b));
    auto& theirs = *b.opened.front();
    CHECK(theirs.memory() < 2 * window);
    bytes got = read_all(theirs);
    CHECK(got.size() == window);
    for (int i = 0; i < 8; ++i) {
        REQUIRE(pump(a, b));
        const auto part = read_all(theirs);
        got.insert(got.end(), part.begin(), part.end());
    }
    CHECK(got == pattern(kept_max + window));
}

TEST_CASE("the session's window holds all streams together", "[streams]") {
    auto settings = stream_side::usual();
    settings.streams_max = 20;
    stream_side a(true, settings);
    stream_side b(false, settings);
    const auto session = static_cast<std::size_t>(wire::initial_session_window);
    std::vector<detail::stream_state*> mine;
    for (std::size_t i = 0; i < 20; ++i) {
        mine.push_back(&open_one(a));
        REQUIRE(mine.back()->write_ready(pattern(window)) == window);
    }
    REQUIRE(pump(a, b));
    CHECK_FALSE(a.set->has_output());
    std::size_t arrived = 0;
    for (const auto& one : b.opened) arrived += read_all(*one).size();
    CHECK(arrived == session);
    // What was read of all makes room for the rest.
    REQUIRE(pump(a, b));
    for (const auto& one : b.opened) arrived += read_all(*one).size();
    CHECK(arrived == 20 * window);
}

TEST_CASE("streams take turns, and what steers them goes first", "[streams]") {
    stream_side a(true);
    stream_side b(false);
    auto& bulk = open_one(a, "bulk");
    auto& small = open_one(a, "small");
    REQUIRE(bulk.write_ready(pattern(window)) == window);
    REQUIRE(small.write_ready(pattern(100)) == 100);
    auto& late = open_one(a, "late");
    std::vector<std::pair<wire::frame_kind, std::uint32_t>> order;
    while (auto one = next_frame(a, false)) order.emplace_back(one->piece.kind, one->piece.channel);
    using wire::frame_kind;
    REQUIRE(order.size() == 8);
    for (std::size_t i = 0; i < 3; ++i) CHECK(order[i].first == frame_kind::stream_open);
    CHECK(order[3] == std::pair(frame_kind::stream_data, bulk.channel()));
    CHECK(order[4] == std::pair(frame_kind::stream_data, small.channel()));
    for (std::size_t i = 5; i < 8; ++i) CHECK(order[i] == std::pair(frame_kind::stream_data, bulk.channel()));
    CHECK(late.channel() == 5);
}

TEST_CASE("a frame fits the room that it is given, or waits", "[streams]") {
    for (const bool with_offsets : {false, true}) {
        stream_side a(true);
        auto& mine = open_one(a, "echo/1");
        REQUIRE(mine.write_ready(pattern(100)) == 100);
        const std::size_t open_size = 8 + 8 + 6;
        CHECK_FALSE(next_frame(a, with_offsets, open_size - 1));
        REQUIRE(next_frame(a, with_offsets, open_size));
        const std::size_t head = with_offsets ? 16 : 8;
        CHECK_FALSE(next_frame(a, with_offsets, head));
        const auto one = next_frame(a, with_offsets, head + 1);
        REQUIRE(one);
        CHECK(one->piece.size == 1);
        REQUIRE(mine.finish_now());
        REQUIRE(next_frame(a, with_offsets, head + 99));
        CHECK_FALSE(next_frame(a, with_offsets, 15));
        CHECK(next_frame(a, with_offsets, 16)->piece.kind == wire::frame_kind::stream_end);
        CHECK_FALSE(a.set->has_output());
    }
}

TEST_CASE("a reset breaks both directions off, with its code", "[streams]") {
    stream_side a(true);
    stream_side b(false);
    auto& mine = open_one(a);
    const auto kept = mine.shared_from_this();
    REQUIRE(mine.write_ready(pattern(100)) == 100);
    REQUIRE(pump(a, b));
    auto& theirs = *b.opened.front();
    REQUIRE(theirs.write_ready(pattern(window)) == window);
    theirs.reset(77);
    CHECK(error_of_read(theirs) == errc::closed);
    CHECK(error_of_write(theirs) == errc::closed);
    REQUIRE(mine.write_ready(pattern(window - 100)) == window - 100);
    REQUIRE(pump(a, b));
    CHECK(error_of_read(mine) == errc::stream_reset);
    CHECK(error_of_write(mine) == errc::stream_reset);
    CHECK(mine.reset_code() == 77);
    CHECK(theirs.reset_code() == 77);
    CHECK(a.broken == 1);
    CHECK(a.set->size() == 0);
    CHECK(b.set->size() == 0);
    // What was sent in vain weighs on no window.
    for (int i = 0; i < 40; ++i) {
        auto& other = open_one(a);
        REQUIRE(other.write_ready(pattern(window)) == window);
        if (i % 2 == 0) REQUIRE(pump(a, b));
        other.reset(1);
        REQUIRE(pump(a, b));
    }
    auto& last = open_one(a);
    REQUIRE(last.write_ready(pattern(window)) == window);
    REQUIRE(pump(a, b));
    CHECK(read_all(*b.opened.back()).size() == window);
}

TEST_CASE("a service that is not there, and one stream too many, are told to the opener", "[streams]") {
    stream_side a(true);
    stream_side b(false);
    b.accepts = false;
    auto& mine = open_one(a);
    const auto kept = mine.shared_from_this();
    REQUIRE(pump(a, b));
    b.opened.front()->reset(number(wire::stream_code::no_service));
    REQUIRE(pump(a, b));
    CHECK(error_of_read(mine) == errc::no_service);

    auto few = stream_side::usual();
    few.streams_max = 2;
    stream_side c(false, few);
    stream_side d(true);
    std::vector<std::shared_ptr<detail::stream_state>> opened;
    for (int i = 0; i < 3; ++i) opened.push_back(open_one(d).shared_from_this());
    REQUIRE(pump(d, c));
    CHECK(c.opened.size() == 2);
    CHECK(error_of_write(*opened[1]) == std::error_code());
    CHECK(error_of_write(*opened[2]) == errc::too_many_streams);
    opened[0]->reset(1);
    REQUIRE(pump(d, c));
    opened.push_back(open_one(d).shared_from_this());
    REQUIRE(pump(d, c));
    CHECK(error_of_write(*opened[3]) == std::error_code());

    stream_side own(true, few);
    (void)open_one(own);
    (void)open_one(own);
    CHECK(own.set->open("more").error() == errc::too_many_streams);
}

TEST_CASE("who leaves a stream without its end resets it, who has said the end leaves in order", "[streams]") {
    stream_side a(true);
    stream_side b(false);
    auto& first = open_one(a);
    REQUIRE(first.write_ready(pattern(10)) == 10);
    REQUIRE(pump(a, b));
    first.abandon();
    REQUIRE(pump(a, b));
    CHECK(error_of_read(*b.opened[0]) == errc::stream_reset);
    CHECK(b.opened[0]->reset_code() == number(wire::stream_code::abandoned));

    auto& second = open_one(a);
    REQUIRE(second.write_ready(pattern(20)) == 20);
    REQUIRE(second.finish_now());
    second.abandon();
    REQUIRE(pump(a, b));
    auto& theirs = *b.opened[1];
    CHECK(read_all(theirs) == pattern(20));
    CHECK(error_of_read(theirs) == errc::end_of_stream);
    CHECK(error_of_write(theirs) == errc::stream_reset);
    REQUIRE(pump(a, b));
    CHECK(a.set->size() == 0);
    CHECK(b.set->size() == 0);

    auto& third = open_one(a);
    REQUIRE(third.write_ready(pattern(30)) == 30);
    third.leave();
    CHECK(error_of_read(third) == errc::closed);
    REQUIRE(pump(a, b));
    CHECK(read_all(*b.opened[2]) == pattern(30));
    // Nobody reads what has come whole: it is dropped, and forgotten.
    auto& fourth = open_one(a);
    REQUIRE(fourth.write_ready(pattern(30)) == 30);
    fourth.leave();
    REQUIRE(pump(a, b));
    b.opened[3]->abandon();
    REQUIRE(pump(a, b));
    CHECK(b.set->quiet());
    CHECK(b.set->size() == 0);
    CHECK(a.set->size() == 0);
}

TEST_CASE("when the session ends, what has come can still be read", "[streams]") {
    stream_side a(true);
    stream_side b(false);
    auto& mine = open_one(a);
    const auto kept = mine.shared_from_this();
    REQUIRE(mine.write_ready(pattern(100)) == 100);
    REQUIRE(pump(a, b));
    const auto theirs = b.opened.front();
    a.set->fail_all(errc::session_closed);
    b.set.reset();
    CHECK(read_all(*theirs) == pattern(100));
    CHECK(error_of_read(*theirs) == errc::session_closed);
    CHECK(error_of_write(*theirs) == errc::session_closed);
    CHECK(error_of_read(mine) == errc::session_closed);
    mine.abandon();
    theirs->abandon();
    theirs->reset(5);
    CHECK(a.set->quiet());
    CHECK_FALSE(a.set->has_output());
    // The peer does not know yet: what it still says is no sin, and opens nothing.
    const auto opened = a.opened.size();
    CHECK(say(a, wire::frame_kind::stream_data, 1, bytes(1)));
    CHECK(say(a, wire::frame_kind::stream_open, 2, opening()));
    CHECK(a.opened.size() == opened);
    CHECK(a.set->open("late").error() == errc::session_closed);
}

TEST_CASE("frames against the rules of a stream session", "[streams][hostile]") {
    using wire::frame_kind;
    const auto broke = [](const result<detail::frame_fate>& r) { return !r && r.error() == errc::protocol_violation; };
    stream_side b(false);
    REQUIRE(say(b, frame_kind::stream_open, 5, opening()));
    CHECK(broke(say(b, frame_kind::stream_open, 5, opening())));
    CHECK(broke(say(b, frame_kind::stream_open, 3, opening())));
    CHECK(broke(say(b, frame_kind::stream_open, 8, opening())));
    CHECK(broke(say(b, frame_kind::stream_data, 7, bytes(1))));
    CHECK(broke(say(b, frame_kind::stream_data, 2, bytes(1))));
    CHECK(broke(say(b, frame_kind::stream_window, 2, number_of(1))));
    CHECK(broke(say(b, frame_kind::stream_reset, 9, reset_of(1, 0))));

    CHECK(say(b, frame_kind::stream_data, 5, bytes(window)));
    CHECK(broke(say(b, frame_kind::stream_data, 5, bytes(1))));
    CHECK(broke(say(b, frame_kind::stream_end, 5, number_of(window - 1))));
    CHECK(broke(say(b, frame_kind::stream_end, 5, number_of(window + 1))));
    CHECK(say(b, frame_kind::stream_end, 5, number_of(window)));
    CHECK(broke(say(b, frame_kind::stream_end, 5, number_of(window))));
    CHECK(broke(say(b, frame_kind::stream_data, 5, bytes(1))));
    CHECK(broke(say(b, frame_kind::stream_reset, 5, reset_of(1, window - 1))));
    CHECK(say(b, frame_kind::stream_reset, 5, reset_of(1, window)));

    // On a stream that is over: a late window does no harm, bytes do.
    REQUIRE(say(b, frame_kind::stream_open, 7, opening()));
    REQUIRE(say(b, frame_kind::stream_reset, 7, reset_of(1, 0)));
    while (auto one = next_frame(b, false)) b.set->acknowledged(one->piece);
    CHECK(say(b, frame_kind::stream_window, 7, number_of(1 << 20)));
    CHECK(say(b, frame_kind::stream_reset, 7, reset_of(1, 0)));
    CHECK(broke(say(b, frame_kind::stream_data, 7, bytes(1))));
    CHECK(broke(say(b, frame_kind::stream_open, 7, opening())));
    // A datagram's bytes say where they belong.
    CHECK(broke(say(b, frame_kind::stream_data, 9, bytes(7), true)));
    CHECK(say(b, frame_kind::stream_data, 9, bytes(8), true));
}

TEST_CASE("who opens streams without end is refused, and then cut off", "[streams][hostile]") {
    stream_side b(false);
    std::uint32_t channel = 1;
    std::size_t opened = 0;
    result<detail::frame_fate> taken;
    for (; taken && opened < 10'000; channel += 2, ++opened) {
        taken = say(b, wire::frame_kind::stream_open, channel, opening());
    }
    CHECK_FALSE(taken);
    CHECK(opened == 8 + 1024 + 1);
    CHECK(b.opened.size() == 8);
    CHECK(b.set->open_streams() == 8);
    CHECK(b.set->memory() < 1'200 * 1024);
}

TEST_CASE("all streams together stay below the session's window", "[streams][hostile]") {
    auto settings = stream_side::usual();
    settings.streams_max = 100;
    stream_side b(false, settings);
    result<detail::frame_fate> taken;
    std::size_t whole = 0;
    for (std::uint32_t channel = 1; taken && whole < 100; channel += 2) {
        REQUIRE(say(b, wire::frame_kind::stream_open, channel, opening()));
        taken = say(b, wire::frame_kind::stream_data, channel, bytes(window));
        if (taken) ++whole;
    }
    CHECK(taken.error() == errc::protocol_violation);
    CHECK(whole == wire::initial_session_window / wire::initial_stream_window);
}

}  // namespace mydht::test
