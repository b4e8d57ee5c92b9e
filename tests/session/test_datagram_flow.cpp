#include <algorithm>
#include <cmath>

#include "packet_world.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace std::chrono_literals;
using test::packet_world;
using test::path_options;
using test::side;

namespace {

bytes random_message(prng& random, std::size_t size) {
    bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
    return out;
}

double seconds(duration time) { return std::chrono::duration<double>(time).count(); }

/// Says messages on both sides and runs until nothing happens any more; how long it took until all was acknowledged.
duration exchange(packet_world& world, prng& random, std::vector<std::size_t> sizes) {
    std::array<std::vector<bytes>, 2> said;
    const auto begin = world.now();
    for (const auto size : sizes) {
        auto message = random_message(random, size);
        said[0].push_back(message);
        world.say(world.from(), std::move(message));
        message = random_message(random, size / 2 + 1);
        said[1].push_back(message);
        world.say(world.to(), std::move(message));
    }
    world.run();
    CHECK(world.from().sending.empty());
    CHECK(world.to().sending.empty());
    CHECK_FALSE(world.from().recovery.anything_in_flight());
    CHECK_FALSE(world.to().recovery.anything_in_flight());
    for (auto& one : said) std::ranges::sort(one);
    std::ranges::sort(world.to().arrived);
    std::ranges::sort(world.from().arrived);
    CHECK((world.to().arrived == said[0]));
    CHECK((world.from().arrived == said[1]));
    return world.now() - begin;
}

}  // namespace

TEST_CASE("all messages arrive whatever the path does, in bounded time") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    for (const double loss : {0.0, 0.01, 0.05, 0.2}) {
        for (const auto delay : {10ms, 200ms}) {
            for (const bool rough : {false, true}) {
                CAPTURE(loss, delay.count(), rough);
                prng random(seed);
                path_options path{.loss = loss, .delay = delay};
                if (rough) {
                    path.repeat = 0.05;
                    path.jitter = delay / 2;
                }
                packet_world world(random(), path, path);
                world.add_pair();
                const auto sizes = std::vector<std::size_t>{300, 200'000, 5'000, 20'000, 70'000};
                const auto took = exchange(world, random, sizes);
                // The least window is two packets a round trip, of which the lossy path takes some; timeouts take time.
                const auto packets = 295'300.0 / 1100;
                const auto round_trip = seconds(2 * delay + path.jitter) + 0.025;
                CHECK(seconds(took) < 15 + 2 * packets / 2 * round_trip / (1 - loss));
                if (loss == 0 && !rough) CHECK(seconds(took) < 12 * round_trip);
            }
        }
    }
}

TEST_CASE("a message of the largest size crosses a lossy path") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    const path_options path{.loss = 0.05, .repeat = 0.01, .delay = 20ms, .jitter = 5ms};
    packet_world world(random(), path, path);
    world.add_pair();
    exchange(world, random, {limits::message_bytes});
}

TEST_CASE("nothing is said twice on a path that loses nothing") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    for (const auto delay : {1ms, 10ms, 200ms}) {
        prng random(seed);
        path_options path{.repeat = 0.1, .delay = delay};
        SECTION("of any width") {}
        SECTION("of bounded width and a queue that does not overflow") {
            path.bytes_a_second = 1'250'000;
            path.queue = 1h;
        }
        packet_world world(random(), path, path);
        world.add_pair();
        exchange(world, random, {300'000, 1'000, 60'000});
        CHECK(world.from().pieces_lost == 0);
        CHECK(world.to().pieces_lost == 0);
        CHECK(world.from().part_bytes_sent == 361'000);
    }
}

TEST_CASE("a path that only delivers late is learnt") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    const path_options path{.delay = 20ms, .jitter = 8ms};
    packet_world world(random(), path, path);
    world.add_pair();
    for (int i = 0; i < 4; ++i) world.say(world.from(), random_message(random, 1'000'000));
    const auto begin = world.now();
    world.run();
    CHECK(world.to().arrived.size() == 4);
    // Said again for nothing: a few at the beginning.
    CHECK(world.from().part_bytes_sent < 4'040'000);
    CHECK(seconds(world.now() - begin) < 2.5);
}

TEST_CASE("the window answers loss as Reno does: with the inverse of its square root") {
    // The same losses each time: a mean over two minutes strays too far for a limit that says something.
    for (const double loss : {0.01, 0.04}) {
        double sum = 0;
        double count = 0;
        for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
            prng random(seed);
            packet_world world(random(), {.loss = loss, .delay = 25ms}, {.delay = 25ms});
            world.add_pair();
            for (int i = 0; i < 60; ++i) world.say(world.from(), random_message(random, 1'000'000));
            world.run_until(world.now() + 120s);
            REQUIRE_FALSE(world.from().sending.empty());
            sum += static_cast<double>(world.from().window_sum);
            count += static_cast<double>(world.from().window_count);
        }
        const auto mean = sum / count;
        const auto expected = 1200 * std::sqrt(1.5 / loss);  // Mathis et al. 1997
        CAPTURE(loss, mean, expected);
        CHECK(mean > 0.6 * expected);
        CHECK(mean < 1.8 * expected);
    }
}

