#include <algorithm>
#include <cstdint>
#include <set>

#include <mydht/core/random.hpp>

#include "counting.hpp"
#include "session/byte_queue.hpp"
#include "session/byte_ranges.hpp"
#include "session/stream_receiving.hpp"
#include "session/stream_sending.hpp"
#include "streams.hpp"
#include "support/seed.hpp"

namespace mydht::test {

using detail::byte_queue;
using detail::byte_range;
using detail::byte_ranges;
using detail::stream_receiving;
using detail::stream_sending;

TEST_CASE("ranges join where they touch and part where something is taken out", "[streams]") {
    byte_ranges ranges;
    ranges.add({10, 20});
    ranges.add({30, 40});
    ranges.add({5, 5});
    CHECK(ranges.all() == std::vector<byte_range>{{10, 20}, {30, 40}});
    ranges.add({20, 30});
    CHECK(ranges.all() == std::vector<byte_range>{{10, 40}});
    ranges.remove({15, 18});
    CHECK(ranges.all() == std::vector<byte_range>{{10, 15}, {18, 40}});
    ranges.remove({0, 12});
    ranges.remove({39, 100});
    CHECK(ranges.all() == std::vector<byte_range>{{12, 15}, {18, 39}});
    CHECK(ranges.contains(12));
    CHECK_FALSE(ranges.contains(15));
    ranges.remove({0, 100});
    CHECK(ranges.empty());
}

TEST_CASE("ranges are the set of their numbers", "[streams][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    byte_ranges ranges;
    std::set<std::uint64_t> model;
    for (int round = 0; round < 400; ++round) {
        const auto begin = random.below(60);
        const auto end = begin + random.below(12);
        const bool adds = random.below(2) == 0;
        for (auto i = begin; i < end; ++i) {
            if (adds) {
                model.insert(i);
            } else {
                model.erase(i);
            }
        }
        adds ? ranges.add({begin, end}) : ranges.remove({begin, end});
        std::size_t size = 0;
        std::uint64_t last = 0;
        for (const auto& r : ranges.all()) {
            REQUIRE(r.begin < r.end);
            REQUIRE((size == 0 || r.begin > last));
            last = r.end;
            for (auto i = r.begin; i < r.end; ++i) REQUIRE(model.contains(i));
            size += r.end - r.begin;
        }
        REQUIRE(size == model.size());
    }
}

TEST_CASE("a byte queue gives back what went in, at its offsets", "[streams][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    byte_queue queue;
    for (int round = 0; round < 300; ++round) {
        const auto size = static_cast<std::size_t>(random.below(3000));
        queue.append(pattern(size, queue.end()));
        if (!queue.empty()) {
            const auto from = queue.begin() + random.below(queue.size());
            const auto count = static_cast<std::size_t>(random.below(queue.end() - from + 1));
            bytes copied;
            queue.copy(from, count, copied);
            REQUIRE(copied == pattern(count, from));
        }
        const auto before = queue.begin();
        bytes into(static_cast<std::size_t>(random.below(4000)));
        const auto got = queue.read(into);
        REQUIRE(got == std::min(into.size(), static_cast<std::size_t>(queue.end() - before)));
        into.resize(got);
        REQUIRE(into == pattern(got, before));
        REQUIRE(queue.begin() == before + got);
        REQUIRE(queue.memory() <= 2 * queue.size() + 64 * 1024);
    }
    queue.clear();
    CHECK(queue.memory() == 0);
    CHECK(queue.begin() == queue.end());
}

TEST_CASE("sending: bytes are kept until they are acknowledged, lost ones go first", "[streams]") {
    stream_sending sending;
    CHECK(sending.take(pattern(1000), 600) == 600);
    CHECK(sending.take(pattern(400, 600), 600) == 0);
    CHECK(sending.next(100, 0) == std::nullopt);
    CHECK(sending.next(0, 100) == std::nullopt);
    CHECK(sending.next(100, 1000) == byte_range{0, 100});
    CHECK(sending.said({0, 100}) == 100);
    CHECK(sending.next(200, 150) == byte_range{100, 250});
    CHECK(sending.said({100, 300}) == 200);
    CHECK(sending.said({300, 400}) == 100);

    sending.acknowledged({300, 400});
    CHECK(sending.kept() == 600);
    sending.lost({100, 400});
    CHECK(sending.next(1000, 0) == byte_range{100, 300});
    CHECK(sending.said({100, 150}) == 0);
    CHECK(sending.next(1000, 0) == byte_range{150, 300});
    sending.acknowledged({150, 300});
    CHECK_FALSE(sending.has_lost());
    sending.acknowledged({0, 150});
    CHECK(sending.kept() == 200);
    CHECK(sending.take(pattern(400, 600), 600) == 400);
    bytes copied;
    sending.copy({590, 610}, copied);
    CHECK(copied == pattern(20, 590));
    // What is acknowledged already is not lost any more, and what was never said cannot be either.
    sending.lost({0, 500});
    CHECK_FALSE(sending.has_lost());
    CHECK(sending.total() == 400);
}

TEST_CASE("sending: the other side's window holds fresh bytes back, and the end comes last", "[streams]") {
    stream_sending sending;
    const auto window = static_cast<std::size_t>(wire::initial_stream_window);
    CHECK(sending.take(pattern(window + 10), 1 << 20) == window + 10);
    sending.finish();
    CHECK(sending.next(1 << 20, 1 << 20) == byte_range{0, window});
    sending.said({0, window});
    CHECK_FALSE(sending.has_fresh());
    CHECK_FALSE(sending.end_due());
    sending.raise_limit(window + 20);
    sending.raise_limit(5);
    CHECK(sending.next(1 << 20, 1 << 20) == byte_range{window, window + 10});
    sending.said({window, window + 10});
    CHECK(sending.end_due());
    sending.end_said();
    CHECK_FALSE(sending.end_due());
    sending.end_lost();
    CHECK(sending.end_due());
    sending.end_said();
    sending.end_acknowledged();
    CHECK_FALSE(sending.all_acknowledged());
    sending.acknowledged({0, window + 10});
    CHECK(sending.all_acknowledged());
    CHECK(sending.memory() == 0);
}

namespace {

bytes drain(stream_receiving& from) {
    bytes out(1 << 20);
    out.resize(from.read(out));
    return out;
}

}  // namespace

TEST_CASE("receiving: bytes come in any order, more than once, and are read in theirs", "[streams]") {
    stream_receiving receiving(1 << 20);
    CHECK(receiving.take(100, pattern(50, 100)) == 150);
    CHECK_FALSE(receiving.readable());
    CHECK(receiving.take(120, pattern(100, 120)) == 70);
    CHECK(receiving.take(300, pattern(10, 300)) == 90);
    CHECK(receiving.take(90, pattern(230, 90)) == 10);
    CHECK(receiving.take(0, pattern(90)) == 0);
    CHECK(drain(receiving) == pattern(320));
    CHECK(receiving.take(0, pattern(320)) == 0);
    CHECK_FALSE(receiving.readable());
    CHECK(receiving.end(321) == 1);
    CHECK(receiving.end(321) == 0);
    CHECK_FALSE(receiving.ended());
    CHECK(receiving.take(310, pattern(11, 310)) == 0);
    CHECK(drain(receiving) == pattern(1, 320));
    CHECK(receiving.ended());
}

TEST_CASE("receiving: each wrong step breaks the protocol, the one before it does not", "[streams]") {
    const auto window = wire::initial_stream_window;
    stream_receiving receiving(1 << 20);
    CHECK(receiving.take(window - 1, bytes(1)) == window);
    CHECK(receiving.take(window, bytes()) == 0);
    CHECK(receiving.take(window, bytes(1)).error() == errc::protocol_violation);
    CHECK(receiving.take(~std::uint64_t{0}, bytes(2)).error() == errc::protocol_violation);
    CHECK(receiving.end(window - 1).error() == errc::protocol_violation);
    CHECK(receiving.end(window + 1).error() == errc::protocol_violation);
    CHECK(receiving.end(window) == 0);
    CHECK(receiving.end(window - 1).error() == errc::protocol_violation);

    stream_receiving early(1 << 20);
    CHECK(early.end(100) == 100);
    CHECK(early.take(90, bytes(10)) == 0);
    CHECK(early.take(90, bytes(11)).error() == errc::protocol_violation);
}

TEST_CASE("receiving: single bytes behind gaps cost no more than the window that they lie in", "[streams][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    const auto window = wire::initial_stream_window;
    const auto step = 1 + random.below(3);
    stream_receiving receiving(window);
    std::vector<std::uint64_t> order;
    for (std::uint64_t i = 1; i < window; i += step) order.push_back(i);
    for (auto i = order.size(); i > 1; --i) std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(i))]);
    const auto before = live_bytes();
    std::size_t cost = 0;
    for (const auto at : order) {
        cost += receiving.cost(at, 1);
        REQUIRE(receiving.take(at, pattern(1, at)));
        REQUIRE(receiving.memory() == cost);
    }
    const auto bound = static_cast<std::size_t>(window) * 5 / 4;
    CHECK(receiving.memory() < bound);
    CHECK(live_bytes() - before < static_cast<std::int64_t>(bound + order.capacity()));
    REQUIRE(receiving.take(0, pattern(static_cast<std::size_t>(window))));
    CHECK(drain(receiving) == pattern(static_cast<std::size_t>(window)));
    CHECK(receiving.memory() == 0);
}

