#include <algorithm>
#include <array>
#include <functional>

#include "session/datagram_payload.hpp"
#include "session/datagram_sides.hpp"

// What others may do to the packets of a datagram handshake.

namespace mydht::test {

using namespace detail;

namespace {

constexpr std::uint32_t index_a = 0xa1a2a3a4;
constexpr std::uint32_t index_b = 0xb1b2b3b4;
constexpr std::size_t budget = wire::initial_bytes_min;
constexpr std::size_t cookie_at = 16;

struct setting {
    std::string name;
    session_config config;
    bool known;
};

std::vector<setting> all_settings() {
    return {{"IK", simulated_network(), true},
            {"XX", simulated_network(), false},
            {"IK psk0", private_network(), true},
            {"XX psk0", private_network(), false},
            {"plain", plain_network(), true}};
}

/// A handshake of two sides that is the same each time, so that every try starts from fresh state.
struct scene {
    explicit scene(const setting& which)
        : a(1, which.config),
          b(2, which.config),
          initiator(datagram_initiator::begin(a.party, a.goal(which.known ? &b : nullptr, index_a), some_time).value()),
          initial(to_bytes(initiator.packet())) {}

    /// The responder's answer to a packet; none when it does not take it.
    std::optional<bytes> answer_to(bytes_view packet) {
        auto taken = accept_packet(b.party, packet);
        if (!taken) return std::nullopt;
        auto out = taken->answer(index_b, b.tokens.token_for(index_b), {}, packet.size());
        REQUIRE(out);
        kept = taken->half_open();
        return std::move(*out);
    }

    /// What the initiator sends when it has taken the answer.
    bytes third() {
        auto outcome = initiator.finish().value();
        if (!outcome.final_packet.empty()) return outcome.final_packet;
        session_ciphers keys(std::move(outcome.keys), steady_time());
        bytes out(wire::transport_header_bytes);
        REQUIRE(keys.seal(out));
        return out;
    }

    bool proven_by(bytes_view packet) {
        return kept.knows_peer() ? kept.proves(packet) : kept.take_final(b.party, packet).has_value();
    }

