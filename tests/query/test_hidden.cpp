#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include <mydht/query/hidden.hpp>
#include <mydht/query/rule_set.hpp>

#include "query/linked_network.hpp"
#include "query/rulebook.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

using peer_index = linked_network::peer_index;

get_options hidden_get() { return get_options().hide(); }

wire::forward dressed(const id256& key = {}) {
    wire::find_value goal;
    goal.target = key;
    wire::forward out;
    out.goal = goal;
    hidden::dress(out);
    return out;
}

/// The first so many of them.
std::vector<wire::forward> dressed_copies(const std::vector<wire::forward>& all, std::size_t count) {
    return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size()))};
}

/// Everything in a query but what it is about and by which tag it goes.
wire::forward without_names(wire::forward query) {
    query.tag = loop_tag();
    query.goal = wire::find_value();
    return query;
}

}  // namespace

TEST_CASE("hidden gets find what was put, among peers that know four others", "[hidden]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    linked_network net(256, seed);
    net.regular(4);
    constexpr int count = 50;
    int found = 0;
    std::size_t messages = 0;
    for (int i = 0; i < count; ++i) {
        const auto what = value::immutable("value " + std::to_string(i));
        REQUIRE(net.put(net.any(), what, put_options().mode(proxied())));
        net.messages = 0;
        const auto got = net.get(net.any(), what.key(), hidden_get());
        found += got && got->best.text() == what.text() ? 1 : 0;
        messages += net.messages;
    }
    CHECK(found >= count * 95 / 100);
    CHECK(messages <= 60 * count);
}

TEST_CASE("what peers see of hidden queries is the same from those that ask and those that pass them on", "[hidden]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    linked_network net(200, seed);
    net.regular(4);
    std::vector<wire::forward> from_askers;  // and what these pass on
    std::vector<wire::forward> from_others;
    std::set<loop_tag> tags;
    peer_index asker = 0;
    net.on_link = [&](peer_index from, peer_index, const wire::message& what) {
        const auto* query = std::get_if<wire::forward>(&what);
        if (query == nullptr) return;
        tags.insert(query->tag);
        (from == asker ? from_askers : from_others).push_back(without_names(*query));
    };
    // Also not from those that have less time than a walk has.
    for (int i = 0; i < 20; ++i) {
        asker = net.any();
        REQUIRE_FALSE(net.get(asker, value::immutable(std::to_string(i)).key(), hidden_get().timeout(5s)));
    }
    const auto walks = 20 * travel_rules().walks;
    CHECK(from_askers.size() >= walks);
    // Walks have 16 steps on average, drawn at each anew: this leaves five standard deviations.
    CHECK(from_askers.size() + from_others.size() > 13 * walks);
    CHECK(from_askers.size() + from_others.size() < 19 * walks);
    // No two steps can be known as those of one walk.
    CHECK(tags.size() == from_askers.size() + from_others.size());
    const auto same = without_names(dressed());
    CHECK(std::ranges::count(from_askers, same) == std::ssize(from_askers));
    CHECK(std::ranges::count(from_others, same) == std::ssize(from_others));
}

TEST_CASE("asking round with what a hop saw tells nobody who has had the walk, and who asked", "[hidden]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    linked_network net(16, seed);
    net.regular(4);
    const auto key = value::immutable("nowhere").key();
    REQUIRE_FALSE(net.get(0, key, hidden_get()));
    const auto duplicates = [&] {
        std::uint64_t out = 0;
        for (const auto& each : net.peers) out += each->forwarding.counters().duplicates;
        return out;
    };
    // Each hop asks everybody else by each tag that it was sent: the asker, those before it, those behind it.
    const auto before = duplicates();
    std::size_t answers = 0;
    for (const auto& hop : net.peers) {
        peer_info from;
        from.who = hop->who;
        from.observed = hop->who.addresses.front();
        const auto seen = hop->seen;
        for (const auto& query : seen) {
            auto probe = query;
            probe.hidden = false;
            probe.hops = 0;
            for (const auto& each : net.peers) {
                if (each == hop) continue;
                const auto got = net.complete(each->forwarding.answer(from, probe));
                const auto* said = std::get_if<wire::gathered>(&got);
                answers += said != nullptr && said->outcome == wire::gathered_outcome::nothing ? 1 : 0;
            }
            net.loop.advance(100ms);
        }
    }
    CHECK(duplicates() == before);
    CHECK(answers > 16 * travel_rules().walks);
    // As hidden queries they are new to everybody, too.
    for (const auto& query : dressed_copies(net.at(1).seen, 8)) {
        peer_info from;
        from.who = net.at(1).who;
        from.observed = from.who.addresses.front();
        for (const auto& each : net.peers) {
            if (each != net.peers[1]) (void)net.complete(each->forwarding.answer(from, query));
        }
    }
    CHECK(duplicates() == before);
}

