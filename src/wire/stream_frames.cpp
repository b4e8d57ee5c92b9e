#include <mydht/wire/stream_frames.hpp>

#include <array>
#include <cassert>

#include "wire/little_endian.hpp"

namespace mydht::wire {

namespace {

void append_little_endian(bytes& out, std::size_t size, std::uint64_t value) {
    const auto at = out.size();
    out.resize(at + size);
    store_little_endian(out.data() + at, size, value);
}

constexpr std::size_t code_bytes = sizeof(std::uint32_t);
constexpr std::size_t number_bytes = sizeof(std::uint64_t);

}  // namespace

void append_stream_open(bytes& out, std::uint32_t channel, const stream_opening& what) {
    assert(!what.service.empty() && what.service.size() <= service_name_bytes);
    const auto place = begin_frame(out, frame_kind::stream_open, channel);
    append_little_endian(out, number_bytes, what.window);
    const auto name = as_bytes(what.service);
    out.insert(out.end(), name.begin(), name.end());
    (void)end_frame(out, place);  // a name is short
}

void append_number(bytes& out, frame_kind kind, std::uint32_t channel, std::uint64_t number) {
    std::array<std::uint8_t, number_bytes> payload{};
    store_little_endian(payload.data(), payload.size(), number);
    append_frame(out, kind, channel, payload);
}

void append_stream_reset(bytes& out, std::uint32_t channel, const stream_resetting& what) {
    std::array<std::uint8_t, code_bytes + number_bytes> payload{};
    store_little_endian(payload.data(), code_bytes, what.code);
    store_little_endian(payload.data() + code_bytes, number_bytes, what.total);
    append_frame(out, frame_kind::stream_reset, channel, payload);
}

std::size_t begin_data_at(bytes& out, std::uint32_t channel, std::uint64_t offset) {
    const auto place = begin_frame(out, frame_kind::stream_data, channel);
    append_little_endian(out, offset_bytes, offset);
    return place;
}

stream_opening read_stream_open(bytes_view payload) noexcept {
    assert(payload.size() > number_bytes);
    stream_opening out;
    out.window = load_little_endian(payload.first(number_bytes));
    out.service = as_text(payload.subspan(number_bytes));
    return out;
}

std::uint64_t read_number(bytes_view payload) noexcept {
    assert(payload.size() == number_bytes);
    return load_little_endian(payload);
}

stream_resetting read_stream_reset(bytes_view payload) noexcept {
    assert(payload.size() == code_bytes + number_bytes);
    stream_resetting out;
    out.code = static_cast<std::uint32_t>(load_little_endian(payload.first(code_bytes)));
    out.total = load_little_endian(payload.subspan(code_bytes));
    return out;
}

std::optional<std::uint64_t> take_offset(bytes_view& payload) noexcept {
    if (payload.size() < offset_bytes) return std::nullopt;
    const auto out = load_little_endian(payload.first(offset_bytes));
    payload = payload.subspan(offset_bytes);
    return out;
}

}  // namespace mydht::wire
