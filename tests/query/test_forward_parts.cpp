#include <optional>
#include <string>

#include <mydht/crypto/identity.hpp>

#include "query/branches.hpp"
#include "query/collection.hpp"
#include "query/other_ways.hpp"
#include "query/seen_tags.hpp"

#include "runtime/fixture.hpp"
#include "support/catch.hpp"
#include "support/contacts.hpp"

using namespace mydht;
using namespace mydht::detail;
using namespace std::chrono_literals;

namespace {

id256 tag(std::uint8_t number) {
    id256 out;
    out.data()[0] = number;
    return out;
}

constexpr steady_time start{1h};

std::vector<contact> some(std::size_t count) {
    prng random(1);
    std::vector<contact> out;
    for (std::size_t i = 0; i < count; ++i) {
        out.push_back(test::server_at(test::random_id(random), test::public_address(static_cast<std::uint32_t>(i))));
    }
    return out;
}

wire::forward query_of(std::uint8_t fan_out, std::uint8_t paths, std::uint8_t results) {
    wire::forward out;
    out.fan_out = fan_out;
    out.paths = paths;
    out.results = results;
    return out;
}

}  // namespace

TEST_CASE("a tag is known until its time is over", "[forward]") {
    seen_tags tags(10);
    CHECK(tags.note(tag(1), start, start + 5s));
    CHECK_FALSE(tags.note(tag(1), start + 4s, start + 9s));
    CHECK(tags.note(tag(2), start + 4s, start + 9s));
    CHECK(tags.note(tag(1), start + 5s, start + 8s));
    CHECK_FALSE(tags.note(tag(1), start + 7s, start + 9s));
    CHECK(tags.note(tag(3), start + 20s, start + 21s));
    CHECK(tags.size() == 1);
}

TEST_CASE("so many tags are remembered, the oldest is forgotten first", "[forward]") {
    seen_tags tags(3);
    for (std::uint8_t i = 0; i < 3; ++i) REQUIRE(tags.note(tag(i), start, start + 1h));
    CHECK_FALSE(tags.note(tag(0), start, start + 1h));
    CHECK(tags.note(tag(3), start, start + 1h));
    CHECK(tags.size() == 3);
    CHECK_FALSE(tags.note(tag(1), start, start + 1h));
    CHECK(tags.note(tag(0), start, start + 1h));
    CHECK(tags.size() == 3);
}

TEST_CASE("paths and results are shared out among so many peers", "[forward]") {
    const auto peers = some(5);
    branches out(peers, query_of(3, 8, 2));
    std::size_t paths = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto next = out.next();
        REQUIRE(next);
        CHECK(next->to == peers[i]);
        CHECK(next->results == 1);
        paths += next->paths;
    }
    CHECK(paths == 8);
    CHECK_FALSE(out.next());
    CHECK(out.under_way() == 3);
    for (int i = 0; i < 3; ++i) out.ended(branch(), 0);
    CHECK_FALSE(out.next());
    CHECK(out.sent() == 3);
}

TEST_CASE("a query with one path goes to one peer at a time, and on where it was before", "[forward]") {
    const auto peers = some(5);
    branches out(peers, query_of(3, 1, 1));
    const auto first = out.next();
    REQUIRE(first);
    CHECK_FALSE(out.next());
    out.given_back(*first);
    CHECK(out.under_way() == 0);
    const auto second = out.next();
    REQUIRE(second);
    CHECK(second->to == peers[1]);
    out.given_back(*second);
    const auto third = out.next();
    REQUIRE(third);
    out.given_back(*third);
    CHECK_FALSE(out.next());
    CHECK(out.sent() == 3);
}

TEST_CASE("a path that came to an end is not taken again", "[forward]") {
    branches out(some(5), query_of(4, 1, 1));
    const auto only = out.next();
    REQUIRE(only);
    out.ended(*only, 0);
    CHECK_FALSE(out.next());
    branches nobody({}, query_of(4, 4, 1));
    CHECK_FALSE(nobody.next());
}

TEST_CASE("with a ticket no more results are asked for than there are, and who would get none waits", "[forward]") {
    auto query = query_of(4, 8, 2);
    query.asker.emplace();
    const auto peers = some(5);
    branches out(peers, query);
    const auto first = out.next();
    const auto second = out.next();
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first->results == 1);
    CHECK(second->results == 1);
    CHECK(first->paths == 2);
    CHECK_FALSE(out.next());
    CHECK(out.results_left() == 0);
    // It came to nothing: its result is somebody else's.
    out.ended(*first, 0);
    const auto third = out.next();
    REQUIRE(third);
    CHECK(third->to == peers[2]);
    CHECK(third->results == 1);
    // This one was used.
    out.ended(*second, 1);
    CHECK_FALSE(out.next());
    // Nobody knows what has become of this one: its paths may be taken, its result not.
    out.lost(*third);
    CHECK_FALSE(out.next());
    CHECK(out.results_left() == 0);
    CHECK(out.under_way() == 0);
}

