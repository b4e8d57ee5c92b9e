#include <mydht/wire/message_part.hpp>

#include <array>
#include <cassert>

#include <mydht/wire/frame.hpp>

#include "wire/little_endian.hpp"

namespace mydht::wire {

void append_part(bytes& out, const message_part& part) {
    std::array<std::uint8_t, message_part_head_bytes> head{};
    store_little_endian(head.data(), 4, part.number);
    store_little_endian(head.data() + 4, 4, part.size);
    store_little_endian(head.data() + 8, 4, part.offset);
    const auto place = begin_frame(out, frame_kind::message_part, control_channel);
    out.insert(out.end(), head.begin(), head.end());
    out.insert(out.end(), part.data.begin(), part.data.end());
    const auto ended = end_frame(out, place);
    assert(ended);
    static_cast<void>(ended);
}

result<message_part> decode_part(bytes_view payload) {
    if (payload.size() < message_part_head_bytes) return failure(errc::truncated);
    message_part out;
    out.number = static_cast<std::uint32_t>(load_little_endian(payload.first(4)));
    out.size = static_cast<std::uint32_t>(load_little_endian(payload.subspan(4, 4)));
    out.offset = static_cast<std::uint32_t>(load_little_endian(payload.subspan(8, 4)));
    out.data = payload.subspan(message_part_head_bytes);
    if (out.data.empty() || out.offset > out.size || out.data.size() > out.size - out.offset) {
        return failure(errc::protocol_violation);
    }
    return out;
}

}  // namespace mydht::wire
