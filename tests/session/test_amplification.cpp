// What strangers get a node to send to an address that has proven nothing, for each type of packet: never more than
// came from there. Each packet is a good one as far as it goes, so that it comes to where packets of its type are
// answered.
#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <mydht/wire/message_part.hpp>

#include "handmade_datagrams.hpp"
#include "support/every_message.hpp"

namespace mydht::test {

namespace {

using wire::packet_type;

/// Of one network that everybody can reach, so that all limits of strangers hold.
address stranger() { return address::ipv4(address_kind::udp, {93, 184, 216, 7}, 2007); }
address elsewhere() { return address::ipv4(address_kind::udp, {93, 184, 216, 8}, 2008); }
address dialled() { return mem("dialled"); }

session_config config_of(wire::link_mode mode) {
    session_config out;
    out.mode = mode;
    return out;
}

/// A node that answers at length, and a peer by hand; `unproven` is the address whose bytes are counted.
struct scene {
    explicit scene(wire::link_mode mode) : both(config_of(mode)), peer(both, stranger(), config_of(mode)) {
        both.at_b.large = wire::values();
        const auto someone = both.a.at(mem("some-name-that-takes-room"));
        both.at_b.large->contacts.assign(limits::contacts_per_message, someone);
    }

    [[nodiscard]] const session_counters& counters() const { return both.b.pool->counters(); }
    void say(bytes packet) {
        peer.send_from(unproven, std::move(packet));
        both.w.advance(100ms);
    }
    /// What came to the peer since, one packet.
    [[nodiscard]] bytes reply() {
        REQUIRE(peer.got.size() == 1);
        auto out = std::move(peer.got.front());
        peer.got.clear();
        return out;
    }
    void gets_answer() { REQUIRE(peer.initiator->take_answer(reply())); }
    /// The packet is good but for this.
    [[nodiscard]] static bytes damaged(bytes packet) {
        packet.back() ^= 1U;
        return packet;
    }
    /// The stranger has a session, and packets of it come from somewhere else, or so it seems.
    void move_away() {
        peer.connect();
        both.w.advance(1s);
        peer.got.clear();
        unproven = elsewhere();
        both.net.tamper = [this](packet_net::packet& one) {
            if (one.to == elsewhere()) peer.got.push_back(one.data);
            return one.to == mem("b");
        };
    }
    /// A handshake of a stranger that the node has answered. Its final packet.
    [[nodiscard]] bytes last_packet() {
        say(peer.begin(false));
        gets_answer();
        auto done = peer.initiator->finish().value();
        peer.keys.emplace(std::move(done.keys), both.w.time->now());
        return std::move(done.final_packet);
    }
    /// The node dials: the initial packet that it sent.
    [[nodiscard]] wire::initial_packet dialled_by_b() {
        const auto who = contact_of(both.a.self->key(), 1, {dialled()});
        asio::co_spawn(both.w.context, dial(both.b.pool.get(), who, both.b.in(30s)), [](std::exception_ptr) {});
        both.net.tamper = [this](packet_net::packet& one) {
            if (one.to == dialled()) caught = one.data;
            return one.to == mem("b");
        };
        both.w.advance(20ms);
        REQUIRE_FALSE(caught.empty());
        return wire::decode_initial(caught).value();
    }
    static task<> dial(session_pool* from, contact to, steady_time deadline) {
        (void)co_await from->connect(std::move(to), deadline);
    }

