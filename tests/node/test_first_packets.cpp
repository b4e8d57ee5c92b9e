// What first packets do to the store of a node: nothing.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <mydht/node/node.hpp>
#include <mydht/store/memory_store.hpp>

#include "session/codecs.hpp"
#include "session/datagram_sides.hpp"
#include "session/fixture.hpp"
#include "session/packet_net.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

/// A store that outlives its node, as a disk does, and knows how often it was asked.
struct lasting_store {
    struct shelf {
        memory_store inner;
        int puts = 0;
        int gets = 0;
    };

    [[nodiscard]] task<result<put_outcome>> put(store_entry entry, std::optional<std::uint64_t> expected,
                                                wall_time now) {
        ++on->puts;
        return on->inner.put(std::move(entry), expected, now);
    }
    [[nodiscard]] task<result<std::vector<store_entry>>> get(id256 where, wall_time now) {
        ++on->gets;
        return on->inner.get(where, now);
    }
    [[nodiscard]] task<result<store_page>> list(store_cursor from, std::size_t max) {
        return on->inner.list(std::move(from), max);
    }
    [[nodiscard]] task<result<bool>> erase(id256 where) { return on->inner.erase(where); }
    [[nodiscard]] task<result<std::size_t>> expire(wall_time now, std::size_t max) {
        return on->inner.expire(now, max);
    }
    [[nodiscard]] task<result<store_usage>> usage() { return on->inner.usage(); }

    std::shared_ptr<shelf> on;
};

/// A node over datagrams, and somebody who makes packets by hand.
struct scene {
    scene() {
        prng_source random(3);
        self = std::make_shared<const identity>(identity::generate(random));
        start();
        // Requests in first packets count only some time after the start.
        w.advance(3s);
    }
    ~scene() { w.run(one.stop()); }

    void start() {
        node_config config;
        config.self = self;
        config.datagram_transports.push_back(net.transport());
        config.listen = {mem("node")};
        config.store = any_store(lasting_store{shelf});
        one = node(w.make_env(), std::move(config));
        REQUIRE(w.run(one.start()));
    }
    void restart() {
        w.run(one.stop());
        start();
    }
    void send(const bytes& packet, const address& from = mem("evil")) {
        net.inject({from, mem("node"), packet});
        w.advance(1s);
    }
    [[nodiscard]] static bytes frames_of(const wire::message& what) {
        bytes out;
        wire::envelope envelope;
        envelope.id = 1;
        envelope.body = what;
        const auto place = wire::begin_frame(out, wire::frame_kind::message, wire::control_channel);
        REQUIRE(wire::capnp_codec().encode(envelope, out));
        REQUIRE(wire::end_frame(out, place));
        return out;
    }
    [[nodiscard]] bytes first_packet(const wire::message& what) {
        detail::datagram_goal goal;
        goal.known = self->key();
        goal.own_index = ++index;
        goal.token = side.tokens.token_for(goal.own_index);
        initiator.emplace(
            detail::datagram_initiator::begin(side.party, goal, w.time->wall_now(), frames_of(what)).value());
        return to_bytes(initiator->packet());
    }
    /// The same request in a packet of the session that the last first packet began.
    void say_in_session(const wire::message& what) {
        REQUIRE(got.size() == 1);
        REQUIRE(initiator->take_answer(got.front()));
        got.clear();
        detail::session_ciphers keys(initiator->finish().value().keys, w.time->now());
        const auto frames = frames_of(what);
        bytes packet(wire::transport_header_bytes + frames.size());
        std::ranges::copy(frames, bytes_span(packet).subspan(wire::transport_header_bytes).begin());
        REQUIRE(keys.seal(packet));
        send(packet);
        got.clear();
    }
    [[nodiscard]] std::size_t kept() { return w.run(one.status()).stored.entries; }
    [[nodiscard]] std::uint64_t forwarded() { return w.run(one.status()).forwarded.served; }
    [[nodiscard]] std::uint64_t unasked() { return w.run(one.status()).forwarded.unasked; }

