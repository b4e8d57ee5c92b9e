#include <string>

#include "query/linked_network.hpp"
#include "query/manners.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

put_options far_put() { return put_options().mode(proxied()); }
get_options far_get() { return get_options().mode(proxied()); }

struct tally {
    int stored = 0;
    int found = 0;
    std::size_t put_messages = 0;
    std::size_t get_messages = 0;
};

/// Puts values somewhere and gets them elsewhere.
tally try_values(linked_network& net, int count, const put_options& put, const get_options& get) {
    tally out;
    for (int i = 0; i < count; ++i) {
        const auto what = value::immutable("value " + std::to_string(i));
        net.messages = 0;
        out.stored += net.put(net.any(), what, put) ? 1 : 0;
        out.put_messages += net.messages;
        net.messages = 0;
        const auto got = net.get(net.any(), what.key(), get);
        out.get_messages += net.messages;
        out.found += got && got->best.text() == what.text() ? 1 : 0;
    }
    return out;
}

}  // namespace

TEST_CASE("a value is found around a ring of thirty in fifteen hops, where asking everybody oneself fails",
          "[forward]") {
    linked_network net(30);
    net.ring();
    const auto what = value::immutable("far away");
    REQUIRE(net.put(0, what, put_options().local()));
    auto options = far_get();
    options.hops(15);
    const auto got = net.get(15, what.key(), options);
    REQUIRE(got);
    CHECK(got->best.text() == "far away");
    CHECK_FALSE(net.get(15, what.key(), get_options()));
    // One hop less does not reach it, whichever links keep the number of hops.
    travel_rules counting;
    counting.bands.front().level_links = 0;
    linked_network other(30, 1, counting);
    other.ring();
    REQUIRE(other.put(0, what, put_options().local()));
    CHECK(other.get(15, what.key(), options));
    options.hops(14);
    CHECK_FALSE(other.get(15, what.key(), options));
}

namespace {

/// Draws a network's links.
struct shape {
    const char* name;
    std::function<void(linked_network&)> draw;
};

const shape thousand[] = {
    {"a ring with three long links each", [](linked_network& net) { net.ring(3); }},
    {"four links each, to anybody", [](linked_network& net) { net.regular(4); }},
};

std::size_t sum_of_powers(std::size_t base, std::size_t hops) {
    std::size_t out = 0;
    std::size_t power = 1;
    for (std::size_t i = 1; i <= hops; ++i) out += power *= base;
    return out;
}

wire::forward query_for(const id256& key) {
    wire::find_value goal;
    goal.target = key;
    wire::forward out;
    out.goal = goal;
    out.lifetime = 5s;
    out.priority = 255;
    return out;
}

peer_info asked_by(const linked_network::peer& who) {
    peer_info out;
    out.who = who.who;
    out.observed = who.who.addresses.front();
    return out;
}

}  // namespace

TEST_CASE("values are found among a thousand peers that know four or five others, within three hundred messages",
          "[forward]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    for (const auto& each : thousand) {
        CAPTURE(each.name);
        linked_network net(1000, seed);
        each.draw(net);
        constexpr int count = 100;
        const auto seen = try_values(net, count, far_put(), far_get());
        CHECK(seen.stored == count);
        CHECK(seen.found >= 99);
        CHECK(seen.put_messages <= 300 * count);
        CHECK(seen.get_messages <= 300 * count);
        // What everybody on the way keeps is nearer.
        const auto along = try_values(net, count, far_put().along_the_path(), far_get());
        CHECK(along.found >= 99);
        CHECK(along.get_messages < seen.get_messages);
    }
}

TEST_CASE("a bridge between two cliques is found", "[forward]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    linked_network net(32, seed);
    net.mesh(0, 16);
    net.mesh(16, 32);
    net.link(7, 20);
    int found = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        const auto what = value::immutable("value " + std::to_string(i));
        REQUIRE(net.put(i, what, far_put()));
        lookup_report report;
        net.messages = 0;
        found += net.get((16 + i) % 32, what.key(), far_get().report_to(report)) ? 1 : 0;
        // In one round no link is crossed more than once each way.
        CHECK(net.messages <= report.rounds * 2 * net.links.size());
    }
    CHECK(found >= 31);
}

