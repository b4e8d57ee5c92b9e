// What strangers and dishonest peers do to pools over datagrams.
#include <array>
#include <string>
#include <vector>

#include <mydht/wire/ack.hpp>
#include <mydht/wire/message_part.hpp>
#include <mydht/wire/stream_frames.hpp>

#include "counting.hpp"
#include "handmade_datagrams.hpp"
#include "two_peers.hpp"

namespace mydht::test {

namespace {

using wire::packet_type;

address evil() { return mem("evil"); }

std::vector<session_config> all_modes() {
    session_config closed;
    closed.psk = bytes(32, 7);
    session_config plain;
    plain.mode = wire::link_mode::plain;
    return {session_config(), closed, plain};
}

bytes noise_of(std::size_t size, prng& numbers) {
    bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(numbers());
    return out;
}

}  // namespace

TEST_CASE("nobody makes a pool send more to a source than came from there", "[datagrams][hostile]") {
    const auto config = all_modes()[GENERATE(0U, 1U, 2U)];
    const bool plain = config.mode == wire::link_mode::plain;
    CAPTURE(plain, config.psk.has_value());
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
    const auto config = all_modes()[GENERATE(0U, 1U, 2U)];
    const bool plain = config.mode == wire::link_mode::plain;
    CAPTURE(plain, config.psk.has_value());
    datagram_peers both(config);
    both.net.recording = true;
    REQUIRE(both.ask(wire::ping()));
    REQUIRE(both.at_b.asked == 1);
    // The last one: a plain node asks for a cookie first.
    packet_net::packet first;
    for (const auto& each : both.net.recorded) {
        if (type_of(each) == packet_type::initial) first = each;
    }
    REQUIRE_FALSE(first.data.empty());
    const auto again = [&] {
        for (const auto& from : {first.from, evil()}) {
            both.net.inject({from, first.to, first.data});
            both.w.advance(1s);
        }
    };
    again();
    // A plain node asks whoever may have moved for a cookie: less than came.
    CHECK(both.volume("b", "evil") <= (plain ? both.volume("evil", "b") : 0));
    both.w.advance(60s);
    again();
    both.restart_b(config);
    again();
    both.w.advance(10s);
    again();
    both.w.advance(300s);
    again();
    CHECK(both.at_b.asked == 1);
    CHECK(both.b.pool->counters().accepted == 0);
}

namespace {

/// Where a flood seems to come from, and an honest peer in the midst of it.
struct flooding {
    std::string name;
    address honest;
    address (*source)(std::uint32_t number);
};

address from_everywhere(std::uint32_t number) {
    const std::uint32_t host = 0x01000000U + number * 1031U;
    const std::array<std::uint8_t, 4> ip{static_cast<std::uint8_t>(host >> 24U), static_cast<std::uint8_t>(host >> 16U),
                                         static_cast<std::uint8_t>(host >> 8U), static_cast<std::uint8_t>(host)};
    return address::ipv4(address_kind::udp, ip, 4000);
}

address from_one_24(std::uint32_t number) {
    return address::ipv4(address_kind::udp, {93, 184, 216, static_cast<std::uint8_t>(number)},
                         static_cast<std::uint16_t>(2000 + number / 256));
}

address from_one_48(std::uint32_t number) {
    std::array<std::uint8_t, 16> ip{0x26, 0x06, 0x28, 0x00, 0x02, 0x20};
    for (std::size_t i = 0; i < 4; ++i) ip[6 + i] = static_cast<std::uint8_t>(number >> (8 * i));
    return address::ipv6(address_kind::udp, ip, 4000);
}

task<> ask_once(session_pool* pool, contact who, steady_time deadline, bool& answered, bool& over) {
    const auto got = co_await pool->ask(std::move(who), wire::ping(), deadline);
    answered = got.has_value();
    over = true;
}

}  // namespace

TEST_CASE("a flood of first packets costs little, and others still come through", "[datagrams][hostile]") {
    const std::vector<flooding> floods{{"everywhere", from_one_24(7).with_port(999), from_everywhere},
                                       {"its /24", from_one_24(7).with_port(999), from_one_24},
                                       {"its /48", from_one_48(7).with_port(999), from_one_48}};
    const auto& flood = floods[GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2})];
    CAPTURE(flood.name);
    datagram_peers both;
    bytes message;
    {
        handmade_datagrams stranger(both, evil());
        message = stranger.begin(false);
    }
    both.listen_a();
    both.net.rename(mem("a"), flood.honest);
    // Nobody is there to show a cookie.
    both.net.tamper = [&](packet_net::packet& one) { return one.to == mem("b") || one.to == flood.honest; };
    const auto cookies = [&] { return both.b.pool->counters().cookies_sent; };
    prng numbers(3);
    std::int64_t held = 0;
    bool answered = false;
    bool over = false;
    steady_time begun{};
    steady_time done{};
    constexpr std::uint32_t count = 100'000;
    constexpr std::uint32_t batch = 500;
    for (std::uint32_t i = 0; i < count; i += batch) {
        if (i == count / 4) held = live_bytes();
        if (i == count / 2) {
            CHECK(live_bytes() - held < 256 * 1024);
            begun = both.w.time->now();
            asio::co_spawn(both.w.context, ask_once(both.a.pool.get(), both.b.at(mem("b")), begun + 5s, answered, over),
                           [](std::exception_ptr) {});
        }
        for (std::uint32_t j = 0; j < batch; ++j) {
            auto packet = message;
            for (std::size_t at = 50; at < 66; ++at) packet[at] = static_cast<std::uint8_t>(numbers());
            both.net.inject({flood.source(i + j), mem("b"), std::move(packet)});
        }
        both.net.volume.clear();
        both.w.advance(10ms);
        if (over && done == steady_time()) done = both.w.time->now();
    }
    // With the session that there is now.
    CHECK(live_bytes() - held < 256 * 1024);
    CHECK(cookies() > count * 9 / 10);
    REQUIRE(answered);
    CHECK(done - begun <= 2s);
    CHECK(both.at_b.asked == 1);
    CHECK(both.b.pool->size() == 1);
}

