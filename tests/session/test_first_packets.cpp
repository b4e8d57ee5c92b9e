// Requests in first packets: which ones are heard, and that nothing comes of the same packet when it is sent again.
#include <string>
#include <utility>
#include <vector>

#include <mydht/wire/message_part.hpp>
#include <mydht/wire/stream_frames.hpp>

#include "handmade_datagrams.hpp"
#include "support/every_message.hpp"
#include "two_peers.hpp"

namespace mydht::test {

namespace {

using wire::packet_type;

address evil() { return mem("evil"); }

/// What somebody puts into a first packet, and the same as it is in a packet of a session, where it is heard.
struct early {
    std::string what;
    bytes frames;
    bool asks = false;  ///< a handler, in a session
};

bytes opening_of_hold() {
    bytes out;
    wire::stream_opening what;
    what.window = wire::initial_stream_window;
    what.service = "hold/1";
    wire::append_stream_open(out, 1, what);
    return out;
}

/// All that may not be in a first packet, and is well-formed elsewhere.
std::vector<early> forbidden() {
    std::vector<early> out;
    for (const auto& each : every_message()) {
        if (wire::may_travel_early(each)) continue;
        out.push_back(
            {"message " + std::to_string(each.index()), handmade_datagrams::message(1, each), wire::is_request(each)});
    }
    out.push_back({"a stream", opening_of_hold()});
    bytes part;
    wire::append_part(part, {.number = 0, .size = 2'000, .offset = 0, .data = bytes_view(opening_of_hold())});
    out.push_back({"a part", std::move(part)});
    out.push_back({"a ping", handmade_datagrams::ping()});
    auto hidden = handmade_datagrams::ping();
    const auto store = handmade_datagrams::message(1, wire::store());
    hidden.insert(hidden.end(), store.begin(), store.end());
    out.push_back({"a store behind a ping", std::move(hidden), true});
    return out;
}

/// Sends the packet again: at once, late, after the receiver came back without its memory, and from elsewhere each
/// time.
void repeat_everywhere(datagram_peers& both, const packet_net::packet& first) {
    const auto again = [&](duration after) {
        both.w.advance(after);
        for (const auto& from : {first.from, evil(), mem("somebody")}) {
            both.net.inject({from, first.to, first.data});
            both.w.advance(1s);
        }
    };
    again(0s);
    again(60s);
    both.restart_b();
    again(0s);
    again(3s);
    again(130s);
}

}  // namespace

TEST_CASE("nothing but a request without consequences is heard in a first packet", "[datagrams][hostile]") {
    const auto all = forbidden();
    const auto& one = all[GENERATE_COPY(range(std::size_t{0}, all.size()))];
    CAPTURE(one.what);
    held_streams held;
    datagram_peers both;
    both.b.pool->serve("hold/1", held.handler());
    handmade_datagrams peer(both, evil());
    const auto packet = peer.begin(true, one.frames);
    peer.send(packet);
    both.w.advance(1s);
    // The handshake goes on without it.
    REQUIRE(peer.got.size() == 1);
    REQUIRE(peer.initiator->take_answer(peer.got.front()));
    peer.keys.emplace(peer.initiator->finish().value().keys, both.w.time->now());
    CHECK(both.at_b.asked == 0);
    CHECK(both.at_b.stored.empty());
    CHECK(held.running == 0);
    // In a packet of the session it is heard, so it is where it stood that was wrong.
    peer.send_frames(one.frames);
    both.w.advance(1s);
    CHECK(both.at_b.asked == (one.asks ? 1 : 0));
    CHECK(held.running == (one.what == "a stream" ? 1 : 0));
    const auto asked = both.at_b.asked;
    const auto stored = both.at_b.stored.size();
    const auto running = held.running;
    repeat_everywhere(both, {evil(), mem("b"), packet});
    CHECK(both.at_b.asked == asked);
    CHECK(both.at_b.stored.size() == stored);
    CHECK(held.running == running);
    held.streams.clear();
}

TEST_CASE("a request in a first packet is heard once, whoever sends it again and when", "[datagrams][hostile]") {
    datagram_peers both;
    handmade_datagrams peer(both, evil());
    int asked = 0;
    std::vector<bytes> packets;
    for (const auto& each : every_message()) {
        if (!wire::may_travel_early(each)) continue;
        both.w.advance(6s);
        packets.push_back(peer.begin(true, handmade_datagrams::message(1, each)));
        peer.send(packets.back());
        both.w.advance(1s);
        CHECK(both.at_b.asked == ++asked);
    }
    REQUIRE(asked == 4);
    for (const auto& each : packets) repeat_everywhere(both, {evil(), mem("b"), each});
    CHECK(both.at_b.asked == asked);
    // A new one is heard.
    peer.send(peer.begin(true, handmade_datagrams::message(1, wire::ping())));
    both.w.advance(1s);
    CHECK(both.at_b.asked == asked + 1);
}

TEST_CASE("what nobody waits for is dropped with the first packet that brings it", "[datagrams][hostile]") {
    datagram_peers both;
    handmade_datagrams peer(both, evil());
    const auto frames = handmade_datagrams::message(1, wire::deliver());
    both.b.awaits = false;
    const auto refused = both.b.pool->counters().packets_refused;
    peer.send(peer.begin(true, frames));
    both.w.advance(5s);
    CHECK(peer.got.empty());
    CHECK(both.at_b.asked == 0);
    CHECK(both.b.pool->counters().packets_refused == refused + 1);
    // Another request is answered, and so is a delivery that somebody waits for.
    peer.send(peer.begin(true, handmade_datagrams::message(1, wire::ping())));
    both.w.advance(5s);
    CHECK(peer.got.size() == 1);
    both.b.awaits = true;
    peer.send(peer.begin(true, frames));
    both.w.advance(5s);
    CHECK(peer.got.size() == 2);
    CHECK(both.at_b.asked == 2);
}

TEST_CASE("of two requests in a first packet only the first is heard", "[datagrams][hostile]") {
    datagram_peers both;
    handmade_datagrams peer(both, evil());
    auto frames = handmade_datagrams::message(1, wire::find_node());
    const auto second = handmade_datagrams::message(2, wire::store());
    frames.insert(frames.end(), second.begin(), second.end());
    peer.send(peer.begin(true, frames));
    both.w.advance(1s);
    CHECK(both.at_b.asked == 1);
    CHECK(both.at_b.stored.empty());
}

}  // namespace mydht::test
