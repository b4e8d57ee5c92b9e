// Copies that puts leave on their way, and gets: how many, and for how long.

#include <string>

#include "query/branches.hpp"
#include "query/gathering.hpp"
#include "query/linked_network.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

put_options along_put() { return put_options().mode(proxied()).along_the_path(); }
get_options cached_get() { return get_options().mode(proxied()).cached(); }

bool holds(linked_network& net, std::size_t who, const id256& key) {
    return !net.complete(net.at(who).answers.items(key)).empty();
}

std::size_t holders(linked_network& net, const id256& key) {
    std::size_t out = 0;
    for (std::size_t i = 0; i < net.peers.size(); ++i) out += holds(net, i, key) ? 1U : 0U;
    return out;
}

void chain(linked_network& net) {
    for (std::size_t i = 0; i + 1 < net.peers.size(); ++i) net.link(i, i + 1);
}

wire::forward put_along(std::uint8_t copies, std::uint8_t paths) {
    wire::forward out;
    out.goal = wire::store();
    out.storing = wire::storage_mode::path;
    out.results = copies;
    out.paths = paths;
    out.fan_out = 4;
    return out;
}

}  // namespace

TEST_CASE("a put along the path leaves so many copies on its way and one at the end of each path, and no more",
          "[copies]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    for (const std::size_t most : {1U, 4U, 16U}) {
        travel_rules rules;
        rules.results_max = static_cast<std::uint8_t>(most);
        for (const std::size_t paths : {1U, 6U, 24U}) {
            linked_network net(300, seed, rules);
            net.regular(6);
            for (int i = 0; i < 5; ++i) {
                const auto what = value::immutable("value " + std::to_string(i));
                const auto stored = net.put(net.any(), what, along_put().spread(static_cast<std::uint8_t>(paths)));
                REQUIRE(stored);
                const auto copies = holders(net, what.key());
                CAPTURE(most, paths, copies);
                CHECK(copies <= most + paths);
                CHECK(copies >= most);
                CHECK(stored->stored == copies);
                const auto usual = net.put(net.any(), value::immutable("usual " + std::to_string(i)),
                                           put_options().mode(proxied()).spread(static_cast<std::uint8_t>(paths)));
                REQUIRE(usual);
                CHECK(usual->stored <= paths);
            }
        }
    }
}

TEST_CASE("as wide and as far as anybody may ask, a put along the path leaves no more copies", "[copies]") {
    travel_rules rules;
    auto& band = rules.bands.front();
    band.hops = band.hops_max;
    band.fan_out = band.fan_out_max;
    band.put_spread = band.spread_max;
    linked_network net(200, 3, rules);
    net.mesh(0, 40);
    net.regular(6);
    for (int i = 0; i < 3; ++i) {
        const auto what = value::immutable("value " + std::to_string(i));
        REQUIRE(net.put(net.any(), what, along_put()));
        CHECK(holders(net, what.key()) <= std::size_t{rules.results_max} + band.spread_max);
    }
}

TEST_CASE("copies on the way are shared out strictly, and who gets none has the ends of its paths", "[copies]") {
    std::vector<contact> peers;
    prng random(1);
    for (std::uint32_t i = 0; i < 4; ++i) peers.push_back(server_at(random_id(random), public_address(i)));
    detail::branches out(peers, put_along(2, 4));
    std::vector<detail::branch> asked;
    while (auto next = out.next()) asked.push_back(*next);
    REQUIRE(asked.size() == 4);
    std::vector<int> shares;
    for (const auto& each : asked) shares.push_back(each.results);
    CHECK(shares == std::vector{1, 1, 0, 0});
    // What nobody used goes to another; what somebody may have used does not.
    detail::branches one(peers, put_along(3, 1));
    const auto first = one.next();
    REQUIRE(first);
    CHECK(first->results == 3);
    one.given_back(*first);
    const auto second = one.next();
    REQUIRE(second);
    CHECK(second->results == 3);
    one.lost(*second);
    const auto third = one.next();
    REQUIRE(third);
    CHECK(third->results == 0);
}

TEST_CASE("a copy is counted once, by however many paths its put comes", "[copies]") {
    linked_network net(3);
    chain(net);
    const auto what = value::immutable("kept once").with_deadline(net.env.time->wall_now() + 1h);
    wire::store order;
    order.target = what.key();
    order.what = what.to_item();
    const auto told = [&](std::size_t who, std::uint8_t hops, std::uint8_t tag) {
        auto query = put_along(4, 4);
        query.goal = order;
        query.hops = query.wander = hops;
        query.lifetime = 5s;
        query.tag.data()[0] = tag;
        peer_info from;
        from.who = net.at(who - 1).who;
        from.observed = from.who.addresses.front();
        return std::get<wire::gathered>(net.complete(net.at(who).forwarding.answer(from, query)));
    };
    CHECK(told(2, 0, 1).copies == 1);
    const auto again = told(2, 0, 1);
    CHECK(again.copies == 0);
    CHECK(again.outcome == wire::gathered_outcome::duplicate);
    // A path that goes on from there passes, and what others keep counts; nobody else is there.
    CHECK(told(2, 3, 1).outcome == wire::gathered_outcome::duplicate);
    CHECK(told(1, 0, 1).copies == 1);
    CHECK(told(1, 3, 1).outcome == wire::gathered_outcome::duplicate);
    // Another put of the same value is another matter.
    CHECK(told(2, 0, 2).copies == 1);
    CHECK(told(1, 0, 2).copies == 1);
    CHECK(told(2, 3, 3).copies == 1);
}