TEST_CASE("a get that came to nothing is begun again wider, where its options leave that open", "[forward]") {
    linked_network net(2);
    net.mesh(0, 2);
    const auto key = value::immutable("nowhere").key();
    const auto rounds_of = [&](const get_options& options) {
        net.at(1).seen.clear();
        lookup_report report;
        auto told = options;
        CHECK_FALSE(net.get(0, key, told.report_to(report)));
        CHECK(report.rounds == net.at(1).seen.size());
        CHECK(report.asked == report.rounds);
        return net.at(1).seen;
    };
    const auto usual = rounds_of(far_get());
    REQUIRE(usual.size() == 3);
    CHECK(usual[0].tag != usual[1].tag);
    CHECK(usual[1].tag != usual[2].tag);
    const travel_band band;
    for (std::size_t i = 0; i < usual.size(); ++i) {
        const auto factor = std::size_t{1} << i;
        CHECK(usual[i].fan_out == std::min<std::size_t>(band.fan_out * factor, band.fan_out_max));
        CHECK(usual[i].paths == std::min<std::size_t>(band.spread * factor, band.spread_max));
        CHECK(usual[i].wander == band.wander + 4 * i - 1);
    }
    const auto narrow = rounds_of(far_get().hops(3).fan_out(2).spread(2));
    REQUIRE(narrow.size() == 3);
    for (const auto& each : narrow) {
        CHECK(each.fan_out == 2);
        CHECK(each.paths == 2);
        CHECK(each.hops <= 3);
        CHECK(each.wander <= each.hops);
    }
    CHECK(rounds_of(far_get().rounds(1)).size() == 1);
    CHECK(rounds_of(far_get().rounds(0)).size() == 1);
    CHECK(rounds_of(far_get().rounds(5)).back().paths == band.spread_max);
    CHECK(rounds_of(get_options().mode(direct())).size() == 1);
    CHECK(rounds_of(get_options().mode(mixed(1))).size() == 3);
}

TEST_CASE("a silent peer holds up a round, and not the one after it", "[forward]") {
    linked_network net(3);
    net.mesh(0, 3);
    const auto what = value::immutable("late");
    net.at(1).behaves = drops(net);
    net.at(2).behaves = [&net, &what](std::size_t, const wire::forward&) -> task<std::optional<wire::message>> {
        if (net.at(2).seen.size() == 2) (void)co_await net.at(2).queries.put(what, put_options().local());
        co_return std::nullopt;
    };
    lookup_report report;
    const auto got = net.get(0, what.key(), far_get().timeout(8s).report_to(report));
    CHECK(got);
    CHECK(report.rounds == 2);
    CHECK(report.took >= 4s);
    CHECK(report.took < 5s);
}

TEST_CASE("a query makes no storm: fan-out bounds its messages, and no link is crossed twice", "[forward]") {
    travel_rules config;
    config.bands.front().level_links = 0;
    config.bands.front().rounds = 1;
    config.bands.front().wander = 1;
    config.bands.front().hops = 3;
    config.bands.front().fan_out = 3;
    config.bands.front().spread = 64;
    const auto nowhere = value::immutable("nowhere").key();
    for (const auto how : {proxied(), direct(), mixed(2)}) {
        linked_network meshed(50, 3, config);
        meshed.mesh(0, 50);
        REQUIRE_FALSE(meshed.get(0, nowhere, get_options().mode(how)));
        CHECK(meshed.messages > 3);
        CHECK(meshed.messages <= sum_of_powers(3, 3));
        // Each round is a query of its own, and its fan-out twice that of the one before, with four hops more at
        // random.
        linked_network again(50, 3, config);
        again.mesh(0, 50);
        auto twice = get_options().mode(how);
        if (how != direct()) twice.rounds(2);
        REQUIRE_FALSE(again.get(0, nowhere, twice));
        CHECK(again.messages <= sum_of_powers(3, 3) + again.links.size());
    }
    linked_network walked(50, 3, config);
    walked.mesh(0, 50);
    REQUIRE_FALSE(walked.get(0, nowhere, get_options().mode(proxied()).hide()));
    for (const auto& [link, times] : walked.crossed) CHECK(times <= config.walks);

    // As wide and as far as anybody may ask, between all of 40: every peer answers once, and says that it has when
    // asked again.
    config.bands.front().hops = config.bands.front().hops_max;
    config.bands.front().fan_out = config.bands.front().fan_out_max;
    linked_network wide(40, 3, config);
    wide.mesh(0, 40);
    REQUIRE_FALSE(wide.get(0, value::immutable("nowhere").key(), far_get()));
    CHECK(wide.messages <= wide.links.size());
    for (const auto& [link, times] : wide.crossed) CHECK(times == 1);
    for (const auto& each : wide.peers) CHECK(each->forwarding.counters().served <= 1);
}

