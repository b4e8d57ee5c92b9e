#include <algorithm>
#include <cassert>
#include <utility>

#include <mydht/crypto/ids.hpp>

#include "session/datagram_handshake.hpp"
#include "session/datagram_payload.hpp"

namespace mydht::detail {

result<void> judge_initial(const local_party& party, const wire::initial_packet& initial) {
    if (initial.network != party.hello.network) return failure(errc::other_network);
    if (initial.version < party.hello.version_min || initial.version > party.hello.version_max) {
        return failure(errc::unknown_version);
    }
    if ((initial.pattern == wire::packet_pattern::plain) == party.secured()) return failure(errc::mode_refused);
    return {};
}

// --- the first packet ------------------------------------------------------------------------------------------------

accepted_initial::accepted_initial(const local_party& party, const wire::initial_packet& initial)
    : party_(&party), pattern_(initial.pattern), version_(initial.version) {
    outcome_.keys.peer_index = initial.sender;
}

result<accepted_initial> accepted_initial::accept(const local_party& party, const wire::initial_packet& initial) {
    assert(judge_initial(party, initial));
    accepted_initial out(party, initial);
    const auto payload = out.read_message(initial);
    if (!payload) return failure(payload.error());
    if (!out.knows_peer()) {
        if (!payload->empty()) return failure(errc::protocol_violation);
        return out;
    }
    if (auto taken = out.take_payload(*payload); !taken) return failure(taken.error());
    return out;
}

result<bytes> accepted_initial::read_message(const wire::initial_packet& initial) {
    if (pattern_ == wire::packet_pattern::plain) {
        transcript_ = plain_transcript(initial);
        return to_bytes(initial.message.subspan(wire::ephemeral_bytes));
    }
    const auto& protocol = knows_peer() ? party_->ik : party_->xx;
    const auto prologue = prologue_for(*party_, initial);
    auto noise = noise::handshake::create(noise_config(*party_, protocol, noise::role::responder, prologue));
    if (!noise) return failure(noise.error());
    noise_.emplace(std::move(*noise));
    return noise_->read(initial.message);
}

result<void> accepted_initial::take_payload(bytes_view data) {
    const auto stamp = take_stamp(data);
    if (!stamp) return failure(stamp.error());
    const auto payload = read_datagram_payload(data);
    if (!payload) return failure(payload.error());
    const auto proven = noise_ ? noise_->remote_static() : std::nullopt;
    auto peer = judge_payload(*party_, version_, proven, std::nullopt, payload->who);
    if (!peer) return failure(peer.error());
    const auto codec = settle_codec(*party_, payload->who, true);
    if (!codec) return failure(codec.error());
    stamp_ = *stamp;
    renews_ = payload->index;
    early_ = to_bytes(payload->frames);
    outcome_.peer = std::move(*peer);
    outcome_.codec = *codec;
    outcome_.keys.peer_token = payload->token;
    return {};
}

// --- the answer ------------------------------------------------------------------------------------------------------

std::size_t accepted_initial::overhead() const {
    const auto inside = noise_ ? noise_->overhead() : wire::ephemeral_bytes + std::tuple_size_v<plain_tag>;
    return wire::answer_header_bytes + inside;
}

std::size_t accepted_initial::answer_room(std::size_t budget) const {
    bytes payload;
    const auto who = own_payload(*party_, version_, outcome_.codec);
    if (!append(payload, {who, 0, {}, {}})) return 0;
    const auto used = overhead() + payload.size();
    return budget - std::min(budget, used);
}

result<bytes> accepted_initial::answer(std::uint32_t own_index, const wire::reset_token& token, bytes_view frames,
                                       std::size_t budget) {
    if (answered_) return failure(errc::handshake_order);
    bytes payload;
    const auto who = own_payload(*party_, version_, outcome_.codec);
    if (auto done = append(payload, {who, own_index, token, frames}); !done) return failure(done.error());
    if (overhead() + payload.size() > budget) return failure(errc::too_large);
    answered_ = true;
    outcome_.keys.own_index = own_index;
    wire::answer_packet packet{version_, outcome_.keys.peer_index, own_index, {}};
    if (!noise_) return plain_answer(packet, payload);
    const auto message = noise_->write(payload);
    if (!message) return failure(message.error());
    if (knows_peer()) {
        auto ciphers = noise_->split();
        if (!ciphers) return failure(ciphers.error());
        outcome_.keys.link = std::move(*ciphers);
    }
    packet.message = *message;
    return wire::encode(packet, wire::packet_type::answer);
}

result<bytes> accepted_initial::plain_answer(wire::answer_packet packet, bytes_view payload) {
    constexpr auto tag_bytes = std::tuple_size_v<plain_tag>;
    bytes message(wire::ephemeral_bytes);
    party_->random->fill(message);
    message.insert(message.end(), payload.begin(), payload.end());
    message.resize(message.size() + tag_bytes);
    packet.message = message;
    auto out = wire::encode(packet, wire::packet_type::answer);
    if (!out) return out;
    const auto agreed = agree_plain(transcript_, bytes_view(*out).first(out->size() - tag_bytes));
    std::ranges::copy(agreed.to_initiator, bytes_span(*out).last(tag_bytes).begin());
    outcome_.keys.link = plain_tags{agreed.to_initiator, agreed.to_responder};
    return out;
}

datagram_outcome accepted_initial::finish() {
    assert(answered_ && knows_peer());
    return std::move(outcome_);
}

half_open_handshake accepted_initial::half_open() {
    assert(answered_);
    half_open_handshake out;
    out.version_ = version_;
    out.own_index_ = outcome_.keys.own_index;
    out.peer_index_ = outcome_.keys.peer_index;
    if (knows_peer()) {
        out.state_.emplace<half_open_peer>(std::move(outcome_));
    } else {
        out.state_ = noise_->save();
    }
    return out;
}

// --- until the next packet -------------------------------------------------------------------------------------------

half_open_peer::half_open_peer(datagram_outcome from)
    : key(from.peer.peer),
      capabilities(from.peer.capabilities),
      codec(from.codec),
      token(from.keys.peer_token),
      link(std::move(from.keys.link)) {
    for (const auto& each : from.peer.addresses) {
        const auto data = each.data();
        if (used + 2 + data.size() > addresses.size()) continue;
        addresses[used++] = static_cast<std::uint8_t>(each.kind());
        addresses[used++] = static_cast<std::uint8_t>(data.size());
        std::ranges::copy(data, addresses.begin() + used);
        used = static_cast<std::uint8_t>(used + data.size());
    }
}

std::vector<address> half_open_peer::unpacked() const {
    std::vector<address> out;
    for (auto rest = bytes_view(addresses).first(used); !rest.empty(); rest = rest.subspan(2 + rest[1])) {
        out.push_back(address::from_bytes(static_cast<address_kind>(rest[0]), rest.subspan(2, rest[1])).value());
    }
    return out;
}

bool half_open_handshake::proves(bytes_view transport_packet) const {
    const auto header = wire::decode_transport(transport_packet);
    if (!header || header->receiver != own_index_ || !knows_peer()) return false;
    // Into memory of its own: the session opens the packet once more.
    bytes copy = to_bytes(header->sealed);
    return open_frames(std::get<half_open_peer>(state_).link, header->counter, copy).has_value();
}

datagram_outcome half_open_handshake::finish() {
    auto& known = std::get<half_open_peer>(state_);
    datagram_outcome out;
    out.peer = contact_of(known.key, known.capabilities, known.unpacked());
    out.codec = known.codec;
    out.keys = {own_index_, peer_index_, known.token, std::move(known.link)};
    return out;
}

result<datagram_outcome> half_open_handshake::take_final(const local_party& party, bytes_view final_packet) const {
    if (knows_peer()) return failure(errc::handshake_order);
    const auto packet = wire::decode_final_answer(final_packet);
    if (!packet) return failure(packet.error());
    const bool ours = packet->receiver == own_index_ && packet->sender == peer_index_ && packet->version == version_;
    if (!ours) return failure(errc::decrypt_failed);
    const auto& saved = std::get<noise::saved_handshake>(state_);
    auto noise = noise::handshake::resume(noise_config(party, party.xx, noise::role::responder, {}), saved);
    if (!noise) return failure(noise.error());
    const auto opened = noise->read(packet->message);
    if (!opened) return failure(opened.error());

    const auto payload = read_datagram_payload(*opened);
    if (!payload) return failure(payload.error());
    auto peer = judge_payload(party, version_, noise->remote_static(), std::nullopt, payload->who);
    if (!peer) return failure(peer.error());
    const auto codec = settle_codec(party, payload->who, false);
    if (!codec) return failure(codec.error());
    if (payload->index != peer_index_) return failure(errc::protocol_violation);
    auto ciphers = noise->split();
    if (!ciphers) return failure(ciphers.error());
    datagram_outcome out;
    out.peer = std::move(*peer);
    out.codec = *codec;
    out.keys = {own_index_, peer_index_, payload->token, std::move(*ciphers)};
    out.frames = to_bytes(payload->frames);
    return out;
}

}  // namespace mydht::detail
