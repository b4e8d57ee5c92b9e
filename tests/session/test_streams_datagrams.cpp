#include <algorithm>
#include <deque>

#include <mydht/core/random.hpp>

#include "streams.hpp"
#include "support/seed.hpp"

namespace mydht::test {

using namespace std::chrono_literals;

namespace {

/// Two ends and a network that drops, repeats and reorders. What was dropped is told to the sender as lost.
class lossy_pair {
public:
    lossy_pair(std::uint64_t seed, std::uint64_t loss_percent) : random_(seed), loss_percent_(loss_percent) {}

    stream_side a{true};
    stream_side b{false};

    /// Until neither side has anything to say and nothing is under way.
    void run() {
        for (bool moved = true; moved;) {
            moved = step(a, b, to_b_);
            moved = step(b, a, to_a_) || moved;
        }
    }

private:
    using frames = std::deque<said_frame>;

    bool step(stream_side& from, stream_side& to, frames& way) {
        bool moved = false;
        for (int i = 0; i < 4; ++i) {
            auto one = next_frame(from, true, 1000);
            if (!one) break;
            moved = true;
            if (random_.below(100) < loss_percent_) {
                from.set->lost(one->piece);
                // Late, and not lost at all.
                if (random_.below(2) == 0) way.push_back(std::move(*one));
                continue;
            }
            if (random_.below(10) == 0) way.push_back(*one);
            way.insert(way.begin() + static_cast<std::ptrdiff_t>(random_.below(way.size() + 1)), std::move(*one));
        }
        for (int i = 0; i < 3 && !way.empty(); ++i) {
            const auto one = std::move(way.front());
            way.pop_front();
            REQUIRE(give(to, one, true));
            from.set->acknowledged(one.piece);
            moved = true;
        }
        return moved;
    }

