#include <mydht/wire/handshake_payload.hpp>

#include <algorithm>

#include <mydht/core/body.hpp>

#include "wire/address_list.hpp"

namespace mydht::wire {

namespace {

/// The versions and the length of what follows: the same in all versions for ever.
constexpr std::size_t head_bytes = 4;

result<void> check(const handshake_payload& what) {
    if (what.codecs.size() > codecs_per_payload || what.addresses.size() > limits::addresses_per_contact) {
        return failure(errc::too_large);
    }
    const bool no_codec = what.codecs.empty() || std::ranges::count(what.codecs, codec_id::none) > 0;
    const bool empty_address = std::ranges::any_of(what.addresses, &address::empty);
    const bool bad_version = what.version == 0 || what.version > what.version_max;
    if (no_codec || empty_address || bad_version) return failure(errc::bad_argument);
    return {};
}

}  // namespace

result<void> encode(const handshake_payload& what, bytes& out) {
    if (auto fine = check(what); !fine) return fine;
    bytes codecs;
    for (const auto id : what.codecs) codecs.push_back(static_cast<std::uint8_t>(id));
    bytes addresses(packed_size(what.addresses));
    auto* place = addresses.data();
    for (const auto& a : what.addresses) place = write_address(place, a);

    body_writer fields;
    fields.fixed(what.peer.view()).u32(what.features).u32(what.capabilities);
    fields.u8(static_cast<std::uint8_t>(codecs.size())).fixed(codecs).u8(static_cast<std::uint8_t>(what.chosen));
    fields.short_bytes(addresses);

    body_writer whole;
    whole.u8(what.version).u8(what.version_max).short_bytes(fields.data());
    out.insert(out.end(), whole.data().begin(), whole.data().end());
    return {};
}

result<handshake_payload> decode_handshake_payload(bytes_view data) {
    if (data.size() > handshake_payload_bytes) return failure(errc::too_large);
    body_reader whole(data);
    handshake_payload out;
    out.version = whole.u8();
    out.version_max = whole.u8();
    const auto known_and_newer = whole.short_bytes(handshake_payload_bytes - head_bytes);
    if (auto end = whole.end(); !end) return failure(end.error());
    if (out.version == 0 || out.version > out.version_max) return failure(errc::malformed);
    if (out.version > protocol_version) return failure(errc::unknown_version);

    body_reader in(known_and_newer);
    const auto peer = in.fixed(public_key::size);
    out.features = in.u32();
    out.capabilities = in.u32();
    const std::size_t codec_count = in.u8();
    if (codec_count > codecs_per_payload) return failure(errc::too_large);
    const auto codecs = in.fixed(codec_count);
    out.chosen = static_cast<codec_id>(in.u8());
    const auto packed = in.short_bytes(handshake_payload_bytes);
    if (in.failed()) return failure(errc::truncated);

    if (codecs.empty()) return failure(errc::malformed);
    for (const auto number : codecs) out.codecs.push_back(static_cast<codec_id>(number));
    if (std::ranges::count(out.codecs, codec_id::none) > 0) return failure(errc::malformed);
    out.peer = public_key::from_bytes(peer).value();
    auto addresses = read_addresses(packed, limits::addresses_per_contact);
    if (!addresses) return failure(addresses.error());
    out.addresses = std::move(*addresses);
    return out;
}

result<handshake_payload> take_handshake_payload(bytes_view& data) {
    if (data.size() < head_bytes) return failure(errc::truncated);
    const auto size = head_bytes + (data[2] | static_cast<std::size_t>(data[3]) << 8U);
    if (size > handshake_payload_bytes) return failure(errc::too_large);
    if (data.size() < size) return failure(errc::truncated);
    auto out = decode_handshake_payload(data.first(size));
    if (out) data = data.subspan(size);
    return out;
}

codec_id choose_codec(std::span<const codec_id> offered, std::span<const codec_id> spoken) noexcept {
    const auto found = std::ranges::find_first_of(offered, spoken);
    return found == offered.end() ? codec_id::none : *found;
}

bool downgraded(const handshake_payload& own, const handshake_payload& theirs) noexcept {
    const auto highest = std::min(own.version_max, theirs.version_max);
    return own.version != highest || theirs.version != highest;
}

}  // namespace mydht::wire
