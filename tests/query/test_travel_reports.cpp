// What the asker of a query that travels is told: why it failed, and how many did what.

#include <string>

#include "query/linked_network.hpp"
#include "query/manners.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

get_options far_get() { return get_options().mode(proxied()); }
put_options far_put() { return put_options().mode(proxied()); }

task<std::optional<wire::message>> refuse(std::size_t, const wire::forward&) {
    wire::error no;
    no.code = wire::error_code::busy;
    co_return wire::message(std::move(no));
}

/// A peer that asks and keeps nothing.
void make_client(linked_network& net, std::size_t who) {
    auto& client = net.at(who);
    forward_origin place;
    place.self = std::make_shared<const identity>(identity::generate(*net.env.secure_random));
    place.contact = [who = client.who] { return who; };
    place.seen_at = [](const peer_info&, const address&) { return true; };
    place.keeps_values = false;
    client.forwarding.connect(std::make_shared<linked_network::link_messenger>(net, who), std::move(place));
}

bool holds(linked_network& net, std::size_t who, const id256& key) {
    return !net.complete(net.at(who).answers.items(key)).empty();
}

/// Everybody that was asked has come to something, unless it was still under way.
std::size_t settled(const lookup_report& report) {
    return report.answered + report.timed_out + report.failed + report.invalid;
}

}  // namespace

TEST_CASE("a client's put has not succeeded when its peers refuse it", "[travel-reports]") {
    linked_network net(3);
    net.mesh(0, 3);
    make_client(net, 0);
    net.at(1).behaves = refuse;
    net.at(2).behaves = refuse;
    const auto what = value::immutable("kept by nobody");
    for (const auto& options : {far_put(), far_put().along_the_path()}) {
        CHECK(net.put(0, what, options).error() == errc::peer_busy);
        CHECK_FALSE(holds(net, 0, what.key()));
    }
    net.at(1).behaves = nullptr;
    const auto stored = net.put(0, what, far_put());
    REQUIRE(stored);
    CHECK(stored->stored == 1);
    CHECK(stored->copies_elsewhere() == 1);
    CHECK_FALSE(holds(net, 0, what.key()));
    // One that keeps values has a copy, and says so.
    const auto own = net.put(2, value::immutable("kept here"), far_put());
    REQUIRE(own);
    CHECK(own->own == holds(net, 2, own->key));
}

TEST_CASE("a put that expects another sequence says so, as far as this node's store knows", "[travel-reports]") {
    linked_network net(3);
    net.mesh(0, 3);
    const auto author = identity::generate(*net.env.secure_random);
    const auto until = net.env.time->wall_now() + 1h;
    const auto version = [&](std::uint64_t n) {
        return value::signed_by(author, "version").sequence(n).deadline(until).sign().value();
    };
    for (std::size_t i = 0; i < 3; ++i) REQUIRE(net.put(i, version(5), put_options().local()));
    CHECK(net.put(0, version(6), far_put().expect_sequence(3)).error() == errc::cas_mismatch);
    CHECK(net.put(0, version(4), far_put()).error() == errc::value_stale);
    // What the stores of others say stays there.
    make_client(net, 0);
    CHECK(net.put(0, version(4), far_put()).error() == errc::peer_error);
    net.at(1).behaves = drops(net);
    CHECK(net.put(0, version(4), far_put().timeout(2s)).error() == errc::timed_out);
    CHECK(net.put(2, version(6), far_put().expect_sequence(5)));
}

TEST_CASE("peers that were asked are counted by what they did", "[travel-reports]") {
    linked_network net(7);
    for (std::size_t i = 1; i < 7; ++i) net.link(0, i);
    net.at(1).behaves = refuse;
    net.at(2).behaves = drops(net);
    net.at(3).behaves = claims(net);
    net.links.erase(std::minmax<std::size_t>(0, 4));
    lookup_report report;
    auto options = far_get().rounds(1).fan_out(6).timeout(2s).report_to(report);
    CHECK(net.get(0, value::immutable("nowhere").key(), options).error() == errc::timed_out);
    CHECK(report.asked == 6);
    CHECK(report.answered == 2);
    CHECK(report.failed == 2);
    CHECK(report.invalid == 1);
    // It was silent until the end.
    CHECK(report.timed_out == 0);
    CHECK(report.steps.size() == report.asked);
    // Everybody answers in time, or not at all.
    net.at(2).behaves = [&net](std::size_t, const wire::forward&) -> task<std::optional<wire::message>> {
        co_await sleep_for(*net.env.time, 1s);
        co_return std::nullopt;
    };
    net.links.erase(std::minmax<std::size_t>(0, 1));
    CHECK(net.get(0, value::immutable("nowhere").key(), options).error() == errc::answer_lost);
    CHECK(report.asked == 6);
    CHECK(report.failed == 2);
    CHECK(settled(report) == 6);
}

TEST_CASE("the counts of a report are those of its steps, in each mode", "[travel-reports]") {
    linked_network net(60);
    net.regular(4);
    for (std::size_t i = 3; i < 60; i += 6)
        net.at(i).behaves = i % 4 == 1 ? linked_network::manner(refuse) : drops(net);
    for (const bool there : {true, false}) {
        const auto what = value::immutable(there ? "there" : "nowhere");
        if (there) REQUIRE(net.put(30, what, put_options().local()));
        for (const auto& how :
             {far_get(), get_options().mode(direct()), get_options().mode(mixed(1)), get_options().hide()}) {
            lookup_report report;
            auto options = how;
            (void)net.get(0, what.key(), options.report_to(report));
            const auto steps = [&](auto... endings) {
                return static_cast<std::size_t>(std::ranges::count_if(
                    report.steps, [&](const query_step& step) { return ((step.how == endings) || ...); }));
            };
            using ending = query_step::ending;
            CHECK(report.asked == report.steps.size() - steps(ending::brought));
            CHECK(report.answered == steps(ending::answered, ending::found, ending::seen_before));
            CHECK(report.timed_out == steps(ending::silent));
            CHECK(report.failed == steps(ending::refused, ending::unreachable));
            CHECK(report.invalid == steps(ending::invalid));
        }
    }
}

TEST_CASE("a query without time has come to no end, and not to nothing", "[travel-reports]") {
    travel_rules counting;
    counting.bands.front().level_links = 0;
    linked_network net(3, 1, counting);
    net.mesh(0, 3);
    wire::find_value goal;
    goal.target = value::immutable("nowhere").key();
    wire::forward query;
    query.goal = goal;
    query.hops = 1;
    query.lifetime = 5s;
    const auto ask = [&](duration time) {
        forward_report report;
        const auto found = net.complete(net.at(0).forwarding.ask(query, net.env.time->now() + time, report));
        CHECK(found.outcome == (report.complete ? wire::gathered_outcome::nothing : wire::gathered_outcome::partial));
        return report;
    };
    const auto late = ask(999us);
    CHECK_FALSE(late.complete);
    CHECK(late.peers.asked == 0);
    const auto in_time = ask(1ms);
    CHECK(in_time.complete);
    CHECK(in_time.peers.asked == 1);
    CHECK(net.get(0, goal.target, far_get().timeout(0ms)).error() == errc::timed_out);
    CHECK(net.put(0, value::immutable("x"), far_put().timeout(0ms).along_the_path()));
    make_client(net, 0);
    CHECK(net.put(0, value::immutable("x"), far_put().timeout(0ms)).error() == errc::timed_out);
    // Nobody to ask is another thing.
    linked_network alone(1);
    CHECK(alone.get(0, goal.target, far_get()).error() == errc::no_peers);
}
