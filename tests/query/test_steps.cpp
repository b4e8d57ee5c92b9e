#include <algorithm>
#include <memory>
#include <string>

#include "query/fake_network.hpp"
#include "query/linked_network.hpp"
#include "query/step_log.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;
using ending = query_step::ending;

namespace {

steady_time at(duration since) { return steady_time(1h) + since; }

contact somebody(prng& random) { return server_at(random_id(random), public_address(1)); }

reply gathered_reply(const wire::gathered& what, const address& from) { return {what, from}; }

std::size_t count_of(const lookup_report& in, ending how) {
    return static_cast<std::size_t>(std::ranges::count(in.steps, how, &query_step::how));
}

const query_step& step_of(const lookup_report& in, const contact& who) {
    const auto found = std::ranges::find(in.steps, who.id, &query_step::peer);
    REQUIRE(found != in.steps.end());
    return *found;
}

}  // namespace

TEST_CASE("what an asker writes down: who was sent what when, and what came of it", "[steps]") {
    prng random(1);
    std::vector<query_step> steps;
    detail::step_log log(steps, at(0s));
    const auto first = somebody(random);
    const auto second = somebody(random);
    const auto third = somebody(random);

    const auto to_first = log.sent(first, {}, at(1ms));
    CHECK(steps[0].peer == first.id);
    CHECK(steps[0].where == first.addresses.front());
    CHECK(steps[0].sent == 1ms);
    CHECK(steps[0].how == ending::waiting);
    CHECK_FALSE(steps[0].ended);
    CHECK_FALSE(steps[0].named_by);

    const auto session = public_address(9);
    auto* const answered = log.answered(to_first, ending::answered, session, at(4ms));
    REQUIRE(answered == &steps[0]);
    CHECK(steps[0].how == ending::answered);
    CHECK(steps[0].where == session);
    CHECK(steps[0].ended == duration(4ms));

    const auto to_second = log.sent(second, first.id, at(5ms));
    CHECK(steps[1].named_by == std::size_t{0});
    log.failed(to_second, make_error_code(errc::timed_out), at(9ms));
    CHECK(steps[1].how == ending::silent);
    // Asked again elsewhere, and by nobody known.
    log.failed(log.sent(second, third.id, at(10ms)), make_error_code(errc::connection_refused), at(11ms));
    CHECK(steps[2].how == ending::unreachable);
    CHECK_FALSE(steps[2].named_by);
    CHECK(log.last_to(second.id) == std::size_t{2});
    CHECK_FALSE(log.last_to(third.id));
}

TEST_CASE("an answer to a query that travels is written down as what it says", "[steps]") {
    prng random(2);
    std::vector<query_step> steps;
    detail::step_log log(steps, at(0s));
    const auto who = somebody(random);
    const auto from = public_address(7);
    const auto result_of = [&](const wire::gathered& what) {
        const auto step = log.sent(who, {}, at(0s));
        return *log.gathered(step, gathered_reply(what, from), at(2ms));
    };
    wire::gathered nothing;
    CHECK(result_of(nothing).how == ending::answered);
    wire::gathered seen;
    seen.outcome = wire::gathered_outcome::duplicate;
    CHECK(result_of(seen).how == ending::seen_before);
    wire::gathered copies;
    copies.outcome = wire::gathered_outcome::found;
    copies.copies = 3;
    CHECK(result_of(copies).how == ending::found);
    CHECK(result_of(copies).results == 3);
    wire::gathered elsewhere;
    elsewhere.outcome = wire::gathered_outcome::found;
    elsewhere.delivered = 2;
    CHECK(result_of(elsewhere).how == ending::found);
    CHECK(result_of(elsewhere).results == 0);
    CHECK(result_of(elsewhere).delivered == 2);

    const auto refused = log.sent(who, {}, at(0s));
    CHECK(log.gathered(refused, reply(wire::error(), from), at(1ms))->how == ending::refused);
    const auto garbage = log.sent(who, {}, at(0s));
    CHECK(log.gathered(garbage, reply(wire::pong(), from), at(1ms))->how == ending::invalid);
}