    datagram_side a;
    datagram_side b;
    datagram_initiator initiator;
    bytes initial;
    half_open_handshake kept;
};

/// Every byte with its lowest and its highest bit changed; X25519 ignores the highest bit of a key.
void each_flip(const bytes& packet, const std::function<void(std::size_t at, const bytes& changed)>& look) {
    auto changed = packet;
    for (std::size_t at = 0; at < packet.size(); ++at) {
        for (const unsigned flip : {0x01U, 0x80U}) {
            changed[at] = static_cast<std::uint8_t>(packet[at] ^ flip);
            look(at, changed);
        }
        changed[at] = packet[at];
    }
}

wire::initial_packet first_part(const datagram_side& from, wire::packet_pattern pattern) {
    wire::initial_packet out;
    out.version = 1;
    out.pattern = pattern;
    out.sender = index_a;
    out.network = from.party.hello.network;
    return out;
}

/// An initial packet of somebody who follows Noise and says what he likes.
bytes initial_with(const datagram_side& from, const datagram_side* to, bytes_view payload,
                   const noise::key_pair* ephemeral = nullptr) {
    auto initial = first_part(from, to != nullptr ? wire::packet_pattern::ik : wire::packet_pattern::xx);
    const auto prologue = prologue_for(from.party, initial);
    auto config =
        noise_config(from.party, to != nullptr ? from.party.ik : from.party.xx, noise::role::initiator, prologue);
    if (to != nullptr) config.remote_static = to->party.static_keys.public_part;
    config.ephemeral = ephemeral;
    const auto message = noise::handshake::create(config)->write(payload).value();
    initial.message = message;
    return wire::encode(initial).value();
}

bytes good_payload(const datagram_side& from, bytes_view frames = {}) {
    bytes out;
    append_stamp(out, some_time);
    REQUIRE(append(out, {own_payload(from.party, 1, wire::codec_id::none), 0, {}, frames}));
    return out;
}

}  // namespace

TEST_CASE("an initial packet with any byte changed comes to nothing", "[datagram_hostile]") {
    for (const auto& which : all_settings()) {
        CAPTURE(which.name);
        scene good(which);
        each_flip(good.initial, [&](std::size_t at, const bytes& changed) {
            if (at >= cookie_at && at < cookie_at + wire::cookie_bytes) return;  // belongs to nobody's proof
            const auto answer = good.answer_to(changed);
            if (!answer) return;
            // Only of IK the responder can tell; otherwise the initiator does.
            CAPTURE(at);
            CHECK(wire::decode_initial(changed)->pattern != wire::packet_pattern::ik);
            CHECK(scene(which).initiator.take_answer(*answer).error() == errc::decrypt_failed);
        });
        CHECK(good.answer_to(good.initial));
    }
}

TEST_CASE("an answer with any byte changed comes to nothing, and the good one is still taken", "[datagram_hostile]") {
    for (const auto& which : all_settings()) {
        CAPTURE(which.name);
        scene good(which);
        const auto answer = good.answer_to(good.initial).value();
        each_flip(answer, [&](std::size_t at, const bytes& changed) {
            CAPTURE(at);
            scene fresh(which);
            CHECK_FALSE(fresh.initiator.take_answer(changed));
            CHECK(fresh.initiator.finish().error() == errc::handshake_order);
            CHECK(fresh.initiator.take_answer(answer));
        });
        for (std::size_t size = 0; size < answer.size(); ++size) {
            CHECK_FALSE(good.initiator.take_answer(bytes_view(answer).first(size)));
        }
        CHECK(good.initiator.take_answer(answer));
    }
}

TEST_CASE("the packet that proves the initiator cannot be changed", "[datagram_hostile]") {
    for (const auto& which : all_settings()) {
        CAPTURE(which.name);
        scene good(which);
        REQUIRE(good.initiator.take_answer(good.answer_to(good.initial).value()));
        const auto third = good.third();
        const bool plain = which.config.mode == wire::link_mode::plain;
        each_flip(third, [&](std::size_t at, const bytes& changed) {
            if (plain && at >= 8 && at < wire::transport_header_bytes) return;  // a number that nothing protects
            CAPTURE(at);
            CHECK_FALSE(good.proven_by(changed));
        });
        for (std::size_t size = 0; size < third.size(); ++size) {
            CHECK_FALSE(good.proven_by(bytes_view(third).first(size)));
        }
        CHECK(good.proven_by(third));
    }
}

TEST_CASE("packets of another handshake of the same two are not taken", "[datagram_hostile]") {
    for (const auto& which : all_settings()) {
        CAPTURE(which.name);
        scene now(which);
        const auto goal = now.a.goal(which.known ? &now.b : nullptr, index_a);
        auto later = datagram_initiator::begin(now.a.party, goal, some_time).value();
        const auto old_answer = now.answer_to(now.initial).value();
        CHECK(later.take_answer(old_answer).error() == errc::decrypt_failed);
        REQUIRE(now.initiator.take_answer(old_answer));
        const auto old_third = now.third();
        REQUIRE(now.proven_by(old_third));
        REQUIRE(later.take_answer(now.answer_to(later.packet()).value()));
        CHECK_FALSE(now.proven_by(old_third));
    }
}

TEST_CASE("forged answers are tried so many times and no more", "[datagram_hostile]") {
    scene here({"IK", simulated_network(), true});
    const auto answer = here.answer_to(here.initial).value();
    auto forged = answer;
    forged.back() ^= 1U;
    for (int i = 0; i < 8; ++i) CHECK(here.initiator.take_answer(forged).error() == errc::decrypt_failed);
    CHECK(here.initiator.take_answer(answer).error() == errc::handshake_order);
    // What costs nothing does not count.
    scene other({"IK", simulated_network(), true});
    forged = answer;
    forged[4] ^= 1U;
    for (int i = 0; i < 100; ++i) CHECK(other.initiator.take_answer(forged).error() == errc::decrypt_failed);
    CHECK(other.initiator.take_answer(answer));
}

TEST_CASE("keys of low order are refused in every packet", "[datagram_hostile]") {
    datagram_side a(1);
    datagram_side b(2);
    // The points of order 1, 2, 4 and 8 in their short forms (RFC 7748, section 6.1, wants the zero that they lead to
    // refused).
    const std::array<std::string, 3> low{
        std::string(64, '0'),
        "01" + std::string(62, '0'),
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    };
    for (const auto& hex : low) {
        CAPTURE(hex);
        noise::key_pair bad = a.party.agreement->generate(a.random);
        bad.public_part = noise::public_key::from_hex(hex).value();
        for (const bool known : {true, false}) {
            auto packet = initial_with(a, nullptr, {}, &bad);
            if (known) {
                // With es in the message nobody can write it: a message of the right size with that key.
                auto initial = first_part(a, wire::packet_pattern::ik);
                bytes message(300);
                std::ranges::copy(bad.public_part.view(), message.begin());
                initial.message = message;
                packet = wire::encode(initial).value();
            }
            auto taken = accept_packet(b.party, packet);
            if (known) {
                CHECK(taken.error() == errc::bad_key);
            } else {
                REQUIRE(taken);
                CHECK(taken->answer(index_b, {}, {}, budget).error() == errc::bad_key);
                CHECK(taken->answer(index_b, {}, {}, budget).error() == errc::handshake_order);
            }
        }
        auto initiator = datagram_initiator::begin(a.party, a.goal(&b, index_a), some_time).value();
        auto taken = accept_packet(b.party, initiator.packet());
        auto answer = taken->answer(index_b, {}, {}, budget).value();
        std::ranges::copy(bad.public_part.view(), answer.begin() + wire::answer_header_bytes);
        CHECK(initiator.take_answer(answer).error() == errc::bad_key);
    }
}

TEST_CASE("a payload that was cut anywhere is refused", "[datagram_hostile]") {
    for (const auto& config : {simulated_network(), plain_network()}) {
        datagram_side a(1, config);
        datagram_side b(2, config);
        const auto payload = good_payload(a);
        const auto packet_of = [&](bytes_view said) {
            if (a.party.secured()) return initial_with(a, &b, said);
            auto initial = first_part(a, wire::packet_pattern::plain);
            bytes message(wire::ephemeral_bytes + said.size(), 9);
            std::ranges::copy(said, message.begin() + wire::ephemeral_bytes);
            initial.message = message;
            return wire::encode(initial).value();
        };
        for (std::size_t size = 0; size < payload.size(); ++size) {
            CAPTURE(size);
            CHECK(accept_packet(b.party, packet_of(bytes_view(payload).first(size))).error() == errc::truncated);
        }
        const auto whole = accept_packet(b.party, packet_of(payload));
        REQUIRE(whole);
        CHECK(whole->stamp() == some_time);
        CHECK(whole->early().empty());
    }
}

TEST_CASE("an initiator that says too much or nonsense is refused", "[datagram_hostile]") {
    datagram_side a(1, simulated_network());
    datagram_side b(2, simulated_network());
    CHECK(accept_packet(b.party, initial_with(a, nullptr, bytes{1})).error() == errc::protocol_violation);

    bytes newer;
    append_stamp(newer, some_time);
    auto who = own_payload(a.party, 1, wire::codec_id::none);
    who.version_max = 9;
    b.party.hello.version_max = 9;
    REQUIRE(append(newer, {who, 0, {}, {}}));
    // Both speak 9 and the packet says 1: somebody talked one of them down.
    CHECK(accept_packet(b.party, initial_with(a, &b, newer)).error() == errc::protocol_violation);
    b.party.hello.version_max = 1;
    CHECK(accept_packet(b.party, initial_with(a, &b, newer)));

    bytes foreign;
    append_stamp(foreign, some_time);
    who = own_payload(a.party, 1, wire::codec_id::none);
    who.codecs = {wire::codec_id{200}};
    REQUIRE(append(foreign, {who, 0, {}, {}}));
    CHECK(accept_packet(b.party, initial_with(a, &b, foreign)).error() == errc::not_supported);

    bytes far;
    append_stamp(far, some_time);
    std::fill_n(far.begin(), 8, std::uint8_t{0xff});
    REQUIRE(append(far, {own_payload(a.party, 1, wire::codec_id::none), 0, {}, {}}));
    CHECK(accept_packet(b.party, initial_with(a, &b, far))->stamp() > some_time);
}

TEST_CASE("a peer may not answer with an index that its packet does not name", "[datagram_hostile]") {
    datagram_side a(1, simulated_network());
    datagram_side b(2, simulated_network());
    auto initiator = datagram_initiator::begin(a.party, a.goal(&b, index_a), some_time).value();
    const auto initial = wire::decode_initial(initiator.packet()).value();
    const auto prologue = prologue_for(b.party, initial);
    auto noise = noise::handshake::create(noise_config(b.party, b.party.ik, noise::role::responder, prologue));
    REQUIRE(noise->read(initial.message));
    bytes payload;
    REQUIRE(append(payload, {own_payload(b.party, 1, wire::codec_id::capnp), index_b + 1, {}, {}}));
    const auto message = noise->write(payload).value();
    const auto answer =
        wire::encode(wire::answer_packet{1, index_a, index_b, message}, wire::packet_type::answer).value();
    CHECK(initiator.take_answer(answer).error() == errc::protocol_violation);
}

TEST_CASE("an initiator may not name another index in its payload than in its packets", "[datagram_hostile]") {
    datagram_side a(1, simulated_network());
    datagram_side b(2, simulated_network());
    for (const std::uint32_t named : {index_a, index_a + 1}) {
        auto initial = first_part(a, wire::packet_pattern::xx);
        const auto prologue = prologue_for(a.party, initial);
        auto noise = noise::handshake::create(noise_config(a.party, a.party.xx, noise::role::initiator, prologue));
        const auto first = noise->write({}).value();
        initial.message = first;
        auto taken = accept_packet(b.party, wire::encode(initial).value());
        const auto answer = taken->answer(index_b, {}, {}, budget).value();
        REQUIRE(noise->read(wire::decode_answer(answer)->message));
        bytes payload;
        REQUIRE(append(payload, {own_payload(a.party, 1, wire::codec_id::capnp), named, {}, {}}));
        const auto message = noise->write(payload).value();
        const wire::answer_packet last{1, index_b, index_a, message};
        const auto packet = wire::encode(last, wire::packet_type::final_answer).value();
        const auto done = taken->half_open().take_final(b.party, packet);
        if (named == index_a) CHECK(done);
        if (named != index_a) CHECK(done.error() == errc::protocol_violation);
    }
}

TEST_CASE("nothing that is sent to an unproven source is longer than what it sent", "[datagram_hostile]") {
    for (const auto& which : all_settings()) {
        CAPTURE(which.name);
        scene here(which);
        for (std::uint8_t i = 0; i < 8; ++i) {
            here.b.party.addresses.push_back(address::memory(std::string(62, 'x')).value());
        }
        auto taken = accept_packet(here.b.party, here.initial);
        for (const std::size_t wanted : {0UL, 100UL, 500UL, 1000UL, 5000UL}) {
            auto again = accept_packet(here.b.party, here.initial);
            const auto answer = again->answer(index_b, {}, bytes(wanted), here.initial.size());
            CHECK((answer ? answer->size() <= here.initial.size() : answer.error() == errc::too_large));
        }
        CHECK(taken->answer(index_b, {}, bytes(taken->answer_room(here.initial.size())), here.initial.size()));
    }
    CHECK(wire::encode(wire::cookie_packet{}).size() < wire::initial_bytes_min);
}

}  // namespace mydht::test