TEST_CASE("receiving: what a piece costs is known before it is taken", "[streams][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 20; ++round) {
        stream_receiving receiving(1 << 20);
        for (int i = 0; i < 300; ++i) {
            const auto size = static_cast<std::size_t>(1 + random.below(random.below(4) == 0 ? 4000 : 30));
            const auto at = random.below(wire::initial_stream_window - size);
            const auto before = receiving.memory();
            const auto joins = receiving.next() >= at;
            const auto cost = receiving.cost(at, size);
            REQUIRE(receiving.take(at, pattern(size, at)));
            if (!joins) REQUIRE(receiving.memory() == before + cost);
            REQUIRE(receiving.memory() < 2 * wire::initial_stream_window + 32 * 1024);
            bytes into(static_cast<std::size_t>(random.below(2000)));
            const auto begin = receiving.consumed();
            const auto got = receiving.read(into);
            REQUIRE(bytes_view(into).first(got).size() == receiving.consumed() - begin);
            into.resize(got);
            REQUIRE(into == pattern(got, begin));
        }
    }
}

TEST_CASE("receiving: the window follows the reader and grows up to its maximum", "[streams]") {
    const auto first = wire::initial_stream_window;
    stream_receiving receiving(3 * first);
    REQUIRE(receiving.take(0, bytes(first)));
    CHECK_FALSE(receiving.window_due());
    bytes into(first / 2);
    CHECK(receiving.read(bytes_span(into).first(into.size() - 1)) == first / 2 - 1);
    CHECK_FALSE(receiving.window_due());
    CHECK(receiving.read(bytes_span(into).first(1)) == 1);
    CHECK(receiving.window_due());
    CHECK(receiving.next_window() == first / 2 + 2 * first);
    CHECK_FALSE(receiving.window_due());
    CHECK(receiving.next_window() == first / 2 + 2 * first);
    REQUIRE(receiving.take(first, bytes(first)));
    (void)drain(receiving);
    CHECK(receiving.next_window() == 2 * first + 3 * first);
    REQUIRE(receiving.end(2 * first));
    CHECK_FALSE(receiving.window_due());
}

