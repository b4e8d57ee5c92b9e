#include <mydht/wire/frame.hpp>

#include <algorithm>
#include <cassert>

#include "wire/little_endian.hpp"

namespace mydht::wire {

namespace {

constexpr std::size_t length_max = 0xffffff;
/// What a decoder keeps for the next frame; more is given back at once.
constexpr std::size_t kept_bytes = 64 * 1024;

constexpr std::size_t window_bytes = 8;
constexpr std::size_t total_bytes = 8;
constexpr std::size_t id_bytes = 8;
/// The code and the total.
constexpr std::size_t reset_bytes = 12;
constexpr std::size_t close_bytes_min = 2;
/// Newer builds may put more behind the reason.
constexpr std::size_t close_bytes_max = 256;
/// The window and at least one byte of name.
constexpr std::size_t open_bytes_min = window_bytes + 1;
/// Kinds that only datagrams hold; the largest there is.
constexpr std::size_t datagram_bytes_max = 65535;
constexpr std::size_t part_head_bytes = 12;

void write_header(std::uint8_t* out, frame_kind kind, std::uint32_t channel, std::size_t length) noexcept {
    out[0] = static_cast<std::uint8_t>(kind);
    store_little_endian(out + 1, 4, channel);
    store_little_endian(out + 5, 3, length);
}

bool for_control_channel(frame_kind kind) noexcept {
    switch (kind) {
        case frame_kind::message:
        case frame_kind::ping:
        case frame_kind::pong:
        case frame_kind::close:
        case frame_kind::session_window:
        case frame_kind::ack:
        case frame_kind::message_part:
        case frame_kind::working: return true;
        default: return false;
    }
}

bool ignorable(frame_kind kind) noexcept { return static_cast<std::uint8_t>(kind) >= ignorable_from; }

result<void> exactly(std::size_t length, std::size_t wanted) {
    if (length != wanted) return failure(errc::protocol_violation);
    return {};
}

result<void> between(std::size_t length, std::size_t min, std::size_t max) {
    if (length > max) return failure(errc::too_large);
    if (length < min) return failure(errc::protocol_violation);
    return {};
}

result<void> judge_length(frame_kind kind, std::size_t length, const frame_limits& limits) {
    switch (kind) {
        case frame_kind::message: return between(length, 1, limits.message);
        case frame_kind::stream_open: return between(length, open_bytes_min, limits.stream_open);
        case frame_kind::stream_data: return between(length, 0, limits.stream_data);
        case frame_kind::stream_window: return exactly(length, window_bytes);
        case frame_kind::stream_reset: return exactly(length, reset_bytes);
        case frame_kind::stream_end: return exactly(length, total_bytes);
        case frame_kind::ping:
        case frame_kind::pong: return exactly(length, ping_bytes);
        case frame_kind::close: return between(length, close_bytes_min, close_bytes_max);
        case frame_kind::session_window: return exactly(length, window_bytes);
        case frame_kind::working: return exactly(length, id_bytes);
        case frame_kind::ack: return between(length, 1, datagram_bytes_max);
        case frame_kind::message_part: return between(length, part_head_bytes + 1, datagram_bytes_max);
    }
    if (ignorable(kind)) return between(length, 0, limits.ignored);
    return failure(errc::protocol_violation);
}

}  // namespace

void append_frame(bytes& out, frame_kind kind, std::uint32_t channel, bytes_view payload) {
    assert(payload.size() <= length_max);
    const auto place = begin_frame(out, kind, channel);
    out.insert(out.end(), payload.begin(), payload.end());
    write_header(out.data() + place, kind, channel, payload.size());
}

std::size_t begin_frame(bytes& out, frame_kind kind, std::uint32_t channel) {
    const auto place = out.size();
    out.resize(place + frame_header_bytes);
    write_header(out.data() + place, kind, channel, 0);
    return place;
}

result<void> end_frame(bytes& out, std::size_t place) {
    assert(out.size() >= place + frame_header_bytes);
    const auto length = out.size() - place - frame_header_bytes;
    if (length > length_max) return failure(errc::too_large);
    store_little_endian(out.data() + place + 5, 3, length);
    return {};
}

void append_ping(bytes& out, frame_kind ping_or_pong, const std::array<std::uint8_t, ping_bytes>& data) {
    assert(ping_or_pong == frame_kind::ping || ping_or_pong == frame_kind::pong);
    append_frame(out, ping_or_pong, control_channel, data);
}

void append_close(bytes& out, close_reason reason) {
    std::array<std::uint8_t, close_bytes_min> payload{};
    store_little_endian(payload.data(), payload.size(), static_cast<std::uint16_t>(reason));
    append_frame(out, frame_kind::close, control_channel, payload);
}

close_reason read_close(bytes_view payload) noexcept {
    assert(payload.size() >= close_bytes_min);
    return static_cast<close_reason>(load_little_endian(payload.first(close_bytes_min)));
}

result<std::optional<frame>> frame_decoder::next(bytes_view& input) {
    if (failed_) return failure(failed_);
    drop_delivered();
    for (;;) {
        if (state_ == state::header) {
            take_header(input);
            if (header_size_ < frame_header_bytes) return std::nullopt;
            if (auto fine = judge_header(); !fine) return failure(fine.error());
        }
        if (state_ == state::skip) {
            const auto count = std::min<std::size_t>(left_, input.size());
            input = input.subspan(count);
            left_ -= static_cast<std::uint32_t>(count);
            if (left_ > 0) return std::nullopt;
            begin_header();
            continue;
        }
        if (payload_.empty() && input.size() >= left_) {
            const auto payload = input.first(left_);
            input = input.subspan(left_);
            return deliver(payload);
        }
        const auto part = input.first(std::min<std::size_t>(left_, input.size()));
        payload_.insert(payload_.end(), part.begin(), part.end());
        input = input.subspan(part.size());
        left_ -= static_cast<std::uint32_t>(part.size());
        if (left_ > 0) return std::nullopt;
        return deliver(payload_);
    }
}

void frame_decoder::take_header(bytes_view& input) noexcept {
    const auto count = std::min<std::size_t>(frame_header_bytes - header_size_, input.size());
    std::copy_n(input.begin(), count, header_.begin() + header_size_);
    header_size_ = static_cast<std::uint8_t>(header_size_ + count);
    input = input.subspan(count);
}

result<void> frame_decoder::judge_header() {
    const bytes_view header = header_;
    kind_ = static_cast<frame_kind>(header[0]);
    channel_ = static_cast<std::uint32_t>(load_little_endian(header.subspan(1, 4)));
    left_ = static_cast<std::uint32_t>(load_little_endian(header.subspan(5, 3)));
    auto judged = judge_length(kind_, left_, limits_);
    if (judged && !ignorable(kind_) && for_control_channel(kind_) != (channel_ == control_channel)) {
        judged = failure(errc::protocol_violation);
    }
    if (!judged) failed_ = judged.error();
    state_ = ignorable(kind_) ? state::skip : state::payload;
    return judged;
}

void frame_decoder::begin_header() noexcept {
    state_ = state::header;
    header_size_ = 0;
}

frame frame_decoder::deliver(bytes_view payload) noexcept {
    begin_header();
    delivered_ = true;
    return {kind_, channel_, payload};
}

void frame_decoder::drop_delivered() noexcept {
    if (!delivered_) return;
    delivered_ = false;
    if (payload_.capacity() > kept_bytes) {
        bytes().swap(payload_);
    } else {
        payload_.clear();
    }
}

bool frame_decoder::at_boundary() const noexcept { return state_ == state::header && header_size_ == 0; }

void frame_decoder::release() noexcept {
    if (!at_boundary()) return;
    delivered_ = false;
    bytes().swap(payload_);
}

}  // namespace mydht::wire