TEST_CASE("what is brought counts for the peer that was asked, and is a step of its own for anybody else", "[steps]") {
    prng random(3);
    std::vector<query_step> steps;
    detail::step_log log(steps, at(0s));
    const auto asked = somebody(random);
    const auto stranger = somebody(random);
    const auto step = log.sent(asked, {}, at(0s));
    log.brought(asked.id, at(2ms));
    log.brought(asked.id, at(3ms));
    REQUIRE(steps.size() == 1);
    CHECK(steps[0].delivered == 2);
    CHECK(steps[0].first == duration(2ms));
    CHECK(steps[0].how == ending::waiting);
    // Its answer speaks of the same two.
    wire::gathered rest;
    rest.outcome = wire::gathered_outcome::found;
    rest.delivered = 2;
    (void)log.gathered(step, gathered_reply(rest, asked.addresses.front()), at(4ms));
    CHECK(steps[0].delivered == 2);

    log.brought(stranger.id, at(5ms));
    log.brought(stranger.id, at(6ms));
    REQUIRE(steps.size() == 3);
    CHECK(steps[1].peer == stranger.id);
    CHECK(steps[1].how == ending::brought);
    CHECK(steps[1].sent == 5ms);
    CHECK(steps[1].where.empty());
    CHECK(steps[2].how == ending::brought);
}

TEST_CASE("so many steps are written down and no more", "[steps]") {
    prng random(4);
    std::vector<query_step> steps;
    detail::step_log log(steps, at(0s));
    const auto who = somebody(random);
    detail::step_log::number last;
    for (std::size_t i = 0; i < lookup_report::steps_max; ++i) last = log.sent(who, {}, at(0s));
    CHECK(last == lookup_report::steps_max - 1);
    const auto beyond = log.sent(who, {}, at(0s));
    CHECK_FALSE(beyond);
    CHECK(steps.size() == lookup_report::steps_max);
    log.failed(beyond, make_error_code(errc::timed_out), at(1s));
    CHECK(log.answered(beyond, ending::found, who.addresses.front(), at(1s)) == nullptr);
    log.brought(somebody(random).id, at(1s));
    CHECK(steps.size() == lookup_report::steps_max);
    CHECK(std::ranges::all_of(steps, [](const query_step& s) { return s.how == ending::waiting; }));

    lookup_report all;
    forward_report part;
    part.begun = at(0s);
    part.steps.assign(lookup_report::steps_max - 1, query_step());
    detail::add_round(all, at(0s), 0, part);
    CHECK(all.steps.size() == lookup_report::steps_max - 1);
    detail::add_round(all, at(0s), 1, part);
    CHECK(all.steps.size() == lookup_report::steps_max);
}

TEST_CASE("the rounds of a query have numbers, and times from its beginning", "[steps]") {
    lookup_report all;
    forward_report part;
    part.begun = at(3s);
    query_step step;
    step.sent = 10ms;
    step.first = duration(12ms);
    step.ended = duration(15ms);
    part.steps = {step, query_step()};
    detail::add_round(all, at(1s), 2, part);
    REQUIRE(all.steps.size() == 2);
    CHECK(all.steps[0].round == 2);
    CHECK(all.steps[0].sent == 2010ms);
    CHECK(all.steps[0].first == duration(2012ms));
    CHECK(all.steps[0].ended == duration(2015ms));
    CHECK_FALSE(all.steps[1].ended);
}

TEST_CASE("the steps of a walk say who named whom, and how everybody answered", "[steps][get]") {
    fake_network net(200);
    const auto queries = net.engine({}, 1);
    const auto what = value::immutable("traced").with_deadline(net.env.time->wall_now() + 1h);
    auto near = net.nearest(what.key(), 20);
    net.plant(*near[19], what);
    near[0]->behaves = fake_network::manner::silent;
    near[1]->behaves = fake_network::manner::unreachable;
    near[2]->behaves = fake_network::manner::garbage;
    near[3]->behaves = fake_network::manner::refusing;
    lookup_report report;
    REQUIRE(net.complete(queries->get(what.key(), get_options().report_to(report))));
    REQUIRE(report.steps.size() == report.asked);
    CHECK_FALSE(report.steps.front().named_by);
    for (std::size_t i = 1; i < report.steps.size(); ++i) {
        const auto& step = report.steps[i];
        REQUIRE(step.named_by);
        REQUIRE(*step.named_by < i);
        const auto& namer = report.steps[*step.named_by];
        CHECK(namer.contacts > 0);
        REQUIRE(namer.ended);
        CHECK(*namer.ended <= step.sent);
    }
    CHECK(step_of(report, near[0]->who).how == ending::waiting);
    CHECK(step_of(report, near[1]->who).how == ending::unreachable);
    CHECK(step_of(report, near[2]->who).how == ending::invalid);
    CHECK(step_of(report, near[3]->who).how == ending::refused);
    CHECK(count_of(report, ending::found) == 1);
    const auto& holder = step_of(report, near[19]->who);
    CHECK(holder.how == ending::found);
    CHECK(holder.results == 1);
    CHECK(holder.where == near[19]->who.addresses.front());
}

