#include <limits>

#include <mydht/crypto/random.hpp>

#include "query/linked_network.hpp"
#include "query/rulebook.hpp"

using namespace mydht;
using namespace mydht::test;
using detail::rulebook;
using namespace std::chrono_literals;

namespace {

travel_band from(std::uint8_t priority) {
    travel_band out;
    out.from_priority = priority;
    return out;
}

/// Two bands, the second from 100.
travel_rules two_bands() {
    travel_rules out;
    out.bands.push_back(from(100));
    return out;
}

wire::forward a_get(std::uint8_t priority) {
    wire::forward out;
    out.goal = wire::find_value();
    out.lifetime = 5s;
    out.hops = 10;
    out.priority = priority;
    return out;
}

wire::forward a_put(std::uint8_t priority, wire::storage_mode storing) {
    auto out = a_get(priority);
    out.goal = wire::store();
    out.storing = storing;
    return out;
}

contact somebody(std::uint8_t number) {
    contact out;
    out.id.data()[0] = number;
    return out;
}

peer_info peer_of(std::uint8_t given) {
    peer_info out;
    out.who = somebody(9);
    out.priority = given;
    return out;
}

get_options far_get() { return get_options().mode(proxied()); }

}  // namespace

TEST_CASE("rules that can never work are refused by the field's name", "[rules]") {
    const auto refused = [](auto change) {
        auto rules = two_bands();
        change(rules);
        std::string field;
        return validate(rules, &field) ? std::string("none") : field;
    };
    CHECK(refused([](travel_rules&) {}) == "none");
    CHECK(refused([](travel_rules& r) { r.trace_max = 64; }) == "none");
    CHECK(refused([](travel_rules& r) { r.trace_max = 65; }) == "forwarding.trace_max");
    CHECK(refused([](travel_rules& r) { r.results_max = 17; }) == "forwarding.results_max");
    CHECK(refused([](travel_rules& r) { r.results_max = 0; }) == "forwarding.results_max");
    CHECK(refused([](travel_rules& r) { r.walks = 0; }) == "forwarding.walks");
    CHECK(refused([](travel_rules& r) { r.walks_at_once = 0; }) == "forwarding.walks_at_once");
    CHECK(refused([](travel_rules& r) { r.walks_at_once = r.walks + 1; }) == "forwarding.walks_at_once");
    CHECK(refused([](travel_rules& r) { r.under_way_max = 0; }) == "forwarding.under_way_max");
    CHECK(refused([](travel_rules& r) { r.under_way_peer = 0; }) == "forwarding.under_way_peer");
    CHECK(refused([](travel_rules& r) { r.relays.queries.burst = 0; }) == "forwarding.relays.queries");
    CHECK(refused([](travel_rules& r) { r.relays.entries_max = 0; }) == "forwarding.relays.entries_max");
    CHECK(refused([](travel_rules& r) { r.under_way_bytes = 0; }) == "forwarding.under_way_bytes");
    CHECK(refused([](travel_rules& r) { r.tags_max = 0; }) == "forwarding.tags_max");
    CHECK(refused([](travel_rules& r) { r.bands.clear(); }) == "forwarding.bands");
    CHECK(refused([](travel_rules& r) { r.bands[0].from_priority = 1; }) == "forwarding.bands[0].from_priority");
    CHECK(refused([](travel_rules& r) { r.bands[1].from_priority = 0; }) == "forwarding.bands[1].from_priority");
    const auto in_band = [&](auto change) {
        auto found = refused([&](travel_rules& r) { change(r.bands[1]); });
        const std::string before = "forwarding.bands[1].";
        return found.starts_with(before) ? found.substr(before.size()) : found;
    };
    CHECK(in_band([](travel_band& b) { b.hops = b.hops_max; }) == "none");
    CHECK(in_band([](travel_band& b) { b.hops = static_cast<std::uint8_t>(b.hops_max + 1); }) == "hops");
    CHECK(in_band([](travel_band& b) { b.hops_max = 0; }) == "hops_max");
    CHECK(in_band([](travel_band& b) { b.wander = static_cast<std::uint8_t>(b.hops + 1); }) == "wander");
    CHECK(in_band([](travel_band& b) { b.fan_out = 0; }) == "fan_out");
    CHECK(in_band([](travel_band& b) { b.fan_out_max = 3; }) == "fan_out");
    CHECK(in_band([](travel_band& b) { b.fan_out_max = 0; }) == "fan_out_max");
    CHECK(in_band([](travel_band& b) { b.spread = 0; }) == "spread");
    CHECK(in_band([](travel_band& b) { b.put_spread = 0; }) == "put_spread");
    CHECK(in_band([](travel_band& b) { b.rounds = 1; }) == "none");
    CHECK(in_band([](travel_band& b) { b.rounds = 0; }) == "rounds");
    CHECK(in_band([](travel_band& b) { b.put_spread = static_cast<std::uint8_t>(b.spread_max + 1); }) == "put_spread");
    CHECK(in_band([](travel_band& b) { b.spread_max = 0; }) == "spread_max");
    CHECK(in_band([](travel_band& b) { b.lifetime_max = 0ms; }) == "lifetime_max");
    CHECK(in_band([](travel_band& b) { b.lifetime = b.lifetime_max; }) == "none");
    CHECK(in_band([](travel_band& b) { b.lifetime = b.lifetime_max + 1ms; }) == "lifetime");
    CHECK(in_band([](travel_band& b) { b.lifetime = 0ms; }) == "lifetime");
    CHECK(in_band([](travel_band& b) { b.cache_lifetime = 49h; }) == "cache_lifetime");
    CHECK(in_band([](travel_band& b) { b.level_links = 0.5; }) == "none");
    CHECK(in_band([](travel_band& b) { b.level_links = 0.6; }) == "level_links");
    CHECK(in_band([](travel_band& b) { b.level_links = std::numeric_limits<double>::quiet_NaN(); }) == "level_links");
    CHECK(in_band([](travel_band& b) { b.not_found_share = 0; }) == "not_found_share");
    CHECK(in_band([](travel_band& b) { b.not_found_share = 1.1; }) == "not_found_share");
}

