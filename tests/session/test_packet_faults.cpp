// What is dropped of the packets that come is counted, and told in the log: seldom, however much it is.
#include <functional>
#include <string>

#include <mydht/wire/packet.hpp>

#include "handmade_datagrams.hpp"
#include "session/packet_faults.hpp"

namespace mydht::test {

using detail::packet_fault;
using detail::packet_faults;

namespace {

constexpr std::uint32_t nobody = 4711;

address evil() { return mem("evil"); }

std::string line_of(packet_fault what) { return "packets dropped that " + std::string(detail::text_of(what)); }

/// A pool, and somebody with a session who knows what to send.
struct scene {
    explicit scene(const session_config& of_b = {}) : both(session_config(), of_b), peer(both, evil()) {}

    [[nodiscard]] const session_counters& counters() const { return both.b.pool->counters(); }
    [[nodiscard]] std::uint64_t dropped() const { return counters().packets_refused + counters().packets_repeated; }

    datagram_peers both;
    handmade_datagrams peer;
};

/// A kind of bad packet, and how one is made; each may be sent as often as one likes.
struct bad_packet {
    std::string name;
    packet_fault what;
    std::function<bytes(scene&)> make;
};

bytes fresh(scene& s) {
    s.peer.connect();
    return s.peer.seal(handmade_datagrams::ping());
}

bytes sent_before(scene& s) {
    auto packet = fresh(s);
    s.peer.send(packet);
    s.both.w.advance(100ms);
    return packet;
}

bytes answer_to_nobody(wire::packet_type type) {
    const bytes message(300, 5);
    return wire::encode(wire::answer_packet{1, nobody, 77, message}, type).value();
}

/// A first packet that was sent, and answered.
bytes first_packet_again(scene& s) {
    auto packet = s.peer.begin(true);
    s.peer.send(packet);
    s.both.w.advance(100ms);
    REQUIRE(s.peer.got.size() == 1);
    return packet;
}

bytes of_another_network(scene& s) {
    session_config config;
    config.network = "another";
    handmade_datagrams other(s.both, mem("other"), config);
    return other.begin(true);
}

std::vector<bad_packet> bad_packets() {
    std::vector<bad_packet> out;
    const auto add = [&out](std::string name, packet_fault what, std::function<bytes(scene&)> make) {
        out.push_back({std::move(name), what, std::move(make)});
    };
    add("no packet at all", packet_fault::unreadable, [](scene&) { return bytes(100, 0xee); });
    add("cut off in its header", packet_fault::unreadable, [](scene& s) {
        auto packet = fresh(s);
        packet.resize(wire::transport_header_bytes - 1);
        return packet;
    });
    add("a first packet that is too short", packet_fault::unreadable, [](scene& s) {
        auto packet = s.peer.begin(true);
        packet.resize(wire::initial_bytes_min - 1);
        return packet;
    });
    add("a reset that is too short", packet_fault::unreadable, [](scene&) {
        auto packet = to_bytes(wire::encode(wire::reset_packet{}));
        packet.pop_back();
        return packet;
    });
    add("cut off in its ciphertext", packet_fault::forged, [](scene& s) {
        auto packet = fresh(s);
        packet.pop_back();
        return packet;
    });
    add("one bit flipped", packet_fault::forged, [](scene& s) {
        auto packet = fresh(s);
        packet.back() ^= 1U;
        return packet;
    });
    add("forged", packet_fault::forged, [](scene& s) {
        auto packet = fresh(s);
        std::fill(packet.begin() + wire::transport_header_bytes, packet.end(), std::uint8_t{3});
        return packet;
    });
    add("replayed", packet_fault::repeated, sent_before);
    add("a first packet, replayed", packet_fault::repeated, first_packet_again);
    add("with the index of no session", packet_fault::unknown, [](scene& s) {
        auto packet = fresh(s);
        const auto number = wire::decode_transport(packet).value().counter;
        wire::write_transport_header(bytes_span(packet).first(wire::transport_header_bytes), nobody, number);
        return packet;
    });
    add("an answer to no handshake", packet_fault::unknown,
        [](scene&) { return answer_to_nobody(wire::packet_type::answer); });
    add("the last packet of no handshake", packet_fault::unknown,
        [](scene&) { return answer_to_nobody(wire::packet_type::final_answer); });
    add("a reset without a token", packet_fault::unknown, [](scene&) {
        wire::reset_packet packet;
        packet.index = nobody;
        return to_bytes(wire::encode(packet));
    });
    add("of another network", packet_fault::unwanted, of_another_network);
    return out;
}

}  // namespace

TEST_CASE("dropped packets are told at once, and then once in a while", "[faults]") {
    packet_faults faults;
    const steady_time start(1h);
    CHECK(faults.note(packet_fault::forged, start) == 1);
    for (int i = 0; i < 9; ++i) CHECK(faults.note(packet_fault::forged, start + i * 1s) == 0);
    // Each kind for itself.
    CHECK(faults.note(packet_fault::unwanted, start + 1s) == 1);
    CHECK(faults.note(packet_fault::forged, start + packet_faults::pause - 1ns) == 0);
    CHECK(faults.note(packet_fault::forged, start + packet_faults::pause) == 11);
    CHECK(faults.note(packet_fault::forged, start + packet_faults::pause) == 0);
    CHECK(faults.note(packet_fault::forged, start + 1h) == 2);
    CHECK(faults.note(packet_fault::unwanted, start + 1h) == 1);
}

TEST_CASE("every kind of bad packet is counted, and told in the log once in a while", "[faults][datagrams][hostile]") {
    const auto all = bad_packets();
    const auto which = GENERATE(range(std::size_t{0}, bad_packets().size()));
    const auto& bad = all[which];
    CAPTURE(bad.name);
    scene s;
    const auto packet = bad.make(s);
    const auto asked = s.both.at_b.asked;
    const auto sessions = s.both.b.pool->size();
    const auto refused = s.counters().packets_refused;
    const auto repeated = s.counters().packets_repeated;
    const auto source = evil().text();
    s.both.w.log->lines.clear();
    const auto again = [&](std::size_t times) {
        for (std::size_t i = 0; i < times; ++i) s.peer.send(packet);
        s.both.w.advance(100ms);
    };
    const auto kept = [&](std::size_t count) {
        const bool is_repeat = bad.what == packet_fault::repeated;
        CHECK(s.counters().packets_refused == refused + (is_repeat ? 0 : count));
        CHECK(s.counters().packets_repeated == repeated + (is_repeat ? count : 0));
        CHECK(s.both.at_b.asked == asked);
        CHECK(s.both.b.pool->size() == sessions);
    };
    again(1);
    kept(1);
    CHECK(s.both.w.log->count(line_of(bad.what) + ": 1, the last one from " + source) == 1);
    again(500);
    kept(501);
    CHECK(s.both.w.log->lines.size() == 1);
    s.both.w.advance(packet_faults::pause);
    again(1);
    kept(502);
    CHECK(s.both.w.log->count(line_of(bad.what) + ": 501, the last one from " + source) == 1);
    CHECK(s.both.w.log->lines.size() == 2);
}

namespace {

task<admission_verdict> think(std::shared_ptr<manual_clock> time) {
    wait_queue never;
    co_await never.wait_until(*time, time->now() + 2s);
    co_return admission_verdict::accept(1);
}

}  // namespace

TEST_CASE("packets that are too early for their session are counted and told", "[faults][datagrams]") {
    SECTION("the peer is about to be let in") {
        session_config config;
        std::shared_ptr<manual_clock> time;
        config.admission.decide = [&time](peer_info) { return think(time); };
        scene s(config);
        time = s.both.w.time;
        s.peer.shake_hands();
        s.peer.send_frames(handmade_datagrams::ping());
        s.both.w.advance(1s);
        REQUIRE(s.both.b.pool->size() == 0);
        const auto before = s.dropped();
        s.both.w.log->lines.clear();
        for (int i = 0; i < 10; ++i) s.peer.send_frames(handmade_datagrams::ping());
        s.both.w.advance(100ms);
        CHECK(s.dropped() == before + 10);
        CHECK(s.both.w.log->count(line_of(packet_fault::early) + ": 1,") == 1);
        CHECK(s.both.w.log->lines.size() == 1);
        s.both.w.advance(3s);
        CHECK(s.both.b.pool->size() == 1);
    }
    SECTION("the last packet of the handshake is still on its way") {
        scene s;
        s.peer.send(s.peer.begin(false));
        s.both.w.advance(100ms);
        REQUIRE(s.peer.got.size() == 1);
        REQUIRE(s.peer.initiator->take_answer(s.peer.got.front()));
        auto outcome = s.peer.initiator->finish().value();
        s.peer.keys.emplace(std::move(outcome.keys), s.both.w.time->now());
        const auto before = s.dropped();
        for (int i = 0; i < 10; ++i) s.peer.send_frames(handmade_datagrams::ping());
        s.both.w.advance(100ms);
        CHECK(s.dropped() == before + 10);
        CHECK(s.both.w.log->count(line_of(packet_fault::early) + ": 1,") == 1);
        CHECK(s.both.b.pool->size() == 0);
        s.peer.send(outcome.final_packet);
        s.both.w.advance(100ms);
        CHECK(s.both.b.pool->size() == 1);
    }
}

}  // namespace mydht::test
