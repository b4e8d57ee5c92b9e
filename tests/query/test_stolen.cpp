// Peers on the way of a query that keep its answer from the asker by sending it where it would be answered.

#include <memory>
#include <string>

#include <mydht/crypto/ids.hpp>

#include "query/answered_requests.hpp"
#include "query/linked_network.hpp"
#include "query/manners.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

using peer_index = linked_network::peer_index;
using verdict = detail::answered_requests::verdict;

/// Peer 0 reaches 3 over 2, which is slow, and knows 1, which is quick to do harm.
void two_ways(linked_network& net) {
    net.link(0, 1);
    net.link(0, 2);
    net.link(2, 3);
    net.at(2).behaves = [&net](peer_index, const wire::forward&) -> task<std::optional<wire::message>> {
        co_await sleep_for(*net.env.time, 100ms);
        co_return std::nullopt;
    };
}

/// Sends the query straight to peer 3, with so much time, and drops the answer.
linked_network::manner steals(linked_network& net, std::chrono::milliseconds time) {
    return [&net, time](peer_index who, wire::forward query) -> task<std::optional<wire::message>> {
        peer_info from;
        from.who = net.at(who).who;
        from.observed = from.who.addresses.front();
        from.proven = true;
        query.lifetime = time;
        query.trace.clear();
        (void)co_await net.at(3).forwarding.answer(from, query);
        co_return wire::message(wire::gathered());
    };
}

task<result<bytes>> echo(service_question what) { co_return std::move(what.body); }

detail::payer payer(linked_network& net, std::uint8_t prefix = 0) {
    return {random_id(net.random), prefix == 0 ? bytes() : bytes{4, 192, 0, prefix}};
}

}  // namespace

TEST_CASE("a tag that was sent ahead hides no value and no peer from the query behind it", "[forward][stolen]") {
    for (const auto how : {proxied(), direct(), mixed(1)}) {
        CAPTURE(static_cast<int>(how.what()));
        linked_network net(4);
        two_ways(net);
        net.at(1).behaves = burns(net);
        const auto what = value::immutable("here");
        REQUIRE(net.put(3, what, put_options().local()));
        // In direct mode there is one round.
        auto options = get_options().mode(how);
        if (how != direct()) options.rounds(1);
        const auto got = net.get(0, what.key(), options);
        REQUIRE(got);
        CHECK(got->best.text() == "here");
        const auto found = net.complete(net.at(0).queries.lookup(net.at(3).who.id, options));
        REQUIRE(found);
        CHECK(found->closest.front().id == net.at(3).who.id);
    }
}

TEST_CASE("a tag that is known goes no farther, whatever is there", "[forward][stolen]") {
    linked_network net(4);
    net.ring();
    const auto what = value::immutable("here");
    REQUIRE(net.put(1, what, put_options().local()));
    wire::forward query;
    wire::find_value goal;
    goal.target = what.key();
    query.goal = goal;
    query.hops = 4;
    query.lifetime = 5s;
    peer_info from;
    from.who = net.at(0).who;
    from.observed = from.who.addresses.front();
    const auto ask = [&] { return std::get<wire::gathered>(net.complete(net.at(1).forwarding.answer(from, query))); };
    CHECK(ask().outcome == wire::gathered_outcome::found);
    const auto sent = net.messages;
    for (int i = 0; i < 3; ++i) {
        const auto again = ask();
        CHECK(again.outcome == wire::gathered_outcome::duplicate);
        CHECK(again.items.size() == 1);
    }
    std::get<wire::find_value>(query.goal).target = value::immutable("nowhere").key();
    CHECK(ask().outcome == wire::gathered_outcome::nothing);
    CHECK(net.messages > sent);
    const auto sent_then = net.messages;
    CHECK(ask().outcome == wire::gathered_outcome::duplicate);
    CHECK(ask().items.empty());
    CHECK(net.messages == sent_then);
}

TEST_CASE("what was brought to an asker is not brought again, whoever sends the query", "[direct][stolen]") {
    linked_network net(4);
    two_ways(net);
    const auto what = value::immutable("here");
    REQUIRE(net.put(3, what, put_options().local()));
    REQUIRE(net.get(0, what.key(), get_options().mode(direct())));
    REQUIRE(net.at(0).dialled == 1);
    const auto recorded = net.at(3).seen.front();
    for (const auto who : {1U, 2U}) {
        peer_info from;
        from.who = net.at(who).who;
        from.observed = from.who.addresses.front();
        for (int i = 0; i < 3; ++i) (void)net.complete(net.at(3).forwarding.answer(from, recorded));
    }
    CHECK(net.at(0).dialled == 1);
}