TEST_CASE("a hidden query that says anything of its own is refused and counted", "[hidden]") {
    linked_network net(3);
    net.ring();
    peer_info from;
    from.who = net.at(0).who;
    from.observed = from.who.addresses.front();
    std::uint8_t number = 0;
    const auto answer = [&](auto change) {
        auto query = dressed(value::immutable("x").key());
        query.tag.data()[0] = ++number;
        change(query);
        return net.complete(net.at(1).forwarding.answer(from, query));
    };
    const auto refused = [&](auto change) {
        const auto got = answer(change);
        const auto* error = std::get_if<wire::error>(&got);
        return error != nullptr && error->code == wire::error_code::refused;
    };
    CHECK_FALSE(refused([](wire::forward&) {}));
    CHECK(refused([](wire::forward& q) { ++q.hops; }));
    CHECK(refused([](wire::forward& q) { q.hops = 0; }));
    CHECK(refused([](wire::forward& q) { ++q.wander; }));
    CHECK(refused([](wire::forward& q) { --q.fan_out; }));
    CHECK(refused([](wire::forward& q) { ++q.paths; }));
    CHECK(refused([](wire::forward& q) { ++q.results; }));
    CHECK(refused([](wire::forward& q) { ++q.priority; }));
    CHECK(refused([](wire::forward& q) { q.lifetime -= 1ms; }));
    CHECK(refused([](wire::forward& q) { q.lifetime += 1ms; }));
    CHECK(refused([](wire::forward& q) { q.storing = wire::storage_mode::cache; }));
    CHECK(refused([](wire::forward& q) { q.trace_max = 1; }));
    CHECK(refused([&](wire::forward& q) { q.trace = {net.at(0).who.id}; }));
    CHECK(refused([](wire::forward& q) { q.asker.emplace(); }));
    CHECK(refused([](wire::forward& q) { q.proxy_hops = 1; }));
    CHECK(refused([](wire::forward& q) { q.stream = true; }));
    CHECK(refused([](wire::forward& q) { q.goal = wire::store(); }));
    CHECK(refused([](wire::forward& q) { q.goal = wire::find_node(); }));
    CHECK(refused([](wire::forward& q) { std::get<wire::find_value>(q.goal).kinds = 1; }));
    CHECK(net.at(1).forwarding.counters().absurd == 18);
}

TEST_CASE("a hidden query passes whatever the rules of a peer allow others", "[hidden]") {
    travel_rules rules;
    auto& band = rules.bands.front();
    band.hops = band.wander = band.fan_out = band.fan_out_max = 1;
    band.lifetime_max = 1s;
    rules.decisions.priority = [](const peer_info&, std::uint8_t) { return std::uint8_t{0}; };
    rules.decisions.hops_left = [](travelling, const contact&, std::uint8_t) { return std::uint8_t{0}; };
    linked_network net(8, 1, rules);
    net.ring();
    const auto what = value::immutable("far");
    REQUIRE(net.put(4, what, put_options().local()));
    CHECK(net.get(0, what.key(), hidden_get()));
    for (const auto& query : net.at(2).seen) CHECK(hidden::is_dressed(query));
}

TEST_CASE("where a walk ends and where it turns aside is drawn once for each walk, in the shares of the protocol",
          "[hidden]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    linked_network some(2, seed);
    const detail::rulebook here(travel_rules(), *some.env.secure_random);
    const detail::rulebook there(travel_rules(), *some.env.secure_random);
    constexpr int count = 8'000;
    int ends = 0;
    int turns = 0;
    int both = 0;
    int ends_at_both = 0;
    for (int i = 0; i < count; ++i) {
        const auto visit = random_id(random);
        const bool end = here.walk_ends(visit);
        const bool turn = here.step_at_random(visit);
        CHECK(here.walk_ends(visit) == end);
        ends += end ? 1 : 0;
        turns += turn ? 1 : 0;
        both += end && turn ? 1 : 0;
        ends_at_both += end && there.walk_ends(visit) ? 1 : 0;
    }
    // Five standard deviations, and more.
    CHECK(std::abs(ends - count / int{hidden::mean_hops}) < 125);
    CHECK(std::abs(turns - count / int{hidden::random_steps}) < 200);
    CHECK(both < ends / 2);
    CHECK(ends_at_both < ends / 2);
}

