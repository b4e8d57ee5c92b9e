#include <algorithm>
#include <cassert>
#include <utility>

#include <mydht/crypto/hash.hpp>
#include <mydht/crypto/ids.hpp>

#include "session/datagram_handshake.hpp"
#include "session/datagram_payload.hpp"

namespace mydht::detail {

namespace {

/// Cookies that are followed: a responder whose secret changes meanwhile sends a second one.
constexpr std::uint8_t cookies_max = 3;
/// Answers that are tried: each costs public-key work, and who sees the initial packet can forge any number.
constexpr std::uint8_t answers_max = 8;

wire::packet_pattern pattern_for(const local_party& party, const datagram_goal& goal) {
    if (!party.secured()) return wire::packet_pattern::plain;
    return goal.known ? wire::packet_pattern::ik : wire::packet_pattern::xx;
}

}  // namespace

datagram_initiator::datagram_initiator(const local_party& party, const datagram_goal& goal)
    : party_(&party), goal_(goal), pattern_(pattern_for(party, goal)), version_(party.hello.version_max) {
    if (goal_.known) goal_.pinned = node_id_of(*goal_.known);
}

result<datagram_initiator> datagram_initiator::begin(const local_party& party, const datagram_goal& goal, wall_time now,
                                                     bytes_view early) {
    datagram_initiator out(party, goal);
    assert(early.empty() || out.pattern_ != wire::packet_pattern::xx);
    if (out.goal_.pinned == party.self->id()) return failure(errc::self_connection);
    bytes payload;
    if (out.pattern_ != wire::packet_pattern::xx) {
        append_stamp(payload, now);
        const auto who = own_payload(party, out.version_, wire::codec_id::none);
        if (auto done = append(payload, {who, goal.renews, goal.token, early}); !done) return failure(done.error());
    }
    auto packet = out.make_initial(payload);
    if (!packet) return failure(packet.error());
    out.packet_ = std::move(*packet);
    return out;
}

result<bytes> datagram_initiator::make_initial(bytes_view payload) {
    wire::initial_packet initial;
    initial.version = version_;
    initial.pattern = pattern_;
    initial.sender = goal_.own_index;
    initial.network = party_->hello.network;
    bytes message;
    if (pattern_ == wire::packet_pattern::plain) {
        message.resize(wire::ephemeral_bytes);
        party_->random->fill(message);
        message.insert(message.end(), payload.begin(), payload.end());
    } else {
        if (goal_.known) {
            const auto key = party_->agreement->noise_key_of(*goal_.known);
            if (!key) return failure(key.error());
            known_ = *key;
        }
        auto noise = noise::handshake::create(noise_start(prologue_for(*party_, initial)));
        if (!noise) return failure(noise.error());
        auto written = noise->write(payload);
        if (!written) return failure(written.error());
        message = std::move(*written);
        saved_ = noise->save();
    }
    initial.message = message;
    return wire::encode(initial);
}

noise::handshake_config datagram_initiator::noise_start(bytes_view prologue) const {
    const auto& protocol = known_ ? party_->ik : party_->xx;
    auto out = noise_config(*party_, protocol, noise::role::initiator, prologue);
    out.remote_static = known_;
    return out;
}

bool datagram_initiator::take_cookie(bytes_view cookie_packet) {
    const auto cookie = wire::decode_cookie(cookie_packet);
    if (!cookie || cookie->receiver != goal_.own_index) return false;
    if (step_ != step::waiting || cookies_ == cookies_max) return false;
    ++cookies_;
    wire::put_cookie(packet_, cookie->cookie);
    return true;
}

result<void> datagram_initiator::take_answer(bytes_view answer_packet) {
    if (step_ != step::waiting || answers_ == answers_max) return failure(errc::handshake_order);
    const auto answer = wire::decode_answer(answer_packet);
    if (!answer) return failure(answer.error());
    if (answer->receiver != goal_.own_index || answer->version != version_) return failure(errc::decrypt_failed);
    ++answers_;
    const bool plain = pattern_ == wire::packet_pattern::plain;
    auto opened = plain ? read_plain(answer_packet, answer->message) : read_noise(answer->message);
    if (!opened) return failure(opened.error());

    const auto payload = read_datagram_payload(opened->payload);
    if (!payload) return failure(payload.error());
    const auto proven = opened->noise ? opened->noise->remote_static() : std::nullopt;
    auto peer = judge_payload(*party_, version_, proven, goal_.pinned, payload->who);
    if (!peer) return failure(peer.error());
    const auto codec = settle_codec(*party_, payload->who, pattern_ == wire::packet_pattern::xx);
    if (!codec) return failure(codec.error());
    if (payload->index != answer->sender) return failure(errc::protocol_violation);

    outcome_.peer = std::move(*peer);
    outcome_.codec = *codec;
    outcome_.keys.own_index = goal_.own_index;
    outcome_.keys.peer_index = answer->sender;
    outcome_.keys.peer_token = payload->token;
    outcome_.keys.link = opened->tags;
    outcome_.frames = to_bytes(payload->frames);
    noise_ = std::move(opened->noise);
    step_ = step::proven;
    return {};
}

result<datagram_initiator::opened_answer> datagram_initiator::read_noise(bytes_view message) const {
    opened_answer out;
    auto copy = noise::handshake::resume(noise_start({}), saved_);
    if (!copy) return failure(copy.error());
    auto payload = copy->read(message);
    if (!payload) return failure(payload.error());
    out.payload = std::move(*payload);
    out.noise.emplace(std::move(*copy));
    return out;
}

result<datagram_initiator::opened_answer> datagram_initiator::read_plain(bytes_view packet, bytes_view message) const {
    opened_answer out;
    const auto tag_bytes = out.tags.receive.size();
    if (message.size() < wire::ephemeral_bytes + tag_bytes) return failure(errc::truncated);
    const auto transcript = plain_transcript(wire::decode_initial(packet_).value());
    const auto agreed = agree_plain(transcript, packet.first(packet.size() - tag_bytes));
    if (!equal_in_constant_time(agreed.to_initiator, message.last(tag_bytes))) return failure(errc::decrypt_failed);
    out.tags = {agreed.to_responder, agreed.to_initiator};
    const auto payload = message.subspan(wire::ephemeral_bytes);
    out.payload = to_bytes(payload.first(payload.size() - tag_bytes));
    return out;
}

result<datagram_outcome> datagram_initiator::finish(bytes_view frames) {
    if (step_ != step::proven) return failure(errc::handshake_order);
    assert(frames.empty() || sends_final());
    if (sends_final()) {
        auto packet = make_final(frames);
        if (!packet) return failure(packet.error());
        outcome_.final_packet = std::move(*packet);
    }
    step_ = step::over;
    if (noise_) {
        auto ciphers = noise_->split();
        if (!ciphers) return failure(ciphers.error());
        outcome_.keys.link = std::move(*ciphers);
        noise_.reset();
    }
    return std::move(outcome_);
}

result<bytes> datagram_initiator::make_final(bytes_view frames) {
    bytes payload;
    const auto who = own_payload(*party_, version_, outcome_.codec);
    if (auto done = append(payload, {who, goal_.own_index, goal_.token, frames}); !done) return failure(done.error());
    const auto size = wire::answer_header_bytes + noise_->overhead() + payload.size();
    if (size > wire::initial_bytes_min) return failure(errc::too_large);
    const auto message = noise_->write(payload);
    if (!message) return failure(message.error());
    return wire::encode(wire::answer_packet{version_, outcome_.keys.peer_index, goal_.own_index, *message},
                        wire::packet_type::final_answer);
}

}  // namespace mydht::detail
