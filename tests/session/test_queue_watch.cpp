#include <optional>

#include "session/queue_watch.hpp"
#include "support/catch.hpp"

namespace mydht::test {

using namespace std::chrono_literals;
using detail::queue_watch;

namespace {

constexpr std::size_t packet_bytes = 1'000;
/// Packets under way at a time, so also acks of a round.
constexpr std::uint64_t ahead = 20;

/// A way that has been seen to take 40 ms, and a sender whose window is full.
struct way {
    explicit way(bool slow_start_ = false) : slow_start(slow_start_) {
        REQUIRE_FALSE(sample(40ms));
        REQUIRE_FALSE(round(40ms));
        REQUIRE_FALSE(watch.tries());
    }

    std::optional<std::size_t> sample(duration trip) {
        const auto out = watch.take({.round_trip = trip,
                                     .number = number,
                                     .next = number + ahead,
                                     .in_flight = flight,
                                     .window = window,
                                     .packet_bytes = packet_bytes,
                                     .slow_start = slow_start,
                                     .now = now});
        ++number;
        now += 2ms;
        if (out) {
            window = *out;
            slow_start = false;
        }
        return out;
    }
    /// All acks of a round, the last of which ends it.
    std::optional<std::size_t> round(duration trip) {
        for (std::uint64_t i = 1; i < ahead; ++i) {
            if (const auto out = sample(trip)) return out;
        }
        return sample(trip);
    }
    /// The acks of packets that had left before a trial began, and the first of one that left in it.
    void change(duration before, duration after) {
        for (std::uint64_t i = 1; i < ahead; ++i) REQUIRE_FALSE(sample(before));
        REQUIRE_FALSE(sample(after));
    }
    /// Two long rounds, and with them a trial.
    void suspect(duration trip) {
        REQUIRE_FALSE(round(trip));
        REQUIRE_FALSE(watch.tries());
        REQUIRE_FALSE(round(trip));
        REQUIRE(watch.tries());
    }
    /// A trial in which the way takes so long, and not less.
    void try_in_vain(duration trip) {
        change(trip, trip);
        REQUIRE_FALSE(round(trip));
        REQUIRE_FALSE(watch.tries());
    }

    /// A trial in which the excess goes away.
    void try_well(duration before, duration trip) {
        change(before, trip);
        REQUIRE_FALSE(round(trip));
        REQUIRE(watch.tries());
        REQUIRE_FALSE(round(trip));
        REQUIRE_FALSE(watch.tries());
    }
    /// The whole window is under way again: what the packets of the trial took, and a round of others, say nothing yet.
    void fill(duration trip) {
        change(trip, trip);
        REQUIRE_FALSE(round(trip));
        REQUIRE_FALSE(watch.tries());
    }
    /// A queue of others that came and went at the wrong moments.
    void cut(duration usual, duration trip) {
        suspect(trip);
        try_well(trip, usual);
        fill(trip);
        REQUIRE(round(trip));
        REQUIRE_FALSE(watch.tries());
    }