TEST_CASE("by the usual rules a query crosses no link twice the same way in one of its rounds", "[forward]") {
    // Neither the number of hops, which some links leave as it is, nor the fan-out bounds these: the tag does.
    const travel_rules usual;
    REQUIRE(usual.bands.front().level_links > 0);
    REQUIRE(usual.bands.front().rounds > 1);
    const auto seed = property_seed();
    CAPTURE(seed);
    struct bounded {
        shape links;
        /// Among so few links the paths come everywhere, and messages meet that two peers send each other at once.
        bool meet;
    };
    const bounded shapes[] = {
        {{"32, everybody", [](linked_network& net) { net.mesh(0, 32); }}, false},
        {{"64, everybody", [](linked_network& net) { net.mesh(0, 64); }}, false},
        {{"two cliques",
          [](linked_network& net) {
              net.mesh(0, 20);
              net.mesh(20, 40);
              net.link(7, 30);
          }},
         false},
        {{"a ring", [](linked_network& net) { net.ring(); }}, true},
        {{"a ring with long links", [](linked_network& net) { net.ring(2); }}, true},
        {{"four links", [](linked_network& net) { net.regular(4); }}, true},
    };
    const auto nowhere = value::immutable("nowhere").key();
    for (const auto& [each, meet] : shapes) {
        for (const auto how : {proxied(), direct(), mixed(2)}) {
            CAPTURE(each.name, static_cast<int>(how.what()));
            linked_network net(64, seed, usual);
            each.draw(net);
            lookup_report report;
            REQUIRE_FALSE(net.get(0, nowhere, get_options().mode(how).report_to(report)));
            CHECK(report.rounds == (how == direct() ? 1 : 3));
            CHECK(net.messages > 0);
            for (const auto& [link, times] : net.crossed) CHECK(times <= report.rounds);
            // Nobody sends it to whom he has it from, unless both send it before the other's comes.
            const auto bound = report.rounds * net.links.size();
            CHECK(net.messages <= (meet ? bound + bound / 5 : bound));
        }
    }
}

TEST_CASE("a put that may go n hops leaves its copies n hops away and nearer, and is sent no farther", "[forward]") {
    // A line: whoever the value comes to is as many hops away as its number says.
    const auto what = value::immutable("so far");
    travel_rules counting;
    counting.bands.front().level_links = 0;
    counting.bands.front().hops = 16;
    counting.bands.front().wander = 16;
    for (const bool along : {false, true}) {
        for (std::uint8_t hops = 1; hops <= 8; ++hops) {
            CAPTURE(along, static_cast<int>(hops));
            linked_network net(12, 1, counting);
            for (std::size_t i = 0; i + 1 < 12; ++i) net.link(i, i + 1);
            REQUIRE(net.put(0, what, far_put().along_the_path(along).hops(hops)));
            std::size_t farthest_copy = 0;
            for (std::size_t i = 1; i < 12; ++i) {
                const bool came = !net.at(i).seen.empty();
                const bool kept = !net.complete(net.at(i).answers.items(what.key())).empty();
                CHECK(came == (i <= hops));
                CHECK((came || !kept));
                if (kept) farthest_copy = i;
                if (along) CHECK(kept == came);
            }
            CHECK(farthest_copy == hops);
        }
    }
}

TEST_CASE("each hop numbers the hops down, except over links that were drawn to leave them", "[forward]") {
    travel_rules config;
    config.bands.front().level_links = 0.5;
    config.bands.front().rounds = 1;
    config.bands.front().wander = 0;
    linked_network net(200, 9, config);
    net.ring();
    auto options = far_get();
    options.hops(10);
    options.spread(2);
    for (int i = 0; i < 2; ++i) {
        REQUIRE_FALSE(net.get(100, value::immutable(std::to_string(i)).key(), options));
        std::size_t level = 0;
        for (std::size_t at = 101; at < 118 && net.at(at).seen.size() > 0; ++at) {
            const auto& here = net.at(at).seen.back();
            if (net.at(at + 1).seen.empty()) break;
            const auto& next = net.at(at + 1).seen.back();
            if (here.tag != next.tag) break;
            REQUIRE((next.hops == here.hops || next.hops == here.hops - 1));
            level += next.hops == here.hops ? 1U : 0U;
            CHECK(next.lifetime < here.lifetime);
        }
        CHECK(level > 0);
    }
    // Drawn once: the second query left the same peers with the same numbers as the first.
    for (std::size_t at = 101; at < 110; ++at) {
        const auto& seen = net.at(at).seen;
        if (seen.size() == 2) CHECK(seen[0].hops == seen[1].hops);
    }
}

