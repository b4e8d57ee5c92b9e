// Who pays for what comes through others: limits of neighbours where queries pass, and room of their own where values
// stay.

#include <string>

#include "query/linked_network.hpp"
#include "query/relay_meter.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

constexpr steady_time start{1h};

peer_info neighbour(std::uint64_t number, const address& observed, std::uint8_t priority = 0) {
    peer_info out;
    out.who.id.data()[0] = static_cast<std::uint8_t>(number);
    out.observed = observed;
    out.priority = priority;
    return out;
}

/// Much for everybody: a test makes what it is about scarce.
relay_limits wide() {
    relay_limits out;
    out.queries = out.prefix_queries = out.kibibytes = out.prefix_kibibytes = {1'000, 100'000};
    return out;
}

/// A network in which nobody may send more than so many queries through a neighbour, and no time passes by itself.
travel_rules narrow(std::uint32_t queries) {
    travel_rules out;
    out.relays = wide();
    out.relays.queries = {4, queries};
    return out;
}

peer_info as_neighbour(const linked_network::peer& who) {
    peer_info out;
    out.who = who.who;
    out.observed = who.who.addresses.front();
    out.proven = true;
    return out;
}

wire::forward put_of(const value& what, std::uint8_t number, std::uint8_t hops = 0) {
    wire::store order;
    order.target = what.key();
    order.what = what.to_item();
    wire::forward out;
    out.goal = order;
    out.tag.data()[0] = number;
    out.lifetime = 5s;
    out.hops = hops;
    out.storing = wire::storage_mode::answerer;
    return out;
}

wire::forward get_of(const id256& key, std::uint8_t number, std::uint8_t hops = 0) {
    wire::find_value goal;
    goal.target = key;
    wire::forward out;
    out.goal = goal;
    out.tag.data()[0] = number;
    out.lifetime = 5s;
    out.hops = hops;
    return out;
}

std::optional<wire::error_code> error_in(const wire::message& answer) {
    const auto* error = std::get_if<wire::error>(&answer);
    return error == nullptr ? std::nullopt : std::optional(error->code);
}

bool is_throttled(const wire::message& answer) { return error_in(answer) == wire::error_code::throttled; }

/// Peers in a row, and what the first ones are told when they ask the second.
struct row {
    row(std::size_t count, const travel_rules& rules) : net(count, 1, rules) {
        for (std::size_t i = 0; i + 1 < count; ++i) net.link(i, i + 1);
    }
    wire::message ask(std::size_t who, std::size_t from, wire::forward query) {
        return net.complete(net.at(who).forwarding.answer(as_neighbour(net.at(from)), std::move(query)));
    }
    value in_an_hour(const std::string& text) {
        return value::immutable(text).with_deadline(net.env.time->wall_now() + 1h);
    }
    value signed_by(const identity& author, std::uint64_t salt, std::size_t size = 100) {
        return value::signed_by(author, std::string(size, 'x'))
            .sequence(1)
            .salt(std::to_string(salt))
            .deadline(net.env.time->wall_now() + 1h)
            .sign()
            .value();
    }
    bool holds(std::size_t who, const id256& key) { return !net.complete(net.at(who).answers.items(key)).empty(); }
    store_usage stored(std::size_t who) { return net.complete(net.at(who).values.usage()).value(); }

    linked_network net;
};

}  // namespace

TEST_CASE("a neighbour has so many queries, and all of its prefix have so many", "[relays]") {
    auto limits = wide();
    limits.queries = {1, 3};
    limits.prefix_queries = {1, 5};
    detail::relay_meter meter(limits);
    const auto here = public_address(1);
    const auto one = neighbour(1, here);
    for (int i = 0; i < 3; ++i) CHECK(meter.take(one, 0, start));
    CHECK_FALSE(meter.take(one, 0, start));
    // What was refused has used nothing up that others in the prefix have.
    const auto two = neighbour(2, here);
    for (int i = 0; i < 2; ++i) CHECK(meter.take(two, 0, start));
    CHECK_FALSE(meter.take(two, 0, start));
    const auto elsewhere = neighbour(3, public_address(700));
    for (int i = 0; i < 3; ++i) CHECK(meter.take(elsewhere, 0, start));
    CHECK(meter.take(one, 0, start + 1s));
    CHECK_FALSE(meter.take(two, 0, start + 1s));
}

