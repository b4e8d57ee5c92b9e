// Peers on the way of a query that keep its answer from the asker by sending it where it would be answered.

#include <memory>
#include <string>

#include <mydht/crypto/ids.hpp>

#include "query/linked_network.hpp"
#include "query/manners.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

using peer_index = linked_network::peer_index;

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

task<result<bytes>> echo(service_question what) { co_return std::move(what.body); }

}  // namespace

TEST_CASE("a tag that was sent ahead hides no value and no peer from the query behind it", "[forward][stolen]") {
    for (const auto how : {proxied(), direct(), mixed(1)}) {
        CAPTURE(static_cast<int>(how.what()));
        linked_network net(4);
        two_ways(net);
        net.at(1).behaves = burns(net);
        const auto what = value::immutable("here");
        REQUIRE(net.put(3, what, put_options().local()));
        const auto got = net.get(0, what.key(), get_options().mode(how).rounds(1));
        REQUIRE(got);
        CHECK(got->best.text() == "here");
        const auto found = net.complete(net.at(0).queries.lookup(net.at(3).who.id, get_options().mode(how).rounds(1)));
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
    REQUIRE(net.get(0, what.key(), get_options().mode(direct()).rounds(1)));
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
