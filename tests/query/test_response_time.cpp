#include <chrono>

#include <mydht/query/response_time.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace std::chrono_literals;

TEST_CASE("nothing is believed of few answers", "[response_time]") {
    response_time peers;
    for (int i = 0; i < 7; ++i) peers.answered(10ms);
    CHECK(peers.limit(2s, 10s) == 10s);
    peers.answered(10ms);
    CHECK(peers.limit(2s, 10s) == 2s);
}

TEST_CASE("the limit follows slow peers up to the most, and fast ones down to the least", "[response_time]") {
    response_time peers;
    for (int i = 0; i < 100; ++i) peers.answered(i % 2 == 0 ? 500ms : 1500ms);
    const auto slow = peers.limit(2s, 10s);
    CHECK(slow > 3s);
    CHECK(slow < 8s);
    for (int i = 0; i < 100; ++i) peers.answered(20s);
    CHECK(peers.limit(2s, 10s) == 10s);
    for (int i = 0; i < 200; ++i) peers.answered(50ms);
    CHECK(peers.limit(2s, 10s) == 2s);
}

TEST_CASE("timeouts in a row raise the limit until somebody answers", "[response_time]") {
    response_time peers;
    for (int i = 0; i < 100; ++i) peers.answered(50ms);
    peers.timed_out();
    CHECK(peers.limit(2s, 10s) == 2500ms);
    for (int i = 0; i < 20; ++i) peers.timed_out();
    CHECK(peers.limit(2s, 10s) == 10s);
    peers.answered(50ms);
    CHECK(peers.limit(2s, 10s) == 2s);
}