TEST_CASE("receiving: what is discarded is free at once", "[streams]") {
    stream_receiving receiving(1 << 20);
    REQUIRE(receiving.take(0, bytes(100)));
    REQUIRE(receiving.take(200, bytes(100)));
    bytes into(40);
    CHECK(receiving.read(into) == 40);
    CHECK(receiving.discard() == 260);
    CHECK(receiving.discard() == 0);
    CHECK(receiving.memory() == 0);
    CHECK(receiving.take(300, bytes(10)) == 10);
    CHECK(receiving.memory() == 0);
    CHECK_FALSE(receiving.readable());
    CHECK(receiving.end(400) == 90);
    CHECK_FALSE(receiving.ended());
}

TEST_CASE("receiving: whatever the order, the reader sees the bytes", "[streams][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 10; ++round) {
        stream_receiving receiving(1 << 20);
        constexpr std::uint64_t total = 4000;
        std::uint64_t highest = 0;
        bytes read;
        while (!receiving.ended()) {
            const auto begin = random.below(total);
            const auto size = random.below(std::min<std::uint64_t>(400, total - begin)) + 1;
            const auto grown = receiving.take(begin, pattern(static_cast<std::size_t>(size), begin));
            REQUIRE(grown);
            REQUIRE(*grown == std::max(highest, begin + size) - highest);
            highest += *grown;
            if (random.below(20) == 0) {
                const auto ended = receiving.end(total);
                REQUIRE(ended);
                highest += *ended;
            }
            const auto part = drain(receiving);
            read.insert(read.end(), part.begin(), part.end());
        }
        REQUIRE(read == pattern(total));
        REQUIRE(highest == total);
    }
}

}  // namespace mydht::test