TEST_CASE("a band holds from its priority to the next one's", "[rules]") {
    const auto rules = two_bands();
    CHECK(&rules.band(0) == &rules.bands[0]);
    CHECK(&rules.band(99) == &rules.bands[0]);
    CHECK(&rules.band(100) == &rules.bands[1]);
    CHECK(&rules.band(255) == &rules.bands[1]);
}

TEST_CASE("what is too much goes by the priority", "[rules]") {
    system_random random;
    auto rules = two_bands();
    rules.bands[0].hops = 8;
    rules.bands[0].hops_max = 9;
    const rulebook book(rules, random);
    CHECK(book.is_absurd(a_get(99)));
    CHECK_FALSE(book.is_absurd(a_get(100)));
    CHECK(book.is_absurd(a_put(100, wire::storage_mode::none)));
    CHECK(book.is_absurd(a_put(100, wire::storage_mode::cache)));
    CHECK_FALSE(book.is_absurd(a_put(100, wire::storage_mode::path)));
    auto get = a_get(100);
    get.storing = wire::storage_mode::path;
    CHECK(book.is_absurd(get));
}

TEST_CASE("what is kept and cached goes by the priority, and not at all where a band says no", "[rules]") {
    system_random random;
    auto rules = two_bands();
    rules.bands[0].keeps_passing = false;
    rules.bands[0].caches = false;
    rules.bands[1].keeps_ends = false;
    rules.bands[1].cache_lifetime = 1min;
    const rulebook book(rules, random);
    const auto low = a_put(0, wire::storage_mode::answerer);
    CHECK(book.keeps({low, nullptr}, true));
    CHECK_FALSE(book.keeps({low, nullptr}, false));
    const auto low_passing = a_put(0, wire::storage_mode::path);
    CHECK_FALSE(book.keeps({low_passing, nullptr}, false));
    CHECK(book.keeps({low_passing, nullptr}, true));
    const auto high = a_put(200, wire::storage_mode::answerer);
    CHECK_FALSE(book.keeps({high, nullptr}, true));
    const auto high_passing = a_put(200, wire::storage_mode::path);
    CHECK(book.keeps({high_passing, nullptr}, false));
    const auto low_get = a_get(0);
    const auto high_get = a_get(200);
    CHECK_FALSE(book.caches({low_get, nullptr}, item()));
    CHECK(book.caches({high_get, nullptr}, item()) == 1min);
}

TEST_CASE("the application's functions have the last word, within what a query may", "[rules]") {
    system_random random;
    auto rules = two_bands();
    rules.bands[0].level_links = 0;
    auto& own = rules.decisions;
    own.priority = [](const peer_info& from, std::uint8_t claimed) { return std::min(claimed, from.priority); };
    own.whom = [](travelling, std::vector<contact> usual) {
        usual.erase(usual.begin());
        return usual;
    };
    std::uint8_t wish = 5;
    own.hops_left = [&wish](travelling what, const contact&, std::uint8_t usual) {
        CHECK(usual == what.query.hops - 1);
        return wish;
    };
    own.keeps = [](travelling what, bool usual) { return usual && what.from != nullptr; };
    own.caches = [](travelling, const item&, std::optional<std::chrono::milliseconds> usual) {
        return usual ? std::optional(*usual / 2) : usual;
    };
    own.enough_nothing = [](travelling, path_tally so_far, bool usual) { return !usual && so_far.nothing == 2; };
    const rulebook book(rules, random);
    CHECK(book.priority(peer_of(7), 200) == 7);
    CHECK(book.priority(peer_of(7), 3) == 3);
    const auto get = a_get(0);
    const travelling what{get, nullptr};
    CHECK(book.whom(what, {somebody(1), somebody(2)}) == std::vector{somebody(2)});
    CHECK(book.hops_left(what, somebody(1)) == 5);
    wish = 200;
    CHECK(book.hops_left(what, somebody(1)) == get.hops);
    const auto put = a_put(0, wire::storage_mode::path);
    const auto who = peer_of(0);
    CHECK_FALSE(book.keeps({put, nullptr}, true));
    CHECK(book.keeps({put, &who}, true));
    CHECK(book.caches(what, item()) == rules.bands[0].cache_lifetime / 2);
    CHECK(book.enough_nothing(what, {4, 2}));
    CHECK_FALSE(book.enough_nothing(what, {2, 2}));
}