TEST_CASE("peers on the way are named, as many as there is room for, and the asker is not", "[forward]") {
    travel_rules config;
    config.trace_max = 3;
    linked_network net(20, 1, config);
    net.ring();
    REQUIRE_FALSE(net.get(0, value::immutable("nowhere").key(), far_get().rounds(1)));
    const auto& asker = net.at(0).who.id;
    std::size_t longest = 0;
    for (const auto& each : net.peers) {
        for (const auto& query : each->seen) {
            longest = std::max(longest, query.trace.size());
            CHECK(std::ranges::find(query.trace, asker) == query.trace.end());
        }
    }
    CHECK(longest == 3);
    REQUIRE(net.at(3).seen.size() == 1);
    CHECK(net.at(3).seen.front().trace == std::vector{net.at(1).who.id, net.at(2).who.id});
}

TEST_CASE("absurd queries are refused and counted", "[forward]") {
    const travel_rules rules;
    const auto& config = rules.bands.front();
    linked_network net(3);
    net.ring();
    auto& peer = net.at(1);
    const auto ask = [&](wire::forward query) {
        return net.complete(peer.forwarding.answer(asked_by(net.at(0)), std::move(query)));
    };
    const auto fine = query_for(value::immutable("x").key());
    const auto refused = [&](auto change) {
        auto query = fine;
        change(query);
        const auto answer = ask(query);
        const auto* error = std::get_if<wire::error>(&answer);
        return error != nullptr && error->code == wire::error_code::refused;
    };
    CHECK(refused([&](wire::forward& q) { q.hops = static_cast<std::uint8_t>(config.hops_max + 1); }));
    CHECK(refused([&](wire::forward& q) { q.fan_out = static_cast<std::uint8_t>(config.fan_out_max + 1); }));
    CHECK(refused([&](wire::forward& q) { q.fan_out = 0; }));
    CHECK(refused([&](wire::forward& q) { q.paths = static_cast<std::uint8_t>(config.spread_max + 1); }));
    CHECK(refused([&](wire::forward& q) { q.paths = 0; }));
    CHECK(refused([&](wire::forward& q) { q.results = static_cast<std::uint8_t>(rules.results_max + 1); }));
    CHECK(refused([&](wire::forward& q) { q.results = 0; }));
    CHECK(refused([&](wire::forward& q) { q.lifetime = config.lifetime_max + 1ms; }));
    CHECK(refused([&](wire::forward& q) { q.lifetime = 0ms; }));
    // A store that is to leave nothing anywhere would wander until its end, and a get leaves no more than copies.
    wire::store order;
    order.target = value::immutable("x").key();
    order.what = value::immutable("x").to_item();
    for (const auto mode : {wire::storage_mode::none, wire::storage_mode::cache}) {
        CHECK(refused([&](wire::forward& q) {
            q.goal = order;
            q.storing = mode;
        }));
    }
    CHECK(refused([&](wire::forward& q) { q.storing = wire::storage_mode::path; }));
    CHECK(peer.forwarding.counters().absurd == 12);
    CHECK(net.messages == 0);
    CHECK_FALSE(refused([&](wire::forward& q) {
        q.hops = config.hops_max;
        q.fan_out = config.fan_out_max;
        q.paths = config.spread_max;
        q.results = rules.results_max;
        q.lifetime = config.lifetime_max;
    }));
    CHECK(peer.forwarding.counters().busy == 0);
}

TEST_CASE("a trace that no honest sender has written is refused and counted", "[forward]") {
    linked_network net(5);
    net.mesh(0, 5);
    auto& peer = net.at(1);
    std::uint8_t number = 0;
    const auto refused = [&](std::vector<std::size_t> trace) {
        auto query = query_for(value::immutable("x").key());
        query.tag.data()[0] = ++number;
        query.trace_max = 4;
        for (const auto each : trace) query.trace.push_back(net.at(each).who.id);
        const auto answer = net.complete(peer.forwarding.answer(asked_by(net.at(0)), std::move(query)));
        const auto* error = std::get_if<wire::error>(&answer);
        return error != nullptr && error->code == wire::error_code::refused;
    };
    // Of somebody who asks, and of two who pass on.
    CHECK_FALSE(refused({}));
    CHECK_FALSE(refused({0}));
    CHECK_FALSE(refused({3, 2, 0}));
    CHECK(peer.forwarding.counters().absurd == 0);
    // The sender has left itself out, or sends to a peer that was visited.
    CHECK(refused({2}));
    CHECK(refused({0, 2}));
    CHECK(refused({1, 0}));
    CHECK(refused({1}));
    CHECK(peer.forwarding.counters().absurd == 4);
    CHECK(peer.forwarding.counters().served == 3);
}

