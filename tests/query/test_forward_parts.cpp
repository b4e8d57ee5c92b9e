#include <array>
#include <limits>
#include <optional>
#include <string>

#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/wire/codec.hpp>

#include "query/answer_room.hpp"
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

TEST_CASE("an answer has room for so many items and so many bytes, and small ones come in behind large ones",
          "[forward]") {
    item small;
    small.body.resize(1);
    answer_room few;
    for (std::size_t i = 0; i < limits::values_per_message; ++i) CHECK(few.take(small));
    CHECK_FALSE(few.take(small));

    item large;
    large.body.resize(items_bytes / 2);
    answer_room full;
    CHECK(full.take(large));
    large.body.push_back(0);
    CHECK_FALSE(full.take(large));
    large.body.pop_back();
    CHECK(full.take(large));
    CHECK_FALSE(full.take(small));
    CHECK(full.take(item()));
}

TEST_CASE("the largest answers fit into a message in every codec", "[forward]") {
    wire::gathered all;
    all.items.resize(limits::values_per_message);
    for (auto& each : all.items) {
        each.kind = item_kind::mutable_value;
        each.body.assign(items_bytes / limits::values_per_message, 0xff);
        each.sig.data().fill(0xff);
    }
    public_key peer;
    peer.data().fill(0xff);
    std::array<std::uint8_t, 16> host{};
    host.fill(0xff);
    const std::vector<address> addresses(limits::addresses_per_contact, address::ipv6(address_kind::udp, host, 0xffff));
    all.contacts.assign(limits::contacts_per_message, contact_of(peer, 0xffff'ffff, addresses));
    wire::values some;
    some.items = all.items;
    some.contacts = all.contacts;
    for (const auto& codec : wire::all_codecs()) {
        CAPTURE(codec.name());
        for (const auto& what : {wire::message(all), wire::message(some)}) {
            wire::envelope around;
            around.id = std::numeric_limits<std::uint64_t>::max();
            around.body = what;
            bytes out;
            REQUIRE(codec.encode(around, out).has_value());
            CHECK(codec.decode(out, {}, nullptr).has_value());
        }
    }
}

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
    explicit waiting(collection::source source, std::uint8_t results = 2, std::uint8_t seed = 7)
        : author(*identity::from_seed(bytes(32, seed))), what(query(results)) {
        found.emplace(what, rules, loop.time, address_scope::global);
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
    identity author;
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

loop_tag tag_of(std::uint8_t number) {
    loop_tag out;
    out.data()[0] = number;
    return out;
}

}  // namespace

TEST_CASE("anybody may bring something once, as many as results are wanted", "[forward]") {
    waiting w(collection::source::anybody);
    CHECK(w.all->take({peer(1), wire::gathered()}) == word::known);
    CHECK(w.all->take({peer(1), w.with(1)}) == word::taken);
    // A packet that came twice.
    CHECK(w.all->take({peer(1), w.with(1)}) == word::known);
    CHECK(w.all->take({peer(1), w.with(2)}) == word::refused);
    CHECK_FALSE(w.found->enough());
    CHECK(w.all->take({peer(2), w.with(1)}) == word::taken);
    CHECK(w.found->enough());
    CHECK(w.all->take({peer(3), w.with(3)}) == word::refused);
    CHECK(w.all->take({peer(3), wire::gathered()}) == word::refused);
    CHECK(w.found->answer().items.size() == 1);
}

TEST_CASE("a lie ends the turn of its sender alone, and so many are judged and no more", "[forward]") {
    waiting w(collection::source::anybody);
    collections all;
    const collections::place here(all, tag_of(9), *w.all, [](const node_id&) {});
    const auto bring = [&](const node_id& from, wire::gathered what) {
        wire::deliver out;
        out.tag = tag_of(9);
        out.what = std::move(what);
        return all.take(from, std::move(out));
    };
    const auto forged = [&](std::uint64_t n) {
        auto out = w.with(n);
        out.items.front().sig.data()[0] ^= 1;
        return out;
    };
    for (std::uint64_t n = 1; n <= 2 * collection::judged_max; ++n) {
        CHECK(bring(peer(1), forged(n)) == (n == 1 ? word::lie : word::refused));
    }
    CHECK(w.found->lies() == 1);
    // Not even the truth is taken from there; from others it is.
    CHECK(bring(peer(1), w.with(1)) == word::refused);
    CHECK(bring(peer(1), wire::gathered()) == word::refused);
    CHECK(bring(peer(2), w.with(1)) == word::taken);
    // What was brought before does not protect who lies then.
    CHECK(bring(peer(2), forged(1)) == word::refused);
    // Others' lies use no result up. One is left to be judged.
    for (std::uint8_t i = 3; i <= collection::judged_max - 1; ++i) CHECK(bring(peer(i), forged(1)) == word::lie);
    CHECK(w.found->lies() == collection::judged_max - 2);
    SECTION("the truth is the last one") {
        CHECK(bring(peer(200), w.with(2)) == word::taken);
        CHECK(w.found->answer().items.size() == 2);
    }
    SECTION("or a lie is") {
        CHECK(bring(peer(200), forged(1)) == word::lie);
        CHECK(bring(peer(201), w.with(2)) == word::refused);
        CHECK(w.found->answer().items.size() == 1);
    }
}

TEST_CASE("what is brought for another query is no lie, and what is for none and cannot be is one", "[forward]") {
    waiting w(collection::source::anybody, 8);
    wire::gathered other;
    other.items = {value::immutable("elsewhere").with_deadline(w.loop.time.wall_now() + 1h).to_item()};
    for (std::size_t i = 0; i < 2 * collection::judged_max; ++i) {
        other.items = {value::immutable("elsewhere " + std::to_string(i)).to_item()};
        CHECK(w.all->take({peer(1), other}) == word::refused);
    }
    wire::gathered contacts;
    contacts.contacts.resize(2);
    CHECK(w.all->take({peer(1), contacts}) == word::refused);
    wire::gathered copies;
    copies.copies = 1;
    CHECK(w.all->take({peer(1), copies}) == word::refused);
    // More than any message has room for, or what was not asked for, beside what was.
    auto many = w.with(1);
    many.copies = 1;
    CHECK(w.all->take({peer(2), many}) == word::lie);
    many = w.with(1);
    many.items.resize(limits::values_per_message + 1, many.items.front());
    CHECK(w.all->take({peer(3), many}) == word::lie);
    many.items.resize(1);
    many.items.front().body.resize(3);
    CHECK(w.all->take({peer(4), many}) == word::lie);
    CHECK(w.all->take({peer(1), w.with(1)}) == word::taken);
    CHECK(w.found->lies() == 0);
}

TEST_CASE("only peers that the query was sent to hand something back, and they may again", "[forward]") {
    waiting w(collection::source::asked, 8);
    CHECK(w.all->take({peer(1), w.with(1)}) == word::refused);
    w.all->sent_to(peer(1));
    for (std::uint64_t n = 1; n <= 3; ++n) CHECK(w.all->take({peer(1), w.with(n)}) == word::taken);
    CHECK(w.all->take({peer(1), w.with(2)}) == word::known);
    CHECK(w.all->take({peer(2), w.with(4)}) == word::refused);
    CHECK(w.found->answer().items.size() == 3);
}

TEST_CASE("a tag has its collections for as long as they live", "[forward]") {
    waiting w(collection::source::anybody);
    collections all;
    wire::deliver brought;
    brought.tag = tag_of(9);
    brought.what = w.with(1);
    int woken = 0;
    CHECK(all.take(peer(1), brought) == word::refused);
    {
        const collections::place here(all, brought.tag, *w.all, [&](const node_id&) { ++woken; });
        CHECK(all.awaits(brought.tag));
        CHECK(all.take(peer(1), brought) == word::taken);
        CHECK(all.take(peer(1), brought) == word::known);
        CHECK(woken == 1);
    }
    CHECK_FALSE(all.awaits(brought.tag));
    CHECK(all.take(peer(2), brought) == word::refused);
}

TEST_CASE("whoever uses a tag for another query does not get, or keep out, what comes for the first", "[forward]") {
    const bool comes_first = GENERATE(true, false);
    waiting own(collection::source::anybody, 1);
    waiting other(collection::source::anybody, 1, 8);
    collections all;
    int own_woken = 0;
    int other_woken = 0;
    std::optional<collections::place> a;
    std::optional<collections::place> b;
    const auto place_own = [&] { a.emplace(all, tag_of(9), *own.all, [&](const node_id&) { ++own_woken; }); };
    if (!comes_first) place_own();
    b.emplace(all, tag_of(9), *other.all, [&](const node_id&) { ++other_woken; });
    if (comes_first) place_own();
    wire::deliver brought;
    brought.tag = tag_of(9);
    brought.what = other.with(1);
    CHECK(all.take(peer(1), brought) == word::taken);
    // The same peer has something for both.
    brought.what = own.with(1);
    CHECK(all.take(peer(1), brought) == word::taken);
    CHECK(all.take(peer(1), brought) == word::known);
    CHECK(own_woken == 1);
    CHECK(other_woken == 1);
    CHECK(own.found->lies() == 0);
    CHECK(other.found->lies() == 0);
    REQUIRE(own.found->answer().items.size() == 1);
    CHECK(own.found->answer().items.front() == own.version(1).to_item());
    b.reset();
    brought.what = other.with(2);
    CHECK(all.take(peer(2), brought) == word::refused);
    CHECK(all.awaits(brought.tag));
    a.reset();
    CHECK_FALSE(all.awaits(brought.tag));
}

TEST_CASE("contacts are told to nobody at addresses of a narrower network, or that cannot be dialled there",
          "[forward]") {
    waiting w(collection::source::anybody);
    wire::find_node goal;
    goal.target = peer(5);
    goal.kinds = wire::mask_of(address_kind::udp);
    wire::forward query;
    query.goal = goal;
    query.results = 8;
    const auto near = parse_address("udp://192.168.1.7:4000").value();
    const auto far = parse_address("udp://8.8.4.4:4000").value();
    const auto other_kind = parse_address("tcp://8.8.4.4:4000").value();
    const auto told = [&](address_scope reader, std::vector<address> named) {
        gathering found(query, w.rules, w.loop.time, reader);
        contact who;
        who.id = goal.target;
        who.addresses = std::move(named);
        found.take_contact(who);
        CHECK(found.lies() == 0);
        const auto out = found.answer().contacts;
        return out.empty() ? std::vector<address>() : out.front().addresses;
    };
    CHECK(told(address_scope::global, {near, far, other_kind}) == std::vector{far});
    CHECK(told(address_scope::private_net, {near, far, other_kind}) == std::vector{near, far});
    CHECK(told(address_scope::global, {near}).empty());
    CHECK(told(address_scope::loopback, {other_kind}).empty());
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
    auto straight = w.what;
    straight.asker.emplace();
    gathering elsewhere(straight, w.rules, w.loop.time, address_scope::global);
    CHECK(elsewhere.take(answer, path).used == 2);
    CHECK(elsewhere.delivered() == 2);

    wire::forward put;
    wire::store order;
    put.goal = order;
    put.storing = wire::storage_mode::answerer;
    gathering kept(put, w.rules, w.loop.time, address_scope::global);
    answer.delivered = 0;
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
