// Which of an author's versions gets take, and what peers on the way make of one that may be old.

#include <string>
#include <vector>

#include "query/crossings.hpp"
#include "query/gathering.hpp"
#include "query/linked_network.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;
using detail::gathering;

namespace {

value version(environment& env, const identity& author, std::uint64_t sequence) {
    return value::signed_by(author, "version " + std::to_string(sequence))
        .sequence(sequence)
        .deadline(env.time->wall_now() + 1h)
        .sign()
        .value();
}

/// A chain of three, whose last one has the first version.
struct behind {
    behind() {
        net.link(0, 1);
        net.link(1, 2);
        REQUIRE(net.put(2, old, put_options().local()));
    }
    result<get_report> get(get_options how) { return net.get(0, old.key(), how.report_to(report)); }

    linked_network net{3};
    identity author = identity::generate(*net.env.secure_random);
    value old = version(net.env, author, 1);
    lookup_report report;
};

wire::gathered found(std::initializer_list<value> what) {
    wire::gathered out;
    out.outcome = wire::gathered_outcome::found;
    for (const auto& each : what) out.items.push_back(each.to_item());
    return out;
}

}  // namespace

TEST_CASE("who knows a version is not content with an older one", "[versions]") {
    for (const auto how : {proxied(), direct(), mixed(1)}) {
        CAPTURE(static_cast<int>(how.what()));
        behind b;
        CHECK(b.get(get_options().mode(how))->text() == "version 1");
        CHECK(b.report.rounds == 1);
        CHECK(b.get(get_options().mode(how).at_least(1))->text() == "version 1");
        CHECK(b.report.rounds == 1);
        std::vector<std::string> told;
        const auto tell = [&](const value& each) { told.emplace_back(each.text()); };
        const auto none = b.get(get_options().mode(how).at_least(2).on_result(tell));
        CHECK(none.error() == errc::value_stale);
        CHECK(b.report.rounds == 3);
        CHECK(told.empty());
        REQUIRE(b.net.put(1, version(b.net.env, b.author, 3), put_options().local()));
        const auto newer = b.get(get_options().mode(how).at_least(2).on_result(tell));
        REQUIRE(newer);
        CHECK(newer->text() == "version 3");
        CHECK(told == std::vector<std::string>{"version 3"});
        CHECK(b.report.rounds == 1);
    }
}

TEST_CASE("what is left out for its age is counted, and nothing else is left out", "[versions]") {
    behind b;
    REQUIRE(b.net.put(1, version(b.net.env, b.author, 2), put_options().local()));
    const auto newest = b.get(get_options().mode(proxied()).at_least(2));
    REQUIRE(newest);
    CHECK(newest->older == 1);
    CHECK(newest->copies == 1);
    const auto fixed = value::immutable("has no versions");
    REQUIRE(b.net.put(2, fixed, put_options().local()));
    CHECK(b.net.get(0, fixed.key(), get_options().mode(proxied()).at_least(7)));
    CHECK(b.net.get(2, fixed.key(), get_options().local().at_least(7)));
    CHECK(b.net.get(2, b.old.key(), get_options().local().at_least(2)).error() == errc::value_stale);
    CHECK(b.net.get(0, value::immutable("nowhere").key(), get_options().mode(proxied()).at_least(2)).error() ==
          errc::not_found);
}

TEST_CASE("steps earn nothing by a version that may be old, nor by what peers only say", "[versions]") {
    linked_network net(1);
    const auto author = identity::generate(*net.env.secure_random);
    const auto old = version(net.env, author, 1);
    const auto newer = version(net.env, author, 2);
    const auto fixed = value::immutable("fixed").with_deadline(net.env.time->wall_now() + 1h);
    wire::forward query;
    query.results = 16;
    detail::branch path;
    path.results = 2;
    const auto goal_of = [](const value& what) {
        wire::find_value out;
        out.target = what.key();
        return out;
    };
    query.goal = goal_of(fixed);
    gathering whole(query, net.rules, *net.env.time, address_scope::global);
    CHECK(whole.take(found({fixed}), path).proven);
    CHECK_FALSE(whole.take(wire::gathered(), path).proven);

    query.goal = goal_of(old);
    gathering versions(query, net.rules, *net.env.time, address_scope::global);
    const auto first = versions.take(found({old}), path);
    CHECK(first.brought);
    CHECK_FALSE(first.proven);
    // It leads where the first one does not; who gives the same afterwards, or the old one, need not.
    CHECK(versions.take(found({old, newer}), path).proven);
    CHECK_FALSE(versions.take(found({newer}), path).proven);
    CHECK_FALSE(versions.take(found({old}), path).proven);

    wire::store order;
    order.target = fixed.key();
    order.what = fixed.to_item();
    query.goal = order;
    gathering put(query, net.rules, *net.env.time, address_scope::global);
    auto kept = found({});
    kept.copies = 1;
    const auto said = put.take(kept, path);
    CHECK(said.brought);
    CHECK_FALSE(said.proven);

    query.goal = goal_of(fixed);
    query.asker.emplace();
    gathering elsewhere(query, net.rules, *net.env.time, address_scope::global);
    auto delivered = found({});
    delivered.delivered = 1;
    const auto claimed = elsewhere.take(delivered, path);
    CHECK(claimed.brought);
    CHECK_FALSE(claimed.proven);
}

TEST_CASE("who sends a query here that is passed on is remembered until it has been", "[versions][crossings]") {
    detail::crossings all;
    const id256 visit = value::immutable("visit").key();
    prng random(1);
    const auto peer = random_id(random);
    all.note(visit, peer);
    {
        const detail::crossings::place place(all, visit);
        const detail::crossings::place other(all, value::immutable("another").key());
        CHECK_FALSE(place.came_from(peer));
        all.note(visit, peer);
        CHECK(place.came_from(peer));
        CHECK_FALSE(other.came_from(peer));
        // One that sends it again and again takes no more room.
        for (std::size_t i = 0; i < detail::crossings::senders_max; ++i) all.note(visit, peer);
        std::vector<id256> more;
        for (std::size_t i = 0; i < detail::crossings::senders_max; ++i) {
            more.push_back(random_id(random));
            all.note(visit, more.back());
        }
        CHECK(place.came_from(more[detail::crossings::senders_max - 2]));
        CHECK_FALSE(place.came_from(more[detail::crossings::senders_max - 1]));
    }
    const detail::crossings::place again(all, visit);
    CHECK_FALSE(again.came_from(peer));
}