TEST_CASE("a loop that is made on purpose visits each peer once, whatever is changed on the way", "[forward]") {
    linked_network net(4);
    net.ring();
    auto query = query_for(value::immutable("nowhere").key());
    query.hops = 32;
    query.fan_out = 2;
    query.paths = 2;
    const auto begun = net.messages;
    for (int round = 0; round < 5; ++round) {
        // Fewer hops, more paths, another priority: the tag and the goal are what it is known by.
        query.hops = static_cast<std::uint8_t>(32 - round);
        query.paths = static_cast<std::uint8_t>(2 + round);
        query.priority = static_cast<std::uint8_t>(200 + round);
        for (std::size_t i = 0; i < 4; ++i) {
            (void)net.complete(net.at((i + 1) % 4).forwarding.answer(asked_by(net.at(i)), query));
        }
    }
    std::uint64_t duplicates = 0;
    for (const auto& each : net.peers) {
        CHECK(each->forwarding.counters().served == 1);
        duplicates += each->forwarding.counters().duplicates;
    }
    CHECK(duplicates >= 5 * 4 - 4);
    CHECK(net.messages - begun <= 2 * net.links.size());
}

TEST_CASE("too many queries are put off, those of low priority sooner", "[forward]") {
    travel_rules config;
    config.under_way_max = 2;
    linked_network net(3, 1, config);
    net.ring();
    auto& peer = net.at(1);
    // The next peers keep what they are sent for its whole time.
    for (auto& each : net.peers) each->behaves = drops(net);
    const auto begin = [&](std::uint8_t number, std::uint8_t priority, std::size_t from = 0) {
        auto query = query_for(value::immutable("x").key());
        query.hops = 3;
        query.tag.data()[0] = number;
        query.priority = priority;
        auto out = std::make_shared<std::optional<wire::message>>();
        asio::co_spawn(net.loop.context, peer.forwarding.answer(asked_by(net.at(from)), query),
                       [out](const std::exception_ptr&, wire::message m) { *out = std::move(m); });
        net.loop.poll();
        return out;
    };
    const auto is_busy = [](const std::shared_ptr<std::optional<wire::message>>& out) {
        if (!*out) return false;
        const auto* error = std::get_if<wire::error>(&**out);
        return error != nullptr && error->code == wire::error_code::busy;
    };
    CHECK_FALSE(*begin(1, 255));
    CHECK(is_busy(begin(2, static_cast<std::uint8_t>(config.busy_priority - 1))));
    // One network has half.
    CHECK(is_busy(begin(3, 255)));
    CHECK_FALSE(*begin(4, config.busy_priority, 2));
    CHECK(is_busy(begin(5, 255, 2)));
    CHECK(peer.forwarding.counters().busy == 3);
    net.loop.advance(10s);
}

TEST_CASE("one peer has its share of what is under way, and no more", "[forward]") {
    travel_rules config;
    config.under_way_peer = 2;
    linked_network net(4, 1, config);
    net.mesh(0, 4);
    auto& peer = net.at(1);
    for (auto& each : net.peers) each->behaves = drops(net);
    const auto begin = [&](std::uint8_t number, std::size_t from) {
        auto query = query_for(value::immutable("x").key());
        query.hops = 3;
        query.tag.data()[0] = number;
        auto out = std::make_shared<std::optional<wire::message>>();
        asio::co_spawn(net.loop.context, peer.forwarding.answer(asked_by(net.at(from)), query),
                       [out](const std::exception_ptr&, wire::message m) { *out = std::move(m); });
        net.loop.poll();
        return out;
    };
    CHECK_FALSE(*begin(1, 0));
    CHECK_FALSE(*begin(2, 0));
    CHECK(*begin(3, 0));
    CHECK_FALSE(*begin(4, 2));
    CHECK(peer.forwarding.counters().busy == 1);
    net.loop.advance(10s);
    CHECK_FALSE(*begin(5, 0));
    net.loop.advance(10s);
}

