#include <array>
#include <map>
#include <set>

#include <mydht/wire/frame.hpp>
#include <mydht/wire/record.hpp>

#include "fixture.hpp"
#include "session/crossing.hpp"
#include "session/eviction.hpp"
#include "session/outbox.hpp"
#include "session/peer_addresses.hpp"
#include "session/record_layer.hpp"
#include "session/request_table.hpp"
#include "session/stream_handshake.hpp"

namespace mydht::test {

using namespace detail;

namespace {

struct kept_answer final : pending_request {
    void settle(result<wire::message> answer) override { got.push_back(std::move(answer)); }
    std::vector<result<wire::message>> got;
};

std::pair<record_layer, record_layer> layers(std::uint64_t nonce = 0) {
    const bytes key(32, 9);
    noise::cipher_pair one{noise::cipher(secret<32>(key)), noise::cipher(secret<32>(key))};
    noise::cipher_pair two{noise::cipher(secret<32>(key)), noise::cipher(secret<32>(key))};
    one.send.set_nonce(nonce);
    two.receive.set_nonce(nonce);
    return {record_layer(std::move(one)), record_layer(std::move(two))};
}

node_id id_with(std::uint8_t first) {
    node_id out;
    out.data()[0] = first;
    return out;
}

}  // namespace

// --- requests --------------------------------------------------------------------------------------------------------

TEST_CASE("answers find their requests in any order, once", "[request_table]") {
    request_table table(100);
    std::array<kept_answer, 100> waits;
    std::vector<std::uint64_t> ids;
    for (auto& one : waits) ids.push_back(table.add(one).value());
    CHECK(std::set(ids.begin(), ids.end()).size() == 100);
    for (std::size_t i = waits.size(); i-- > 0;) {
        wire::error body;
        body.text = std::to_string(i);
        CHECK(table.settle(ids[i], wire::message(body)));
        CHECK(table.settle(ids[i], wire::message(body)));  // again: late, dropped
    }
    CHECK(table.empty());
    for (std::size_t i = 0; i < waits.size(); ++i) {
        REQUIRE(waits[i].got.size() == 1);
        CHECK(std::get<wire::error>(*waits[i].got.front()).text == std::to_string(i));
    }
}

TEST_CASE("the table holds what it may and not one more", "[request_table]") {
    request_table table(3);
    std::array<kept_answer, 4> waits;
    std::vector<std::uint64_t> ids;
    for (std::size_t i = 0; i < 3; ++i) ids.push_back(table.add(waits[i]).value());
    CHECK(table.add(waits[3]).error() == errc::too_many_requests);
    table.remove(ids[1]);
    table.remove(ids[1]);
    CHECK(table.size() == 2);
    CHECK(table.add(waits[3]));
}

TEST_CASE("an id that was never given out is a breach, a late one is not", "[request_table]") {
    request_table table(4);
    kept_answer waits;
    CHECK(table.settle(1, wire::message(wire::pong())).error() == errc::protocol_violation);
    const auto id = table.add(waits).value();
    table.remove(id);
    table.release();
    CHECK(table.settle(id, wire::message(wire::pong())));
    CHECK(table.settle(0, wire::message(wire::pong())).error() == errc::protocol_violation);
    CHECK(table.settle(id + 1, wire::message(wire::pong())).error() == errc::protocol_violation);
    CHECK(waits.got.empty());
}

TEST_CASE("a request that stays while many come and go keeps its place", "[request_table]") {
    request_table table(8);
    kept_answer stays;
    const auto id = table.add(stays).value();
    for (int i = 0; i < 1000; ++i) {
        kept_answer goes;
        const auto other = table.add(goes).value();
        REQUIRE(other != id);
        REQUIRE(table.settle(other, wire::message(wire::pong())));
        REQUIRE(goes.got.size() == 1);
    }
    CHECK(table.memory() <= 1024);
    table.fail_all(errc::session_closed);
    REQUIRE(stays.got.size() == 1);
    CHECK(stays.got.front().error() == errc::session_closed);
    CHECK(table.empty());
    table.remove(id);
}

// --- records ---------------------------------------------------------------------------------------------------------

TEST_CASE("the outbox seals what was said, in order, in batches of some records", "[outbox]") {
    const bool secured = GENERATE(true, false);
    auto [seals, opens] = layers();
    if (!secured) {
        seals = record_layer(std::nullopt);
        opens = record_layer(std::nullopt);
    }
    outbox box(to_bytes("first"));
    bytes said;
    for (int i = 0; i < 200'000; ++i) said.push_back(static_cast<std::uint8_t>(i * 7));
    box.frames() = said;
    CHECK(box.waiting() == said.size() + 5);
    bytes written;
    std::size_t batches = 0;
    while (!box.empty()) {
        const auto batch = box.take(seals).value();
        constexpr auto records = outbox::batch_bytes_max / outbox::record_bytes;
        constexpr auto around = wire::record_header_bytes + wire::record_tag_bytes;
        CHECK(batch.size() <= outbox::batch_bytes_max + records * around + 5);
        written.insert(written.end(), batch.begin(), batch.end());
        box.sent();
        ++batches;
    }
    CHECK(batches == 4);
    box.release();
    CHECK(box.memory() == 0);

    bytes heard;
    wire::record_decoder records;
    bytes_view rest = bytes_view(written).subspan(5);
    while (!rest.empty()) {
        const auto room = records.prepare();
        const auto part = rest.first(std::min(room.size(), rest.size()));
        std::ranges::copy(part, room.begin());
        records.commit(part.size());
        rest = rest.subspan(part.size());
        for (auto record = records.next().value(); record; record = records.next().value()) {
            const auto plain = opens.open(*record).value();
            heard.insert(heard.end(), plain.begin(), plain.end());
        }
    }
    CHECK(heard == said);
}

TEST_CASE("the outbox knows what of it the peer has asked for", "[outbox]") {
    auto [seals, opens] = layers();
    outbox box;
    const auto append = [&](std::size_t size) { box.frames().resize(box.frames().size() + size, 1); };
    append(100);
    append(70'000);
    box.mark_own(70'000);
    append(30);
    CHECK(box.waiting() == 70'130);
    CHECK(box.answers_waiting() == 130);
    REQUIRE(box.take(seals));
    box.sent();
    // Of the frame of this side a part is still there; the answer in front of it is gone.
    CHECK(box.waiting() == 70'130 - outbox::batch_bytes_max);
    CHECK(box.answers_waiting() == 0);
    append(50'000);
    REQUIRE(box.take(seals));
    box.sent();
    CHECK(box.waiting() == 0);
    CHECK(box.answers_waiting() == 0);
    append(10);
    CHECK(box.answers_waiting() == 10);
    append(5);
    box.mark_own(5);
    CHECK(box.answers_waiting() == 10);
}

TEST_CASE("an outbox that is never empty does not grow with what has left it", "[outbox]") {
    auto [seals, opens] = layers();
    outbox box;
    box.frames().resize(200'000, 1);
    for (int i = 0; i < 100; ++i) {
        const auto before = box.waiting();
        REQUIRE(box.take(seals));
        box.sent();
        box.frames().resize(box.frames().size() + before - box.waiting(), 1);
        CHECK(box.waiting() == 200'000);
    }
    CHECK(box.memory() < 1'000'000);
}

TEST_CASE("a cipher at its end refuses", "[outbox]") {
    auto [seals, opens] = layers(noise::cipher::nonce_reserved);
    outbox box;
    box.frames() = to_bytes("too late");
    CHECK(box.take(seals).error() == errc::nonce_exhausted);
    bytes record(32);
    CHECK(opens.open(record).error() == errc::nonce_exhausted);
    CHECK(opens.open(bytes_span(record).first(15)).error() == errc::decrypt_failed);
}

// --- eviction --------------------------------------------------------------------------------------------------------

TEST_CASE("the least useful session is idle, unwanted and old, in this order", "[eviction]") {
    const auto at = [](int s) { return steady_time(std::chrono::seconds(s)); };
    std::vector<session_worth> all{{true, false, at(0)},
                                   {false, true, at(1)},
                                   {false, false, at(9)},
                                   {false, false, at(5)},
                                   {false, false, at(5)}};
    CHECK(least_useful(all) == 3U);
    all[3].busy = true;
    CHECK(least_useful(all) == 4U);
    all[4].busy = true;
    CHECK(least_useful(all) == 2U);
    all[2].busy = true;
    CHECK(least_useful(all) == 1U);
    all[2].busy = false;
    all[1].stalled = true;
    CHECK(least_useful(all) == 1U);
    all[1].busy = true;
    all[2].busy = true;
    CHECK_FALSE(least_useful(all));
    CHECK_FALSE(least_useful({}));
}

TEST_CASE("a session of higher priority goes later, whatever it was used for", "[eviction]") {
    session_worth low;
    low.priority = 1;
    low.wanted = true;
    low.last_used = steady_time(9s);
    session_worth high;
    high.priority = 2;
    const std::vector<session_worth> all{high, low};
    CHECK(least_useful(all) == 1U);
    auto stalled = all;
    stalled[0].stalled = true;
    CHECK(least_useful(stalled) == 0U);
}

TEST_CASE("claimed addresses are filled in and filtered by where the peer is seen", "[addresses]") {
    const auto parse = [](std::string_view text) { return parse_address(text).value(); };
    const auto lan = parse("tcp://192.168.1.7:50000");
    const auto got =
        usable_addresses({parse("tcp://0.0.0.0:4000"), parse("tcp://[::]:4000"), parse("tcp://127.0.0.1:4000"),
                          parse("tcp://192.168.1.7:4000"), parse("tcp://9.9.9.9:4000")},
                         lan);
    CHECK(got == std::vector{parse("tcp://192.168.1.7:4000"), parse("tcp://9.9.9.9:4000")});
    CHECK(usable_addresses({parse("tcp://10.0.0.1:4000")}, parse("tcp://8.8.8.8:1")).empty());
    CHECK(usable_addresses({parse("tcp://127.0.0.1:4000")}, parse("tcp://127.0.0.1:1")).size() == 1);
}

// --- crossings -------------------------------------------------------------------------------------------------------

TEST_CASE("two sides judge a crossing alike", "[crossing]") {
    crossing what;
    what.window = 20s;
    for (const bool smaller : {true, false}) {
        for (const bool older_is_mine : {true, false}) {
            what.self = id_with(smaller ? 1 : 2);
            what.peer = id_with(smaller ? 2 : 1);
            what.older_dialled = older_is_mine;
            what.fresh_dialled = !older_is_mine;
            const auto mine = judge(what);
            auto mirrored = what;
            std::swap(mirrored.self, mirrored.peer);
            mirrored.older_dialled = !what.older_dialled;
            mirrored.fresh_dialled = !what.fresh_dialled;
            CHECK(judge(mirrored) == mine);
            CHECK(mine == (smaller == older_is_mine ? crossing_verdict::older_stays : crossing_verdict::fresh_stays));
            // The other side may have seen them in the other order.
            std::swap(mirrored.older_dialled, mirrored.fresh_dialled);
            CHECK(judge(mirrored) == (mine == crossing_verdict::older_stays ? crossing_verdict::fresh_stays
                                                                            : crossing_verdict::older_stays));
        }
    }
}

TEST_CASE("a peer that comes again has lost its link", "[crossing]") {
    crossing what;
    what.self = id_with(1);
    what.peer = id_with(2);
    what.window = 20s;
    CHECK(judge(what) == crossing_verdict::older_is_gone);
    what.older_dialled = true;
    what.older_age = 20s;
    CHECK(judge(what) == crossing_verdict::older_stays);
    what.older_age = 20s + 1ns;
    CHECK(judge(what) == crossing_verdict::older_is_gone);
}

namespace {

/// One node in the smallest model of the pool: which of the two links it holds, and which one it would send on.
struct node_model {
    explicit node_model(std::uint64_t seed)
        : random(seed), party(std::make_shared<const identity>(identity::generate(random)), session_config(), random) {}

    prng_source random;
    local_party party;
    std::optional<std::size_t> current;
    std::set<std::size_t> held;  // proven, and answered
    bool dial_dropped = false;
};

/// Link 0 is dialled by node 0, link 1 by node 1.
struct link_model {
    link_model(node_model& dials, node_model& listens)
        : dialler(stream_handshake::dialler(dials.party, {})), listener(stream_handshake::listener(listens.party)) {}

    stream_handshake dialler;
    stream_handshake listener;
    bytes wire;
    std::size_t step = 0;
    bool gone = false;
};

void accept(node_model& node, const node_model& peer, std::size_t link, std::size_t own_link) {
    node.dial_dropped = !node.held.contains(own_link);
    if (node.current) {
        crossing what;
        what.self = node.party.self->id();
        what.peer = peer.party.self->id();
        what.older_dialled = *node.current == own_link;
        what.fresh_dialled = false;
        what.window = 20s;
        if (judge(what) == crossing_verdict::fresh_stays) node.current = link;
    } else {
        node.current = link;
    }
    node.held.insert(link);
}

/// The next message of a link arrives.
void advance(std::size_t which, link_model& link, node_model& dials, node_model& listens) {
    if (link.gone) return;
    if (link.step == 0) link.dialler.start(link.wire);
    bytes_view input = link.wire;
    bytes answer;
    const bool to_listener = link.step % 2 == 0;
    if (!to_listener && dials.dial_dropped) {
        link.gone = true;
        return;
    }
    auto& to = to_listener ? link.listener : link.dialler;
    const auto proven = to.advance(input, answer);
    REQUIRE(proven);
    if (*proven && to_listener) {
        REQUIRE(to.finish(answer));
        accept(listens, dials, which, 1 - which);
    } else if (*proven) {
        // A dial whose peer has come in meanwhile is dropped before the peer knows of it.
        if (dials.current) {
            link.gone = true;
            return;
        }
        REQUIRE(to.finish(answer));
        dials.current = which;
        dials.held.insert(which);
    }
    link.wire = answer;
    ++link.step;
}

}  // namespace

TEST_CASE("whatever the order of the steps of two handshakes, one link stays and no side uses another", "[crossing]") {
    std::size_t orders = 0;
    std::set<std::size_t> crossed;
    for (unsigned mask = 0; mask < 1U << 10U; ++mask) {
        if (__builtin_popcount(mask) != 5) continue;
        ++orders;
        node_model nodes[2] = {node_model(1), node_model(2)};
        link_model links[2] = {link_model(nodes[0], nodes[1]), link_model(nodes[1], nodes[0])};
        for (unsigned bit = 0; bit < 10; ++bit) {
            const std::size_t which = (mask >> bit) & 1U;
            advance(which, links[which], nodes[which], nodes[1 - which]);
            for (const auto& node : nodes) {
                if (node.current) REQUIRE(node.held.contains(*node.current));
            }
        }
        CAPTURE(mask);
        REQUIRE(nodes[0].current);
        REQUIRE(nodes[1].current);
        CHECK(*nodes[0].current == *nodes[1].current);
        // What one side may have sent requests on is answered by the other.
        CHECK(nodes[0].held == nodes[1].held);
        if (nodes[0].held.size() == 2) {
            crossed.insert(mask);
            const bool first_smaller = nodes[0].party.self->id() < nodes[1].party.self->id();
            CHECK(*nodes[0].current == (first_smaller ? 0U : 1U));
        }
    }
    CHECK(orders == 252);
    CHECK_FALSE(crossed.empty());
}

TEST_CASE("configurations that can never work are named", "[session_config]") {
    const auto bad = [](auto change) {
        session_config config;
        change(config);
        std::string field;
        const auto checked = validate(config, &field);
        CHECK(checked.has_value() == field.empty());
        return field;
    };
    CHECK(bad([](session_config&) {}).empty());
    CHECK(bad([](session_config& c) { c.network = std::string(255, 'n'); }).empty());
    CHECK(bad([](session_config& c) { c.network = std::string(256, 'n'); }) == "network");
    CHECK(bad([](session_config& c) { c.psk = bytes(31); }) == "psk");
    CHECK(bad([](session_config& c) { c.codecs = {wire::json_codec()}; }) == "codecs");
    CHECK(bad([](session_config& c) { c.sessions_max = 0; }) == "sessions_max");
    CHECK(bad([](session_config& c) { c.idle_timeout = 0ms; }) == "idle_timeout");
    CHECK(bad([](session_config& c) { c.agreement = nullptr; }) == "agreement");
    CHECK(bad([](session_config& c) { c.admission.blocks_max = 0; }) == "admission");
    CHECK(bad([](session_config& c) { c.admission.allow.emplace(); }).empty());
    CHECK(bad([](session_config& c) {
              c.admission.allow.emplace();
              c.mode = wire::link_mode::plain;
          }) == "admission");
    CHECK(bad([](session_config& c) { c.request_rate->endpoint.per_second = 0; }) == "request_rate");
    CHECK(bad([](session_config& c) { c.handshake_rate->burst = 0; }) == "handshake_rate");
    CHECK(bad([](session_config& c) { c.probes.at_once = 0; }) == "probes");
    CHECK(bad([](session_config& c) { c.lookups.entries_max = 0; }) == "lookups");
    // One session gets an eighth, which has to hold its windows.
    CHECK(bad([](session_config& c) { c.stream_receive_bytes_total = 8 * c.session_window_bytes; }).empty());
    CHECK(bad([](session_config& c) { c.stream_receive_bytes_total = 8 * c.session_window_bytes - 1; }) ==
          "stream_receive_bytes_total");
    CHECK(bad([](session_config& c) { c.stream_send_bytes_total = 8 * c.stream_send_bytes; }).empty());
    CHECK(bad([](session_config& c) { c.stream_send_bytes_total = 8 * c.stream_send_bytes - 1; }) ==
          "stream_send_bytes_total");
    CHECK(bad([](session_config& c) {
              c.request_rate.reset();
              c.handshake_rate.reset();
          }).empty());
}

}  // namespace mydht::test