TEST_CASE("a share of paths with nothing is enough, and one less is not", "[rules]") {
    system_random random;
    travel_rules rules;
    const auto get = a_get(0);
    CHECK_FALSE(rulebook(rules, random).enough_nothing({get, nullptr}, {4, 3}));
    CHECK(rulebook(rules, random).enough_nothing({get, nullptr}, {4, 4}));
    rules.bands[0].not_found_share = 0.75;
    CHECK_FALSE(rulebook(rules, random).enough_nothing({get, nullptr}, {4, 2}));
    CHECK(rulebook(rules, random).enough_nothing({get, nullptr}, {4, 3}));
}

TEST_CASE("a get that enough paths have denied ends before the silent ones have had their time", "[rules]") {
    travel_rules rules;
    rules.bands[0].wander = 0;
    const auto time_of = [&](double share) {
        rules.bands[0].not_found_share = share;
        linked_network net(5, 1, rules);
        for (std::size_t i = 1; i < 5; ++i) net.link(0, i);
        net.at(1).behaves = [&net](std::size_t, const wire::forward& query) -> task<std::optional<wire::message>> {
            co_await sleep_for(*net.env.time, query.lifetime + 1s);
            co_return std::nullopt;
        };
        const auto begun = net.env.time->now();
        const auto got = net.get(0, value::immutable("nowhere").key(), far_get());
        REQUIRE_FALSE(got);
        CHECK(got.error() == (share < 1 ? errc::not_found : errc::timed_out));
        return net.env.time->now() - begun;
    };
    CHECK(time_of(0.75) < 1s);
    CHECK(time_of(1) > 10s);
}

TEST_CASE("nothing from many does not end a get that one has answered", "[rules]") {
    travel_rules rules;
    rules.bands[0].wander = 0;
    rules.bands[0].not_found_share = 0.5;
    linked_network net(5, 1, rules);
    for (std::size_t i = 1; i < 5; ++i) net.link(0, i);
    const auto author = identity::generate(*net.env.secure_random);
    const auto until = net.env.time->wall_now() + 1h;
    const auto version = [&](std::uint64_t n) {
        return value::signed_by(author, "version").sequence(n).deadline(until).sign().value();
    };
    REQUIRE(net.put(1, version(1), put_options().local()));
    REQUIRE(net.put(2, version(2), put_options().local()));
    net.at(2).behaves = [&net](std::size_t, const wire::forward&) -> task<std::optional<wire::message>> {
        co_await sleep_for(*net.env.time, 2s);
        co_return std::nullopt;
    };
    const auto got = net.get(0, version(1).key(), far_get());
    REQUIRE(got);
    CHECK(got->best.sequence() == 2);
}

TEST_CASE("a node's own queries take what their priority's band says, unless their options say otherwise", "[rules]") {
    auto rules = two_bands();
    for (auto& each : rules.bands) each.rounds = 1;
    rules.bands[1].hops = 7;
    rules.bands[1].wander = 2;
    rules.bands[1].fan_out = 2;
    rules.bands[1].lifetime = 3s;
    rules.bands[1].along_the_path = true;
    rules.bands[1].cached = true;
    linked_network net(2, 1, rules);
    net.link(0, 1);
    const auto seen_of = [&](std::uint8_t priority) {
        REQUIRE_FALSE(net.get(0, value::immutable("nowhere").key(), far_get().priority(priority)));
        return net.at(1).seen.back();
    };
    const auto low = seen_of(99);
    CHECK(low.wander == 3);
    CHECK(low.fan_out == 4);
    CHECK(low.storing == wire::storage_mode::none);
    CHECK(low.lifetime > 10s);
    const auto high = seen_of(100);
    CHECK(high.wander == 1);
    CHECK(high.fan_out == 2);
    CHECK(high.storing == wire::storage_mode::cache);
    CHECK(high.lifetime <= 3s);
    const auto put_seen = [&](put_options how) {
        CHECK(net.put(0, value::immutable("kept"), how.mode(proxied()).priority(100)));
        return net.at(1).seen.back().storing;
    };
    CHECK(put_seen(put_options()) == wire::storage_mode::path);
    REQUIRE_FALSE(net.get(0, value::immutable("none").key(), far_get().priority(100).cached(false)));
    CHECK(net.at(1).seen.back().storing == wire::storage_mode::none);
}