TEST_CASE("silent and late peers of a walk are told apart", "[steps][lookup]") {
    fake_network net(4);
    const auto queries = net.engine({}, 4);
    auto near = net.nearest({}, 2);
    near[0]->behaves = fake_network::manner::silent;
    near[1]->delay = 1500ms;
    lookup_report report;
    REQUIRE(net.complete(queries->lookup({}, get_options().report_to(report))));
    CHECK(step_of(report, near[0]->who).how == ending::silent);
    const auto& slow = step_of(report, near[1]->who);
    CHECK(slow.how == ending::answered);
    CHECK(slow.late);
    CHECK(std::ranges::count(report.steps, true, &query_step::late) == 1);
}

TEST_CASE("the steps of a query that travels are the peers that it was passed to", "[steps][forward]") {
    linked_network net(40);
    net.regular(6);
    const auto what = value::immutable("passed on");
    REQUIRE(net.put(20, what, put_options().local()));
    const linked_network::peer_index asker = 0;
    lookup_report report;
    const auto mode = GENERATE(proxied(), mixed(1));
    REQUIRE(net.get(asker, what.key(), get_options().mode(mode).report_to(report)));
    CHECK(report.steps.size() == report.asked);
    CHECK(count_of(report, ending::found) > 0);
    for (const auto& step : report.steps) {
        CHECK(net.links.contains(std::minmax(asker, net.places.at(step.peer))));
        CHECK_FALSE(step.named_by);
    }
}

namespace {

task<std::optional<wire::message>> lie(linked_network::peer_index, const wire::forward&) {
    wire::gathered forged;
    forged.outcome = wire::gathered_outcome::found;
    forged.contacts.resize(1);
    co_return wire::message(std::move(forged));
}

task<std::optional<wire::message>> refuse(linked_network::peer_index, const wire::forward&) {
    wire::error no;
    no.code = wire::error_code::busy;
    co_return wire::message(std::move(no));
}

}  // namespace

TEST_CASE("who lies about a query that travels, refuses it or is not there stands so in the steps",
          "[steps][forward]") {
    linked_network net(6);
    for (linked_network::peer_index i = 1; i < 5; ++i) net.link(0, i);
    net.link(0, 5);
    net.at(1).behaves = lie;
    net.at(2).behaves = refuse;
    net.links.erase(std::minmax<linked_network::peer_index>(0, 3));
    lookup_report report;
    auto options = get_options().mode(proxied()).report_to(report);
    options.fan_out(5).rounds(1);
    CHECK_FALSE(net.get(0, value::immutable("nobody has this").key(), options));
    REQUIRE(report.steps.size() == 5);
    CHECK(step_of(report, net.at(1).who).how == ending::invalid);
    CHECK(step_of(report, net.at(2).who).how == ending::refused);
    CHECK(step_of(report, net.at(3).who).how == ending::unreachable);
    CHECK(step_of(report, net.at(4).who).how == ending::answered);
    CHECK(step_of(report, net.at(5).who).how == ending::answered);
}

TEST_CASE("whoever brings a value straight is a step of a direct query", "[steps][direct]") {
    linked_network net(12);
    net.ring();
    const auto what = value::immutable("brought");
    REQUIRE(net.put(3, what, put_options().local()));
    lookup_report report;
    REQUIRE(net.get(0, what.key(), get_options().mode(direct()).report_to(report)));
    REQUIRE(count_of(report, ending::brought) == 1);
    const auto& holder = step_of(report, net.at(3).who);
    CHECK(holder.how == ending::brought);
    CHECK(holder.delivered == 1);
    CHECK(report.steps.size() == report.asked + 1);
}

TEST_CASE("the walks of a hidden get are its rounds, also those that were taken back", "[steps][hidden]") {
    linked_network net(60);
    net.regular(4);
    const auto what = value::immutable("walked to");
    REQUIRE(net.put(30, what, put_options().local()));
    lookup_report report;
    REQUIRE(net.get(0, what.key(), get_options().hide().report_to(report)));
    std::set<std::size_t> rounds;
    for (const auto& step : report.steps) rounds.insert(step.round);
    CHECK(rounds.size() >= 4);
    CHECK(*rounds.rbegin() == rounds.size() - 1);
    CHECK(count_of(report, ending::found) > 0);
}

TEST_CASE("steps are also there when nothing is found", "[steps]") {
    linked_network net(20);
    net.regular(4);
    const auto target = value::immutable("nobody has this").key();
    const auto mode = GENERATE(iterative(), proxied(), direct());
    lookup_report of_get;
    CHECK_FALSE(net.get(0, target, get_options().mode(mode).report_to(of_get)));
    CHECK_FALSE(of_get.steps.empty());
    if (mode == iterative()) return;
    lookup_report of_lookup;
    const auto found = net.complete(net.at(0).queries.lookup(target, get_options().mode(mode).report_to(of_lookup)));
    CHECK_FALSE(found);
    CHECK_FALSE(of_lookup.steps.empty());
}
