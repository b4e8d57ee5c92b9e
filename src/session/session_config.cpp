#include <mydht/session/session_config.hpp>

#include <algorithm>

#include <mydht/wire/packet.hpp>
#include <mydht/wire/stream_limits.hpp>

#include "session/codecs.hpp"
#include "session/stream_memory.hpp"

namespace mydht {

namespace {

constexpr std::size_t network_bytes_max = 255;
constexpr std::size_t psk_bytes = 32;
/// What an UDP packet over IPv6 can hold.
constexpr std::size_t packet_bytes_end = 65'487;

/// Every peer is offered the reference encoding, and each id stands for one codec.
bool check_codecs(const std::vector<wire::any_codec>& codecs) {
    if (codecs.size() > detail::codecs_max) return false;
    for (const auto& one : codecs) {
        if (one.id() == wire::codec_id::none || std::ranges::count(codecs, one.id(), &wire::any_codec::id) != 1)
            return false;
    }
    return std::ranges::find(codecs, wire::capnp_codec()) != codecs.end();
}

/// The name of the first field that can never work; nullptr when all can.
const char* bad_field(const session_config& c) {
    const auto positive = [](std::chrono::milliseconds d) { return d > std::chrono::milliseconds(0); };
    if (c.network.size() > network_bytes_max) return "network";
    if (c.psk && c.psk->size() != psk_bytes) return "psk";
    if (c.mode != wire::link_mode::secured && c.mode != wire::link_mode::plain) return "mode";
    if (!check_codecs(c.codecs)) return "codecs";
    if (!positive(c.handshake_timeout)) return "handshake_timeout";
    if (!positive(c.preamble_timeout)) return "preamble_timeout";
    if (!positive(c.idle_timeout)) return "idle_timeout";
    if (!positive(c.stall_timeout)) return "stall_timeout";
    if (!positive(c.crossing_grace)) return "crossing_grace";
    if (c.sessions_max == 0) return "sessions_max";
    if (c.handshakes_max == 0) return "handshakes_max";
    if (c.handshakes_per_prefix == 0) return "handshakes_per_prefix";
    if (c.requests_max == 0) return "requests_max";
    if (c.served_max == 0) return "served_max";
    if (c.served_bytes == 0) return "served_bytes";
    if (c.send_buffer_bytes == 0) return "send_buffer_bytes";
    if (c.answer_buffer_bytes == 0) return "answer_buffer_bytes";
    if (c.send_bytes_total == 0) return "send_bytes_total";
    if (c.packet_bytes_max < wire::initial_bytes_min || c.packet_bytes_max > packet_bytes_end)
        return "packet_bytes_max";
    if (c.assembly_bytes_total == 0) return "assembly_bytes_total";
    // Nobody's identity is proven on a plain link.
    if (!check(c.admission) || (c.admission.allow && c.mode == wire::link_mode::plain)) return "admission";
    if (c.request_rate && !check(*c.request_rate)) return "request_rate";
    if (c.handshake_rate && !check(*c.handshake_rate)) return "handshake_rate";
    if (c.streams_max == 0) return "streams_max";
    if (c.stream_window_bytes < wire::initial_stream_window) return "stream_window_bytes";
    if (c.session_window_bytes < wire::initial_session_window) return "session_window_bytes";
    if (c.stream_send_bytes == 0) return "stream_send_bytes";
    if (c.stream_receive_bytes_total / detail::stream_memory::shares < c.session_window_bytes) {
        return "stream_receive_bytes_total";
    }
    if (c.stream_send_bytes_total / detail::stream_memory::shares < c.stream_send_bytes)
        return "stream_send_bytes_total";
    if (!check(c.probes)) return "probes";
    if (!check(c.lookups)) return "lookups";
    if (c.agreement == nullptr) return "agreement";
    return nullptr;
}

}  // namespace

result<void> validate(const session_config& config, std::string* field) {
    const auto* bad = bad_field(config);
    if (bad == nullptr) return {};
    if (field != nullptr) *field = bad;
    return failure(errc::bad_configuration);
}

}  // namespace mydht
