#include "session/stream_handshake.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <mydht/crypto/ids.hpp>

namespace mydht::detail {

namespace {

constexpr std::string_view prologue_name("mydht/1\0", 8);
constexpr std::string_view open_protocol = "Noise_XX_25519_ChaChaPoly_BLAKE2b";
constexpr std::string_view private_protocol = "Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b";

/// The largest handshake record: the payload, two keys and two tags.
constexpr std::size_t record_max = wire::handshake_payload_bytes + 2 * (32 + noise::tag_bytes);

bytes_view view_of(const std::optional<bytes>& psk) { return psk ? bytes_view(*psk) : bytes_view(); }

wire::preamble make_hello(const session_config& config) {
    wire::preamble out;
    out.mode = config.mode;
    out.network = network_tag_of(config.network, view_of(config.psk)).data();
    return out;
}

bytes make_prologue(const session_config& config) {
    auto out = to_bytes(prologue_name);
    const auto name = as_bytes(config.network);
    out.insert(out.end(), name.begin(), name.end());
    return out;
}

}  // namespace

local_party::local_party(std::shared_ptr<const identity> self_, const session_config& config, random_source& random_)
    : self(std::move(self_)),
      static_keys(config.agreement->static_key_of(*self)),
      protocol(noise::protocol::parse(config.psk ? private_protocol : open_protocol).value()),
      agreement(config.agreement),
      random(&random_),
      hello(make_hello(config)),
      prologue(make_prologue(config)),
      codecs(config.codecs) {
    if (config.psk) psks.emplace_back(bytes_view(*config.psk));
}

stream_handshake::stream_handshake(const local_party& party, bool dials)
    : party_(&party), dials_(dials), step_(dials ? step::answer : step::preamble) {}

stream_handshake stream_handshake::dialler(const local_party& party, std::optional<node_id> pinned) {
    stream_handshake out(party, true);
    out.pinned_ = pinned;
    return out;
}

stream_handshake stream_handshake::listener(const local_party& party, bool busy) {
    stream_handshake out(party, false);
    out.busy_ = busy;
    return out;
}

void stream_handshake::start(bytes& out) const {
    if (!dials_) return;
    const auto hello = wire::encode(party_->hello);
    out.insert(out.end(), hello.begin(), hello.end());
}

result<bool> stream_handshake::advance(bytes_view& input, bytes& out) {
    while (step_ < step::proven) {
        const auto before = step_;
        if (auto taken = take(input, out); !taken) {
            step_ = step::over;
            noise_.reset();
            return failure(taken.error());
        }
        if (step_ == before) return false;
    }
    if (step_ == step::over) return failure(errc::handshake_order);
    return true;
}

result<std::size_t> stream_handshake::wanted() const {
    if (step_ == step::preamble) return wire::preamble::size;
    if (step_ == step::answer) return std::size_t{1};
    if (held_.size() < wire::record_header_bytes) return wire::record_header_bytes;
    const auto size = (static_cast<std::size_t>(held_[0]) << 8U) | held_[1];
    if (size > record_max) return failure(errc::too_large);
    return wire::record_header_bytes + size;
}

result<void> stream_handshake::take(bytes_view& input, bytes& out) {
    for (;;) {
        const auto need = wanted();
        if (!need) return failure(need.error());
        if (held_.size() == *need) break;
        if (input.empty()) return {};
        const auto part = input.first(std::min(*need - held_.size(), input.size()));
        held_.insert(held_.end(), part.begin(), part.end());
        input = input.subspan(part.size());
        // A stranger is turned away at its first wrong byte.
        if (step_ == step::preamble && held_.size() < *need) {
            if (wire::decode_preamble(held_).error() == errc::not_mydht) return failure(errc::not_mydht);
        }
    }
    const auto whole = std::exchange(held_, bytes());
    if (step_ == step::preamble) return take_preamble(whole, out);
    if (step_ == step::answer) return take_answer(whole.front(), out);
    const auto record = bytes_view(whole).subspan(wire::record_header_bytes);
    if (step_ == step::first) return take_first(record, out);
    return take_payload(record);
}

result<void> stream_handshake::take_preamble(bytes_view whole, bytes& out) {
    const auto theirs = wire::decode_preamble(whole);
    if (!theirs) return failure(theirs.error());
    auto answer = wire::answer_to(*theirs, party_->hello);
    auto version = wire::read_answer(static_cast<std::uint8_t>(answer), party_->hello);
    if (version && busy_) {
        answer = wire::preamble_answer::busy;
        version = failure(errc::too_many_sessions);
    }
    out.push_back(static_cast<std::uint8_t>(answer));
    if (!version) return failure(version.error());
    version_ = *version;
    step_ = step::first;
    return begin_noise();
}

result<void> stream_handshake::take_answer(std::uint8_t answer, bytes& out) {
    const auto version = wire::read_answer(answer, party_->hello);
    if (!version) return failure(version.error());
    version_ = *version;
    if (auto begun = begin_noise(); !begun) return begun;
    step_ = step::second;
    return write_record({}, out);
}

result<void> stream_handshake::take_first(bytes_view record, bytes& out) {
    const auto payload = read_record(record);
    if (!payload) return failure(payload.error());
    if (!payload->empty()) return failure(errc::protocol_violation);
    bytes own;
    if (auto encoded = wire::encode(own_payload(), own); !encoded) return encoded;
    step_ = step::third;
    return write_record(own, out);
}

result<void> stream_handshake::take_payload(bytes_view record) {
    const auto payload = read_record(record);
    if (!payload) return failure(payload.error());
    auto theirs = wire::decode_handshake_payload(*payload);
    if (!theirs) return failure(theirs.error());
    if (auto bound = check_binding(*theirs); !bound) return bound;

    const auto id = node_id_of(theirs->peer);
    if (theirs->peer == party_->self->key()) return failure(errc::self_connection);
    if (pinned_ && *pinned_ != id) return failure(errc::identity_mismatch);
    if (wire::downgraded(own_payload(), *theirs)) return failure(errc::protocol_violation);
    if (auto settled = settle_codec(*theirs); !settled) return settled;
    outcome_.peer = contact_of(theirs->peer, theirs->capabilities, std::move(theirs->addresses));
    step_ = step::proven;
    return {};
}

result<void> stream_handshake::check_binding(const wire::handshake_payload& theirs) const {
    // A plain link proves nothing, so the claim stands as it is.
    if (!noise_) return {};
    const auto expected = party_->agreement->noise_key_of(theirs.peer);
    if (!expected) return failure(expected.error());
    if (noise_->remote_static() != *expected) return failure(errc::identity_mismatch);
    return {};
}

result<void> stream_handshake::settle_codec(const wire::handshake_payload& theirs) {
    if (dials_) {
        outcome_.codec = wire::choose_codec(theirs.codecs, party_->codecs);
        if (outcome_.codec == wire::codec_id::none) return failure(errc::not_supported);
        return {};
    }
    outcome_.codec = wire::choose_codec(party_->codecs, theirs.codecs);
    if (outcome_.codec == wire::codec_id::none || outcome_.codec != theirs.chosen)
        return failure(errc::protocol_violation);
    return {};
}

result<handshake_outcome> stream_handshake::finish(bytes& out) {
    if (step_ != step::proven) return failure(errc::handshake_order);
    step_ = step::over;
    if (dials_) {
        bytes own;
        if (auto encoded = wire::encode(own_payload(), own); !encoded) return failure(encoded.error());
        if (auto written = write_record(own, out); !written) return failure(written.error());
    }
    if (noise_) {
        auto ciphers = noise_->split();
        if (!ciphers) return failure(ciphers.error());
        outcome_.ciphers = std::move(*ciphers);
        noise_.reset();
    }
    return std::move(outcome_);
}

result<void> stream_handshake::begin_noise() {
    if (!secured()) return {};
    noise::handshake_config config(party_->protocol, dials_ ? noise::role::initiator : noise::role::responder);
    config.prologue = party_->prologue;
    config.static_keys = &party_->static_keys;
    config.psks = party_->psks;
    config.random = party_->random;
    config.agreement = party_->agreement;
    auto begun = noise::handshake::create(config);
    if (!begun) return failure(begun.error());
    noise_.emplace(std::move(*begun));
    return {};
}

result<void> stream_handshake::write_record(bytes_view payload, bytes& out) {
    if (!noise_) {
        wire::append_record(out, payload);
        return {};
    }
    const auto message = noise_->write(payload);
    if (!message) return failure(message.error());
    wire::append_record(out, *message);
    return {};
}

result<bytes> stream_handshake::read_record(bytes_view record) {
    if (!noise_) return to_bytes(record);
    return noise_->read(record);
}

wire::handshake_payload stream_handshake::own_payload() const {
    wire::handshake_payload out;
    out.version = version_;
    out.version_max = party_->hello.version_max;
    out.peer = party_->self->key();
    out.capabilities = party_->capabilities;
    out.codecs = party_->codecs;
    out.chosen = outcome_.codec;
    out.addresses = party_->addresses;
    return out;
}

}  // namespace mydht::detail