    datagram_peers both;
    handmade_datagrams peer;
    address unproven = stranger();
    bytes caught;
};

/// Something that a stranger does, with all checks that it came to where it should.
struct trial {
    packet_type type;
    const char* what;
    bool answered;  ///< something comes back to the unproven address
    void (*run)(scene&);
    wire::link_mode mode = wire::link_mode::secured;
};

bytes answer_packet_to(std::uint32_t index, packet_type type, std::size_t size = 300) {
    const bytes message(size - wire::answer_header_bytes, 5);
    return wire::encode(wire::answer_packet{1, index, 77, message}, type).value();
}

bytes transport_packet_to(std::uint32_t index, std::size_t size) {
    bytes out(size, 9);
    wire::write_transport_header(bytes_span(out).first(wire::transport_header_bytes), index, 0);
    return out;
}

// --- initial packets -------------------------------------------------------------------------------------------------

void every_early_request(scene& s) {
    int asked = 0;
    for (const auto& question : every_message()) {
        CAPTURE(question.index());
        // A node remembers few handshakes of one network before it asks for cookies.
        s.both.w.advance(6s);
        s.say(s.peer.begin(true, handmade_datagrams::message(1, question)));
        s.gets_answer();
        const auto frames = s.peer.initiator->finish().value().frames;
        asked += wire::may_travel_early(question) ? 1 : 0;
        CHECK(s.both.at_b.asked == asked);
        CHECK(frames.empty() != wire::may_travel_early(question));
    }
    CHECK(asked == 4);
}

void early_request_with_much_to_say(scene& s) {
    const auto before = s.both.volume("b", "none");
    s.say(s.peer.begin(true, handmade_datagrams::message(1, wire::find_value())));
    CHECK(s.both.at_b.asked == 1);
    const auto packet = s.reply();
    // As much of it as may be said.
    CHECK(packet.size() > 1'000);
    REQUIRE(s.peer.initiator->take_answer(packet));
    CHECK(before == 0);
}

void early_request_with_a_large_answer(scene& s) {
    s.both.at_b.large = values_of(100'000);
    s.say(s.peer.begin(true, handmade_datagrams::message(1, wire::find_value())));
    CHECK(s.both.at_b.asked == 1);
    s.gets_answer();
    CHECK(s.peer.initiator->finish().value().frames.empty());
}

void many_first_packets(scene& s) {
    for (int i = 0; i < 20; ++i) s.say(s.peer.begin(true, handmade_datagrams::message(1, wire::find_value())));
    CHECK(s.counters().cookies_sent > 10);
}

void first_packet_with_cookie(scene& s) {
    for (int i = 0; i < 5; ++i) s.say(s.peer.begin(false));
    const auto cookie = s.peer.got.back();
    s.peer.got.clear();
    REQUIRE(s.peer.initiator->take_cookie(cookie));
    s.say(to_bytes(s.peer.initiator->packet()));
    s.gets_answer();
}

void first_packet_of_a_plain_link(scene& s) {
    s.say(s.peer.begin(true, handmade_datagrams::message(1, wire::find_value())));
    CHECK(s.counters().cookies_sent == 1);
    REQUIRE(s.peer.initiator->take_cookie(s.reply()));
    s.say(to_bytes(s.peer.initiator->packet()));
    CHECK(s.both.at_b.asked == 1);
    s.gets_answer();
}

void repeated_first_packet(scene& s) {
    const auto packet = s.peer.begin(true, handmade_datagrams::message(1, wire::find_value()));
    s.say(packet);
    for (int i = 0; i < 10; ++i) s.say(packet);
    CHECK(s.counters().packets_repeated == 10);
    CHECK(s.both.at_b.asked == 1);
    s.gets_answer();
}

void damaged_first_packets(scene& s) {
    for (const bool known : {true, false}) {
        auto packet = s.peer.begin(known);
        // The ephemeral key stands at the beginning of the message, and all behind it follows from it; a key of low
        // order is none.
        std::fill_n(packet.begin() + wire::initial_header_bytes, wire::ephemeral_bytes, std::uint8_t{0});
        s.say(std::move(packet));
    }
    s.say(s.damaged(s.peer.begin(true)));
    CHECK(s.counters().packets_refused >= 2);
}

void renewal_from_elsewhere(scene& s) {
    s.move_away();
    s.say(s.peer.begin(true, {}, s.peer.keys->peer_index()));
    s.gets_answer();
}

void renewals_of_nothing(scene& s) {
    s.move_away();
    const auto refused = s.counters().packets_refused;
    s.say(s.peer.begin(true, {}, 12345));
    CHECK(s.counters().packets_refused == refused + 1);
    CHECK(s.peer.got.empty());
}

// --- the other packets of handshakes ---------------------------------------------------------------------------------

void answers_to_nobody(scene& s) {
    s.say(answer_packet_to(4711, packet_type::answer));
    CHECK(s.counters().packets_refused == 1);
}

void answers_from_elsewhere(scene& s) {
    const auto index = s.dialled_by_b().sender;
    const auto refused = s.counters().packets_refused;
    s.say(answer_packet_to(index, packet_type::answer));
    CHECK(s.counters().packets_refused == refused + 1);
}

void cookies_for_nobody(scene& s) {
    wire::cookie_packet cookie;
    cookie.receiver = 4711;
    cookie.cookie.fill(1);
    s.say(to_bytes(wire::encode(cookie)));
    CHECK(s.counters().packets_refused == 1);
}

void cookies_from_elsewhere(scene& s) {
    wire::cookie_packet cookie;
    cookie.receiver = s.dialled_by_b().sender;
    cookie.cookie.fill(1);
    const auto there = s.both.net.volume[{mem("b"), dialled()}];
    const auto refused = s.counters().packets_refused;
    s.say(to_bytes(wire::encode(cookie)));
    CHECK(s.counters().packets_refused == refused + 1);
    CHECK(s.both.net.volume[{mem("b"), dialled()}] == there);
}

void damaged_final_packets(scene& s) {
    const auto good = s.last_packet();
    for (int i = 0; i < 3; ++i) s.say(s.damaged(good));
    CHECK(s.counters().packets_refused == 3);
    CHECK(s.both.b.pool->size() == 0);
    // It is that one byte.
    s.say(good);
    CHECK(s.both.b.pool->size() == 1);
}

void final_packets_for_nobody(scene& s) {
    s.say(answer_packet_to(4711, packet_type::final_answer));
    CHECK(s.counters().packets_refused == 1);
}

void final_packet_from_elsewhere(scene& s) {
    const auto good = s.last_packet();
    s.unproven = elsewhere();
    s.say(good);
    CHECK(s.counters().packets_refused == 1);
    CHECK(s.both.b.pool->size() == 0);
}

void final_packets_again(scene& s) {
    const auto good = s.last_packet();
    s.say(good);
    REQUIRE(s.both.b.pool->size() == 1);
    s.both.w.advance(1s);
    s.unproven = elsewhere();
    // Whoever sends it, the answer goes to where the peer is, and is no larger either.
    const auto repeated = s.counters().packets_repeated;
    const bytes one(1);
    for (const std::size_t size : {15UL, 31UL, 32UL, 100UL, good.size()}) {
        // There is something to acknowledge, but not at once.
        bytes frames;
        wire::append_part(frames,
                          {.number = 0, .size = 2'000, .offset = static_cast<std::uint32_t>(size), .data = one});
        s.peer.send_from(stranger(), s.peer.seal(frames));
        s.both.w.poll();
        s.peer.got.clear();
        s.peer.send_from(elsewhere(), answer_packet_to(wire::receiver_of(good), packet_type::final_answer, size));
        s.both.w.advance(10ms);
        CAPTURE(size);
        CHECK(s.peer.got.size() == (size < 32 ? 0 : 1));
        if (!s.peer.got.empty()) CHECK(s.peer.got.front().size() <= size);
        s.both.w.advance(1s);
    }
    CHECK(s.counters().packets_repeated == repeated + 3);
}

// --- transport packets -----------------------------------------------------------------------------------------------

void packets_for_nobody(scene& s) {
    const auto refused = s.counters().packets_refused;
    std::uint64_t said = 0;
    for (std::size_t size = wire::transport_header_bytes; size <= 1200; size += size < 40 ? 1 : 145, ++said) {
        s.peer.got.clear();
        s.say(transport_packet_to(4711, size));
        CHECK(s.peer.got.size() == (size > wire::reset_packet_bytes ? 1 : 0));
        if (!s.peer.got.empty()) CHECK(wire::decode_reset(s.peer.got.front()));
    }
    CHECK(s.counters().packets_refused == refused + said);
}

void packets_from_elsewhere(scene& s) {
    s.move_away();
    const auto served = s.both.at_b.asked;
    // Nothing in it, a ping, many of them, and a question with a large answer, which goes to where the peer was.
    bytes pings;
    for (int i = 0; i < 60; ++i) wire::append_ping(pings, wire::frame_kind::ping, {});
    const std::vector<bytes> all{bytes(), handmade_datagrams::ping(), pings,
                                 handmade_datagrams::message(9, wire::find_value())};
    int challenges = 0;
    for (const auto& frames : all) {
        s.both.w.advance(4s);
        s.peer.got.clear();
        const auto sent = s.peer.seal(frames);
        s.say(sent);
        std::size_t back = 0;
        for (auto& each : s.peer.got) {
            back += each.size();
            const auto plain = s.peer.keys->open(each, s.both.w.time->now());
            REQUIRE(plain);
            wire::frame_decoder decoder;
            bytes_view rest(*plain);
            const auto frame = decoder.next(rest);
            REQUIRE((frame && *frame));
            challenges += (*frame)->kind == wire::frame_kind::ping ? 1 : 0;
        }
        CHECK(back <= sent.size());
    }
    CHECK(challenges == 3);
    CHECK(s.both.at_b.asked == served + 1);
}

void repeated_packets_from_elsewhere(scene& s) {
    s.peer.connect();
    const auto packet = s.peer.seal(handmade_datagrams::ping());
    s.say(packet);
    const auto repeated = s.counters().packets_repeated;
    s.unproven = elsewhere();
    for (int i = 0; i < 10; ++i) s.say(packet);
    CHECK(s.counters().packets_repeated == repeated + 10);
}

void forged_packets_from_elsewhere(scene& s) {
    s.move_away();
    const auto refused = s.counters().packets_refused;
    for (int i = 0; i < 10; ++i) s.say(s.damaged(s.peer.seal(handmade_datagrams::ping())));
    CHECK(s.counters().packets_refused == refused + 10);
}

void proof_from_elsewhere(scene& s) {
    s.peer.shake_hands();
    s.unproven = elsewhere();
    const auto refused = s.counters().packets_refused;
    s.say(s.peer.seal(handmade_datagrams::ping()));
    CHECK(s.counters().packets_refused == refused + 1);
    CHECK(s.both.b.pool->size() == 0);
}

// --- resets ----------------------------------------------------------------------------------------------------------

void forged_resets(scene& s) {
    s.move_away();
    const auto refused = s.counters().packets_refused;
    wire::reset_packet reset;
    reset.index = s.peer.keys->own_index();
    s.say(to_bytes(wire::encode(reset)));
    CHECK(s.counters().packets_refused == refused + 1);
    CHECK(s.both.b.pool->size() == 1);
}

void good_reset_from_elsewhere(scene& s) {
    s.move_away();
    wire::reset_packet reset;
    reset.index = s.peer.keys->own_index();
    reset.token = s.peer.own_token();
    s.say(to_bytes(wire::encode(reset)));
    CHECK(s.both.b.pool->size() == 0);
}

constexpr auto plain = wire::link_mode::plain;

const std::vector<trial>& trials() {
    static const std::vector<trial> all{
        {packet_type::initial, "IK", true,
         [](scene& s) {
             s.say(s.peer.begin(true));
             s.gets_answer();
         }},
        {packet_type::initial, "IK with each message as its request", true, every_early_request},
        {packet_type::initial, "IK, asking for much", true, early_request_with_much_to_say},
        {packet_type::initial, "IK, asking for what fits no packet", true, early_request_with_a_large_answer},
        {packet_type::initial, "IK, many of them", true, many_first_packets},
        {packet_type::initial, "IK, repeated", true, repeated_first_packet},
        {packet_type::initial, "IK for new keys", true, renewal_from_elsewhere},
        {packet_type::initial, "IK for new keys of nothing", false, renewals_of_nothing},
        {packet_type::initial, "XX", true, [](scene& s) { (void)s.last_packet(); }},
        {packet_type::initial, "XX with a cookie", true, first_packet_with_cookie},
        {packet_type::initial, "plain", true, first_packet_of_a_plain_link, plain},
        {packet_type::initial, "damaged", false, damaged_first_packets},
        {packet_type::answer, "for nobody", false, answers_to_nobody},
        {packet_type::answer, "from elsewhere", false, answers_from_elsewhere},
        {packet_type::cookie, "for nobody", false, cookies_for_nobody},
        {packet_type::cookie, "from elsewhere", false, cookies_from_elsewhere},
        {packet_type::final_answer, "damaged", true, damaged_final_packets},
        {packet_type::final_answer, "for nobody", false, final_packets_for_nobody},
        {packet_type::final_answer, "from elsewhere", false, final_packet_from_elsewhere},
        {packet_type::final_answer, "again", false, final_packets_again},
        {packet_type::transport, "for nobody", true, packets_for_nobody},
        {packet_type::transport, "for nobody, plain", true, packets_for_nobody, plain},
        {packet_type::transport, "of a session, from elsewhere", true, packets_from_elsewhere},
        {packet_type::transport, "repeated, from elsewhere", false, repeated_packets_from_elsewhere},
        {packet_type::transport, "forged, from elsewhere", false, forged_packets_from_elsewhere},
        {packet_type::transport, "the proof, from elsewhere", false, proof_from_elsewhere},
        {packet_type::reset, "forged", false, forged_resets},
        {packet_type::reset, "good, from elsewhere", false, good_reset_from_elsewhere},
    };
    return all;
}

}  // namespace

TEST_CASE("no type of packet brings an unproven address more than came from there", "[datagrams][hostile]") {
    const auto& one = trials()[GENERATE(range(std::size_t{0}, trials().size()))];
    const int type = static_cast<int>(one.type);
    CAPTURE(type, one.what);
    scene s(one.mode);
    one.run(s);
    // Whatever is still said later, too.
    s.both.w.advance(10s);
    const auto came = s.both.net.volume[{s.unproven, mem("b")}];
    const auto sent = s.both.net.volume[{mem("b"), s.unproven}];
    REQUIRE(came > 0);
    CHECK((sent > 0) == one.answered);
    CHECK(sent <= came);
    SUCCEED("packets of type " << type << ", " << one.what << ": " << came << " bytes bring " << sent << ", "
                               << static_cast<double>(sent) / static_cast<double>(came) << " of them");
}

TEST_CASE("all types of packets are among those whose amplification is measured", "[datagrams][hostile]") {
    for (unsigned first = 0; first < 256; ++first) {
        const auto type = wire::type_of(bytes{static_cast<std::uint8_t>(first)});
        if (!type) continue;
        CAPTURE(first);
        CHECK(std::ranges::any_of(trials(), [&](const trial& each) { return each.type == *type; }));
    }
}

TEST_CASE("an address that is dialled gets so many first packets and no more", "[datagrams][hostile]") {
    // It may have been named by somebody who means it harm, and who sees what comes there.
    scene s(wire::link_mode::secured);
    s.unproven = dialled();
    auto index = s.dialled_by_b().sender;
    for (int i = 0; i < 200; ++i) {
        wire::cookie_packet cookie;
        cookie.receiver = index;
        cookie.cookie.fill(static_cast<std::uint8_t>(i + 1));
        s.say(to_bytes(wire::encode(cookie)));
        s.say(answer_packet_to(index, packet_type::answer));
        index = wire::decode_initial(s.caught).value().sender;
    }
    s.both.w.advance(20s);
    // Five handshakes, each of them with three cookies.
    CHECK(s.both.net.volume[{mem("b"), dialled()}] == std::size_t{5} * 4 * wire::initial_bytes_min);
}

}  // namespace mydht::test
