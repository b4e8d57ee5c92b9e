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
        REQUIRE_FALSE(watch.holds());
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
    /// The acks of packets that had left before the window changed, and the first of one that left after it.
    void change(duration before, duration after) {
        for (std::uint64_t i = 1; i < ahead; ++i) REQUIRE_FALSE(sample(before));
        REQUIRE_FALSE(sample(after));
    }

    queue_watch watch;
    std::uint64_t number = 0;
    std::size_t flight = 88'000;
    std::size_t window = 100'000;
    bool slow_start;
    steady_time now{1h};
};

}  // namespace

TEST_CASE("slow start ends when eight acks of a round took an eighth longer than the least", "[queue_watch]") {
    way w(true);
    for (int i = 0; i < 7; ++i) CHECK_FALSE(w.sample(45ms));
    // Of 88,000 bytes that took 45 ms, those that take 44.
    CHECK(w.sample(45ms) == 88'000U * 44 / 45);
    CHECK(w.watch.holds());
}

TEST_CASE("a little less than an eighth is not enough, and neither is a round with one short trip", "[queue_watch]") {
    way w(true);
    CHECK_FALSE(w.round(45ms - 1us));
    CHECK_FALSE(w.sample(42ms));
    for (int i = 0; i < 19; ++i) CHECK_FALSE(w.sample(80ms));
    CHECK_FALSE(w.watch.holds());
}

TEST_CASE("the window stands still above four milliseconds in the queue, and shrinks above eight", "[queue_watch]") {
    way w;
    CHECK_FALSE(w.round(44ms));
    CHECK_FALSE(w.watch.holds());
    CHECK_FALSE(w.round(44ms + 1us));
    CHECK(w.watch.holds());
    CHECK_FALSE(w.round(48ms));
    CHECK(w.watch.holds());
    CHECK_FALSE(w.round(40ms));
    CHECK_FALSE(w.watch.holds());
    CHECK(w.round(55ms) == 88'000U * 44 / 55);
    CHECK(w.watch.holds());
}

TEST_CASE("what was sent before the window shrank says nothing about it", "[queue_watch]") {
    way w;
    REQUIRE(w.round(55ms));
    const auto shrunk = w.window;
    w.change(90ms, 44ms);
    CHECK_FALSE(w.round(44ms));
    CHECK(w.window == shrunk);
    CHECK_FALSE(w.watch.holds());
}

TEST_CASE("jitter is no queue: one short trip a round suffices", "[queue_watch]") {
    way w;
    for (int i = 0; i < 100; ++i) {
        CHECK_FALSE(w.sample(43ms));
        for (std::uint64_t k = 1; k < ahead; ++k) CHECK_FALSE(w.sample(70ms));
        CHECK_FALSE(w.watch.holds());
    }
    CHECK(w.window == 100'000);
}

TEST_CASE("the window is not bounded below ten packets", "[queue_watch]") {
    way w;
    CHECK(w.round(4s) == queue_watch::packets_min * packet_bytes);
    w.change(4s, 400ms);
    CHECK_FALSE(w.round(400ms));
    CHECK(w.window == queue_watch::packets_min * packet_bytes);
}

TEST_CASE("a queue that stays while the window shrinks is that of others: the window becomes what it was",
          "[queue_watch]") {
    way w;
    REQUIRE(w.round(100ms));
    w.flight = 38'000;
    w.change(100ms, 90ms);
    REQUIRE(w.round(90ms));
    CHECK(w.window == 38'000U * 44 / 90);
    const bool lost = GENERATE(false, true);
    CAPTURE(lost);
    if (lost) w.watch.lost();
    w.flight = 18'000;
    w.change(90ms, 90ms);
    const auto back = w.round(90ms);
    // After a loss the window is what the loss has made of it.
    if (lost) {
        CHECK_FALSE(back);
    } else {
        CHECK(back == 100'000U);
    }
    for (int i = 0; i < 10; ++i) CHECK_FALSE(w.round(90ms));
    CHECK_FALSE(w.watch.holds());
}

TEST_CASE("a queue that shrinks with the window is the sender's own", "[queue_watch]") {
    way w;
    // Each time the wait is less than half of what it was, though it is long.
    for (const auto trip : {340ms, 180ms, 105ms, 70ms, 54ms}) {
        if (trip < 340ms) w.change(trip, trip);
        w.flight = w.window;
        REQUIRE(w.round(trip));
        w.window = 100'000;
    }
    w.change(54ms, 43ms);
    CHECK_FALSE(w.round(43ms));
}

TEST_CASE("the least round trip is measured anew after ten seconds without one as short", "[queue_watch]") {
    way w;
    const auto seen_at = w.now - 2ms;
    while (w.now < seen_at + 10s) {
        CHECK(w.watch.bound() > 1'000'000);
        // A standing queue, and more than a millisecond.
        REQUIRE_FALSE(w.sample(43ms));
    }
    for (std::uint64_t i = 0; i < ahead && w.watch.bound() > 1'000'000; ++i) REQUIRE_FALSE(w.sample(43ms));
    CHECK(w.watch.bound() == 88'000U * 40 / 43 / 4 * 3);
    CHECK(w.watch.holds());
    SECTION("the queue runs empty, and the least is the same") {
        w.change(43ms, 40ms);
        REQUIRE_FALSE(w.round(40ms));
        CHECK_FALSE(w.watch.holds());
        REQUIRE_FALSE(w.round(45ms));
        CHECK(w.watch.holds());
    }
    SECTION("the way has become longer") {
        w.change(60ms, 60ms);
        REQUIRE_FALSE(w.round(60ms));
        REQUIRE_FALSE(w.round(64ms));
        CHECK_FALSE(w.watch.holds());
        CHECK(w.round(69ms));
    }
    CHECK(w.watch.bound() > 1'000'000);
}

}  // namespace mydht::test
