#include "session/stream_handshake.hpp"

#include <algorithm>
#include <utility>

namespace mydht::detail {

namespace {

/// The largest handshake record: the payload, two keys and two tags.
constexpr std::size_t record_max = wire::handshake_payload_bytes + 2 * (32 + noise::tag_bytes);

}  // namespace

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
    const auto own = encoded_payload();
    if (!own) return failure(own.error());
    step_ = step::third;
    return write_record(*own, out);
}

result<void> stream_handshake::take_payload(bytes_view record) {
    const auto payload = read_record(record);
    if (!payload) return failure(payload.error());
    const auto theirs = wire::decode_handshake_payload(*payload);
    if (!theirs) return failure(theirs.error());
    const auto proven = noise_ ? noise_->remote_static() : std::nullopt;
    auto peer = judge_payload(*party_, version_, proven, pinned_, *theirs);
    if (!peer) return failure(peer.error());
    const auto codec = settle_codec(*party_, *theirs, dials_);
    if (!codec) return failure(codec.error());
    outcome_.peer = std::move(*peer);
    outcome_.codec = *codec;
    step_ = step::proven;
    return {};
}

result<handshake_outcome> stream_handshake::finish(bytes& out) {
    if (step_ != step::proven) return failure(errc::handshake_order);
    step_ = step::over;
    if (dials_) {
        const auto own = encoded_payload();
        if (!own) return failure(own.error());
        if (auto written = write_record(*own, out); !written) return failure(written.error());
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
    if (!party_->secured()) return {};
    const auto side = dials_ ? noise::role::initiator : noise::role::responder;
    const auto config = noise_config(*party_, party_->xx, side, party_->prologue);
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

result<bytes> stream_handshake::encoded_payload() const {
    bytes out;
    if (auto done = wire::encode(own_payload(*party_, version_, outcome_.codec), out); !done) {
        return failure(done.error());
    }
    return out;
}

}  // namespace mydht::detail