TEST_CASE("nobody is believed to have left more copies than it could", "[copies]") {
    linked_network net(1);
    detail::gathering found(put_along(5, 3), net.rules, *net.env.time, address_scope::global);
    detail::branch path;
    path.paths = 2;
    path.results = 3;
    wire::gathered answer;
    answer.outcome = wire::gathered_outcome::found;
    answer.copies = 60'000;
    [[maybe_unused]] const auto judged = found.take(answer, path);
    CHECK(found.copies() == 5);
}

TEST_CASE("no get renews a cached copy", "[copies]") {
    linked_network net(6);
    chain(net);
    const auto what = value::immutable("popular");
    REQUIRE(net.put(5, what, put_options().local()));
    REQUIRE(net.get(0, what.key(), cached_get()));
    REQUIRE(holds(net, 1, what.key()));
    for (int i = 0; i < 9; ++i) {
        net.loop.advance(1min);
        CHECK(net.get(0, what.key(), cached_get()));
    }
    net.loop.advance(61s);
    CHECK(net.get(0, what.key(), get_options().local()).error() == errc::not_found);
    for (std::size_t i = 1; i < 5; ++i) CHECK_FALSE(holds(net, i, what.key()));
}

TEST_CASE("a copy of a copy ends with it", "[copies]") {
    for (const bool is_signed : {false, true}) {
        CAPTURE(is_signed);
        linked_network net(10);
        chain(net);
        const auto author = identity::generate(*net.env.secure_random);
        const auto until = net.env.time->wall_now() + 10h;
        const auto what = is_signed ? value::signed_by(author, "popular").sequence(1).deadline(until).sign().value()
                                    : value::immutable("popular");
        REQUIRE(net.put(9, what, put_options().local()));
        REQUIRE(net.get(6, what.key(), cached_get().results(1)));
        REQUIRE(holds(net, 7, what.key()));
        net.loop.advance(4min);
        // From 7, whose copy has six minutes left, to those before it, and from them on.
        REQUIRE(net.get(3, what.key(), cached_get().results(1)));
        REQUIRE(holds(net, 4, what.key()));
        net.loop.advance(4min);
        REQUIRE(net.get(0, what.key(), cached_get().results(1)));
        REQUIRE(holds(net, 1, what.key()));
        net.loop.advance(119s);
        for (std::size_t i = 1; i < 9; ++i) CHECK(holds(net, i, what.key()));
        net.loop.advance(2s);
        for (std::size_t i = 1; i < 9; ++i) CHECK_FALSE(holds(net, i, what.key()));
        CHECK(holds(net, 9, what.key()));
    }
}

TEST_CASE("what is acknowledged is no copy, and may be cached for the whole time", "[copies]") {
    linked_network net(4);
    chain(net);
    const auto what = value::immutable("kept");
    REQUIRE(net.put(3, what, put_options().local()));
    const auto held = net.complete(net.at(3).answers.held(what.key()));
    CHECK(held.items.size() == 1);
    CHECK(held.copy_left == 0ms);
    REQUIRE(net.get(0, what.key(), cached_get()));
    CHECK(net.complete(net.at(1).answers.held(what.key())).copy_left == 10min);
    net.loop.advance(90s);
    CHECK(net.complete(net.at(1).answers.held(what.key())).copy_left == 10min - 90s);
    // Cached copies of others leave an acknowledged one as it is.
    net.loop.advance(1h);
    CHECK(holds(net, 3, what.key()));
}

TEST_CASE("values of a namespace that peers on the way do not know pass them, and they keep none", "[copies]") {
    const auto knows_chat = [](linked_network::peer_index who) {
        namespaces out;
        namespace_rules chat;
        if (who == 0) {
            chat.validate = [](const value& v) -> result<void> {
                if (v.text() == "rude") return failure(errc::invalid_value);
                return {};
            };
        }
        if (who == 0 || who == 3) REQUIRE(out.add("chat", chat));
        return out;
    };
    linked_network net(4, 1, {}, knows_chat);
    for (std::size_t i = 0; i < 3; ++i) net.link(i, i + 1);
    const auto polite = value::immutable("polite", "chat");
    const auto rude = value::immutable("rude", "chat");
    for (const auto& each : {polite, rude}) REQUIRE(net.put(3, each, put_options().local()));
    const auto got = net.get(0, polite.key(), get_options().mode(proxied()).cached());
    REQUIRE(got);
    CHECK(got->best.text() == "polite");
    for (const auto relay : {1U, 2U}) CHECK(net.complete(net.at(relay).values.usage())->entries == 0);
    // One that does not know the namespace has no use for it itself.
    CHECK(net.get(1, polite.key(), get_options().mode(proxied())).error() == errc::not_found);
    // What the asker alone can judge is no lie of its neighbour.
    CHECK_FALSE(net.get(0, rude.key(), get_options().mode(proxied())));
    CHECK(net.at(0).forwarding.counters().unfit > 0);
    for (const auto& each : net.peers) CHECK(each->forwarding.counters().lies == 0);
}