TEST_CASE("an old version nearby does not hide a newer one farther off", "[forward]") {
    linked_network net(8);
    for (std::size_t i = 0; i + 1 < 8; ++i) net.link(i, i + 1);
    const auto author = identity::generate(*net.env.secure_random);
    const auto until = net.env.time->wall_now() + 1h;
    const auto old = value::signed_by(author, "old").sequence(1).deadline(until).sign().value();
    const auto fresh = value::signed_by(author, "new").sequence(2).deadline(until).sign().value();
    REQUIRE(net.put(1, old, put_options().local()));
    REQUIRE(net.put(7, fresh, put_options().local()));
    const auto got = net.get(0, old.key(), far_get());
    REQUIRE(got);
    CHECK(got->best.text() == "new");
}

TEST_CASE("what is forged is not passed on, and is counted", "[forward]") {
    linked_network net(4);
    net.link(0, 1);
    net.link(1, 2);
    net.link(1, 3);
    const auto what = value::immutable("the truth");
    const auto lie = [&net](std::size_t, const wire::forward&) -> task<std::optional<wire::message>> {
        wire::gathered out;
        out.outcome = wire::gathered_outcome::found;
        out.items.push_back(value::immutable("a lie").with_deadline(net.env.time->wall_now() + 1h).to_item());
        out.contacts.push_back(net.at(0).who);
        co_return wire::message(out);
    };
    net.at(2).behaves = lie;
    REQUIRE_FALSE(net.get(0, what.key(), far_get().rounds(1)));
    CHECK(net.at(1).forwarding.counters().lies == 1);
    CHECK(net.at(0).forwarding.counters().lies == 0);
    REQUIRE(net.put(3, what, put_options().local()));
    const auto got = net.get(0, what.key(), far_get());
    REQUIRE(got);
    CHECK(got->best.text() == "the truth");
}

TEST_CASE("the newest value of an author comes through, whatever old ones lie on the way", "[forward]") {
    linked_network net(6);
    for (std::size_t i = 0; i + 1 < 6; ++i) net.link(i, i + 1);
    const auto author = identity::generate(*net.env.secure_random);
    const auto until = net.env.time->wall_now() + 1h;
    const auto version = [&](std::uint64_t n) {
        return value::signed_by(author, "version " + std::to_string(n)).sequence(n).deadline(until).sign().value();
    };
    for (std::uint64_t n = 1; n <= 4; ++n) {
        REQUIRE(net.put(static_cast<std::size_t>(n + 1), version(n), put_options().local()));
    }
    auto options = far_get();
    options.results(4);
    const auto got = net.get(0, version(1).key(), options);
    REQUIRE(got);
    CHECK(got->best.text() == "version 4");
}

TEST_CASE("what is found for others is cached on the way when they ask for it", "[forward]") {
    linked_network net(12);
    for (std::size_t i = 0; i + 1 < 12; ++i) net.link(i, i + 1);
    const auto what = value::immutable("popular");
    REQUIRE(net.put(11, what, put_options().local()));
    REQUIRE(net.get(2, what.key(), far_get()));
    CHECK(net.complete(net.at(5).answers.items(what.key())).empty());
    REQUIRE(net.get(2, what.key(), far_get().cached()));
    CHECK(net.complete(net.at(5).answers.items(what.key())).size() == 1);
    net.messages = 0;
    REQUIRE(net.get(1, what.key(), far_get()));
    CHECK(net.messages <= 3);
    // A copy of a copy lives its own time, no longer.
    net.loop.advance(11min);
    CHECK(net.complete(net.at(5).answers.items(what.key())).empty());
}

TEST_CASE("a peer is found by its id, where it says it is", "[forward]") {
    linked_network net(20);
    net.ring();
    wire::find_node goal;
    goal.target = net.at(9).who.id;
    goal.kinds = wire::mask_of(address_kind::tcp);
    wire::forward query;
    query.goal = goal;
    query.hops = 12;
    query.fan_out = 4;
    query.paths = 4;
    query.lifetime = 5s;
    forward_report report;
    auto found = net.complete(net.at(0).forwarding.ask(query, net.env.time->now() + 5s, report));
    CHECK(found.outcome == wire::gathered_outcome::found);
    REQUIRE(found.contacts.size() == 1);
    CHECK(found.contacts.front() == net.at(9).who);
    CHECK(report.peers.asked > 0);
    goal.target = random_id(net.random);
    query.goal = goal;
    found = net.complete(net.at(0).forwarding.ask(query, net.env.time->now() + 5s, report));
    CHECK(found.outcome == wire::gathered_outcome::nothing);
    CHECK(report.complete);
}