    queue_watch watch;
    std::uint64_t number = 0;
    std::size_t flight = 88'000;
    std::size_t window = 100'000;
    bool slow_start;
    steady_time now{1h};
};

}  // namespace

TEST_CASE("slow start is doubted when eight acks of a round took an eighth longer than the least", "[queue_watch]") {
    way w(true);
    for (int i = 0; i < 7; ++i) CHECK_FALSE(w.sample(45ms));
    CHECK_FALSE(w.watch.tries());
    CHECK_FALSE(w.sample(45ms));
    // Of 88,000 bytes that took 45 ms, three quarters of those that take 42.
    CHECK(w.watch.bound() == 88'000U * 42 / 45 / 4 * 3);
    SECTION("and ends when the excess goes away for two rounds") {
        w.change(45ms, 42'500us);
        CHECK_FALSE(w.round(42'500us));
        CHECK(w.watch.tries());
        CHECK(w.round(42'500us) == 88'000U * 44 / 45);
        CHECK_FALSE(w.watch.tries());
    }
    SECTION("and goes on when more than half of it stays") {
        w.change(45ms, 42'501us);
        CHECK_FALSE(w.round(42'501us));
        CHECK_FALSE(w.watch.tries());
        CHECK(w.slow_start);
        CHECK(w.window == 100'000);
    }
    SECTION("and goes on when the second round shows it again") {
        w.change(45ms, 42'500us);
        CHECK_FALSE(w.round(41ms));
        CHECK_FALSE(w.round(43ms));
        CHECK_FALSE(w.watch.tries());
        CHECK(w.slow_start);
        CHECK(w.window == 100'000);
    }
}

TEST_CASE("a little less than an eighth is not enough, and neither is a round with one short trip", "[queue_watch]") {
    way w(true);
    CHECK_FALSE(w.round(45ms - 1us));
    CHECK_FALSE(w.sample(42ms));
    for (int i = 0; i < 19; ++i) CHECK_FALSE(w.sample(80ms));
    CHECK_FALSE(w.watch.tries());
}

TEST_CASE("two rounds of more than eight milliseconds in the queue are tried, and a queue of ours is shortened",
          "[queue_watch]") {
    way w;
    for (int i = 0; i < 4; ++i) CHECK_FALSE(w.round(48ms));
    CHECK_FALSE(w.watch.tries());
    // One is chance.
    CHECK_FALSE(w.round(55ms));
    CHECK_FALSE(w.round(48ms));
    CHECK_FALSE(w.round(55ms));
    CHECK_FALSE(w.watch.tries());
    CHECK_FALSE(w.round(64ms));
    CHECK(w.watch.bound() == 88'000U * 42 / 64);
    // Half of the 15 ms of the shorter one is gone.
    w.try_well(64ms, 47ms);
    SECTION("when they are back with the window") {
        w.fill(47ms);
        CHECK(w.round(48ms) == 88'000U * 44 / 64);
        CHECK_FALSE(w.watch.tries());
    }
    SECTION("and left alone when they are not") {
        w.fill(80ms);
        CHECK_FALSE(w.round(47'500us));
        CHECK_FALSE(w.watch.tries());
        CHECK(w.window == 100'000);
        // And 40 ms are still usual.
        CHECK_FALSE(w.round(48ms));
        w.suspect(49ms);
    }
}

TEST_CASE("what was sent before a trial began says nothing about it", "[queue_watch]") {
    way w;
    w.suspect(55ms);
    w.try_well(90ms, 42ms);
    w.fill(42ms);
    CHECK(w.round(55ms) == 88'000U * 44 / 55);
}

TEST_CASE("a cut is undone when the excess is seen again with little under way", "[queue_watch]") {
    way w;
    w.cut(40ms, 80ms);
    REQUIRE(w.window == 88'000U * 44 / 80);
    // Of what was under way when it took so long, not of the window.
    const auto half_way = w.window + (88'000U - w.window) / 2;
    w.flight = half_way;
    w.change(80ms, 40ms);
    SECTION("at once, and for three quarters of it") {
        CHECK_FALSE(w.round(70ms - 1us));
        CHECK(w.round(70ms) == 100'000U);
        SECTION("and once only") {
            CHECK_FALSE(w.round(80ms));
            CHECK_FALSE(w.round(80ms));
            CHECK(w.watch.tries());
        }
    }
    SECTION("also when the window has grown since") {
        for (int i = 0; i < 10; ++i) {
            w.window += packet_bytes;
            CHECK_FALSE(w.round(45ms));
        }
        CHECK(w.round(80ms) == 100'000U);
    }
    SECTION("not when as much was under way that our queue might be back") {
        w.flight = half_way + 1;
        CHECK_FALSE(w.round(40ms));
        w.flight = half_way;
        CHECK_FALSE(w.round(40ms));
        w.suspect(80ms);
    }
    SECTION("not when packets were lost since") {
        w.window /= 2;
        CHECK_FALSE(w.round(40ms));
        w.suspect(80ms);
    }
}

TEST_CASE("jitter is no queue: one short trip a round suffices", "[queue_watch]") {
    way w;
    for (int i = 0; i < 100; ++i) {
        CHECK_FALSE(w.sample(43ms));
        for (std::uint64_t k = 1; k < ahead; ++k) CHECK_FALSE(w.sample(70ms));
        CHECK_FALSE(w.watch.tries());
    }
    CHECK(w.window == 100'000);
}

TEST_CASE("a wait that stays with less under way is not ours: the window is left alone, and it is usual from then on",
          "[queue_watch]") {
    way w;
    w.suspect(60ms);
    w.try_in_vain(60ms);
    CHECK(w.window == 100'000);
    // 20 ms above the least: 18 ms more are no suspicion yet.
    for (int i = 0; i < 4; ++i) CHECK_FALSE(w.round(78ms));
    CHECK_FALSE(w.watch.tries());
    w.suspect(79ms);
    CHECK(w.watch.bound() == 88'000U * 62 / 79);
    SECTION("a queue of ours on top of it is shortened") {
        w.try_well(79ms, 62ms);
        w.fill(62ms);
        CHECK(w.round(79ms) == 88'000U * 64 / 79);
    }
    SECTION("what the trial shows is no more than what was suspected") {
        w.try_in_vain(120ms);
        // 79 ms are usual, 39 above the least.
        for (int i = 0; i < 4; ++i) CHECK_FALSE(w.round(106'500us));
        CHECK_FALSE(w.watch.tries());
        w.suspect(106'501us);
    }
}

TEST_CASE("usual becomes less by an eighth of what a round is shorter", "[queue_watch]") {
    way w;
    w.suspect(60ms);
    w.try_in_vain(60ms);
    CHECK_FALSE(w.round(52ms));
    // 59 ms, and 9.5 ms above the least and 8 ms are free.
    for (int i = 0; i < 4; ++i) CHECK_FALSE(w.round(76'500us));
    CHECK_FALSE(w.watch.tries());
    w.suspect(76'501us);
}

TEST_CASE("a window of ten packets is left alone, and a larger one is not bounded by less", "[queue_watch]") {
    way w;
    w.window = queue_watch::packets_min * packet_bytes;
    w.slow_start = GENERATE(false, true);
    for (int i = 0; i < 4; ++i) CHECK_FALSE(w.round(4s));
    CHECK_FALSE(w.watch.tries());
    ++w.window;
    for (int i = 0; i < 2 && !w.watch.tries(); ++i) CHECK_FALSE(w.round(4s));
    CHECK(w.watch.bound() == queue_watch::packets_min * packet_bytes);
    w.change(4s, 41ms);
    for (int i = 0; w.watch.tries() && i < 3; ++i) (void)w.round(41ms);
    for (int i = 0; i < 3 && w.window > queue_watch::packets_min * packet_bytes; ++i) (void)w.round(4s);
    CHECK(w.window == queue_watch::packets_min * packet_bytes);
}

TEST_CASE("the way is measured anew after ten seconds without a trip as short as the least", "[queue_watch]") {
    way w;
    const auto seen_at = w.now - 2ms;
    while (w.now < seen_at + 10s) {
        CHECK_FALSE(w.watch.tries());
        // A standing queue, and more than a millisecond.
        REQUIRE_FALSE(w.sample(43ms));
    }
    for (std::uint64_t i = 0; i < ahead && !w.watch.tries(); ++i) REQUIRE_FALSE(w.sample(43ms));
    CHECK(w.watch.bound() == 88'000U * 40 / 43 / 4 * 3);
    SECTION("the queue runs empty, and usual is the same") {
        w.change(43ms, 40ms);
        REQUIRE_FALSE(w.round(40ms));
        CHECK_FALSE(w.watch.tries());
        for (int i = 0; i < 4; ++i) REQUIRE_FALSE(w.round(48ms));
        CHECK_FALSE(w.watch.tries());
        w.suspect(49ms);
    }
    SECTION("the way has become longer") {
        w.change(60ms, 60ms);
        REQUIRE_FALSE(w.round(60ms));
        CHECK_FALSE(w.watch.tries());
        // All of it counts as the way: no more than without jitter is needed for suspicion.
        for (int i = 0; i < 4; ++i) REQUIRE_FALSE(w.round(68ms));
        CHECK_FALSE(w.watch.tries());
        w.suspect(69ms);
    }
}

TEST_CASE("few packets suffice to measure the way anew", "[queue_watch]") {
    way w;
    w.flight = 3'000;
    const auto end = w.now + 10s + 100ms;
    while (w.now < end && !w.watch.tries()) REQUIRE_FALSE(w.sample(43ms));
    CHECK(w.watch.bound() == queue_watch::packets_min_anew * packet_bytes);
}

}  // namespace mydht::test
