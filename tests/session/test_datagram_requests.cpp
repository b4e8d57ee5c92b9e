// Requests of pools over datagrams, on paths that lose, repeat and reorder packets.
#include <algorithm>

#include <asio/co_spawn.hpp>

#include <mydht/wire/packet.hpp>

#include "datagram_peers.hpp"

namespace mydht::test {

namespace {

using wire::packet_type;

/// Loses the first packet of a type on the way from or to b.
void lose_first(packet_net& net, packet_type type, bool to_b) {
    net.tamper = [type, to_b, lost = false](packet_net::packet& one) mutable {
        if (lost || type_of(one) != type || (one.to == mem("b")) != to_b) return true;
        lost = true;
        return false;
    };
}

wire::find_value some_key() { return {}; }

task<> ping_twice(session over, steady_time until, int& answered) {
    for (int i = 0; i < 2; ++i) {
        const auto got = co_await over.request(wire::ping(), until);
        answered += got && std::holds_alternative<wire::pong>(*got) ? 1 : 0;
    }
}

}  // namespace

TEST_CASE("a request in the first packet is answered in one round trip", "[datagrams]") {
    datagram_peers both;
    const auto begun = both.w.time->now();
    const auto got = both.ask(wire::ping());
    REQUIRE(got);
    REQUIRE(got->answer);
    CHECK(std::holds_alternative<wire::pong>(*got->answer));
    CHECK_FALSE(got->reused);
    CHECK(both.w.time->now() - begun == 2 * both.net.delay);
    CHECK(both.at_b.asked == 1);
    CHECK(both.a.pool->counters().requests_sent == 1);
    CHECK(both.b.pool->counters().requests_served == 1);

    const auto again = both.ask(wire::ping());
    REQUIRE(again);
    CHECK(again->reused);
    CHECK(both.at_b.asked == 2);
    CHECK(both.a.pool->counters().requests_sent == 2);
    CHECK(both.b.pool->counters().requests_served == 2);
    CHECK(both.b.pool->size() == 1);
}

TEST_CASE("a request that its first packet was not answered for is asked again", "[datagrams]") {
    datagram_peers both;
    both.at_b.slow = 80ms;  // longer than the answer of the handshake waits
    const auto got = both.ask(wire::ping());
    REQUIRE(got);
    CHECK(std::holds_alternative<wire::pong>(*got->answer));
    CHECK(both.at_b.asked == 2);
}

TEST_CASE("a request that may not travel in a first packet follows it", "[datagrams]") {
    datagram_peers both;
    wire::store what;
    what.what.body = bytes(100, 1);
    const auto got = both.ask(what);
    REQUIRE(got);
    CHECK(std::holds_alternative<wire::stored>(*got->answer));
    CHECK(both.at_b.asked == 1);
}

TEST_CASE("each packet of a handshake may be lost", "[datagrams]") {
    const auto type = GENERATE(packet_type::initial, packet_type::answer, packet_type::transport);
    const bool to_b = type != packet_type::answer;
    CAPTURE(static_cast<int>(type));
    datagram_peers both;
    lose_first(both.net, type, to_b);
    const auto got = both.ask(wire::ping());
    REQUIRE(got);
    CHECK(std::holds_alternative<wire::pong>(*got->answer));
    CHECK(both.ping(got->over));
    both.w.advance(2s);
    CHECK(both.a.pool->size() == 1);
    CHECK(both.b.pool->size() == 1);
}

TEST_CASE("each packet of a handshake with a stranger may be lost", "[datagrams]") {
    const auto type =
        GENERATE(packet_type::initial, packet_type::answer, packet_type::final_answer, packet_type::transport);
    CAPTURE(static_cast<int>(type));
    datagram_peers both;
    lose_first(both.net, type, type == packet_type::initial || type == packet_type::final_answer);
    const auto link = both.w.run(both.a.pool->connect_to(mem("b"), std::nullopt, both.a.in(10s)));
    REQUIRE(link);
    CHECK(link->peer().who.id == both.b.self->id());
    CHECK(both.ping(*link));
    CHECK(both.b.pool->size() == 1);
}

TEST_CASE("lost requests and lost answers are repeated, and one answer is seen", "[datagrams]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    both.w.advance(1s);

    SECTION("a request") {
        lose_first(both.net, packet_type::transport, true);
        CHECK(both.ping(*link));
        CHECK(both.at_b.asked == 1);
    }
    SECTION("an answer") {
        lose_first(both.net, packet_type::transport, false);
        CHECK(both.ping(*link));
        CHECK(both.at_b.asked == 2);
    }
    CHECK(both.a.pool->counters().requests_repeated == 1);
}

TEST_CASE("a slow handler is asked once, and its peer told that it works", "[datagrams]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    both.at_b.slow = 10s;
    CHECK(both.ping(*link, 30s));
    CHECK(both.at_b.asked == 1);
    const auto repeats = both.a.pool->counters().requests_repeated;
    CHECK(repeats >= 2);
    CHECK(repeats <= 8);
}

TEST_CASE("a first request after a long rest may be lost", "[datagrams]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    CHECK(both.ping(*link));
    both.w.advance(60s);
    lose_first(both.net, packet_type::transport, true);
    CHECK(both.ping(*link));
    CHECK(both.a.pool->size() == 1);
    CHECK(both.a.closed.empty());
}

TEST_CASE("large requests and answers travel in parts on a bad path", "[datagrams]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    datagram_peers both;
    both.net.numbers = prng(seed);
    const auto link = both.connect();
    REQUIRE(link);
    both.net.loss = 0.05;
    both.net.repeats = 0.05;
    both.net.jitter = 8ms;
    wire::store request;
    request.what = values_of(limits::inline_value_bytes).items.front();
    const auto kept = both.request(*link, request);
    REQUIRE(kept);
    CHECK(std::holds_alternative<wire::stored>(*kept));
    REQUIRE(both.at_b.stored.size() == 1);
    CHECK(both.at_b.stored.front() == request.what.body);

    for (const std::size_t size : {std::size_t{64 * 1024}, std::size_t{1000 * 1024}}) {
        CAPTURE(size);
        both.at_b.asked = 0;
        both.at_b.large = values_of(size);
        const auto got = both.request(*link, some_key(), 60s);
        REQUIRE(got);
        REQUIRE(std::holds_alternative<wire::values>(*got));
        CHECK(std::get<wire::values>(*got) == *both.at_b.large);
        // The asker cannot know that the answer is on its way in parts, but the other side does.
        CHECK(both.at_b.asked <= 2);
    }
    CHECK(both.a.closed.empty());
}

TEST_CASE("many requests at once on a bad path are all answered", "[datagrams]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    both.net.loss = 0.1;
    both.net.repeats = 0.1;
    both.net.jitter = 20ms;
    int answered = 0;
    constexpr int count = 200;
    const auto done = [&](const std::exception_ptr&, const result<wire::message>& got) { answered += got ? 1 : 0; };
    for (int i = 0; i < count; ++i) {
        auto over = *link;
        asio::co_spawn(both.w.context, over.request(wire::ping(), both.a.in(30s)), done);
    }
    both.w.advance(30s);
    CHECK(answered == count);
}

TEST_CASE("two peers that dial each other at once have one session", "[datagrams]") {
    datagram_peers both;
    both.listen_a();
    const bool stale = GENERATE(false, true);
    CAPTURE(stale);
    // One of them may know an address at which the other is not.
    if (stale) both.net.tamper = [](packet_net::packet& one) { return one.to != mem("elsewhere"); };
    const auto to_b = both.b.at(stale && both.a.self->id() < both.b.self->id() ? mem("elsewhere") : mem("b"));
    const auto to_a = both.a.at(stale && both.b.self->id() < both.a.self->id() ? mem("elsewhere") : mem("a"));
    int answered = 0;
    const auto done = [&](const std::exception_ptr&, const result<asked_peer>& got) { answered += got ? 1 : 0; };
    asio::co_spawn(both.w.context, both.a.pool->ask(to_b, wire::ping(), both.a.in(10s)), done);
    asio::co_spawn(both.w.context, both.b.pool->ask(to_a, wire::ping(), both.b.in(10s)), done);
    both.w.advance(4s);
    CHECK(answered == 2);
    both.w.advance(6s);  // the loser's grace
    CHECK(both.a.pool->size() == 1);
    CHECK(both.b.pool->size() == 1);
    CHECK(both.ping(both.a.pool->find(both.b.self->id())));
    CHECK(both.ping(both.b.pool->find(both.a.self->id())));
}

TEST_CASE("messages that leave together share packets of the size that every path carries", "[datagrams]") {
    datagram_peers both;
    const auto link = both.connect();
    REQUIRE(link);
    both.w.advance(1s);
    int to_a = 0;
    int to_b = 0;
    std::size_t longest = 0;
    both.net.tamper = [&](packet_net::packet& one) {
        ++(one.to == mem("b") ? to_b : to_a);
        longest = std::max(longest, one.data.size());
        return true;
    };
    constexpr int count = 60;
    int answered = 0;
    const auto done = [](const std::exception_ptr& error) { CHECK(error == nullptr); };
    for (int i = 0; i < count; ++i) asio::co_spawn(both.w.context, ping_twice(*link, both.a.in(10s), answered), done);
    both.w.advance(1s);
    CHECK(answered == 2 * count);
    CHECK(both.at_b.asked == 2 * count);
    // The first requests leave as they are made. Their answers share packets, and so do the requests that follow those.
    CHECK(to_b > count);
    CHECK(to_b < count + count / 4);
    CHECK(to_a < 2 * count / 4);
    CHECK(longest <= wire::initial_bytes_min);
    CHECK(longest > wire::initial_bytes_min / 2);
    CHECK(both.a.pool->counters().requests_repeated == 0);

    // A message alone waits for no others.
    to_a = 0;
    to_b = 0;
    const auto begun = both.w.time->now();
    CHECK(both.ping(*link));
    CHECK(both.w.time->now() - begun == 2 * both.net.delay);
    CHECK(to_b == 1);
    CHECK(to_a == 1);
}

}  // namespace mydht::test