TEST_CASE("a neighbour has so many bytes of values, a begun kibibyte counts as one", "[relays]") {
    auto limits = wide();
    limits.kibibytes = {1, 100};
    limits.prefix_kibibytes = {1, 150};
    detail::relay_meter meter(limits);
    const auto here = public_address(1);
    CHECK(meter.take(neighbour(1, here), 64 * 1024 + 1, start));
    CHECK_FALSE(meter.take(neighbour(1, here), 35 * 1024 + 1, start));
    CHECK(meter.take(neighbour(1, here), 35 * 1024, start));
    CHECK(meter.take(neighbour(1, here), 0, start));
    CHECK_FALSE(meter.take(neighbour(1, here), 1, start));
    CHECK_FALSE(meter.take(neighbour(2, here), 51 * 1024, start));
    CHECK(meter.take(neighbour(2, here), 50 * 1024, start));
    CHECK_FALSE(meter.take(neighbour(3, here), 1, start));
    CHECK(meter.take(neighbour(3, here), 1, start + 1s));
}

TEST_CASE("a neighbour with a priority pays less, one on this machine nothing, and so many are remembered",
          "[relays]") {
    auto limits = wide();
    limits.queries = {1, 2};
    limits.entries_max = 4;
    detail::relay_meter meter(limits);
    const auto favoured = neighbour(1, public_address(1), priority_discount);
    for (int i = 0; i < 4; ++i) CHECK(meter.take(favoured, 0, start));
    CHECK_FALSE(meter.take(favoured, 0, start));

    const auto local = neighbour(2, address::ipv4(address_kind::udp, {127, 0, 0, 1}, 4000));
    for (int i = 0; i < 10; ++i) CHECK(meter.take(local, 0, start));
    CHECK(meter.neighbours() == 1);
    meter.exempt_loopback(false);
    for (int i = 0; i < 2; ++i) CHECK(meter.take(local, 0, start));
    CHECK_FALSE(meter.take(local, 0, start));

    for (std::uint8_t i = 10; i < 20; ++i) CHECK(meter.take(neighbour(i, public_address(i)), 0, start));
    CHECK(meter.neighbours() == 4);
    CHECK(meter.prefixes() == 4);
    // What else is worth nothing is paid like a query, and an empty bucket is no more than empty.
    const auto last = neighbour(19, public_address(19));
    for (int i = 0; i < 10; ++i) meter.charge(last.who.id, last.observed, start);
    CHECK_FALSE(meter.take(last, 0, start));
    CHECK(meter.take(last, 0, start + 1s));
}

