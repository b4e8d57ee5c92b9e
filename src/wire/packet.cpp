#include <mydht/wire/packet.hpp>

#include <algorithm>
#include <cassert>

#include "wire/little_endian.hpp"

namespace mydht::wire {

namespace {

constexpr std::size_t version_at = 1;
constexpr std::size_t pattern_at = 2;
/// Of the sender in an initial packet, of the receiver in all others.
constexpr std::size_t index_at = 4;
constexpr std::size_t network_at = 8;
constexpr std::size_t cookie_at = 16;
constexpr std::size_t initial_length_at = 32;
constexpr std::size_t answer_sender_at = 8;
constexpr std::size_t answer_length_at = 12;
constexpr std::size_t counter_at = 8;
/// Behind the index, in the packets that travel in the clear.
constexpr std::size_t clear_at = 8;
constexpr std::size_t length_bytes = 2;
constexpr std::size_t length_max = 0xffff;

std::uint32_t load_u32(bytes_view packet, std::size_t at) noexcept {
    return static_cast<std::uint32_t>(load_little_endian(packet.subspan(at, 4)));
}

std::size_t load_length(bytes_view packet, std::size_t at) noexcept {
    return static_cast<std::size_t>(load_little_endian(packet.subspan(at, length_bytes)));
}

bool all_zero(bytes_view data) noexcept {
    return std::ranges::all_of(data, [](std::uint8_t byte) { return byte == 0; });
}

/// The type, and zeros from `zeros_from` up to the index.
result<void> check_head(bytes_view packet, packet_type type, std::size_t zeros_from) {
    if (packet.empty()) return failure(errc::truncated);
    if (packet[0] != static_cast<std::uint8_t>(type)) return failure(errc::malformed);
    if (packet.size() < index_at) return failure(errc::truncated);
    if (!all_zero(packet.subspan(zeros_from, index_at - zeros_from))) return failure(errc::malformed);
    return {};
}

void write_head(bytes_span out, packet_type type, std::uint32_t index) noexcept {
    out[0] = static_cast<std::uint8_t>(type);
    store_little_endian(out.data() + index_at, 4, index);
}

result<answer_packet> decode_answer_as(packet_type type, bytes_view packet) {
    if (auto head = check_head(packet, type, pattern_at); !head) return failure(head.error());
    if (packet.size() < answer_header_bytes) return failure(errc::truncated);
    answer_packet out;
    out.version = packet[version_at];
    if (out.version == 0) return failure(errc::malformed);
    out.receiver = load_u32(packet, index_at);
    out.sender = load_u32(packet, answer_sender_at);
    out.message = packet.subspan(answer_header_bytes);
    const auto length = load_length(packet, answer_length_at);
    if (out.message.size() < length) return failure(errc::truncated);
    if (out.message.size() > length) return failure(errc::trailing_bytes);
    return out;
}

/// The sixteen bytes of a packet that travels in the clear.
result<packet_cookie> decode_clear(packet_type type, bytes_view packet) {
    static_assert(cookie_packet_bytes == reset_packet_bytes && cookie_bytes == reset_token_bytes);
    if (auto head = check_head(packet, type, version_at); !head) return failure(head.error());
    if (packet.size() < cookie_packet_bytes) return failure(errc::truncated);
    if (packet.size() > cookie_packet_bytes) return failure(errc::trailing_bytes);
    packet_cookie out;
    std::ranges::copy(packet.subspan(clear_at), out.begin());
    return out;
}

std::array<std::uint8_t, cookie_packet_bytes> encode_clear(packet_type type, std::uint32_t index,
                                                           const packet_cookie& content) noexcept {
    std::array<std::uint8_t, cookie_packet_bytes> out{};
    write_head(out, type, index);
    std::ranges::copy(content, out.begin() + clear_at);
    return out;
}

}  // namespace

std::optional<packet_type> type_of(bytes_view packet) noexcept {
    if (packet.empty()) return std::nullopt;
    const auto first = static_cast<std::uint8_t>(packet_type::initial);
    const auto last = static_cast<std::uint8_t>(packet_type::reset);
    if (packet[0] < first || packet[0] > last) return std::nullopt;
    return static_cast<packet_type>(packet[0]);
}

std::uint32_t receiver_of(bytes_view packet) noexcept {
    return packet.size() < index_at + 4 ? 0 : load_u32(packet, index_at);
}

result<initial_packet> decode_initial(bytes_view packet) {
    if (auto head = check_head(packet, packet_type::initial, pattern_at + 1); !head) return failure(head.error());
    if (packet.size() < initial_bytes_min) return failure(errc::truncated);
    initial_packet out;
    out.version = packet[version_at];
    out.pattern = static_cast<packet_pattern>(packet[pattern_at]);
    if (out.version == 0 || out.pattern > packet_pattern::xx) return failure(errc::malformed);
    out.sender = load_u32(packet, index_at);
    std::ranges::copy(packet.subspan(network_at, out.network.size()), out.network.begin());
    std::ranges::copy(packet.subspan(cookie_at, cookie_bytes), out.cookie.begin());
    const auto length = load_length(packet, initial_length_at);
    const auto rest = packet.subspan(initial_header_bytes);
    if (rest.size() < length) return failure(errc::truncated);
    if (length < ephemeral_bytes || !all_zero(rest.subspan(length))) return failure(errc::malformed);
    out.message = rest.first(length);
    return out;
}

result<answer_packet> decode_answer(bytes_view packet) { return decode_answer_as(packet_type::answer, packet); }

result<answer_packet> decode_final_answer(bytes_view packet) {
    return decode_answer_as(packet_type::final_answer, packet);
}

result<cookie_packet> decode_cookie(bytes_view packet) {
    const auto content = decode_clear(packet_type::cookie, packet);
    if (!content) return failure(content.error());
    return cookie_packet{load_u32(packet, index_at), *content};
}

result<transport_packet> decode_transport(bytes_view packet) {
    if (auto head = check_head(packet, packet_type::transport, version_at); !head) return failure(head.error());
    if (packet.size() < transport_header_bytes) return failure(errc::truncated);
    transport_packet out;
    out.receiver = load_u32(packet, index_at);
    out.counter = load_little_endian(packet.subspan(counter_at, 8));
    out.sealed = packet.subspan(transport_header_bytes);
    return out;
}

result<reset_packet> decode_reset(bytes_view packet) {
    const auto content = decode_clear(packet_type::reset, packet);
    if (!content) return failure(content.error());
    return reset_packet{load_u32(packet, index_at), *content};
}

std::array<std::uint8_t, initial_bound_bytes> encode_bound(const initial_packet& what) noexcept {
    std::array<std::uint8_t, initial_bound_bytes> out{};
    write_head(out, packet_type::initial, what.sender);
    out[version_at] = what.version;
    out[pattern_at] = static_cast<std::uint8_t>(what.pattern);
    std::ranges::copy(what.network, out.begin() + network_at);
    return out;
}

result<bytes> encode(const initial_packet& what, std::size_t size) {
    assert(size >= initial_bytes_min && what.message.size() >= ephemeral_bytes);
    if (what.message.size() > length_max || initial_header_bytes + what.message.size() > size) {
        return failure(errc::too_large);
    }
    bytes out(size);
    std::ranges::copy(encode_bound(what), out.begin());
    put_cookie(out, what.cookie);
    store_little_endian(out.data() + initial_length_at, length_bytes, what.message.size());
    std::ranges::copy(what.message, out.begin() + initial_header_bytes);
    return out;
}

void put_cookie(bytes_span packet, const packet_cookie& cookie) noexcept {
    assert(packet.size() >= initial_bytes_min);
    std::ranges::copy(cookie, packet.begin() + cookie_at);
}

result<bytes> encode(const answer_packet& what, packet_type type) {
    assert(type == packet_type::answer || type == packet_type::final_answer);
    if (what.message.size() > length_max) return failure(errc::too_large);
    bytes out(answer_header_bytes);
    out.reserve(answer_header_bytes + what.message.size());
    write_head(out, type, what.receiver);
    out[version_at] = what.version;
    store_little_endian(out.data() + answer_sender_at, 4, what.sender);
    store_little_endian(out.data() + answer_length_at, length_bytes, what.message.size());
    out.insert(out.end(), what.message.begin(), what.message.end());
    return out;
}

std::array<std::uint8_t, cookie_packet_bytes> encode(const cookie_packet& what) noexcept {
    return encode_clear(packet_type::cookie, what.receiver, what.cookie);
}

std::array<std::uint8_t, reset_packet_bytes> encode(const reset_packet& what) noexcept {
    return encode_clear(packet_type::reset, what.index, what.token);
}

void write_transport_header(bytes_span out, std::uint32_t receiver, std::uint64_t counter) noexcept {
    assert(out.size() == transport_header_bytes);
    std::ranges::fill(out, std::uint8_t{0});
    write_head(out, packet_type::transport, receiver);
    store_little_endian(out.data() + counter_at, 8, counter);
}

}  // namespace mydht::wire
