#include <string>

#include "node/address_vote.hpp"
#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::detail;
using namespace std::chrono_literals;

namespace {

address at(const std::string& text) { return parse_address(text).value(); }

/// A peer in a network of its own.
address voter(std::size_t network) {
    return at("tcp://20." + std::to_string(network / 200) + "." + std::to_string(network % 200) + ".9:7000");
}

const steady_time start(1h);
const auto listener = at("tcp://0.0.0.0:4000");

}  // namespace

TEST_CASE("a host is learnt when enough networks say the same", "[address_vote]") {
    address_vote vote;
    CHECK_FALSE(vote.seen_from_outside(listener));
    CHECK_FALSE(vote.add(voter(1), at("tcp://9.8.7.6:50001"), start));
    CHECK_FALSE(vote.add(voter(2), at("tcp://9.8.7.6:50002"), start));
    CHECK_FALSE(vote.seen_from_outside(listener));
    CHECK(vote.add(voter(3), at("tcp://9.8.7.6:50003"), start));
    CHECK(vote.seen_from_outside(listener) == at("tcp://9.8.7.6:4000"));
    CHECK_FALSE(vote.add(voter(4), at("tcp://9.8.7.6:50003"), start));
    // Each kind and version is its own.
    CHECK_FALSE(vote.seen_from_outside(at("udp://0.0.0.0:4000")));
    CHECK_FALSE(vote.seen_from_outside(at("tcp://[::]:4000")));
    CHECK_FALSE(vote.seen_from_outside(at("tcp://1.2.3.4:4000")));
}

TEST_CASE("a network has one vote, its newest", "[address_vote]") {
    address_vote vote;
    for (int i = 1; i < 100; ++i) {
        CHECK_FALSE(vote.add(at("tcp://20.0.0." + std::to_string(i) + ":7"), at("tcp://9.8.7.6:1"), start));
    }
    CHECK(vote.votes(listener, start) == 1);
    CHECK_FALSE(vote.wants(at("tcp://20.0.0.200:7"), start));
    CHECK(vote.wants(at("tcp://20.0.1.200:7"), start));
    CHECK(vote.wants(at("tcp://20.0.0.200:7"), start + address_vote::lifetime));
}

TEST_CASE("liars in the minority change nothing, and a move needs the majority", "[address_vote]") {
    address_vote vote;
    for (std::size_t i = 0; i < 5; ++i) (void)vote.add(voter(i), at("tcp://9.8.7.6:1"), start);
    for (std::size_t i = 5; i < 10; ++i) CHECK_FALSE(vote.add(voter(i), at("tcp://6.6.6.6:1"), start));
    CHECK(vote.seen_from_outside(listener) == at("tcp://9.8.7.6:4000"));
    CHECK(vote.add(voter(10), at("tcp://6.6.6.6:1"), start));
    CHECK(vote.seen_from_outside(listener) == at("tcp://6.6.6.6:4000"));
}

TEST_CASE("votes run out, what was learnt stays until something else is", "[address_vote]") {
    address_vote vote;
    for (std::size_t i = 0; i < 5; ++i) (void)vote.add(voter(i), at("tcp://9.8.7.6:1"), start);
    const auto later = start + address_vote::lifetime;
    CHECK(vote.votes(listener, later - 1ns) == 5);
    CHECK(vote.votes(listener, later) == 0);
    CHECK(vote.seen_from_outside(listener) == at("tcp://9.8.7.6:4000"));
    // The old ones do not hold the new ones up.
    CHECK_FALSE(vote.add(voter(7), at("tcp://5.5.5.5:1"), later));
    CHECK_FALSE(vote.add(voter(8), at("tcp://5.5.5.5:1"), later));
    CHECK(vote.add(voter(9), at("tcp://5.5.5.5:1"), later));
}

TEST_CASE("votes are bounded", "[address_vote]") {
    address_vote vote;
    for (std::size_t i = 0; i < 3 * address_vote::votes_max; ++i) {
        CHECK(vote.wants(voter(i), start) == (i < address_vote::votes_max));
        (void)vote.add(voter(i), at("tcp://9.8.7." + std::to_string(i) + ":1"), start);
    }
    CHECK(vote.votes(listener, start) == address_vote::votes_max);
    CHECK_FALSE(vote.seen_from_outside(listener));
}

TEST_CASE("neighbours have no vote, and nobody votes for what is not public", "[address_vote]") {
    address_vote vote;
    for (const auto* local : {"tcp://127.0.0.1:1", "tcp://10.0.0.1:1", "tcp://169.254.0.1:1", "mem://a"}) {
        CHECK_FALSE(vote.wants(at(local), start));
        (void)vote.add(at(local), at("tcp://9.8.7.6:1"), start);
        (void)vote.add(voter(1), at(local), start);
    }
    (void)vote.add(voter(1), address(), start);
    (void)vote.add(voter(1), at("tcp://0.0.0.0:1"), start);
    (void)vote.add(voter(1), at("tcp://[2600::1]:1"), start);  // of another version than the link
    CHECK(vote.votes(listener, start) == 0);
}

TEST_CASE("IPv6 listeners learn their host too", "[address_vote]") {
    address_vote vote;
    for (int i = 1; i <= 3; ++i) {
        (void)vote.add(at("tcp://[2600:" + std::to_string(i) + "::1]:1"), at("tcp://[2a00::5]:1"), start);
    }
    CHECK(vote.seen_from_outside(at("tcp://[::]:4000")) == at("tcp://[2a00::5]:4000"));
}