TEST_CASE("results are shared out among all, the first ones get more, and those given back are asked for again",
          "[forward]") {
    auto query = query_of(4, 3, 7);
    query.asker.emplace();
    branches out(some(4), query);
    std::vector<branch> asked;
    for (const std::size_t results : {3U, 2U, 2U}) {
        const auto next = out.next();
        REQUIRE(next);
        CHECK(next->results == results);
        asked.push_back(*next);
    }
    CHECK_FALSE(out.next());
    out.given_back(asked[0]);
    const auto again = out.next();
    REQUIRE(again);
    CHECK(again->results == 3);
    CHECK(again->paths == asked[0].paths);
    for (const auto& each : {asked[1], asked[2], *again}) out.ended(each, each.results);
    CHECK(out.results_left() == 0);
}

namespace {

/// What waits for versions of one author's value.
struct waiting {
    explicit waiting(collection::source source, std::uint8_t results = 2) : what(query(results)) {
        found.emplace(what, rules, loop.time);
        all.emplace(source, results, *found);
    }

    wire::forward query(std::uint8_t results) {
        wire::find_value goal;
        goal.target = version(1).key();
        wire::forward out;
        out.goal = goal;
        out.results = results;
        return out;
    }

    value version(std::uint64_t n) {
        return value::signed_by(author, "version " + std::to_string(n))
            .sequence(n)
            .deadline(loop.time.wall_now() + 1h)
            .sign()
            .value();
    }

    wire::gathered with(std::uint64_t n) {
        wire::gathered out;
        out.items = {version(n).to_item()};
        return out;
    }

    test::loop loop;
    identity author = *identity::from_seed(bytes(32, 7));
    namespaces rules;
    wire::forward what;
    std::optional<gathering> found;
    std::optional<collection> all;
};

node_id peer(std::uint8_t number) {
    node_id out;
    out.data()[0] = number;
    return out;
}

using word = collection::verdict;

}  // namespace

TEST_CASE("anybody may bring something once, as many as results are wanted", "[forward]") {
    waiting w(collection::source::anybody);
    CHECK(w.all->take(peer(1), wire::gathered()) == word::known);
    CHECK(w.all->take(peer(1), w.with(1)) == word::taken);
    // A packet that came twice.
    CHECK(w.all->take(peer(1), w.with(1)) == word::known);
    CHECK(w.all->take(peer(1), w.with(2)) == word::refused);
    CHECK_FALSE(w.found->enough());
    CHECK(w.all->take(peer(2), w.with(1)) == word::taken);
    CHECK(w.found->enough());
    CHECK(w.all->take(peer(3), w.with(3)) == word::refused);
    CHECK(w.all->take(peer(3), wire::gathered()) == word::refused);
    CHECK(w.found->answer().items.size() == 1);
}

TEST_CASE("lies that are brought use no result up, and are judged so many times and no more", "[forward]") {
    waiting w(collection::source::anybody);
    wire::gathered lie;
    for (std::size_t i = 0; i < collection::judged_max - 1; ++i) {
        lie.items = {
            value::immutable("a lie " + std::to_string(i)).with_deadline(w.loop.time.wall_now() + 1h).to_item()};
        CHECK(w.all->take(peer(1), lie) == word::refused);
    }
    CHECK(w.found->lies() == collection::judged_max - 1);
    CHECK(w.all->take(peer(1), lie) == word::refused);
    CHECK(w.found->lies() == collection::judged_max - 1);
    CHECK(w.all->take(peer(2), w.with(1)) == word::taken);
    CHECK(w.all->take(peer(3), w.with(1)) == word::refused);
    CHECK(w.found->answer().items.size() == 1);
    // More than any message has room for, or what was not asked for.
    waiting other(collection::source::anybody);
    auto many = other.with(1);
    many.copies = 1;
    CHECK(other.all->take(peer(1), many) == word::refused);
    many = wire::gathered();
    many.contacts.resize(2);
    CHECK(other.all->take(peer(1), many) == word::refused);
    CHECK(other.found->lies() == 2);
}

