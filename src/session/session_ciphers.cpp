#include "session/session_ciphers.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include <mydht/crypto/hash.hpp>

namespace mydht::detail {

namespace {

constexpr std::size_t header_bytes = wire::transport_header_bytes;
/// What stamps are told in.
constexpr auto stamp_step = std::chrono::milliseconds(1);

std::size_t tag_bytes_of(const datagram_link& link) noexcept {
    return std::holds_alternative<plain_tags>(link) ? std::tuple_size_v<plain_tag> : noise::tag_bytes;
}

result<void> seal_frames(const datagram_link& link, std::uint64_t counter, bytes_span frames_and_tag) {
    const auto plain = frames_and_tag.first(frames_and_tag.size() - tag_bytes_of(link));
    if (const auto* tags = std::get_if<plain_tags>(&link)) {
        std::ranges::copy(tags->send, frames_and_tag.subspan(plain.size()).begin());
        return {};
    }
    return std::get<noise::cipher_pair>(link).send.seal_at(counter, {}, plain, frames_and_tag);
}

}  // namespace

result<bytes_span> open_frames(const datagram_link& link, std::uint64_t counter, bytes_span sealed) {
    const auto tag_bytes = tag_bytes_of(link);
    if (sealed.size() < tag_bytes) return failure(errc::truncated);
    const auto plain = sealed.first(sealed.size() - tag_bytes);
    if (const auto* tags = std::get_if<plain_tags>(&link)) {
        if (!equal_in_constant_time(sealed.subspan(plain.size()), tags->receive)) return failure(errc::decrypt_failed);
        return plain;
    }
    const auto& receive = std::get<noise::cipher_pair>(link).receive;
    if (auto opened = receive.open_at(counter, {}, sealed, plain); !opened) return failure(opened.error());
    return plain;
}

session_ciphers::session_ciphers(datagram_keys first, steady_time now, const rekey_limits& limits)
    : limits_(limits), current_{std::move(first), now, 0}, indices_{current_.keys.own_index} {}

std::size_t session_ciphers::overhead() const noexcept { return header_bytes + tag_bytes_of(current_.keys.link); }

result<std::uint64_t> session_ciphers::seal(bytes& buffer, std::size_t place) {
    assert(buffer.size() >= place + header_bytes);
    if (counter_ >= counter_end) return failure(errc::nonce_exhausted);
    const auto size = buffer.size();
    buffer.resize(size + tag_bytes_of(current_.keys.link));
    const auto packet = bytes_span(buffer).subspan(place);
    wire::write_transport_header(packet.first(header_bytes), current_.keys.peer_index, counter_);
    if (auto sealed = seal_frames(current_.keys.link, counter_, packet.subspan(header_bytes)); !sealed) {
        buffer.resize(size);
        return failure(sealed.error());
    }
    return counter_++;
}

result<bytes_span> session_ciphers::open(bytes_span packet, steady_time now) {
    const auto header = wire::decode_transport(packet);
    if (!header) return failure(header.error());
    const auto* with = find(header->receiver);
    if (with == nullptr || header->counter >= counter_end) return failure(errc::decrypt_failed);
    auto plain = open_frames(with->keys.link, header->counter, packet.subspan(header_bytes));
    if (!plain) return plain;
    if (with == &current_) confirmed_ = true;
    if (with == next_.get()) use_expected(now);
    return plain;
}

bool session_ciphers::wants_rekey(steady_time now) const noexcept {
    if (std::holds_alternative<plain_tags>(current_.keys.link)) return false;
    return now - current_.made_at >= limits_.age || counter_ - current_.first >= limits_.packets;
}

void session_ciphers::install(datagram_keys fresh, steady_time now) {
    next_.reset();
    indices_.push_back(fresh.own_index);
    replace_current({std::move(fresh), now, 0}, false, now);
}

wall_time session_ciphers::stamp_rekey(wall_time now) noexcept {
    own_stamp_ = now > own_stamp_ ? now : own_stamp_ + stamp_step;
    return own_stamp_;
}

bool session_ciphers::note_rekey(std::uint32_t named, wall_time stamp, steady_time now) {
    if (std::holds_alternative<plain_tags>(current_.keys.link)) return false;
    const bool expected = next_ && next_->keys.own_index == named;
    if (stamp <= newest_stamp_ || (!expected && named != current_.keys.own_index)) return false;
    newest_stamp_ = stamp;
    // Only who has the answer that made them knows this index.
    if (expected) use_expected(now);
    return true;
}

void session_ciphers::expect(datagram_keys fresh, steady_time now) {
    indices_.push_back(fresh.own_index);
    next_ = std::make_unique<slot>(slot{std::move(fresh), now, 0});
}

void session_ciphers::use_expected(steady_time now) {
    const auto fresh = std::exchange(next_, nullptr);
    replace_current(std::move(*fresh), true, now);
}

void session_ciphers::replace_current(slot fresh, bool confirmed, steady_time now) {
    fresh.first = counter_;
    previous_ = std::make_unique<slot>(std::exchange(current_, std::move(fresh)));
    replaced_at_ = now;
    confirmed_ = confirmed;
}

void session_ciphers::forget_old(steady_time now) noexcept {
    if (confirmed_ && now - replaced_at_ >= old_keys_kept) previous_.reset();
}

std::vector<std::uint32_t> session_ciphers::take_retired() {
    const auto first =
        std::partition(indices_.begin(), indices_.end(), [this](auto index) { return find(index) != nullptr; });
    std::vector<std::uint32_t> out(first, indices_.end());
    indices_.erase(first, indices_.end());
    return out;
}

const session_ciphers::slot* session_ciphers::find(std::uint32_t own_index) const noexcept {
    if (current_.keys.own_index == own_index) return &current_;
    for (const auto* each : {&previous_, &next_}) {
        if (*each && (*each)->keys.own_index == own_index) return each->get();
    }
    return nullptr;
}

bool session_ciphers::is_reset(const wire::reset_packet& what) const noexcept {
    return what.index == current_.keys.peer_index && equal_in_constant_time(what.token, current_.keys.peer_token);
}

}  // namespace mydht::detail
