// What peers that pass queries on say of what they came to, and whether they are believed.

#include <string>

#include "query/gathering.hpp"
#include "query/linked_network.hpp"
#include "query/manners.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;
using detail::gathering;
using judgement = gathering::judgement;

namespace {

get_options far_get() { return get_options().mode(proxied()); }

wire::gathered claim_of(std::uint8_t delivered, std::uint16_t copies = 0) {
    wire::gathered out;
    out.outcome = wire::gathered_outcome::found;
    out.delivered = delivered;
    out.copies = copies;
    return out;
}

/// A query for a value, and a path of it to somebody.
struct asked {
    asked() {
        what = value::immutable("something").with_deadline(loop.time.wall_now() + 1h);
        wire::find_value goal;
        goal.target = what.key();
        query.goal = goal;
        query.results = 4;
        path.to.id.data()[0] = 1;
        path.results = 2;
    }
    wire::gathered with_it() {
        wire::gathered out;
        out.outcome = wire::gathered_outcome::found;
        out.items = {what.to_item()};
        return out;
    }

    test::loop loop;
    namespaces rules;
    value what = value::immutable("something");
    wire::forward query;
    detail::branch path;
};

}  // namespace

TEST_CASE("numbers without anything are lies, where nobody can have brought anything", "[claims]") {
    asked a;
    wire::gathered too_little = a.with_it();
    too_little.outcome = wire::gathered_outcome::nothing;
    wire::gathered cut_off = too_little;
    cut_off.outcome = wire::gathered_outcome::partial;
    for (const auto& lie : {claim_of(1), claim_of(0), claim_of(0, 1), too_little, cut_off}) {
        gathering found(a.query, a.rules, a.loop.time, address_scope::global);
        const auto judged = found.take(lie, a.path);
        CHECK(judged.how == judgement::unclear);
        CHECK_FALSE(judged.brought);
        CHECK(found.lies() == 1);
        CHECK_FALSE(found.any());
        CHECK(found.nothing() == 0);
        CHECK(found.answer().outcome == wire::gathered_outcome::partial);
    }
    gathering found(a.query, a.rules, a.loop.time, address_scope::global);
    CHECK(found.take(a.with_it(), a.path).brought);
    CHECK(found.take(wire::gathered(), a.path).how == judgement::ended);
    CHECK(found.lies() == 0);
}

TEST_CASE("what goes straight to the asker is claimed by peers on the way, and passed on", "[claims]") {
    asked a;
    a.query.asker.emplace();
    gathering found(a.query, a.rules, a.loop.time, address_scope::global);
    const auto judged = found.take(claim_of(1), a.path);
    CHECK(judged.brought);
    CHECK(judged.used == 1);
    CHECK(found.answer().delivered == 1);
    CHECK(found.answer().outcome == wire::gathered_outcome::found);
    CHECK(found.take(claim_of(0), a.path).how == judgement::unclear);
    CHECK(found.take(a.with_it(), a.path).how == judgement::unclear);
    CHECK(found.lies() == 2);
}

TEST_CASE("whoever collects what is brought believes in what has come", "[claims]") {
    asked a;
    gathering found(a.query, a.rules, a.loop.time, address_scope::global);
    found.collects();
    node_id somebody;
    somebody.data()[0] = 9;
    // Who says so passes on what others say, and need not be the liar.
    const auto judged = found.take(claim_of(1), a.path);
    CHECK(judged.how == judgement::ended);
    CHECK(judged.used == 1);
    CHECK_FALSE(judged.brought);
    CHECK_FALSE(found.any());
    CHECK(found.lies() == 0);
    CHECK(found.answer().outcome == wire::gathered_outcome::partial);

    gathering honest(a.query, a.rules, a.loop.time, address_scope::global);
    honest.collects();
    auto brought = a.with_it();
    CHECK(honest.take_delivery(somebody, brought));
    CHECK(honest.take(claim_of(1), a.path).brought);
    CHECK_FALSE(honest.take(claim_of(1), a.path).brought);
    // To the one before it this peer answers with what it has.
    CHECK(honest.answer().delivered == 0);
    CHECK(honest.answer().items.size() == 1);
}