TEST_CASE("a bottleneck is used, not flooded, and shared") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    const path_options narrow{.delay = 20ms, .bytes_a_second = 1'250'000, .queue = 40ms};
    packet_world world(random(), narrow, {.delay = 20ms});
    for (int i = 0; i < 3; ++i) world.add_pair();
    for (std::size_t pair = 0; pair < 3; ++pair) {
        for (int i = 0; i < 60; ++i) world.say(world.from(pair), random_message(random, 1'000'000));
        world.run_until(world.now() + 5s);  // the later ones find the path in use
    }
    std::array<std::size_t, 3> before{};
    for (std::size_t pair = 0; pair < 3; ++pair) before[pair] = world.from(pair).part_bytes_sent;
    const auto packets_before = world.from(0).packets_sent + world.from(1).packets_sent + world.from(2).packets_sent;
    std::size_t lost = 0;
    for (std::size_t pair = 0; pair < 3; ++pair) lost += world.from(pair).pieces_lost;
    world.run_until(world.now() + 60s);
    double sum = 0;
    double squares = 0;
    std::size_t packets = 0;
    std::size_t lost_after = 0;
    for (std::size_t pair = 0; pair < 3; ++pair) {
        const auto rate = static_cast<double>(world.from(pair).part_bytes_sent - before[pair]) / 60;
        sum += rate;
        squares += rate * rate;
        packets += world.from(pair).packets_sent;
        lost_after += world.from(pair).pieces_lost;
    }
    CAPTURE(sum, squares);
    CHECK(sum > 0.85 * 1'250'000);
    CHECK(sum < 1.05 * 1'250'000);
    CHECK(sum * sum / (3 * squares) > 0.85);  // Jain's index of fairness
    CHECK(static_cast<double>(lost_after - lost) < 0.03 * static_cast<double>(packets - packets_before));
}

TEST_CASE("after an outage the session goes on") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    const path_options path{.delay = 20ms, .bytes_a_second = 1'250'000};
    packet_world world(random(), path, path);
    world.add_pair();
    for (int i = 0; i < 3; ++i) world.say(world.from(), random_message(random, 1'000'000));
    world.run_until(world.now() + 500ms);
    world.way_there().loss = 1;
    const auto sent = world.from().packets_sent;
    world.run_until(world.now() + 5s);
    CHECK(world.from().packets_sent - sent < 200);  // the window, and then probes
    CHECK(world.from().recovery.timeouts() >= 3);
    world.way_there().loss = 0;
    world.run_until(world.now() + 5s);
    CHECK(world.from().recovery.timeouts() == 0);
    world.run();
    CHECK(world.to().arrived.size() == 3);
}

TEST_CASE("what the receiver has no room for comes again") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    const path_options path{.loss = 0.01, .delay = 10ms, .bytes_a_second = 12'500'000};
    packet_world world(random(), path, path);
    world.add_pair({.bytes = 600'000});  // less than what the sender begins
    for (int i = 0; i < 5; ++i)
        world.say(world.from(), random_message(random, 100'000 + 1000 * static_cast<std::size_t>(i)));
    world.say(world.from(), random_message(random, 500'000));
    world.run();
    CHECK(world.to().arrived.size() == 6);
    CHECK(world.to().refusals > 0);
}

TEST_CASE("a peer that acknowledges nothing costs probes and a bounded memory") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    packet_world world(random(), {.loss = 1}, {.loss = 1});
    world.add_pair();
    for (int i = 0; i < 10; ++i) world.say(world.from(), random_message(random, 1'000'000));
    world.run_until(world.now() + 60s);  // a session does not live as long
    CHECK(world.from().packets_sent < 2 * (60s / 2s) + 30);
    CHECK(world.from().recovery.memory() < 32 * 1024);
    CHECK(world.from().recovery.timeouts() > 8);
}
