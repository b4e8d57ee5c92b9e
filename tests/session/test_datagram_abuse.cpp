// What strangers and dishonest peers do to pools over datagrams.
#include <array>

#include <mydht/wire/ack.hpp>
#include <mydht/wire/message_part.hpp>

#include "counting.hpp"
#include "handmade_datagrams.hpp"

namespace mydht::test {

namespace {

using wire::packet_type;

address evil() { return mem("evil"); }

bytes noise_of(std::size_t size, prng& numbers) {
    bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(numbers());
    return out;
}

}  // namespace

TEST_CASE("nobody makes a pool send more to a source than came from there", "[datagrams][hostile]") {
    const bool plain = GENERATE(false, true);
    session_config config;
    if (plain) config.mode = wire::link_mode::plain;
    datagram_peers both(config);
    handmade_datagrams peer(both, evil(), config);
    both.at_b.large = wire::values();
    const auto someone = both.a.at(mem("some-name-that-takes-room"));
    both.at_b.large->contacts.assign(limits::contacts_per_message, someone);

    const auto all_paid = [&](const char* what) {
        CAPTURE(what);
        both.w.advance(2s);
        CHECK(both.volume("b", "evil") <= both.volume("evil", "b"));
    };
    const std::vector<wire::message> questions{wire::ping(), wire::find_node(), wire::find_value()};
    for (const auto& question : questions) {
        peer.send(peer.begin(true, handmade_datagrams::message(1, question)));
        all_paid("a request in a first packet");
    }
    if (!plain) {
        CHECK(both.at_b.asked == 3);
        CHECK(both.volume("b", "evil") > 0);
    }
    peer.send(peer.begin(true));
    all_paid("a first packet");
    peer.send(peer.begin(false));
    all_paid("a first packet of a stranger");
    prng numbers(5);
    for (int type = 0; type < 8; ++type) {
        for (std::size_t size = 1; size < 1300; size += 7) {
            auto packet = noise_of(size, numbers);
            packet[0] = static_cast<std::uint8_t>(type);
            peer.send(std::move(packet));
        }
        all_paid("noise");
    }
}

TEST_CASE("packets with many pings from elsewhere bring no more back", "[datagrams][hostile]") {
    datagram_peers both;
    handmade_datagrams peer(both, evil());
    peer.connect();
    bytes frames;
    for (int i = 0; i < 60; ++i) wire::append_ping(frames, wire::frame_kind::ping, {});
    for (int i = 0; i < 5; ++i) both.net.inject({mem("victim"), mem("b"), peer.seal(frames)});
    for (int i = 0; i < 5; ++i) {
        both.net.inject({mem("victim"), mem("b"), peer.seal(handmade_datagrams::ping())});
        both.w.advance(4s);
    }
    CHECK(both.volume("b", "victim") > 0);
    CHECK(both.volume("b", "victim") <= both.volume("victim", "b"));
}

TEST_CASE("a first packet that was caught and is sent again asks nothing", "[datagrams][hostile]") {
    datagram_peers both;
    both.net.recording = true;
    REQUIRE(both.ask(wire::ping()));
    REQUIRE(both.at_b.asked == 1);
    const auto first = both.net.recorded.front();
    REQUIRE(type_of(first) == packet_type::initial);
    const auto again = [&] {
        for (const auto& from : {first.from, evil()}) {
            both.net.inject({from, first.to, first.data});
            both.w.advance(1s);
        }
    };
    again();
    CHECK(both.volume("b", "evil") == 0);
    both.w.advance(60s);
    again();
    both.restart_b();
    again();
    both.w.advance(10s);
    again();
    both.w.advance(300s);
    again();
    CHECK(both.at_b.asked == 1);
    CHECK(both.b.pool->counters().accepted == 0);
}

TEST_CASE("a flood of first packets costs little, and others still come through", "[datagrams][hostile]") {
    datagram_peers both;
    bytes message;
    {
        handmade_datagrams stranger(both, evil());
        message = stranger.begin(false);
    }
    // Nobody is there to show a cookie.
    both.net.tamper = [](packet_net::packet& one) { return one.to == mem("b") || one.to == mem("dialler-1"); };
    const auto cookies = [&] { return both.b.pool->counters().cookies_sent; };
    prng numbers(3);
    std::int64_t held = 0;
    constexpr int count = 100'000;
    constexpr int batch = 500;
    for (int i = 0; i < count; i += batch) {
        if (i == count / 4) held = live_bytes();
        for (int j = 0; j < batch; ++j) {
            auto packet = message;
            for (int at = 50; at < 66; ++at)
                packet[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(numbers());
            const std::uint32_t host = 0x01000000U + static_cast<std::uint32_t>(i + j) * 1031U;
            const std::array<std::uint8_t, 4> ip{
                static_cast<std::uint8_t>(host >> 24U), static_cast<std::uint8_t>(host >> 16U),
                static_cast<std::uint8_t>(host >> 8U), static_cast<std::uint8_t>(host)};
            both.net.inject({address::ipv4(address_kind::udp, ip, 4000), mem("b"), std::move(packet)});
        }
        both.net.volume.clear();
        both.w.advance(10ms);
    }
    CHECK(live_bytes() - held < 1024 * 1024);
    CHECK(cookies() > count * 9 / 10);
    const auto begun = both.w.time->now();
    REQUIRE(both.ask(wire::ping()));
    CHECK(both.w.time->now() - begun <= 2s);
    both.w.advance(100ms);
    CHECK(both.b.pool->size() == 1);
}

TEST_CASE("packets that were changed, cut or seen before do nothing", "[datagrams][hostile]") {
    datagram_peers both;
    both.net.recording = true;
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    both.w.advance(1s);
    const auto recorded = both.net.recorded;
    const auto asked = both.at_b.asked;
    const auto& counters = both.b.pool->counters();

    const auto repeated = counters.packets_repeated;
    std::size_t transports = 0;
    for (const auto& one : recorded) {
        if (one.to != mem("b") || type_of(one) != packet_type::transport) continue;
        both.net.inject(one);
        both.net.inject({evil(), one.to, one.data});
        transports += 2;
    }
    both.w.advance(1s);
    CHECK(counters.packets_repeated - repeated == transports);

    // The next packet of the peer is caught, and others come in its place.
    packet_net::packet caught;
    both.net.tamper = [&](packet_net::packet& one) {
        if (one.to != mem("b") || !caught.data.empty()) return true;
        caught = one;
        return false;
    };
    REQUIRE(both.ping(*link));
    const auto refused = counters.packets_refused;
    for (std::size_t at = 0; at < caught.data.size(); ++at) {
        for (const unsigned flip : {0x01U, 0x80U}) {
            auto changed = caught;
            changed.data[at] = static_cast<std::uint8_t>(changed.data[at] ^ flip);
            both.net.inject(std::move(changed));
        }
        auto cut = caught;
        cut.data.resize(at);
        if (at > 0) both.net.inject(std::move(cut));
        both.w.poll();
    }
    both.w.advance(1s);
    CHECK(counters.packets_refused - refused > caught.data.size());
    CHECK(both.at_b.asked == asked + 1);
    CHECK(both.a.closed.empty());
    CHECK(both.b.closed.empty());
    CHECK(both.ping(*link));
}

TEST_CASE("reset packets without the token end nothing", "[datagrams][hostile]") {
    datagram_peers both;
    both.net.recording = true;
    const auto link = both.connect();
    REQUIRE(link);
    REQUIRE(both.ping(*link));
    prng numbers(11);
    wire::reset_packet reset;
    for (const auto& one : both.net.recorded) {
        if (type_of(one) == packet_type::transport) reset.index = wire::receiver_of(one.data);
        for (auto& byte : reset.token) byte = static_cast<std::uint8_t>(numbers());
        const auto packet = wire::encode(reset);
        both.net.inject({one.to, one.from, to_bytes(packet)});
        both.net.inject({one.from, one.to, to_bytes(packet)});
    }
    both.w.advance(1s);
    CHECK(both.ping(*link));
    CHECK(both.a.closed.empty());
    CHECK(both.b.closed.empty());
}

TEST_CASE("a session that ends with its first packet leaves nothing behind", "[datagrams][hostile]") {
    datagram_peers both;
    handmade_datagrams peer(both, evil());
    peer.shake_hands();
    bytes first;
    SECTION("a goodbye") { wire::append_close(first, wire::close_reason::normal); }
    SECTION("a violation") { wire::append_frame(first, wire::frame_kind{100}, 0, {}); }
    peer.send_frames(first);
    both.w.advance(1s);
    CHECK(both.b.pool->size() == 0);
    CHECK(both.b.pool->find(peer.id()).empty());
    CHECK(both.b.opened.empty());
    // And it may come again.
    peer.got.clear();
    peer.connect();
    CHECK(both.b.pool->size() == 1);
}

TEST_CASE("the packet that proves a peer comes from where the handshake came from", "[datagrams][hostile]") {
    datagram_peers both;
    handmade_datagrams peer(both, evil());
    peer.shake_hands();
    const auto elsewhere = mem("elsewhere");
    peer.send_from(elsewhere, peer.seal(handmade_datagrams::ping()));
    both.w.advance(1s);
    CHECK(both.b.pool->size() == 0);
    CHECK(both.net.volume[{mem("b"), elsewhere}] == 0);
    peer.send_frames(handmade_datagrams::ping());
    both.w.advance(1s);
    REQUIRE(both.b.pool->size() == 1);
    CHECK(both.b.pool->find(peer.id()).peer().observed == evil());
}

TEST_CASE("a peer that acknowledges nothing is slow", "[datagrams][hostile]") {
    datagram_peers both;
    handmade_datagrams peer(both, evil());
    peer.connect();
    both.at_b.large = values_of(500'000);
    const auto held = live_bytes();
    for (int i = 1; i <= 40 && both.b.closed.empty(); ++i) {
        for (int j = 0; j < 20; ++j) {
            peer.send_frames(handmade_datagrams::message(static_cast<std::uint64_t>(i * 20 + j), wire::find_value()));
        }
        both.w.advance(1s);
        peer.got.clear();
    }
    REQUIRE(both.b.closed.size() == 1);
    CHECK(both.b.closed.front().second == errc::slow_peer);
    // What waits for it is bounded while it lasts: the requests beyond are refused.
    CHECK(both.at_b.asked <= 4);
    CHECK(live_bytes() - held < 8 * 1024 * 1024);
}

TEST_CASE("a peer that breaks the rules is told so, and goes", "[datagrams][hostile]") {
    datagram_peers both;
    handmade_datagrams peer(both, evil());
    peer.connect();
    bytes frames;
    SECTION("an ack of a packet that was never sent") {
        wire::ack ack;
        REQUIRE(ack.add({1'000, 1'000}));
        bytes payload;
        REQUIRE(wire::append_ack(payload, ack, 1'000));
        wire::append_frame(frames, wire::frame_kind::ack, wire::control_channel, payload);
    }
    SECTION("a frame that nobody knows") {
        frames.resize(wire::frame_header_bytes);
        frames[0] = 99;
    }
    SECTION("a frame that does not end") {
        frames = handmade_datagrams::ping();
        frames.pop_back();
    }
    SECTION("a frame of a stream without its offset") {
        wire::append_frame(frames, wire::frame_kind::stream_data, 1, bytes(3));
    }
    SECTION("a message that is none") {
        wire::append_frame(frames, wire::frame_kind::message, wire::control_channel, bytes(40, 0xff));
    }
    SECTION("an answer to nothing") { frames = handmade_datagrams::message(12345, wire::pong()); }
    SECTION("a part that lies behind the end of its message") {
        const bytes data(10);
        wire::append_part(frames, {.number = 0, .size = 5, .offset = 0, .data = data});
    }
    peer.send_frames(frames);
    both.w.advance(1s);
    CHECK(both.b.pool->size() == 0);
    REQUIRE(both.b.closed.size() == 1);
    CHECK(both.at_b.asked == 0);
    CHECK_FALSE(peer.got.empty());
}

TEST_CASE("parts without end take bounded memory", "[datagrams][hostile]") {
    session_config config;
    config.assembly_bytes_total = 3 * 1024 * 1024;
    datagram_peers both(session_config(), config);
    handmade_datagrams peer(both, evil());
    peer.connect();
    const bytes data(1'000, 9);
    const auto held = live_bytes();
    std::int64_t most = 0;
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        bytes frames;
        wire::append_part(frames,
                          {.number = i / 100, .size = 1024 * 1024, .offset = (i * 7'919) % 1'000'000, .data = data});
        peer.send_frames(frames);
        if (i % 50 != 0) continue;
        both.w.advance(10ms);
        peer.got.clear();
        most = std::max(most, live_bytes() - held);
        if (!both.b.closed.empty()) break;
    }
    CHECK(most < 5 * 1024 * 1024);
    // Others are served all the same.
    both.net.tamper = {};
    CHECK(both.ask(wire::ping()));
}

}  // namespace mydht::test