    world w;
    packet_net net{w.time};
    std::shared_ptr<const identity> self;
    std::shared_ptr<lasting_store::shelf> shelf = std::make_shared<lasting_store::shelf>();
    node one;
    datagram_side side{77};
    std::uint32_t index = 0x1000;
    std::optional<detail::datagram_initiator> initiator;
    std::vector<bytes> got;
};

struct smuggled {
    wire::message what;
    int puts;       // in a session
    int forwarded;  // in a session
    int unasked;    // in a session
};

std::vector<smuggled> what_is_smuggled(wall_time now) {
    const auto value = value::immutable("smuggled").with_deadline(now + 1h);
    wire::store store;
    store.target = value.key();
    store.what = value.to_item();
    wire::forward put;
    put.goal = store;
    put.lifetime = 5s;
    put.storing = wire::storage_mode::answerer;
    wire::forward get;
    get.goal = wire::find_value{.target = value.key()};
    get.lifetime = 5s;
    get.storing = wire::storage_mode::cache;

    // It may ride in a first packet, but nobody has asked for what it brings.
    wire::deliver brought;
    brought.what.outcome = wire::gathered_outcome::found;
    brought.what.items.push_back(value.to_item());
    return {{store, 1, 0, 0}, {put, 1, 1, 0}, {get, 0, 1, 0}, {wire::cancel(), 0, 0, 0}, {brought, 0, 0, 1}};
}

}  // namespace

TEST_CASE("no request in a first packet changes the store of a node, also when it is sent again", "[node][datagrams]") {
    scene s;
    s.net.tamper = [&s](packet_net::packet& one) {
        if (one.to == mem("evil")) s.got.push_back(one.data);
        return false;
    };
    const auto all = what_is_smuggled(s.w.time->wall_now());
    const auto& one = all[GENERATE(0U, 1U, 2U, 3U, 4U)];
    CAPTURE(one.what.index());
    const auto packet = s.first_packet(one.what);
    s.send(packet);
    CHECK(s.shelf->puts == 0);
    CHECK(s.shelf->gets == 0);
    CHECK(s.forwarded() == 0);
    CHECK(s.unasked() == 0);
    CHECK(s.kept() == 0);
    const auto again = [&] {
        const auto puts = s.shelf->puts;
        const auto gets = s.shelf->gets;
        const auto forwarded = s.forwarded();
        const auto unasked = s.unasked();
        for (const auto& from : {mem("evil"), mem("elsewhere")}) s.send(packet, from);
        CHECK(s.shelf->puts == puts);
        CHECK(s.shelf->gets == gets);
        CHECK(s.forwarded() == forwarded);
        CHECK(s.unasked() == unasked);
    };
    if (std::holds_alternative<wire::deliver>(one.what)) {
        // Not even answered: whoever sends it in the name of somebody makes no traffic.
        CHECK(s.got.empty());
        (void)s.first_packet(wire::ping());
        s.send(to_bytes(s.initiator->packet()));
    }
    s.say_in_session(one.what);
    // What the packet holds is good.
    CHECK(s.shelf->puts == one.puts);
    CHECK(s.kept() == static_cast<std::size_t>(one.puts));
    CHECK(s.forwarded() == static_cast<std::uint64_t>(one.forwarded));
    CHECK(s.unasked() == static_cast<std::uint64_t>(one.unasked));
    again();
    s.w.advance(60s);
    again();
    s.restart();
    again();
    s.w.advance(5s);
    again();
}