TEST_CASE("one who drops the reply to a request does not keep it from the asker, and its handler runs once",
          "[request][stolen]") {
    // At once, and when it takes longer than the thief waits.
    for (const auto work : {0ms, 400ms}) {
        for (const auto time : {1ms, 5'000ms}) {
            CAPTURE(work.count(), time.count());
            linked_network net(4);
            two_ways(net);
            net.at(1).behaves = steals(net, time);
            auto& clock = *net.env.time;
            net.at(3).services["echo/1"] = [&clock, work](service_question what) -> task<result<bytes>> {
                co_await sleep_for(clock, work);
                co_return std::move(what.body);
            };
            const auto got = net.complete(net.at(0).queries.request(net.at(3).who, "echo/1", to_bytes("mine"),
                                                                    request_options().mode(proxied()).timeout(10s)));
            REQUIRE(got);
            CHECK(got->reply() == to_bytes("mine"));
            CHECK(net.at(3).served == 1);
            CHECK(net.at(3).forwarding.counters().requests_repeated >= 1);
        }
    }
}

TEST_CASE("a request to a key goes on past peers that are silent, and runs at each peer once", "[request][stolen]") {
    linked_network net(7);
    for (const auto other : {0U, 2U, 3U, 4U}) net.link(1, other);
    net.link(5, 6);
    for (const auto who : {2U, 3U}) net.at(who).behaves = drops(net);
    net.at(4).services["echo/1"] = echo;
    const auto ask = [&](peer_index who) {
        return net.complete(net.at(who).queries.request(request_target::key(random_id(net.random)), "echo/1",
                                                        to_bytes("x"), request_options().mode(proxied())));
    };
    for (std::size_t i = 1; i <= 8; ++i) {
        const auto got = ask(0);
        REQUIRE(got);
        CHECK(got->answers.size() == 1);
        CHECK(net.at(4).served == i);
    }
    // Where there is nobody else, a peer that serves the name itself does.
    net.link(6, 2);
    net.at(6).services["echo/1"] = echo;
    REQUIRE(ask(5));
    CHECK(net.at(6).served == 1);
}

TEST_CASE("requests that were answered are remembered for their time, as many as there is room for",
          "[request][stolen]") {
    linked_network net(1);
    detail::answered_requests known(2, 10'000);
    const auto a = random_id(net.random);
    const auto b = random_id(net.random);
    const auto c = random_id(net.random);
    const steady_time now{};
    CHECK(known.note(a, payer(net), now, now + 10s) == verdict::fresh);
    CHECK(known.note(b, payer(net), now, now + 5s) == verdict::fresh);
    CHECK(known.note(a, payer(net), now + 4s, now + 99s) == verdict::again);
    CHECK(known.note(c, payer(net), now + 4s, now + 99s) == verdict::full);
    CHECK(known.note(c, payer(net), now + 5s, now + 99s) == verdict::fresh);
    CHECK(known.note(b, payer(net), now + 9s, now + 99s) == verdict::full);
    CHECK(known.note(a, payer(net), now + 10s, now + 99s) == verdict::fresh);
    CHECK(known.size() == 2);
}

TEST_CASE("nobody fills the memory for requests alone", "[request][stolen]") {
    linked_network net(1);
    constexpr std::size_t share = 8;
    detail::answered_requests known(share * detail::answered_requests::parts_of_neighbour, 10'000);
    const steady_time now{};
    const auto note = [&](const detail::payer& by) { return known.note(random_id(net.random), by, now, now + 10s); };
    const auto greedy = payer(net, 1);
    for (std::size_t i = 0; i < share; ++i) CHECK(note(greedy) == verdict::fresh);
    CHECK(note(greedy) == verdict::full);
    // More of its kind, in the same network: half of all.
    for (std::size_t i = share; i < 4 * share; ++i) CHECK(note(payer(net, 1)) == verdict::fresh);
    CHECK(note(payer(net, 1)) == verdict::full);
    CHECK(note(payer(net, 2)) == verdict::fresh);
    CHECK(note(payer(net)) == verdict::fresh);
    CHECK(known.note(random_id(net.random), greedy, now + 10s, now + 20s) == verdict::fresh);
    CHECK(known.size() == 1);
}

TEST_CASE("replies are kept within their bytes, and nobody's by pushing out those of others", "[request][stolen]") {
    linked_network net(1);
    using detail::answered_requests;
    constexpr std::size_t one = 100 + answered_requests::reply_overhead;
    const steady_time now{};
    const auto kept = [&](answered_requests& in, const detail::payer& by, std::size_t size = 100) {
        const auto question = random_id(net.random);
        REQUIRE(in.note(question, by, now, now + 60s) == verdict::fresh);
        in.keep(question, bytes(size, 'x'), now, now + 30s);
        return question;
    };
    const auto there = [&](const answered_requests& in, const id256& question) {
        return in.reply_to(question, now) != nullptr;
    };
    // Each neighbour has room for two.
    answered_requests known(1'000, 2 * one * answered_requests::parts_of_neighbour);
    const auto victim = kept(known, payer(net));
    const auto greedy = payer(net);
    const auto first = kept(known, greedy);
    const auto second = kept(known, greedy);
    CHECK(there(known, first));
    const auto third = kept(known, greedy);
    CHECK_FALSE(there(known, first));
    CHECK(there(known, second));
    CHECK(there(known, third));
    CHECK(there(known, victim));
    CHECK(known.bytes_of_replies() == 3 * one);
    // As large as a share, and one byte more.
    CHECK(there(known, kept(known, payer(net), 2 * one - answered_requests::reply_overhead)));
    CHECK_FALSE(there(known, kept(known, payer(net), 2 * one - answered_requests::reply_overhead + 1)));
    // All of it is used: who has most gives way.
    while (known.bytes_of_replies() < 16 * one) {
        const auto by = payer(net);
        kept(known, by);
        if (known.bytes_of_replies() < 16 * one) kept(known, by);
    }
    CHECK(there(known, kept(known, payer(net))));
    CHECK(known.bytes_of_replies() <= 16 * one);
    CHECK(there(known, victim));
    // In one network: half of it.
    answered_requests crowded(1'000, 2 * one * answered_requests::parts_of_neighbour);
    for (int i = 0; i < 20; ++i) kept(crowded, payer(net, 1));
    CHECK(crowded.bytes_of_replies() == 8 * one);
    // Their time ends before the request is forgotten.
    CHECK(known.reply_to(victim, now + 29s) != nullptr);
    CHECK(known.reply_to(victim, now + 30s) == nullptr);
    CHECK(known.note(victim, payer(net), now + 30s, now + 99s) == verdict::again);
    CHECK(known.bytes_of_replies() == 0);
}
