#include "session/datagram_handshake.hpp"

#include <algorithm>
#include <functional>
#include <optional>

#include <mydht/crypto/ids.hpp>

#include "session/datagram_payload.hpp"
#include "session/datagram_sides.hpp"

namespace mydht::test {

using namespace detail;

namespace {

using wire::packet_pattern;

const bytes early = to_bytes("frames in the first packet");
const bytes answered = to_bytes("frames in the answer");
const bytes last = to_bytes("frames in the final packet");

/// Everything that two sides can be to each other.
struct setting {
    std::string name;
    session_config config;
    packet_pattern pattern;
};

std::vector<setting> all_settings() {
    return {
        {"IK", session_config(), packet_pattern::ik},         {"XX", session_config(), packet_pattern::xx},
        {"IKpsk0", private_network(), packet_pattern::ik},    {"XXpsk0", private_network(), packet_pattern::xx},
        {"fast IK", simulated_network(), packet_pattern::ik}, {"fast XX", simulated_network(), packet_pattern::xx},
        {"plain", plain_network(), packet_pattern::plain},
    };
}

/// The packets of a handshake and what came out of it on both sides.
struct transcript {
    std::vector<bytes> packets;
    std::error_code initiator;
    std::error_code responder;
    std::optional<datagram_outcome> begun;
    std::optional<datagram_outcome> accepted;
    bytes early;
    wall_time stamp{};
};

using tamper = std::function<void(std::size_t n, bytes& packet)>;

constexpr std::uint32_t index_a = 0xa1a2a3a4;
constexpr std::uint32_t index_b = 0xb1b2b3b4;

/// The packet that ends the handshake: a final one, or the first transport packet.
bytes third_packet(datagram_outcome& begun, session_ciphers& keys) {
    if (!begun.final_packet.empty()) return begun.final_packet;
    bytes out(wire::transport_header_bytes);
    REQUIRE(keys.seal(out));
    return out;
}

result<datagram_outcome> take_third(const datagram_side& b, half_open_handshake& kept, bytes_view packet) {
    if (!kept.knows_peer()) return kept.take_final(b.party, packet);
    if (!kept.proves(packet)) return failure(errc::decrypt_failed);
    return kept.finish();
}

datagram_keys clone(const datagram_keys& from) {
    datagram_keys out{from.own_index, from.peer_index, from.peer_token, {}};
    if (const auto* tags = std::get_if<plain_tags>(&from.link)) {
        out.link = *tags;
    } else {
        const auto& pair = std::get<noise::cipher_pair>(from.link);
        out.link =
            noise::cipher_pair{noise::cipher(pair.send.key().clone()), noise::cipher(pair.receive.key().clone())};
    }
    return out;
}

transcript shake(const datagram_side& a, const datagram_side& b, const datagram_goal& goal, const tamper& change = {}) {
    transcript out;
    const auto send = [&](bytes packet) {
        out.packets.push_back(packet);
        if (change) change(out.packets.size() - 1, packet);
        return packet;
    };
    const bool tells = goal.known || !a.party.secured();
    auto initiator = datagram_initiator::begin(a.party, goal, some_time, tells ? bytes_view(early) : bytes_view());
    if (!initiator) {
        out.initiator = initiator.error();
        return out;
    }
    const auto initial = send(to_bytes(initiator->packet()));
    auto taken = accept_packet(b.party, initial);
    if (!taken) {
        out.responder = taken.error();
        return out;
    }
    out.early = to_bytes(taken->early());
    out.stamp = taken->stamp();
    const auto said = taken->knows_peer() ? bytes_view(answered) : bytes_view();
    auto answer = taken->answer(index_b, b.tokens.token_for(index_b), said, initial.size());
    REQUIRE(answer);
    auto kept = taken->half_open();
    if (auto done = initiator->take_answer(send(*answer)); !done) {
        out.initiator = done.error();
        return out;
    }
    auto begun = initiator->finish(initiator->sends_final() ? bytes_view(last) : bytes_view());
    REQUIRE(begun);
    session_ciphers keys(clone(begun->keys), steady_time());
    auto accepted = take_third(b, kept, send(third_packet(*begun, keys)));
    out.begun.emplace(std::move(*begun));
    if (accepted) {
        out.accepted.emplace(std::move(*accepted));
    } else {
        out.responder = accepted.error();
    }
    return out;
}

datagram_goal goal_for(const setting& which, const datagram_side& a, const datagram_side& b) {
    return a.goal(which.pattern == packet_pattern::xx ? nullptr : &b, index_a);
}

bool carries(session_ciphers& from, session_ciphers& to) {
    bytes packet(wire::transport_header_bytes + early.size());
    std::ranges::copy(early, packet.begin() + wire::transport_header_bytes);
    if (!from.seal(packet)) return false;
    const auto opened = to.open(packet, {});
    return opened && to_bytes(*opened) == early;
}

}  // namespace

TEST_CASE("both sides of a datagram handshake prove each other and agree on keys", "[datagram_handshake]") {
    for (const auto& which : all_settings()) {
        CAPTURE(which.name);
        datagram_side a(1, which.config);
        datagram_side b(2, which.config);
        a.party.capabilities = 5;
        a.party.addresses = {address::memory("a").value()};
        b.party.addresses = {address::memory("b").value()};
        auto goal = goal_for(which, a, b);
        goal.pinned = b.party.self->id();
        auto done = shake(a, b, goal);
        CHECK_FALSE(done.initiator);
        CHECK_FALSE(done.responder);
        REQUIRE((done.begun && done.accepted));
        CHECK(done.begun->peer == contact_of(b.party.self->key(), 0, b.party.addresses));
        CHECK(done.accepted->peer == contact_of(a.party.self->key(), 5, a.party.addresses));
        CHECK(done.begun->codec == wire::codec_id::capnp);
        CHECK(done.accepted->codec == wire::codec_id::capnp);
        CHECK(done.begun->keys.own_index == index_a);
        CHECK(done.begun->keys.peer_index == index_b);
        CHECK(done.accepted->keys.own_index == index_b);
        CHECK(done.accepted->keys.peer_index == index_a);
        CHECK(done.begun->keys.peer_token == b.tokens.token_for(index_b));
        CHECK(done.accepted->keys.peer_token == a.tokens.token_for(index_a));

        const bool xx = which.pattern == packet_pattern::xx;
        CHECK(done.early == (xx ? bytes() : early));
        CHECK(done.begun->frames == (xx ? bytes() : answered));
        CHECK(done.accepted->frames == (xx ? last : bytes()));
        CHECK(done.stamp == (xx ? wall_time() : some_time));
        CHECK(done.begun->final_packet.empty() != xx);

        session_ciphers one(std::move(done.begun->keys), steady_time());
        session_ciphers two(std::move(done.accepted->keys), steady_time());
        CHECK(carries(one, two));
        CHECK(carries(two, one));
        CHECK_FALSE(carries(one, one));
    }
}

TEST_CASE("no packet of a handshake is longer than what it answers", "[datagram_handshake]") {
    for (const auto& which : all_settings()) {
        CAPTURE(which.name);
        datagram_side a(1, which.config);
        datagram_side b(2, which.config);
        const auto done = shake(a, b, goal_for(which, a, b));
        REQUIRE(done.packets.size() == 3);
        CHECK(done.packets[0].size() == wire::initial_bytes_min);
        CHECK(done.packets[1].size() <= done.packets[0].size());
        CHECK(wire::type_of(done.packets[0]) == wire::packet_type::initial);
        CHECK(wire::decode_initial(done.packets[0])->pattern == which.pattern);
        CHECK(wire::type_of(done.packets[1]) == wire::packet_type::answer);
    }
}

TEST_CASE("an answer is never longer than its budget, however much is to be said", "[datagram_handshake]") {
    for (const auto& which : all_settings()) {
        CAPTURE(which.name);
        datagram_side a(1, which.config);
        datagram_side b(2, which.config);
        for (std::uint8_t i = 0; i < 8; ++i) b.party.addresses.push_back(address::ipv6(address_kind::udp, {i}, 1));
        auto initiator = datagram_initiator::begin(a.party, goal_for(which, a, b), some_time);
        auto taken = accept_packet(b.party, initiator->packet());
        REQUIRE(taken);
        constexpr std::size_t budget = wire::initial_bytes_min;
        const auto room = taken->answer_room(budget);
        REQUIRE(room > 0);
        CHECK(taken->answer(index_b, {}, bytes(room + 1), budget).error() == errc::too_large);
        CHECK(taken->answer(index_b, {}, {}, budget - room - 1).error() == errc::too_large);
        CHECK(taken->answer_room(budget - room) == 0);
        CHECK(taken->answer_room(0) == 0);
        // What was refused has changed nothing.
        const auto answer = taken->answer(index_b, {}, bytes(room), budget);
        REQUIRE(answer);
        CHECK(answer->size() == budget);
        CHECK(taken->answer(index_b, {}, {}, budget).error() == errc::handshake_order);
        REQUIRE(initiator->take_answer(*answer));
        CHECK(initiator->finish()->frames.size() == room);
    }
}

TEST_CASE("the same initial packet is good with any cookie", "[datagram_handshake]") {
    for (const auto& which : all_settings()) {
        CAPTURE(which.name);
        datagram_side a(1, which.config);
        datagram_side b(2, which.config);
        auto initiator = datagram_initiator::begin(a.party, goal_for(which, a, b), some_time);
        const auto before = wire::decode_initial(initiator->packet());
        const auto ephemeral = to_bytes(before->ephemeral());
        CHECK_FALSE(before->has_cookie());
        wire::cookie_packet cookie{index_a, {}};
        for (std::uint8_t i = 1; i <= 3; ++i) {
            cookie.cookie.fill(i);
            REQUIRE(initiator->take_cookie(wire::encode(cookie)));
            const auto after = wire::decode_initial(initiator->packet());
            CHECK(after->cookie == cookie.cookie);
            CHECK(to_bytes(after->ephemeral()) == ephemeral);
        }
        auto taken = accept_packet(b.party, initiator->packet());
        REQUIRE(taken);
        CHECK(initiator->take_answer(*taken->answer(index_b, {}, {}, wire::initial_bytes_min)));
    }
}

TEST_CASE("cookies for others, or too many of them, are not followed", "[datagram_handshake]") {
    datagram_side a(1);
    datagram_side b(2);
    auto initiator = datagram_initiator::begin(a.party, a.goal(&b, index_a), some_time);
    const auto good = to_bytes(wire::encode(wire::cookie_packet{index_a, {1}}));
    CHECK_FALSE(initiator->take_cookie(wire::encode(wire::cookie_packet{index_a + 1, {1}})));
    for (std::size_t size = 0; size < good.size(); ++size) {
        CHECK_FALSE(initiator->take_cookie(bytes_view(good).first(size)));
    }
    CHECK_FALSE(wire::decode_initial(initiator->packet())->has_cookie());
    for (int i = 0; i < 3; ++i) CHECK(initiator->take_cookie(good));
    CHECK_FALSE(initiator->take_cookie(good));
    auto taken = accept_packet(b.party, initiator->packet());
    REQUIRE(initiator->take_answer(*taken->answer(index_b, {}, {}, wire::initial_bytes_min)));
    CHECK_FALSE(initiator->take_cookie(good));
}

TEST_CASE("packets of other networks, modes and versions are told before public-key work", "[datagram_handshake]") {
    session_config other;
    other.network = "another";
    datagram_side a(1);
    datagram_side b(2);
    datagram_side x(3, other);
    datagram_side p(4, private_network());
    datagram_side q(5, private_network(8));
    datagram_side open(6, plain_network());
    const auto error = [](const datagram_side& from, const datagram_side& to) {
        return shake(from, to, from.goal(&to)).responder;
    };
    CHECK(error(a, x) == errc::other_network);
    CHECK(error(a, p) == errc::other_network);
    CHECK(error(p, q) == errc::other_network);
    CHECK(error(a, open) == errc::mode_refused);
    CHECK(error(open, a) == errc::mode_refused);
    b.party.hello.version_min = 2;
    b.party.hello.version_max = 3;
    CHECK(error(a, b) == errc::unknown_version);
    CHECK(error(b, a) == errc::unknown_version);
    // A responder that speaks more goes along with what the initiator speaks.
    b.party.hello.version_min = 1;
    CHECK_FALSE(error(a, b));
    CHECK(shake(a, b, a.goal(nullptr)).accepted);
}

TEST_CASE("nobody on the way changes which codec two nodes settle on over datagrams", "[datagram_handshake][codec]") {
    constexpr auto other =
        static_cast<std::uint8_t>(wire::codec_id::json) ^ static_cast<std::uint8_t>(wire::codec_id::capnp);
    for (auto& which : all_settings()) {
        const bool plain = which.pattern == packet_pattern::plain;
        if (!plain && which.config.agreement != &noise::fast_dh()) continue;
        CAPTURE(which.name);
        which.config.codecs = wire::codecs_preferring(wire::json_codec());
        datagram_side a(1, which.config);
        datagram_side b(2, which.config);
        const auto good = shake(a, b, goal_for(which, a, b));
        REQUIRE((good.begun && good.accepted));
        REQUIRE(good.accepted->codec == wire::codec_id::json);
        std::size_t settled = 0;
        for (std::size_t n = 0; n < good.packets.size(); ++n) {
            for (std::size_t at = 0; at < good.packets[n].size(); ++at) {
                const auto done = shake(a, b, goal_for(which, a, b), [&](std::size_t m, bytes& packet) {
                    if (m == n) packet[at] ^= other;
                });
                if (!done.begun || !done.accepted) continue;
                ++settled;
                CHECK(done.begun->codec == wire::codec_id::json);
                CHECK(done.accepted->codec == wire::codec_id::json);
            }
        }
        // Nobody is asked for a cookie here, so what stands in its place means nothing.
        if (!plain) CHECK(settled == wire::cookie_bytes);
    }
}

TEST_CASE("different agreements and secrets never complete", "[datagram_handshake]") {
    datagram_side a(1);
    datagram_side fast(2, simulated_network());
    CHECK(shake(a, fast, a.goal(&fast)).responder == errc::decrypt_failed);
    CHECK(shake(a, fast, a.goal(nullptr)).initiator == errc::decrypt_failed);
    // The tag of the network is a hash that is shown around: it proves no knowledge of the secret.
    datagram_side b(3, private_network(7));
    datagram_side liar(4, private_network(8));
    liar.party.hello.network = b.party.hello.network;
    CHECK(shake(liar, b, liar.goal(&b)).responder == errc::decrypt_failed);
    CHECK(shake(liar, b, liar.goal(nullptr)).responder == errc::decrypt_failed);
}

TEST_CASE("an initiator insists on the identity that it was given", "[datagram_handshake]") {
    for (const auto& which : all_settings()) {
        CAPTURE(which.name);
        datagram_side a(1, which.config);
        datagram_side b(2, which.config);
        datagram_side c(3, which.config);
        auto goal = a.goal(nullptr);
        goal.pinned = c.party.self->id();
        CHECK(shake(a, b, goal).initiator == errc::identity_mismatch);
        const auto known = shake(a, b, a.goal(&c));
        CHECK_FALSE(known.begun);
        const bool plain = which.pattern == packet_pattern::plain;
        if (plain) CHECK(known.initiator == errc::identity_mismatch);
        if (!plain) CHECK(known.responder == errc::decrypt_failed);
    }
}

TEST_CASE("a payload that claims another's key is refused in datagrams too", "[datagram_handshake]") {
    datagram_side honest(1);
    datagram_side liar(2);
    datagram_side victim(3);
    const auto known = honest.goal(&liar);
    liar.party.self = victim.party.self;  // keeps its own static key
    CHECK(shake(liar, honest, liar.goal(&honest)).responder == errc::identity_mismatch);
    CHECK(shake(liar, honest, liar.goal(nullptr)).responder == errc::identity_mismatch);
    CHECK(shake(honest, liar, honest.goal(nullptr)).initiator == errc::identity_mismatch);
    CHECK(shake(honest, liar, known).initiator == errc::identity_mismatch);
}

TEST_CASE("a node notices that it sends datagrams to itself", "[datagram_handshake]") {
    for (const auto& which : all_settings()) {
        CAPTURE(which.name);
        datagram_side a(1, which.config);
        CHECK(shake(a, a, a.goal(&a)).initiator == errc::self_connection);
        const auto unknown = shake(a, a, a.goal(nullptr));
        CHECK((unknown.initiator == errc::self_connection || unknown.responder == errc::self_connection));
        CHECK_FALSE(unknown.accepted);
    }
}

TEST_CASE("a key that is no key is refused before anything is sent", "[datagram_handshake]") {
    datagram_side a(1);
    auto goal = a.goal(nullptr);
    goal.known = public_key();
    CHECK(datagram_initiator::begin(a.party, goal, some_time).error() == errc::bad_key);
}

TEST_CASE("early frames fit the first packet or are refused", "[datagram_handshake]") {
    for (const auto& which : all_settings()) {
        if (which.pattern == packet_pattern::xx) continue;
        CAPTURE(which.name);
        datagram_side a(1, which.config);
        datagram_side b(2, which.config);
        std::size_t fits = 0;
        while (datagram_initiator::begin(a.party, a.goal(&b), some_time, bytes(fits + 1))) ++fits;
        CHECK(fits > 700);
        CHECK(datagram_initiator::begin(a.party, a.goal(&b), some_time, bytes(fits + 1)).error() == errc::too_large);
        const auto full = datagram_initiator::begin(a.party, a.goal(&b), some_time, bytes(fits));
        CHECK(full->packet().size() == wire::initial_bytes_min);
        CHECK(accept_packet(b.party, full->packet())->early().size() == fits);
    }
}

TEST_CASE("a rekey names the session that it renews", "[datagram_handshake]") {
    datagram_side a(1);
    datagram_side b(2);
    auto goal = a.goal(&b, index_a);
    goal.renews = 77;
    auto initiator = datagram_initiator::begin(a.party, goal, some_time);
    auto taken = accept_packet(b.party, initiator->packet());
    CHECK(taken->renews() == 77);
    REQUIRE(initiator->take_answer(*taken->answer(index_b, {}, {}, wire::initial_bytes_min)));
    session_ciphers one(std::move(initiator->finish()->keys), steady_time());
    session_ciphers two(std::move(taken->finish().keys), steady_time());
    CHECK(carries(one, two));
    CHECK(carries(two, one));
}

TEST_CASE("a half-open handshake keeps the addresses that fit its record, preferred first", "[datagram_handshake]") {
    datagram_side a(1, simulated_network());
    datagram_side b(2, simulated_network());
    for (std::uint8_t i = 0; i < 8; ++i) a.party.addresses.push_back(address::ipv6(address_kind::udp, {i}, i));
    CHECK(shake(a, b, a.goal(&b)).accepted->peer.addresses == a.party.addresses);
    a.party.addresses[1] = address::memory(std::string(62, 'x')).value();
    auto expected = a.party.addresses;
    expected.resize(5);
    const auto kept = shake(a, b, a.goal(&b)).accepted->peer.addresses;
    CHECK(kept == expected);
}

TEST_CASE("calls out of turn are refused in datagram handshakes", "[datagram_handshake]") {
    datagram_side a(1, simulated_network());
    datagram_side b(2, simulated_network());
    auto initiator = datagram_initiator::begin(a.party, a.goal(&b), some_time);
    CHECK(initiator->finish().error() == errc::handshake_order);
    auto taken = accept_packet(b.party, initiator->packet());
    const auto answer = taken->answer(index_b, {}, {}, wire::initial_bytes_min).value();
    const auto kept = taken->half_open();
    CHECK(kept.take_final(b.party, answer).error() == errc::handshake_order);
    REQUIRE(initiator->take_answer(answer));
    CHECK(initiator->take_answer(answer).error() == errc::handshake_order);
    CHECK(initiator->finish());
    CHECK(initiator->finish().error() == errc::handshake_order);
}

}  // namespace mydht::test
