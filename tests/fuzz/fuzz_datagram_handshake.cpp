#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>

#include <mydht/crypto/random.hpp>

#include "session/cookie_jar.hpp"
#include "session/datagram_handshake.hpp"
#include "session/half_open_ring.hpp"
#include "session/reset_tokens.hpp"
#include "session/seen_ephemerals.hpp"

// Packets from anybody at a responder, and at a node that dials: all that happens before a session.

using namespace mydht;
using namespace mydht::detail;

namespace {

constexpr std::uint32_t own_index = 0x01010101;
constexpr steady_time now{std::chrono::seconds(1000)};
constexpr wall_time today{std::chrono::milliseconds(1'700'000'000'000)};

void check(bool holds) {
    if (!holds) std::abort();
}

session_config config_of(bool secured) {
    session_config out;
    // Everybody can compute these secrets: what is read behind them is reached.
    out.agreement = &noise::fast_dh();
    if (!secured) out.mode = wire::link_mode::plain;
    return out;
}

/// Numbers that a seed determines, so that an input does the same each time.
class numbers final : public random_source {
public:
    explicit numbers(std::uint64_t seed) : seed_(seed), random_(seed) {}
    void restart() { random_ = prng(seed_); }
    void fill(bytes_span out) override {
        for (auto& byte : out) byte = static_cast<std::uint8_t>(random_());
    }

private:
    std::uint64_t seed_;
    prng random_;
};

struct node {
    node(std::uint64_t seed, bool secured)
        : random(seed),
          party(std::make_shared<const identity>(identity::generate(random)), config_of(secured), random) {}

    numbers random;
    local_party party;
};

struct people {
    explicit people(bool secured) : responder(1, secured), dialler(2, secured) {}
    node responder;
    node dialler;
};

people& of(bool secured) {
    static people plain(false);
    static people proven(true);
    auto& out = secured ? proven : plain;
    out.responder.random.restart();
    out.dialler.random.restart();
    return out;
}

/// What a responder does with packets; nothing that comes makes it send more than came.
class responder {
public:
    explicit responder(node& who)
        : party_(who.party),
          tokens_(*who.party.self),
          ring_({}, who.random),
          jar_(who.random, now),
          seen_(who.random) {}

    std::optional<bytes> take(bytes_view packet, bool loaded) {
        using wire::packet_type;
        const auto type = wire::type_of(packet);
        if (type == packet_type::initial) return take_initial(packet, loaded);
        auto* record = ring_.find(wire::receiver_of(packet), now);
        if (record == nullptr) return no_session(packet);
        record->account.note_received(packet.size());
        if (type == packet_type::final_answer) {
            if (const auto done = record->handshake.take_final(party_, packet))
                check(done->keys.own_index == own_index);
        } else if (record->handshake.knows_peer() && record->handshake.proves(packet)) {
            check(record->handshake.finish().keys.own_index == own_index);
            ring_.remove(own_index);
        }
        return std::nullopt;
    }

private:
    std::optional<bytes> take_initial(bytes_view packet, bool loaded) {
        const auto initial = wire::decode_initial(packet);
        if (!initial || !judge_initial(party_, *initial)) return std::nullopt;
        if (loaded && !jar_.check(initial->cookie, from_, initial->ephemeral(), now)) {
            const auto cookie = jar_.make(from_, initial->ephemeral(), now);
            return sent(to_bytes(wire::encode(wire::cookie_packet{initial->sender, cookie})), packet);
        }
        if (!seen_.add(initial->ephemeral(), now)) return std::nullopt;
        auto taken = accepted_initial::accept(party_, *initial);
        if (!taken) return std::nullopt;
        ring_.remove(own_index);
        auto answer = taken->answer(own_index, tokens_.token_for(own_index), {}, packet.size());
        if (!answer) return std::nullopt;
        half_open_record record{taken->half_open(), from_, {}};
        record.account.note_received(packet.size());
        check(record.account.may_send(answer->size()));
        if (!ring_.add(std::move(record), now)) return std::nullopt;
        return sent(std::move(*answer), packet);
    }

    std::optional<bytes> no_session(bytes_view packet) const {
        if (wire::type_of(packet) != wire::packet_type::transport || !reset_tokens::may_answer(packet.size())) {
            return std::nullopt;
        }
        const auto index = wire::receiver_of(packet);
        return sent(to_bytes(wire::encode(wire::reset_packet{index, tokens_.token_for(index)})), packet);
    }

    static bytes sent(bytes what, bytes_view for_packet) {
        check(what.size() <= for_packet.size());
        return what;
    }

    const local_party& party_;
    reset_tokens tokens_;
    half_open_ring ring_;
    cookie_jar jar_;
    seen_ephemerals seen_;
    address from_ = address::ipv4(address_kind::udp, {1, 2, 3, 4}, 4000);
};

/// Lays the input over a good packet, so that what lies behind the checks of the form is reached.
bytes changed(bytes_view good, bytes_view input) {
    auto out = to_bytes(good);
    while (input.size() >= 3) {
        const auto at = static_cast<std::size_t>(input[0]) | static_cast<std::size_t>(input[1]) << 8U;
        if (at < out.size()) out[at] = static_cast<std::uint8_t>(out[at] ^ input[2]);
        input = input.subspan(3);
    }
    return out;
}

}  // namespace

/// The first byte says what the input is. Bit 0: the network is secured. Bit 1: the dialler knows the key. Bit 2: the
/// responder asks for cookies. Bits 3 and 4: the input is a packet as it is; or changes to the dialler's first packet,
/// to the answer, to the third packet.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const unsigned flags = data[0];
    const bytes_view input(data + 1, size - 1);
    auto& who = of((flags & 1U) != 0);
    const bool loaded = (flags & 4U) != 0;
    const unsigned target = (flags >> 3U) & 3U;

    responder at_work(who.responder);
    datagram_goal goal;
    goal.own_index = 0x02020202;
    if ((flags & 2U) != 0) goal.known = who.responder.party.self->key();
    auto initiator = datagram_initiator::begin(who.dialler.party, goal, today);
    check(initiator.has_value());
    if (target == 0) {
        (void)at_work.take(input, loaded);
        (void)initiator->take_cookie(input);
        check(!initiator->take_answer(input));
    }
    auto first = target == 1 ? changed(initiator->packet(), input) : to_bytes(initiator->packet());
    auto answer = at_work.take(first, loaded);
    if (answer && initiator->take_cookie(*answer)) answer = at_work.take(initiator->packet(), loaded);
    if (!answer) return 0;
    if (target == 2) (void)initiator->take_answer(changed(*answer, input));
    if (!initiator->take_answer(*answer)) return 0;
    auto outcome = initiator->finish();
    check(outcome && outcome->peer.peer == who.responder.party.self->key());
    auto third = outcome->final_packet;
    if (third.empty()) {
        third.resize(wire::transport_header_bytes);
        check(session_ciphers(std::move(outcome->keys), now).seal(third).has_value());
    }
    if (target == 3) (void)at_work.take(changed(third, input), loaded);
    (void)at_work.take(third, loaded);
    return 0;
}