TEST_CASE("of what is streamed each peer is believed as much as it has handed on", "[claims]") {
    asked a;
    a.query.stream = true;
    gathering found(a.query, a.rules, a.loop.time, address_scope::global);
    node_id other;
    other.data()[0] = 9;
    CHECK(found.take_delivery(other, a.with_it()));
    CHECK(found.take(claim_of(1), a.path).how == judgement::unclear);
    CHECK(found.lies() == 1);
    CHECK(found.take_delivery(a.path.to.id, a.with_it()));
    CHECK(found.take(claim_of(1), a.path).how == judgement::ended);
    CHECK(found.take(claim_of(2), a.path).how == judgement::unclear);
    CHECK(found.lies() == 2);
}

TEST_CASE("a lie ends the judging of an answer", "[claims]") {
    asked a;
    a.query.results = a.path.results = 16;
    gathering found(a.query, a.rules, a.loop.time, address_scope::global);
    wire::gathered many;
    many.outcome = wire::gathered_outcome::found;
    for (int i = 0; i < 8; ++i) {
        many.items.push_back(
            value::immutable("a lie " + std::to_string(i)).with_deadline(a.loop.time.wall_now() + 1h).to_item());
    }
    many.contacts.resize(8);
    CHECK(found.take(many, a.path).how == judgement::unclear);
    CHECK(found.lies() == 1);
}

TEST_CASE("a peer that lies by numbers ends no get, and is not taken for one that leads anywhere", "[claims]") {
    linked_network net(3);
    net.link(0, 1);
    net.link(1, 2);
    net.at(1).behaves = claims(net);
    const auto key = value::immutable("nowhere").key();
    lookup_report report;
    const auto got = net.get(0, key, far_get().report_to(report));
    CHECK(got.error() == errc::answer_lost);
    CHECK(report.rounds == 3);
    CHECK_FALSE(report.exhausted);
    CHECK(report.invalid == 3);
    CHECK(report.answered == 0);
    CHECK(net.at(0).forwarding.counters().lies == 3);

    // Through an honest peer nobody behind it is believed more, and the value is found where it is.
    linked_network chain(5);
    for (std::size_t i = 0; i < 3; ++i) chain.link(i, i + 1);
    chain.link(1, 4);
    chain.at(4).behaves = claims(chain);
    CHECK_FALSE(chain.get(0, key, far_get().rounds(1).report_to(report)));
    CHECK_FALSE(report.exhausted);
    CHECK(chain.at(0).forwarding.counters().lies == 0);
    CHECK(chain.at(1).forwarding.counters().lies == 1);
    const auto what = value::immutable("there");
    REQUIRE(chain.put(3, what, put_options().local()));
    CHECK(chain.get(0, what.key(), far_get()));
}

TEST_CASE("in no mode is a get told by numbers that nobody has a value", "[claims]") {
    for (const auto how : {proxied(), direct(), mixed(1), mixed(2)}) {
        linked_network net(4);
        for (std::size_t i = 0; i < 3; ++i) net.link(i, i + 1);
        net.at(2).behaves = claims(net);
        CAPTURE(static_cast<int>(how.what()));
        lookup_report report;
        auto options = get_options().mode(how).report_to(report);
        if (how != direct()) options.rounds(1);
        CHECK(net.get(0, value::immutable("nowhere").key(), options).error() == errc::answer_lost);
        CHECK_FALSE(report.exhausted);
        std::vector<value> told;
        options.on_result([&](const value& what) { told.push_back(what); });
        CHECK(net.get(0, value::immutable("nowhere").key(), options).error() == errc::answer_lost);
        CHECK(told.empty());
    }
}
