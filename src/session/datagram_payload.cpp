#include "session/datagram_payload.hpp"

#include <algorithm>

#include <mydht/core/body.hpp>
#include <mydht/crypto/hash.hpp>

namespace mydht::detail {

result<void> append(bytes& out, const datagram_payload& what) {
    if (auto done = wire::encode(what.who, out); !done) return done;
    body_writer rest;
    rest.u32(what.index).fixed(what.token).fixed(what.frames);
    out.insert(out.end(), rest.data().begin(), rest.data().end());
    return {};
}

result<datagram_payload> read_datagram_payload(bytes_view data) {
    auto who = wire::take_handshake_payload(data);
    if (!who) return failure(who.error());
    body_reader in(data);
    datagram_payload out;
    out.index = in.u32();
    const auto token = in.fixed(wire::reset_token_bytes);
    if (in.failed()) return failure(errc::truncated);
    out.who = std::move(*who);
    std::ranges::copy(token, out.token.begin());
    out.frames = in.fixed(in.left());
    return out;
}

void append_stamp(bytes& out, wall_time now) {
    body_writer stamp;
    stamp.u64(static_cast<std::uint64_t>(now.time_since_epoch().count()));
    out.insert(out.end(), stamp.data().begin(), stamp.data().end());
}

result<wall_time> take_stamp(bytes_view& data) {
    body_reader in(data);
    const auto count = in.u64();
    if (in.failed()) return failure(errc::truncated);
    data = in.fixed(in.left());
    // What no clock says is far from every clock.
    constexpr auto latest = static_cast<std::uint64_t>(wall_time::duration::max().count());
    return wall_time(std::chrono::milliseconds(static_cast<std::int64_t>(std::min(count, latest))));
}

bytes prologue_for(const local_party& party, const wire::initial_packet& initial) {
    auto out = to_bytes(wire::encode_bound(initial));
    out.insert(out.end(), party.prologue.begin(), party.prologue.end());
    return out;
}

id256 plain_transcript(const wire::initial_packet& initial) noexcept {
    return hash_id("mydht.plain", {wire::encode_bound(initial), initial.message});
}

plain_agreement agree_plain(const id256& transcript, bytes_view answer) noexcept {
    const auto agreed = hash_id("mydht.plain", {transcript.view(), answer});
    plain_agreement out;
    const auto half = out.to_responder.size();
    std::ranges::copy(agreed.view().first(half), out.to_responder.begin());
    std::ranges::copy(agreed.view().subspan(half, half), out.to_initiator.begin());
    return out;
}

}  // namespace mydht::detail