TEST_CASE("forged first packets of a network push nobody out of it", "[datagrams][hostile]") {
    // One fewer than make cookies asked for, and just so many.
    const auto forged = GENERATE(3U, 4U, 40U);
    CAPTURE(forged);
    datagram_peers both;
    handmade_datagrams peer(both, from_one_24(7));
    const auto& counters = both.b.pool->counters();
    for (std::uint32_t i = 0; i < forged; ++i) {
        both.net.inject({from_one_24(1000 + i), mem("b"), peer.begin(false)});
        both.w.advance(1ms);
    }
    CHECK(counters.cookies_sent == (forged > 4 ? forged - 4 : 0));
    peer.send(peer.begin(true));
    both.w.advance(100ms);
    REQUIRE(peer.got.size() == 1);
    const bool asked = wire::type_of(peer.got.front()) == packet_type::cookie;
    CHECK(asked == (forged >= 4));
    if (asked) {
        REQUIRE(peer.initiator->take_cookie(peer.got.front()));
        peer.got.clear();
        peer.send(to_bytes(peer.initiator->packet()));
        both.w.advance(100ms);
    }
    REQUIRE(peer.got.size() == 1);
    REQUIRE(peer.initiator->take_answer(peer.got.front()));
    // More of them come before it proves itself.
    peer.keys.emplace(peer.initiator->finish().value().keys, both.w.time->now());
    for (std::uint32_t i = 0; i < 100; ++i) {
        both.net.inject({from_one_24(9000 + i), mem("b"), peer.begin(false)});
        both.w.advance(1ms);
    }
    peer.send_frames(handmade_datagrams::ping());
    both.w.advance(100ms);
    CHECK(both.b.pool->size() == 1);
    // Asking for a cookie refuses nobody.
    CHECK(counters.packets_refused == 0);
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

TEST_CASE("what a refused peer says with its proof is not read", "[datagrams][hostile]") {
    session_config config;
    config.admission.allow.emplace();
    datagram_peers both(session_config(), config);
    handmade_datagrams peer(both, evil());
    peer.shake_hands();
    auto first = handmade_datagrams::message(1, wire::ping());
    wire::append_frame(first, wire::frame_kind{100}, 0, {});
    peer.send_frames(first);
    both.w.advance(1s);
    CHECK(both.b.pool->counters().not_admitted == 1);
    CHECK(both.b.pool->counters().requests_served == 0);
    CHECK(both.b.pool->size() == 0);
    REQUIRE(peer.got.size() == 1);
    const auto said = peer.keys->open(peer.got.front(), {});
    REQUIRE(said);
    wire::frame_decoder frames;
    bytes_view rest(*said);
    const auto goodbye = frames.next(rest);
    REQUIRE((goodbye && *goodbye));
    REQUIRE((*goodbye)->kind == wire::frame_kind::close);
    CHECK(wire::read_close((*goodbye)->payload) == wire::close_reason::refused);
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
    CHECK(both.b.pool->counters().slow_closed == 1);
    CHECK(both.b.pool->counters().violations_closed == 0);
    CHECK(both.w.log->count("the peer acknowledges nothing") == 1);
    // What waits for it is bounded while it lasts: the requests beyond are refused.
    CHECK(both.at_b.asked <= 4);
    CHECK(live_bytes() - held < 8 * 1024 * 1024);
}

TEST_CASE("answers that are being computed count among those that a peer has to take", "[datagrams][hostile]") {
    session_config config;
    config.answer_buffer_bytes = 4 * 1024;
    datagram_peers both(session_config(), config);
    handmade_datagrams peer(both, evil());
    peer.connect();
    both.at_b.slow = 10s;
    for (std::uint64_t id = 1; id <= 10; ++id) peer.send_frames(handmade_datagrams::message(id, wire::find_value()));
    both.w.advance(100ms);
    CHECK(both.at_b.asked == 4);
    both.w.advance(10s);
    CHECK(both.at_b.asked == 8);
    both.w.advance(20s);
    CHECK(both.at_b.asked == 10);
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
    CHECK(both.b.pool->counters().violations_closed == 1);
    CHECK(both.b.pool->counters().slow_closed == 0);
    CHECK(both.w.log->count("the peer broke the rules") == 1);
}

namespace {

/// A node that serves streams, and a stranger that speaks by hand.
struct serving_peers {
    serving_peers() : peer(both, evil()) {
        both.b.pool->serve("hold/1", held.handler());
        peer.connect();
    }
    ~serving_peers() {
        held.streams.clear();
        both.w.run(both.b.pool->stop(1s));
    }

    datagram_peers both;
    held_streams held;
    handmade_datagrams peer;
};

}  // namespace

TEST_CASE("a peer that sends beyond the window of a stream goes, and its service ends", "[datagrams][hostile]") {
    const std::uint64_t beyond = GENERATE(0U, 1U);
    serving_peers s;
    auto& [both, held, peer] = s;
    const auto window = wire::initial_stream_window;
    bytes frames;
    wire::stream_opening what;
    what.window = window;
    what.service = "hold/1";
    wire::append_stream_open(frames, 1, what);
    peer.send_frames(frames);
    both.w.poll();
    REQUIRE(held.running == 1);
    // The last byte that may come, and the one behind it.
    frames.clear();
    const auto place = wire::begin_data_at(frames, 1, window - 1 + beyond);
    frames.push_back(7);
    REQUIRE(wire::end_frame(frames, place));
    peer.send_frames(frames);
    both.w.advance(1s);
    CHECK(both.b.pool->size() == (beyond > 0 ? 0 : 1));
    CHECK(both.b.pool->counters().violations_closed == beyond);
    CHECK(both.w.log->count("the peer broke the rules") == beyond);
    CHECK(held.cancelled == static_cast<int>(beyond));
    if (beyond > 0) CHECK(both.b.closed.front().second == errc::protocol_violation);
}

TEST_CASE("who comes again and again to break the rules goes each time, and fills no log", "[datagrams][hostile]") {
    datagram_peers both;
    const auto begun = both.w.time->now();
    constexpr std::size_t often = 150;
    handmade_datagrams peer(both, evil());
    for (std::size_t i = 0; i < often; ++i) {
        peer.got.clear();
        peer.connect();
        bytes unknown(wire::frame_header_bytes);
        unknown[0] = 99;
        peer.send_frames(unknown);
        both.w.poll();
    }
    CHECK(both.b.closed.size() == often);
    CHECK(both.b.pool->counters().violations_closed == often);
    const auto seconds = static_cast<std::size_t>((both.w.time->now() - begun) / 1s);
    const auto lines = both.w.log->count("the peer broke the rules");
    CHECK(lines >= 20);
    CHECK(lines <= 21 + 2 * seconds);
    CHECK(lines < often);
    // Those that were left out are told of with the next one.
    CHECK(both.w.log->count("lines of this kind before it") > 0);
}

TEST_CASE("a packet holds one ack, and a second one is a violation", "[datagrams][hostile]") {
    const auto acks = GENERATE(1U, 2U, 3U);
    CAPTURE(acks);
    datagram_peers both;
    handmade_datagrams peer(both, evil());
    peer.connect();
    REQUIRE_FALSE(peer.got.empty());
    // Of a packet that was sent.
    const auto number = wire::decode_transport(peer.got.front()).value().counter;
    wire::ack ack;
    REQUIRE(ack.add({number, number}));
    bytes payload;
    REQUIRE(wire::append_ack(payload, ack, 1'000));
    bytes frames;
    for (unsigned i = 0; i < acks; ++i) {
        if (i > 0) wire::append_ping(frames, wire::frame_kind::ping, {});
        wire::append_frame(frames, wire::frame_kind::ack, wire::control_channel, payload);
    }
    // One in each packet is as many as it takes.
    peer.send_frames(frames);
    if (acks == 1) peer.send_frames(frames);
    both.w.advance(1s);
    CHECK(both.b.pool->size() == (acks == 1 ? 1 : 0));
    REQUIRE(both.b.closed.size() == (acks == 1 ? 0 : 1));
    if (acks > 1) CHECK(both.b.closed.front().second == errc::protocol_violation);
    CHECK(both.b.pool->counters().violations_closed == (acks > 1 ? 1 : 0));
}

TEST_CASE("a close amid the parts of large messages leaves nothing of them", "[datagrams][hostile]") {
    datagram_peers both;
    const auto unfinished = [](const peer& of) { return of.pool->counters().message_bytes_unfinished; };
    const auto cut_off = [](const peer& of) { return of.pool->counters().messages_cut_off; };
    SECTION("of both sides, at both ends") {
        const bool dialler_closes = GENERATE(true, false);
        CAPTURE(dialler_closes);
        both.at_a.large = values_of(600'000);
        both.at_b.large = values_of(600'000);
        auto link = both.connect().value();
        REQUIRE(both.ping(link));
        auto back = both.b.pool->find(both.a.self->id());
        REQUIRE_FALSE(back.empty());
        const auto failures = std::make_shared<int>(0);
        for (auto* over : {&link, &back}) {
            asio::co_spawn(
                both.w.context, over->request(wire::find_value(), both.a.in(30s)),
                [failures](std::exception_ptr, const result<wire::message>& out) { *failures += out ? 0 : 1; });
        }
        both.w.advance(100ms);
        REQUIRE(*failures == 0);
        REQUIRE(unfinished(both.a) > 10'000);
        REQUIRE(unfinished(both.b) > 10'000);
        (dialler_closes ? link : back).close();
        both.w.poll();
        CHECK(unfinished(dialler_closes ? both.a : both.b) == 0);
        // What is on its way arrives, and is nobody's.
        both.w.advance(1s);
        CHECK(unfinished(both.a) == 0);
        CHECK(unfinished(both.b) == 0);
        CHECK(*failures == 2);
        CHECK(both.a.closed.size() == 1);
        CHECK(both.b.closed.size() == 1);
        CHECK(cut_off(both.a) == 1);
        CHECK(cut_off(both.b) == 1);
        // One side says why it ends, the other one that it was told.
        CHECK(both.w.log->count("the peer closed") == 1);
    }
    SECTION("in the same packet") {
        handmade_datagrams peer(both, evil());
        peer.connect();
        const bytes data(300, 9);
        const auto part = [&data](bytes& frames, std::uint32_t number) {
            wire::append_part(frames, {.number = number, .size = 5'000, .offset = 300, .data = data});
        };
        bytes first;
        part(first, 0);
        peer.send_frames(first);
        both.w.advance(100ms);
        REQUIRE(unfinished(both.b) >= data.size());
        CHECK(cut_off(both.b) == 0);
        bytes last;
        part(last, 1);
        wire::append_close(last, wire::close_reason::normal);
        part(last, 2);
        peer.send_frames(last);
        both.w.advance(100ms);
        CHECK(unfinished(both.b) == 0);
        CHECK(both.b.closed.size() == 1);
        peer.send_frames(first);
        both.w.advance(1s);
        CHECK(unfinished(both.b) == 0);
        CHECK(cut_off(both.b) == 2);
        CHECK(both.w.log->count("the peer closed") == 1);
    }
}

TEST_CASE("a large message of which nothing more comes is dropped", "[datagrams][hostile]") {
    datagram_peers both;
    handmade_datagrams peer(both, evil());
    peer.connect();
    const bytes data(300, 9);
    bytes first;
    wire::append_part(first, {.number = 0, .size = 5'000, .offset = 300, .data = data});
    peer.send_frames(first);
    both.w.advance(1s);
    CHECK(both.b.pool->counters().message_bytes_unfinished >= data.size());
    for (int i = 0; i < 40; ++i) {
        both.w.advance(1s);
    }
    CHECK(both.b.pool->size() == 1);
    CHECK(both.b.pool->counters().message_bytes_unfinished == 0);
}

TEST_CASE("a large message of which nothing more comes is dropped and counted", "[datagrams][hostile]") {
    datagram_peers both;
    handmade_datagrams peer(both, evil());
    peer.connect();
    const bytes data(300, 9);
    bytes first;
    wire::append_part(first, {.number = 0, .size = 5'000, .offset = 300, .data = data});
    peer.send_frames(first);
    both.w.advance(1s);
    CHECK(both.b.pool->counters().message_bytes_unfinished >= data.size());
    CHECK(both.b.pool->counters().messages_cut_off == 0);
    for (int i = 0; i < 40; ++i) {
        both.w.advance(1s);
        peer.send_frames(handmade_datagrams::ping());
    }
    CHECK(both.b.pool->size() == 1);
    CHECK(both.b.pool->counters().message_bytes_unfinished == 0);
    CHECK(both.b.pool->counters().messages_cut_off == 1);
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