TEST_CASE("a question in a first packet reads the store of a node once", "[node][datagrams]") {
    scene s;
    s.net.tamper = [&s](packet_net::packet& one) {
        if (one.to == mem("evil")) s.got.push_back(one.data);
        return false;
    };
    const auto stored = s.w.run(s.one.put(value::immutable("wanted")));
    REQUIRE(stored);
    const auto puts = s.shelf->puts;
    const auto gets = s.shelf->gets;
    const auto packet = s.first_packet(wire::find_value{.target = stored->key});
    s.send(packet);
    CHECK(s.shelf->gets == gets + 1);
    REQUIRE(s.got.size() == 1);
    REQUIRE(s.initiator->take_answer(s.got.front()));
    CHECK_FALSE(s.initiator->finish().value().frames.empty());
    for (const auto& from : {mem("evil"), mem("elsewhere")}) s.send(packet, from);
    s.restart();
    for (const auto pause : {0s, 5s, 125s}) {
        s.w.advance(pause);
        for (const auto& from : {mem("evil"), mem("elsewhere")}) s.send(packet, from);
    }
    CHECK(s.shelf->gets == gets + 1);
    CHECK(s.shelf->puts == puts);
}

namespace {

/// Three nodes in a row: the ends hear of each other through the one between, and have no session.
struct row {
    row() {
        const auto add = [this](const char* name, bool first) {
            node_config config;
            config.self = std::make_shared<const identity>(identity::generate(random));
            config.datagram_transports.push_back(net.transport());
            config.listen = {mem(name)};
            if (!first) config.bootstrap.push_back(parse_location("mem://between").value());
            nodes.emplace_back(w.make_env(), std::move(config));
            REQUIRE(w.run(nodes.back().start()));
        };
        net.recording = true;
        net.tamper = [this](packet_net::packet& one) {
            const bool dials = wire::type_of(one.data) == wire::packet_type::initial;
            const bool there = one.from == mem("asker") && one.to == mem("holder");
            const bool back = one.from == mem("holder") && one.to == mem("asker");
            return !((there && (dials || !open)) || (back && !open));
        };
        add("between", true);
        add("asker", false);
        add("holder", false);
        w.advance(5s);
    }
    ~row() {
        for (auto& each : nodes) w.run(each.stop());
    }
    [[nodiscard]] forward_counters of(std::size_t which) { return w.run(nodes[which].status()).forwarded; }

    world w;
    packet_net net{w.time};
    prng_source random{9};
    std::vector<node> nodes;
    bool open = false;  ///< the holder reaches the asker
};

}  // namespace

TEST_CASE("what a first packet delivers counts once, however often the packet comes", "[node][datagrams]") {
    constexpr std::size_t asker = 1;
    constexpr std::size_t holder = 2;
    row s;
    const auto what = value::immutable("brought");
    REQUIRE(s.w.run(s.nodes[holder].put(what, put_options().local())));
    s.open = true;
    s.net.recorded.clear();
    const auto got = s.w.run(s.nodes[asker].get(what.key(), get_options().mode(direct())));
    REQUIRE(got);
    CHECK(got->best.text() == "brought");
    const auto before = s.of(asker);
    REQUIRE(before.collected == 1);
    const auto brought = std::ranges::find_if(s.net.recorded, [](const packet_net::packet& one) {
        const bool first = wire::type_of(one.data) == wire::packet_type::initial;
        return first && one.from == mem("holder") && one.to == mem("asker");
    });
    REQUIRE(brought != s.net.recorded.end());
    const auto packet = *brought;
    const auto kept = s.w.run(s.nodes[asker].status()).stored.entries;
    for (const auto pause : {0s, 1s, 60s, 300s}) {
        s.w.advance(pause);
        for (const auto& from : {mem("holder"), mem("evil")}) s.net.inject({from, packet.to, packet.data});
        s.w.advance(1s);
        CHECK(s.of(asker).collected == 1);
        CHECK(s.of(asker).unasked == before.unasked);
        CHECK(s.w.run(s.nodes[asker].status()).stored.entries == kept);
    }
    CHECK(s.net.volume[{mem("asker"), mem("evil")}] <= s.net.volume[{mem("evil"), mem("asker")}]);
}