TEST_CASE("one neighbour's queries get a quarter of what the next peer takes, and all together one half", "[relays]") {
    auto limits = wide();
    limits.queries = {4, 40};
    detail::relay_meter meter(limits);
    const auto next = neighbour(9, public_address(9)).who.id;
    const auto other = neighbour(8, public_address(8)).who.id;
    const auto passed = [&](std::uint8_t from, const node_id& to, std::size_t bytes = 0) {
        int out = 0;
        while (out < 100 && meter.pass_on(neighbour(from, public_address(from)), to, bytes, start)) ++out;
        return out;
    };
    CHECK(passed(1, next) == 10);
    CHECK(passed(1, other) == 10);
    CHECK(passed(2, next) == 10);
    CHECK(passed(3, next) == 0);
    CHECK(passed(3, other) == 10);
    // A priority is what this node gives to a neighbour, not what the next one gives to this node.
    CHECK_FALSE(meter.pass_on(neighbour(1, public_address(1), 255), other, 0, start));
    CHECK(meter.pass_on(neighbour(1, public_address(1)), next, 0, start + 1s));
    CHECK_FALSE(meter.pass_on(neighbour(1, public_address(1)), next, 0, start + 1s));

    limits = wide();
    limits.kibibytes = {1'000, 4 * 65};
    meter = detail::relay_meter(limits);
    CHECK(passed(1, next, 65 * 1024) == 1);
    CHECK(passed(2, next, 33 * 1024) == 1);
    CHECK(passed(3, next, 32 * 1024) == 1);
    CHECK(passed(4, next, 1) == 0);
}

TEST_CASE("limits that let nothing through, or not the largest value, are refused", "[relays]") {
    CHECK(check(relay_limits()));
    const auto refused = [](auto change) {
        relay_limits limits;
        change(limits);
        return !check(limits);
    };
    CHECK(refused([](relay_limits& l) { l.queries.per_second = 0; }));
    CHECK(refused([](relay_limits& l) { l.prefix_queries.burst = 0; }));
    CHECK(refused([](relay_limits& l) { l.entries_max = 0; }));
    // An item's body has 64 KiB and a half at most.
    CHECK_FALSE(refused([](relay_limits& l) { l.kibibytes.burst = l.prefix_kibibytes.burst = 4 * 65; }));
    CHECK(refused([](relay_limits& l) { l.kibibytes.burst = 4 * 65 - 1; }));
    CHECK(refused([](relay_limits& l) { l.prefix_kibibytes.burst = 4 * 65 - 1; }));
    CHECK_FALSE(refused([](relay_limits& l) { l.queries = {4, 4}; }));
    CHECK(refused([](relay_limits& l) { l.queries = {3, 4}; }));
    CHECK(refused([](relay_limits& l) { l.queries = {4, 3}; }));
}

TEST_CASE("a neighbour that sends too much hears it, and the others notice nothing", "[relays]") {
    row r(3, narrow(4));
    const auto key = value::immutable("x").key();
    for (std::uint8_t n = 1; n <= 4; ++n) CHECK_FALSE(error_in(r.ask(1, 0, get_of(key, n))));
    CHECK(is_throttled(r.ask(1, 0, get_of(key, 5))));
    CHECK(r.net.at(1).forwarding.counters().throttled == 1);
    CHECK(r.net.at(1).forwarding.counters().served == 4);
    CHECK_FALSE(error_in(r.ask(1, 2, get_of(key, 6))));
    r.net.loop.advance(1s);
    CHECK_FALSE(error_in(r.ask(1, 0, get_of(key, 7))));
}

TEST_CASE("an honest relay is not throttled for what a flooder sends through it", "[relays]") {
    // 0 floods, 1 passes on for it and for 3, and 2 keeps what comes.
    linked_network net(4, 1, narrow(80));
    net.link(0, 1);
    net.link(1, 2);
    net.link(1, 3);
    const auto flooder = identity::generate(*net.env.secure_random);
    store_limits room;
    room.forwarded.peer_bytes_max = 12'000;
    net.at(2).values = any_store(memory_store(room));
    row other(1, travel_rules());
    for (std::uint8_t i = 0; i < 200; ++i) {
        auto query = put_of(other.signed_by(flooder, i, 400), i, 3);
        query.fan_out = 2;
        query.paths = 2;
        query.wander = 1;
        (void)net.complete(net.at(1).forwarding.answer(as_neighbour(net.at(0)), std::move(query)));
    }
    const auto& relay = net.at(1).forwarding.counters();
    const auto& holder = net.at(2).forwarding.counters();
    CHECK(relay.throttled == 120);
    CHECK(relay.held_back > 0);
    CHECK(holder.served == 20);
    CHECK(holder.throttled == 0);
    // What the flooder has signed fills its own share at the holder.
    CHECK(net.complete(net.at(2).values.usage()).value().forwarded_bytes <= 12'000);
    // Another neighbour comes through all the same, and so does the relay.
    const auto kept_by_holder = [&](std::size_t from, std::uint8_t number) {
        const auto what = other.in_an_hour("of " + std::to_string(from) + ", " + std::to_string(number));
        auto options = put_options().mode(proxied());
        REQUIRE(net.put(from, what, options));
        return !net.complete(net.at(2).answers.items(what.key())).empty();
    };
    const auto served = holder.served;
    for (const std::size_t from : {3U, 1U}) {
        bool any = false;
        for (std::uint8_t i = 0; i < 10; ++i) any = kept_by_holder(from, i) || any;
        CHECK(any);
    }
    CHECK(holder.served > served);
    CHECK(holder.throttled == 0);
}

TEST_CASE("what comes through others is paid by who signed it, or else by who passed it on", "[relays]") {
    row r(3, travel_rules());
    store_limits room;
    room.forwarded.peer_bytes_max = 2'000;
    r.net.at(1).values = any_store(memory_store(room));
    const auto author = identity::generate(*r.net.env.secure_random);
    const auto another = identity::generate(*r.net.env.secure_random);
    std::uint8_t number = 0;
    const auto keeps = [&](const value& what, std::size_t from) {
        const auto answer = r.ask(1, from, put_of(what, ++number));
        const auto* got = std::get_if<wire::gathered>(&answer);
        return got != nullptr && got->copies == 1;
    };
    // Through whomever it comes.
    REQUIRE(keeps(r.signed_by(author, 1, 400), 0));
    std::size_t kept = 1;
    for (std::uint64_t salt = 2; salt < 20; ++salt)
        kept += keeps(r.signed_by(author, salt, 400), 2 * (salt % 2)) ? 1U : 0U;
    CHECK(kept < 4);
    CHECK(keeps(r.signed_by(another, 1, 400), 0));
    // Nobody has signed these.
    kept = 0;
    for (int i = 0; i < 20; ++i) kept += keeps(r.in_an_hour(std::string(400, 'a') + std::to_string(i)), 0) ? 1U : 0U;
    CHECK(kept > 0);
    CHECK(kept < 4);
    CHECK(keeps(r.in_an_hour("of another"), 2));
    // The same peers may still have their own values kept.
    const auto direct = as_neighbour(r.net.at(0));
    const auto own = r.in_an_hour(std::string(400, 'b'));
    CHECK(r.net.complete(r.net.at(1).answers.keep(&direct, own.key(), own.to_item(), {})));
    CHECK(r.stored(1).forwarded_entries + 1 == r.stored(1).entries);
}

TEST_CASE("forwarded values do not crowd direct ones out, and the reverse", "[relays]") {
    row r(3, travel_rules());
    store_limits room;
    room.bytes_max = 20'000;
    room.forwarded.bytes_max = 20'000;
    auto& holder = r.net.at(1);
    holder.values = any_store(memory_store(room));
    const auto from = as_neighbour(r.net.at(0));
    const auto direct = [&](const value& what) {
        return r.net.complete(holder.answers.keep(&from, what.key(), what.to_item(), {})).has_value();
    };
    for (std::uint8_t i = 0; i < 100; ++i) (void)r.ask(1, 0, put_of(r.in_an_hour("far " + std::to_string(i)), i));
    CHECK(r.stored(1).forwarded_bytes > 19'000);
    CHECK(r.stored(1).forwarded_bytes == r.stored(1).bytes);
    CHECK(direct(r.in_an_hour("near")));
    for (int i = 0; i < 100; ++i) (void)direct(r.in_an_hour("near " + std::to_string(i)));
    CHECK_FALSE(direct(r.in_an_hour("one more")));
    CHECK(r.net.complete(holder.values.erase(r.in_an_hour("far 0").key())).value());
    const auto answer = r.ask(1, 2, put_of(r.in_an_hour("far again"), 200));
    CHECK(std::get<wire::gathered>(answer).copies == 1);
}

TEST_CASE("whatever is refused or worth nothing is paid by who sent it", "[relays]") {
    const auto key = value::immutable("x").key();
    std::uint8_t number = 0;
    // How many good queries are left after six of something, of 24.
    const auto left_after = [&](auto send) {
        row r(3, narrow(24));
        for (int i = 0; i < 6; ++i) send(r);
        std::size_t left = 0;
        while (left < 50 && !is_throttled(r.ask(1, 0, get_of(key, ++number)))) ++left;
        return left;
    };
    CHECK(left_after([](row&) {}) == 24);
    // Absurd, or again.
    CHECK(left_after([&](row& r) { (void)r.ask(1, 0, get_of(key, ++number, 255)); }) == 18);
    CHECK(left_after([&](row& r) { (void)r.ask(1, 0, get_of(key, 7, 1)); }) == 18);
    // A ticket that is none.
    CHECK(left_after([&](row& r) {
              auto query = get_of(key, ++number, 1);
              query.asker.emplace();
              query.asker->body = bytes(10);
              (void)r.ask(1, 0, std::move(query));
              CHECK(r.net.at(1).forwarding.counters().forged_askers > 0);
          }) == 18);
    // Brought, and not awaited.
    CHECK(left_after([&](row& r) {
              (void)r.net.at(1).forwarding.take(as_neighbour(r.net.at(0)), wire::deliver());
              CHECK(r.net.at(1).forwarding.counters().unasked > 0);
          }) == 18);
    // Lies: of the wrong kind, more than was asked for, not of the key.
    const auto answers = [&](auto answer) {
        return left_after([&](row& r) {
            r.net.at(0).behaves = [answer](std::size_t, const wire::forward&) -> task<std::optional<wire::message>> {
                co_return answer;
            };
            const auto lies = r.net.at(1).forwarding.counters().lies;
            (void)r.ask(1, 2, get_of(key, ++number, 1));
            CHECK(r.net.at(1).forwarding.counters().lies > lies);
        });
    };
    CHECK(answers(wire::message(wire::pong())) == 18);
    wire::gathered many;
    many.items.resize(2);
    CHECK(answers(wire::message(many)) == 18);
    many.items = {row(1, travel_rules()).in_an_hour("y").to_item()};
    CHECK(answers(wire::message(many)) == 18);
}
