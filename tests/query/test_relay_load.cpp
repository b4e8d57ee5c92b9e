// What the queries of others hold of a peer that passes them on: so much in all, and a share of it for each neighbour.

#include <memory>
#include <string>

#include "query/linked_network.hpp"
#include "query/manners.hpp"
#include "query/relay_load.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;
using detail::relay_load;

namespace {

/// Of a network of its own, unless another one is given.
detail::payer peer(std::uint8_t number, std::uint8_t network = 0) {
    node_id who;
    who.data()[0] = number;
    return {who, bytes{4, 192, 0, network == 0 ? number : network}};
}

/// The answer to a query, when there is one.
using pending = std::shared_ptr<std::optional<wire::message>>;

/// A peer that passes on between its neighbours, of which some hold up what they get, and the asker does not take what
/// is handed to it.
struct relay {
    static constexpr std::size_t here = 1;

    explicit relay(std::size_t count, const travel_rules& rules) : net(count, 1, rules) {
        for (std::size_t i = 0; i < count; ++i) net.link(here, i);
    }

    [[nodiscard]] const forwarder& at_relay() const { return net.peers[here]->forwarding; }

    pending ask(std::size_t from, wire::forward query) {
        query.tag.data()[0] = ++number;
        peer_info who;
        who.who = net.at(from).who;
        who.observed = who.who.addresses.front();
        auto out = std::make_shared<std::optional<wire::message>>();
        asio::co_spawn(net.loop.context, net.at(here).forwarding.answer(std::move(who), std::move(query)),
                       [out](const std::exception_ptr&, wire::message m) { *out = std::move(m); });
        net.loop.poll();
        return out;
    }

    static bool is_busy(const pending& answer) {
        const auto* error = *answer ? std::get_if<wire::error>(&**answer) : nullptr;
        return error != nullptr && error->code == wire::error_code::busy;
    }

    linked_network net;
    std::uint8_t number = 0;
};

wire::forward put_of(std::size_t bytes, std::uint8_t fan_out, std::uint8_t paths) {
    const auto what = value::immutable(std::string(bytes, 'x'));
    wire::store order;
    order.target = what.key();
    order.what = what.to_item();
    wire::forward out;
    out.goal = order;
    out.storing = wire::storage_mode::answerer;
    out.lifetime = 5s;
    out.hops = out.wander = 3;
    out.fan_out = fan_out;
    out.paths = paths;
    return out;
}

std::size_t body_of(const wire::forward& put) { return std::get<wire::store>(put.goal).what.body.size(); }

}  // namespace

TEST_CASE("so many bytes are under way in all, and a quarter for one neighbour", "[relay-load]") {
    relay_load load(400);
    load.begin(peer(1));
    load.add(peer(1), 60);
    CHECK(load.has_room(peer(1), 40, 0));
    CHECK_FALSE(load.has_room(peer(1), 41, 0));
    CHECK(load.has_room(peer(2), 100, 0));
    for (const auto i : std::initializer_list<std::uint8_t>{2, 3, 4}) {
        load.begin(peer(i));
        load.add(peer(i), 100);
    }
    CHECK(load.bytes_under_way() == 360);
    CHECK(load.has_room(peer(5), 40, 0));
    CHECK_FALSE(load.has_room(peer(5), 41, 0));
    load.end(peer(2), 100);
    CHECK(load.has_room(peer(5), 140, 0));
    CHECK(load.queries() == 3);
    CHECK(load.queries_of(peer(1).neighbour) == 1);
    CHECK(load.queries_of(peer(2).neighbour) == 0);
}

