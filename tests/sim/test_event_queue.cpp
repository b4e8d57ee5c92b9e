#include <set>

#include "sim/event_queue.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

namespace mydht::sim::detail {

namespace {

event_body numbered(std::uint64_t number) {
    event_body body;
    body.amount = number;
    return body;
}

event_key key_of(std::int64_t when, node_index to, node_index from, std::uint64_t counter) {
    return {steady_time(duration(when)), to, from, counter};
}

}  // namespace

TEST_CASE("Events come by time, destination, source and counter", "[sim][event_queue]") {
    event_queue queue;
    const std::vector<event_key> sorted = {key_of(1, 9, 9, 9), key_of(2, 0, 9, 9), key_of(2, 1, 0, 9),
                                           key_of(2, 1, 1, 0), key_of(2, 1, 1, 1), key_of(3, 0, 0, 0)};
    for (const std::size_t i : {3U, 0U, 5U, 1U, 4U, 2U}) queue.push(sorted[i], numbered(i));
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        CHECK(queue.front() == sorted[i]);
        CHECK(queue.front_body().amount == i);
        const auto e = queue.pop();
        CHECK(e.key == sorted[i]);
        CHECK(e.body.amount == i);
    }
    CHECK(queue.empty());
}

TEST_CASE("The event queue is a sorted set under any pushes and pops", "[sim][event_queue]") {
    const auto seed = mydht::test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    event_queue queue;
    std::set<event_key> model;
    std::uint64_t counter = 0;
    for (int step = 0; step < 20'000; ++step) {
        if (model.empty() || random.below(100) < 55) {
            const auto when = static_cast<std::int64_t>(random.below(50));
            const auto to = static_cast<node_index>(random.below(4));
            const auto from = static_cast<node_index>(random.below(4));
            const auto key = key_of(when, to, from, ++counter);
            queue.push(key, numbered(counter));
            model.insert(key);
        } else {
            const auto e = queue.pop();
            REQUIRE(e.key == *model.begin());
            REQUIRE(e.body.amount == e.key.counter);
            model.erase(model.begin());
        }
        REQUIRE(queue.size() == model.size());
    }
}

TEST_CASE("Segments keep their bytes in order, however they are read", "[sim][segment]") {
    const auto seed = mydht::test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    segment_queue queue;
    std::uint8_t written = 0;
    std::uint8_t read = 0;
    for (int step = 0; step < 2'000; ++step) {
        bytes data(1 + random.below(40));
        for (auto& byte : data) byte = written++;
        queue.push(segment::make(data));
        bytes into(random.below(60));
        const auto count = queue.take(into);
        REQUIRE(count <= into.size());
        for (std::size_t i = 0; i < count; ++i) REQUIRE(into[i] == read++);
    }
    bytes rest(100'000);
    const auto count = queue.take(rest);
    for (std::size_t i = 0; i < count; ++i) REQUIRE(rest[i] == read++);
    CHECK(read == written);
    CHECK(queue.empty());
}

}  // namespace mydht::sim::detail