TEST_CASE("only peers that the query was sent to hand something back, and they may again", "[forward]") {
    waiting w(collection::source::asked, 8);
    CHECK(w.all->take(peer(1), w.with(1)) == word::refused);
    w.all->sent_to(peer(1));
    for (std::uint64_t n = 1; n <= 3; ++n) CHECK(w.all->take(peer(1), w.with(n)) == word::taken);
    CHECK(w.all->take(peer(1), w.with(2)) == word::known);
    CHECK(w.all->take(peer(2), w.with(4)) == word::refused);
    CHECK(w.found->answer().items.size() == 3);
}

TEST_CASE("a tag has one collection, for as long as that lives", "[forward]") {
    waiting w(collection::source::anybody);
    collections all;
    wire::deliver brought;
    brought.tag.data()[0] = 9;
    brought.what = w.with(1);
    int woken = 0;
    CHECK(all.take(peer(1), brought) == word::refused);
    {
        const collections::place here(all, brought.tag, *w.all, [&](const node_id&) { ++woken; });
        waiting other(collection::source::anybody);
        {
            const collections::place second(all, brought.tag, *other.all, [](const node_id&) {});
        }
        CHECK(all.awaits(brought.tag));
        CHECK(all.take(peer(1), brought) == word::taken);
        CHECK(all.take(peer(1), brought) == word::known);
        CHECK(woken == 1);
        CHECK_FALSE(other.found->any());
    }
    CHECK_FALSE(all.awaits(brought.tag));
    CHECK(all.take(peer(2), brought) == word::refused);
}

TEST_CASE("nobody is believed to have come to more than was asked of it", "[forward]") {
    waiting w(collection::source::anybody, 4);
    branch path;
    path.results = 2;
    path.paths = 3;
    auto answer = w.with(1);
    answer.outcome = wire::gathered_outcome::found;
    for (std::uint64_t n = 2; n <= 3; ++n) answer.items.push_back(w.version(n).to_item());
    CHECK(w.found->take(answer, path).how == gathering::judgement::unclear);
    CHECK(w.found->lies() == 1);
    CHECK_FALSE(w.found->any());
    // The same value twice is one copy.
    answer.items = {w.version(1).to_item(), w.version(1).to_item()};
    CHECK(w.found->take(answer, path).how == gathering::judgement::ended);
    CHECK_FALSE(w.found->enough());
    answer = wire::gathered();
    answer.outcome = wire::gathered_outcome::found;
    answer.delivered = 200;
    CHECK(w.found->take(answer, path).used == 2);
    CHECK(w.found->delivered() == 2);

    wire::forward put;
    wire::store order;
    put.goal = order;
    put.storing = wire::storage_mode::answerer;
    gathering kept(put, w.rules, w.loop.time);
    answer.copies = 60'000;
    [[maybe_unused]] const auto judged = kept.take(answer, path);
    CHECK(kept.copies() == path.paths);
}

TEST_CASE("the tag alone does not tell a query: another goal is another visit", "[forward]") {
    wire::forward query = query_of(1, 1, 1);
    wire::find_value goal;
    query.goal = goal;
    const auto first = visit_of(query);
    query.hops = 9;
    CHECK(visit_of(query) == first);
    goal.target.data()[0] = 1;
    query.goal = goal;
    CHECK(visit_of(query) != first);
    wire::find_node node;
    query.goal = node;
    CHECK(visit_of(query) != first);
    wire::store put;
    query.goal = put;
    const auto empty = visit_of(query);
    put.what.body = {1};
    query.goal = put;
    CHECK(visit_of(query) != empty);
}

TEST_CASE("steps to peers that others do not lead to, or that came to something, are worth more", "[forward]") {
    other_ways ways(2);
    const auto one = tag(1);
    CHECK(ways.worth(one) == 0);
    ways.known(one);
    CHECK(ways.worth(one) == -1);
    for (int i = 0; i < 9; ++i) ways.known(one);
    CHECK(ways.worth(one) == -4);
    // Nothing is no news of a peer that others lead to.
    ways.nothing(one);
    CHECK(ways.worth(one) == -4);
    ways.found(one);
    CHECK(ways.worth(one) == 4);
    // That others know the way, too, takes nothing from it; that it comes to nothing does.
    ways.known(one);
    CHECK(ways.worth(one) == 4);
    for (int i = 0; i < 9; ++i) ways.nothing(one);
    CHECK(ways.worth(one) == 0);
    ways.found(one);
    ways.known(tag(2));
    ways.known(tag(3));
    CHECK(ways.worth(one) == 0);
    CHECK(ways.worth(tag(3)) == -1);
}
