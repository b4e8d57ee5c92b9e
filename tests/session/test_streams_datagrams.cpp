#include <algorithm>
#include <deque>

#include <mydht/core/random.hpp>

#include "streams.hpp"
#include "support/seed.hpp"

namespace mydht::test {

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
    const auto seed = line_seed();
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
    const auto seed = line_seed();
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

TEST_CASE("holes in the channel numbers of datagrams are bounded", "[streams][hostile]") {
    stream_side b(false);
    wire::frame what;
    what.kind = wire::frame_kind::stream_reset;
    const bytes payload(12);
    what.payload = payload;
    result<void> taken;
    std::size_t count = 0;
    for (what.channel = 3; taken && count < 5000; what.channel += 4, ++count) {
        taken = b.set->take(what, true);
        while (auto one = next_frame(b, true)) b.set->acknowledged(one->piece);
    }
    CHECK_FALSE(taken);
    CHECK(count == 1025);
    CHECK(b.set->memory() < 200 * 1024);
}

}  // namespace mydht::test