TEST_CASE("one query alone has room, whatever it weighs", "[relay-load]") {
    relay_load load(400);
    CHECK(load.has_room(peer(1), 1'000, 0));
    load.begin(peer(1));
    load.add(peer(1), 300);
    // It may grow, and no other one has room beside it.
    CHECK(load.has_room(peer(1), 1'000, 300));
    CHECK_FALSE(load.has_room(peer(1), 1, 0));
    // The only one of its neighbour has what is left of all.
    CHECK(load.has_room(peer(2), 100, 0));
    CHECK_FALSE(load.has_room(peer(2), 101, 0));
    load.begin(peer(1));
    load.end(peer(1), 0);
    load.end(peer(1), 300);
    CHECK(load.bytes_under_way() == 0);
    CHECK(load.queries() == 0);
}

TEST_CASE("one network prefix has half of what may be under way", "[relay-load]") {
    relay_load load(400);
    for (const auto i : std::initializer_list<std::uint8_t>{1, 2}) {
        load.begin(peer(i, 9));
        load.add(peer(i, 9), 90);
    }
    CHECK(load.queries_of_prefix(peer(1, 9).prefix) == 2);
    CHECK(load.has_room(peer(3, 9), 20, 0));
    CHECK_FALSE(load.has_room(peer(3, 9), 21, 0));
    CHECK(load.has_room(peer(4), 100, 0));
    // This machine itself is nobody's network.
    detail::payer here = peer(5);
    here.prefix.clear();
    load.begin(here);
    load.add(here, 100);
    CHECK(load.queries_of_prefix({}) == 0);
    CHECK(load.has_room(peer(4), 100, 0));
    load.end(peer(1, 9), 90);
    CHECK(load.has_room(peer(3, 9), 100, 0));
    load.end(peer(2, 9), 90);
    load.end(here, 100);
    CHECK(load.queries_of_prefix(peer(1, 9).prefix) == 0);
    CHECK(load.bytes_under_way() == 0);
}

TEST_CASE("a neighbour that has puts held up leaves room for those of others", "[relay-load]") {
    const auto put = put_of(1'000, 16, 64);
    const auto weight = 17 * body_of(put);
    travel_rules rules;
    rules.under_way_bytes = 4 * (3 * weight);
    relay r(4, rules);
    r.net.at(2).behaves = drops(r.net);
    for (int i = 0; i < 3; ++i) CHECK_FALSE(*r.ask(0, put));
    CHECK(r.at_relay().bytes_under_way() == 3 * weight);
    for (int i = 0; i < 60; ++i) CHECK(relay::is_busy(r.ask(0, put)));
    CHECK(r.at_relay().counters().busy == 60);
    CHECK(r.at_relay().bytes_under_way() == 3 * weight);
    for (int i = 0; i < 3; ++i) CHECK_FALSE(*r.ask(3, put));
    CHECK(relay::is_busy(r.ask(3, put)));
    r.net.loop.advance(10s);
    CHECK(r.at_relay().bytes_under_way() == 0);
    CHECK_FALSE(*r.ask(0, put));
    r.net.loop.advance(10s);
}

TEST_CASE("a put weighs as many copies as leave at once, whatever fan-out it claims", "[relay-load]") {
    relay r(3, {});
    r.net.at(2).behaves = drops(r.net);
    for (const auto& [fan_out, paths, copies] : {std::tuple(16, 1, 2), {16, 64, 17}, {2, 64, 3}, {1, 1, 2}}) {
        const auto put = put_of(1'000, static_cast<std::uint8_t>(fan_out), static_cast<std::uint8_t>(paths));
        CHECK_FALSE(*r.ask(0, put));
        CHECK(r.at_relay().bytes_under_way() == static_cast<std::size_t>(copies) * body_of(put));
        r.net.loop.advance(10s);
    }
}

namespace {

constexpr std::size_t version_bytes = 4'000;

/// Two neighbours of a relay that work together: 2 has many versions of a value, and 0 asks for them as they come and
/// takes none. 3 holds queries up, 4 is honest.
struct versions : relay {
    explicit versions(const travel_rules& rules = {}) : relay(5, rules) {
        const auto author = identity::generate(*net.env.secure_random);
        const auto until = net.env.time->wall_now() + 1h;
        for (std::uint64_t n = 1; n <= 16; ++n) {
            const auto made =
                value::signed_by(author, std::string(version_bytes, 'x')).sequence(n).deadline(until).sign();
            key = made->key();
            all.outcome = wire::gathered_outcome::found;
            all.items.push_back(made->to_item());
        }
        net.at(0).takes_nothing = true;
        net.at(2).behaves = [this](std::size_t, const wire::forward& query) -> task<std::optional<wire::message>> {
            auto out = all;
            out.items.erase(out.items.begin(), out.items.end() - query.results);
            co_return wire::message(std::move(out));
        };
        net.at(3).behaves = drops(net);
        // The newest two, each with a copy that leaves.
        weight = 4 * version_bytes;
    }

    [[nodiscard]] wire::forward streamed() const {
        wire::find_value goal;
        goal.target = key;
        wire::forward out;
        out.goal = goal;
        out.stream = true;
        out.lifetime = 5s;
        out.hops = out.wander = 3;
        out.fan_out = 4;
        out.paths = 4;
        out.results = 16;
        return out;
    }

    id256 key;
    wire::gathered all;
    std::size_t weight = 0;
};

}  // namespace

TEST_CASE("of many versions of a value a peer on the way keeps the two newest", "[relay-load]") {
    versions r;
    const auto answer = r.ask(0, r.streamed());
    CHECK_FALSE(*answer);
    CHECK(r.at_relay().bytes_under_way() == r.weight);
    r.net.loop.advance(10s);
    REQUIRE(*answer);
    const auto& got = std::get<wire::gathered>(**answer);
    REQUIRE(got.items.size() == 2);
    CHECK(got.items[0] == r.all.items[15]);
    CHECK(got.items[1] == r.all.items[14]);
    CHECK(r.at_relay().bytes_under_way() == 0);
}

TEST_CASE("who takes nothing of what it has asked for fills its share of a relay's memory, and no more",
          "[relay-load]") {
    travel_rules rules;
    rules.under_way_bytes = 4 * 3 * 4 * version_bytes;
    versions r(rules);
    const auto share = rules.under_way_bytes / relay_load::parts_of_neighbour;
    for (int i = 0; i < 3; ++i) CHECK_FALSE(*r.ask(0, r.streamed()));
    CHECK(r.at_relay().bytes_under_way() == share);
    CHECK(r.at_relay().counters().cut_short == 0);
    // Those beyond its share are answered at once, with what was found.
    for (int i = 0; i < 20; ++i) {
        const auto answer = r.ask(0, r.streamed());
        REQUIRE(*answer);
        CHECK(std::get<wire::gathered>(**answer).items.size() == 2);
    }
    CHECK(r.at_relay().counters().cut_short == 20);
    CHECK(r.at_relay().bytes_under_way() == share);
    // The put of another neighbour is taken, and what it asks for comes.
    CHECK_FALSE(relay::is_busy(r.ask(4, put_of(version_bytes, 1, 1))));
    const auto delivered = r.net.delivered;
    const auto answer = r.ask(4, r.streamed());
    CHECK_FALSE(*answer);
    CHECK(r.at_relay().counters().cut_short == 20);
    CHECK(r.net.delivered > delivered);
    r.net.loop.advance(10s);
    REQUIRE(*answer);
    CHECK(r.at_relay().bytes_under_way() == 0);
}