    prng random_;
    std::uint64_t loss_percent_;
    frames to_a_;
    frames to_b_;
};

}  // namespace

TEST_CASE("over datagrams that get lost, repeated and reordered, streams carry their bytes", "[streams][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    const auto loss = GENERATE(0, 10, 40);
    CAPTURE(loss);
    lossy_pair net(seed, static_cast<std::uint64_t>(loss));
    std::vector<std::shared_ptr<detail::stream_state>> mine;
    for (int i = 0; i < 4; ++i) mine.push_back(open_one(net.a).shared_from_this());
    constexpr std::size_t total = 150'000;
    std::vector<std::size_t> written(mine.size());
    std::vector<bytes> read(mine.size());
    const auto data = pattern(total);
    for (bool more = true; more;) {
        more = false;
        for (std::size_t i = 0; i < mine.size(); ++i) {
            if (written[i] == total) continue;
            more = true;
            const auto taken = mine[i]->write_ready(
                bytes_view(data).subspan(written[i], std::min<std::size_t>(30'000, total - written[i])));
            REQUIRE(taken);
            written[i] += *taken;
            if (written[i] == total) REQUIRE(mine[i]->finish_now());
        }
        net.run();
        REQUIRE(net.b.opened.size() == mine.size());
        for (const auto& one : net.b.opened) {
            auto& into = read[(one->channel() - 1) / 2];
            const auto part = read_all(*one);
            into.insert(into.end(), part.begin(), part.end());
        }
    }
    net.run();
    for (const auto& one : net.b.opened) {
        auto& into = read[(one->channel() - 1) / 2];
        const auto part = read_all(*one);
        into.insert(into.end(), part.begin(), part.end());
        CHECK(into == data);
        CHECK(error_of_read(*one) == errc::end_of_stream);
        REQUIRE(one->finish_now());
    }
    net.run();
    for (const auto& one : mine) CHECK(error_of_read(*one) == errc::end_of_stream);
    CHECK(net.a.set->size() == 0);
    CHECK(net.b.set->size() == 0);
}

TEST_CASE("over such datagrams many short streams and resets leave nothing behind", "[streams][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed ^ 1);
    lossy_pair net(seed, 30);
    for (int round = 0; round < 300; ++round) {
        auto made = net.a.set->open("s/1");
        if (!made) {
            net.run();
            continue;
        }
        REQUIRE((*made)->write_ready(pattern(static_cast<std::size_t>(random.below(30'000)))));
        switch (random.below(4)) {
            case 0: (*made)->reset(9); break;
            case 1: (*made)->leave(); break;
            case 2: (*made)->abandon(); break;
            default: net.run(); (*made)->leave();
        }
        if (random.below(3) != 0) continue;
        net.run();
        for (auto& one : net.b.opened) {
            (void)read_all(*one);
            one->leave();
        }
        net.b.opened.clear();
    }
    for (int i = 0; i < 3; ++i) {
        net.run();
        for (auto& one : net.b.opened) one->leave();
    }
    net.run();
    CHECK(net.a.set->size() == 0);
    CHECK(net.b.set->size() == 0);
    // All windows are as good as new.
    net.b.opened.clear();
    const auto window = static_cast<std::size_t>(wire::initial_stream_window);
    std::vector<std::shared_ptr<detail::stream_state>> mine;
    for (std::size_t i = 0; i < 8; ++i) {
        mine.push_back(open_one(net.a).shared_from_this());
        REQUIRE(mine.back()->write_ready(pattern(window)) == window);
    }
    net.run();
    for (const auto& one : net.b.opened) CHECK(read_all(*one) == pattern(window));
}

TEST_CASE("bytes that overtake the frame that opens their stream wait for it", "[streams]") {
    stream_side a(true);
    stream_side b(false);
    auto& first = open_one(a, "first");
    auto& second = open_one(a, "second");
    REQUIRE(second.write_ready(pattern(10)) == 10);
    REQUIRE(second.finish_now());
    const auto open_first = next_frame(a, true);
    const auto open_second = next_frame(a, true);
    const auto data = next_frame(a, true);
    const auto end = next_frame(a, true);
    REQUIRE((open_first && open_second && data && end));
    for (const auto* one : {&*data, &*end, &*data}) REQUIRE(give(b, *one, true));
    CHECK(b.opened.empty());
    CHECK(b.set->size() == 1);
    REQUIRE(give(b, *open_second, true));
    REQUIRE(give(b, *open_second, true));
    REQUIRE(b.opened.size() == 1);
    CHECK(b.opened.front()->service() == "second");
    CHECK(read_all(*b.opened.front()) == pattern(10));
    REQUIRE(give(b, *open_first, true));
    REQUIRE(b.opened.size() == 2);
    CHECK(b.opened.back()->service() == "first");
    CHECK(first.channel() == 1);
}

TEST_CASE("a stream that has come whole before the frame that opens it is served all the same", "[streams]") {
    const bool empty = GENERATE(false, true);
    stream_side a(true);
    stream_side b(false);
    auto& mine = open_one(a, "late");
    if (!empty) REQUIRE(mine.write_ready(pattern(10)) == 10);
    mine.leave();
    const auto open = next_frame(a, true);
    REQUIRE(open->piece.kind == wire::frame_kind::stream_open);
    // Everything else arrives: bytes, the end, and then that nobody reads an answer.
    for (auto one = next_frame(a, true); one; one = next_frame(a, true)) {
        REQUIRE(give(b, *one, true));
        a.set->acknowledged(one->piece);
        while (auto back = next_frame(b, true)) {
            REQUIRE(give(a, *back, true));
            b.set->acknowledged(back->piece);
        }
    }
    CHECK(b.opened.empty());
    CHECK(b.set->size() == 1);
    // The opener knows the stream until the other side does.
    REQUIRE(a.set->size() == 1);
    a.set->lost(open->piece);
    const auto again = next_frame(a, true);
    REQUIRE(again);
    CHECK(again->piece.kind == wire::frame_kind::stream_open);
    REQUIRE(give(b, *again, true));
    a.set->acknowledged(again->piece);
    CHECK(a.set->size() == 0);
    REQUIRE(b.opened.size() == 1);
    CHECK(b.opened.front()->service() == "late");
    CHECK(read_all(*b.opened.front()) == pattern(empty ? 0 : 10));
    CHECK(error_of_read(*b.opened.front()) == errc::end_of_stream);
    b.opened.front()->leave();
    CHECK(b.set->size() == 0);
    // What is still under way of it opens no other one.
    REQUIRE(give(b, *open, true));
    CHECK(b.opened.size() == 1);
}

namespace {

/// A frame in a datagram of a peer that goes by its own rules.
result<detail::frame_fate> say(stream_side& to, wire::frame_kind kind, std::uint32_t channel, const bytes& payload) {
    wire::frame what;
    what.kind = kind;
    what.channel = channel;
    what.payload = payload;
    return to.set->take(what, true);
}

bytes data_at(std::uint64_t offset, std::size_t size) {
    bytes out;
    for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(offset >> (8 * i)));
    const auto rest = pattern(size, static_cast<std::size_t>(offset));
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}

bytes opening() {
    auto out = data_at(wire::initial_stream_window, 0);
    const auto name = as_bytes("echo/1");
    out.insert(out.end(), name.begin(), name.end());
    return out;
}

constexpr auto refused = detail::frame_fate::refused;
constexpr auto taken = detail::frame_fate::taken;

}  // namespace

TEST_CASE("holes in the channel numbers of datagrams are bounded: what makes one more comes again",
          "[streams][hostile]") {
    stream_side b(false);
    const bytes reset(12);
    std::uint32_t channel = 3;
    for (int i = 0; i < 1024; ++i, channel += 4) {
        REQUIRE(say(b, wire::frame_kind::stream_reset, channel, reset) == taken);
        while (auto one = next_frame(b, true)) b.set->acknowledged(one->piece);
    }
    CHECK(say(b, wire::frame_kind::stream_reset, channel, reset) == refused);
    CHECK(say(b, wire::frame_kind::stream_open, channel, opening()) == refused);
    CHECK(b.events[detail::stream_event::frame_refused] == 2);
    CHECK(b.set->memory() < 200 * 1024);
    // The next in order makes none, and one that fills a hole makes room.
    CHECK(say(b, wire::frame_kind::stream_open, channel - 2, opening()) == taken);
    CHECK(say(b, wire::frame_kind::stream_open, 1, opening()) == taken);
    CHECK(say(b, wire::frame_kind::stream_open, channel + 2, opening()) == taken);
    CHECK(b.opened.size() == 3);
}

TEST_CASE("channels that were not opened are bounded in number and in what they hold", "[streams][hostile]") {
    auto settings = stream_side::usual();
    settings.streams_max = 1024;
    stream_side b(false, settings);
    const auto window = static_cast<std::size_t>(wire::initial_stream_window);
    std::uint32_t channel = 1;
    for (int i = 0; i < 64; ++i, channel += 2) {
        REQUIRE(say(b, wire::frame_kind::stream_data, channel, data_at(0, 1)) == taken);
    }
    CHECK(say(b, wire::frame_kind::stream_data, channel, data_at(0, 1)) == refused);
    CHECK(say(b, wire::frame_kind::stream_end, channel, bytes(8)) == refused);
    // Opened, one of them makes room for another.
    CHECK(say(b, wire::frame_kind::stream_open, 1, opening()) == taken);
    CHECK(say(b, wire::frame_kind::stream_data, channel, data_at(0, 1)) == taken);
    bool full = false;
    std::size_t sent = 0;
    for (std::uint32_t of = 3; of < 30 && !full; of += 2) {
        for (std::size_t at = 0; at < window && !full; at += 1000, sent += 1000) {
            const auto fate =
                say(b, wire::frame_kind::stream_data, of, data_at(at, std::min<std::size_t>(1000, window - at)));
            REQUIRE(fate);
            full = *fate == refused;
        }
    }
    CHECK(full);
    CHECK(sent > 128 * 1024);
    CHECK(sent <= 256 * 1024);
    CHECK(b.account().held(detail::stream_side_of::receiving) <
          256 * 1024 + 66 * detail::stream_state::bytes_each + 16 * 1024);
    // What is opened has the window's room.
    CHECK(say(b, wire::frame_kind::stream_data, 1, data_at(0, window)) == taken);
    CHECK(read_all(*b.opened.front()) == pattern(window));
}

TEST_CASE("a frame for which there is no memory is refused, and taken when it comes again and there is",
          "[streams][hostile]") {
    constexpr std::size_t total = 8 * 64 * 1024;
    stream_side b(false, stream_side::usual(),
                  stream_side::some_memory(std::make_shared<manual_clock>(), total, total));
    REQUIRE(say(b, wire::frame_kind::stream_open, 1, opening()) == taken);
    std::uint64_t end = 0;
    result<detail::frame_fate> fate = taken;
    while (fate == taken) {
        fate = say(b, wire::frame_kind::stream_data, 1, data_at(end, 1000));
        if (fate == taken) end += 1000;
    }
    REQUIRE(fate == refused);
    CHECK(end > 24 * 1024);
    CHECK(b.account().held(detail::stream_side_of::receiving) <= total / detail::stream_memory::shares);
    // Breaking the rules is that, whatever room there is.
    CHECK(say(b, wire::frame_kind::stream_data, 1, data_at(wire::initial_stream_window, 1)).error() ==
          errc::protocol_violation);
    CHECK(read_all(*b.opened.front()) == pattern(static_cast<std::size_t>(end)));
    CHECK(say(b, wire::frame_kind::stream_data, 1, data_at(end, 1000)) == taken);
    CHECK(read_all(*b.opened.front()) == pattern(1000, static_cast<std::size_t>(end)));
    CHECK(b.events[detail::stream_event::frame_refused] == 1);
}

TEST_CASE("a reader that sleeps keeps the memory of a node for a while, then its stream is broken off",
          "[streams][hostile]") {
    constexpr std::size_t total = 8 * 64 * 1024;
    const auto time = std::make_shared<manual_clock>();
    const auto memory = stream_side::some_memory(time, total, total);
    std::vector<std::unique_ptr<stream_side>> sessions;
    // Nine sessions: eight that nobody reads from use up their shares, and so the whole.
    for (int i = 0; i < 9; ++i) {
        auto& one = *sessions.emplace_back(std::make_unique<stream_side>(false, stream_side::usual(), memory));
        REQUIRE(say(one, wire::frame_kind::stream_open, 1, opening()) == taken);
        if (i == 8) continue;
        REQUIRE(say(one, wire::frame_kind::stream_data, 1, data_at(0, 500)) == taken);
        // Behind a gap, so that it can be counted to the block.
        for (std::uint64_t at = 1024; at < wire::initial_stream_window; at += 1024) {
            REQUIRE(say(one, wire::frame_kind::stream_data, 1, data_at(at, 1)));
        }
    }
    auto& late = *sessions.back();
    CHECK(memory->used(detail::stream_side_of::receiving) <= total);
    // One of them is read from, a little at a time.
    auto& reader = *sessions.front()->opened.front();
    bytes one(1);
    for (int second = 0; second < 9; ++second) {
        time->advance(1s);
        REQUIRE(reader.read_ready(one) == 1);
        REQUIRE(say(late, wire::frame_kind::stream_data, 1, data_at(1, 20'000)) == refused);
    }
    time->advance(3s);
    CHECK_FALSE(reader.broken());
    for (std::size_t i = 1; i < 8; ++i) {
        CHECK(sessions[i]->opened.front()->broken() == errc::closed);
        CHECK(sessions[i]->opened.front()->reset_code() == static_cast<std::uint32_t>(wire::stream_code::no_room));
        CHECK(sessions[i]->events[detail::stream_event::stream_dropped] == 1);
    }
    CHECK(say(late, wire::frame_kind::stream_data, 1, data_at(1, 20'000)) == taken);
}

TEST_CASE("on a connection, where nothing comes again, a stream without memory is broken off", "[streams][hostile]") {
    constexpr std::size_t total = 8 * 64 * 1024;
    stream_side b(false, stream_side::usual(),
                  stream_side::some_memory(std::make_shared<manual_clock>(), total, total));
    wire::frame what;
    what.kind = wire::frame_kind::stream_open;
    what.channel = 1;
    const auto open = opening();
    what.payload = open;
    REQUIRE(b.set->take(what, false));
    what.kind = wire::frame_kind::stream_data;
    const bytes part(1024);
    what.payload = part;
    for (std::uint64_t at = 0; at < wire::initial_stream_window; at += part.size())
        REQUIRE(b.set->take(what, false) == taken);
    CHECK(b.events[detail::stream_event::stream_dropped] == 1);
    CHECK(b.opened.front()->reset_code() == static_cast<std::uint32_t>(wire::stream_code::no_room));
    CHECK(b.account().held(detail::stream_side_of::receiving) < 4096);
    // The window is still the window.
    CHECK(b.set->take(what, false).error() == errc::protocol_violation);
}

TEST_CASE("writers wait when the session's share of the memory is used up, and go on when it is not",
          "[streams][hostile]") {
    constexpr std::size_t total = 8 * 64 * 1024;
    const auto time = std::make_shared<manual_clock>();
    stream_side a(true, stream_side::usual(), stream_side::some_memory(time, total, total));
    std::vector<std::shared_ptr<detail::stream_state>> writers;
    std::size_t written = 0;
    for (int i = 0; i < 8; ++i) {
        writers.push_back(a.set->open("hold/1").value());
        for (auto more = writers.back()->write_ready(bytes(8'000)); *more > 0;
             more = writers.back()->write_ready(bytes(8'000))) {
            written += *more;
        }
    }
    CHECK(written > 32 * 1024);
    CHECK(a.account().held(detail::stream_side_of::sending) < total / detail::stream_memory::shares + 16 * 1024);
    CHECK(writers.back()->write_ready(bytes(1)) == 0);
    // The first ones arrive.
    std::vector<said_frame> under_way;
    while (auto one = next_frame(a, true)) under_way.push_back(std::move(*one));
    for (const auto& one : under_way) a.set->acknowledged(one.piece);
    CHECK(writers.back()->write_ready(bytes(1)) == 1);
    // Nobody grants a window to what is written now, so nothing moves.
    for (const auto& each : writers) (void)each->write_ready(bytes(128 * 1024));
    time->advance(9s);
    CHECK_FALSE(writers.front()->broken());
    time->advance(4s);
    CHECK(writers.front()->broken());
    CHECK(a.account().held(detail::stream_side_of::sending) < 64 * 1024);
}

}  // namespace mydht::test