TEST_CASE("hidden gets go on beside peers that are silent", "[hidden]") {
    linked_network net(200, 5);
    net.regular(4);
    for (std::size_t i = 0; i < 20; ++i) {
        net.at(i).behaves = [&net](std::size_t, const wire::forward& query) -> task<std::optional<wire::message>> {
            co_await sleep_for(*net.env.time, query.lifetime + 1s);
            co_return std::nullopt;
        };
    }
    int found = 0;
    for (std::size_t i = 0; i < 20; ++i) {
        const auto what = value::immutable("value " + std::to_string(i));
        (void)net.put(20 + i, what, put_options().mode(proxied()));
        found += net.get(199 - i, what.key(), hidden_get()) ? 1 : 0;
    }
    CHECK(found >= 17);
}

TEST_CASE("how a hidden get ends when nothing is found", "[hidden]") {
    const auto key = value::immutable("nowhere").key();
    linked_network net(4);
    net.mesh(0, 4);
    auto got = net.get(0, key, hidden_get());
    REQUIRE_FALSE(got);
    CHECK(got.error() == errc::not_found);
    for (auto& each : net.peers) {
        each->behaves = [&net](std::size_t, const wire::forward& query) -> task<std::optional<wire::message>> {
            co_await sleep_for(*net.env.time, query.lifetime + 1s);
            co_return std::nullopt;
        };
    }
    got = net.get(0, key, hidden_get());
    REQUIRE_FALSE(got);
    CHECK(got.error() == errc::timed_out);
    linked_network alone(1);
    got = alone.get(0, key, hidden_get());
    REQUIRE_FALSE(got);
    CHECK(got.error() == errc::no_peers);
}

TEST_CASE("options that would show the asker are refused when a get is to be hidden", "[hidden]") {
    linked_network net(2);
    net.link(0, 1);
    const auto key = value::immutable("x").key();
    const auto refused = [&](const get_options& options) {
        const auto got = net.get(0, key, options);
        return !got && got.error() == errc::bad_argument;
    };
    CHECK(refused(hidden_get().mode(iterative())));
    CHECK(refused(hidden_get().hops(3)));
    CHECK(refused(hidden_get().fan_out(3)));
    CHECK(refused(hidden_get().spread(3)));
    CHECK(refused(hidden_get().priority(3)));
    CHECK(refused(hidden_get().disjoint_paths(2)));
    CHECK(refused(hidden_get().cached()));
    CHECK(net.messages == 0);
    // Who serves nobody passes nothing on.
    query_origin client;
    client.id = net.at(0).who.id;
    const auto via = std::make_shared<linked_network::link_messenger>(net, 0);
    query_engine asks(net.env, query_config(), net.at(0).answers, net.at(0).forwarding, net.rules);
    asks.connect(via, std::move(client));
    const auto got = net.complete(asks.get(key, hidden_get()));
    REQUIRE_FALSE(got);
    CHECK(got.error() == errc::bad_argument);
    CHECK(net.messages == 0);
    CHECK_FALSE(refused(hidden_get().mode(proxied())));
    CHECK_FALSE(refused(hidden_get().cached(false)));
    CHECK_FALSE(refused(hidden_get().local().hops(3)));
}

TEST_CASE("rules that hide hold for gets that choose no other way", "[hidden]") {
    const auto set = preset("quiet-asker");
    REQUIRE(set);
    linked_network net(6, 1, set->forwarding);
    net.mesh(0, 6);
    const auto what = value::immutable("x");
    REQUIRE(net.put(1, what, put_options().local()));
    const auto last = [&](const get_options& options) {
        for (auto& each : net.peers) each->seen.clear();
        (void)net.get(0, value::immutable("nowhere").key(), options);
        for (auto& each : net.peers) {
            if (!each->seen.empty()) return each->seen.back().hidden;
        }
        return false;
    };
    CHECK(net.get(0, what.key(), get_options()));
    CHECK(last(get_options()));
    CHECK(last(get_options().mode(proxied())));
    CHECK_FALSE(last(get_options().mode(proxied()).hide(false)));
    CHECK_FALSE(last(get_options().hide(false)));
    const auto got = net.get(0, what.key(), get_options().mode(iterative()));
    REQUIRE_FALSE(got);
    CHECK(got.error() == errc::bad_argument);
    CHECK(net.get(0, what.key(), get_options().mode(iterative()).hide(false)));
    for (const auto& shows : {get_options().mode(direct()), get_options().disjoint_paths(2), get_options().hops(3)}) {
        CHECK(net.get(0, what.key(), shows).error() == errc::bad_argument);
    }
    CHECK(net.get(0, what.key(), get_options().disjoint_paths(2).hide(false)));
}
