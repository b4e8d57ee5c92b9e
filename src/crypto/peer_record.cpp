#include <mydht/crypto/peer_record.hpp>

#include <algorithm>
#include <limits>

#include <mydht/core/body.hpp>

namespace mydht {

namespace {

constexpr std::uint8_t body_version = 1;

/// The length of the UTF-8 sequence at the front when it is well formed and no control character, else 0 (RFC 3629).
std::size_t sequence_size(bytes_view text) noexcept {
    const auto lead = text[0];
    if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
    const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
    for (std::size_t i = 1; i < size; ++i) {
        if ((text[i] & 0xc0U) != 0x80) return 0;
    }
    const auto second = text[1];
    const bool too_long = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const bool surrogate = lead == 0xed && second > 0x9f;
    const bool too_high = lead == 0xf4 && second > 0x8f;
    const bool control = lead == 0xc2 && second < 0xa0;
    return too_long || surrogate || too_high || control ? 0 : size;
}

bool is_good_name(bytes_view text) noexcept {
    while (!text.empty()) {
        const auto size = sequence_size(text);
        if (size == 0) return false;
        text = text.subspan(size);
    }
    return true;
}

/// Nobody can dial a wildcard; a peer that believed one would dial itself.
bool fits(const address& where, address_group group) {
    const auto own = group_of(where.kind());
    return own && *own == group && !where.is_wildcard();
}

bytes encode(const peer_record& record) {
    body_writer out;
    out.u8(body_version).fixed(record.peer.view()).u64(record.sequence);
    out.u64(static_cast<std::uint64_t>(record.expiry.time_since_epoch().count())).u32(record.capabilities);
    out.short_bytes(as_bytes(record.name)).u8(static_cast<std::uint8_t>(record.group));
    out.u8(static_cast<std::uint8_t>(record.addresses.size()));
    for (const auto& where : record.addresses) {
        out.u8(static_cast<std::uint8_t>(where.kind())).short_bytes(where.data());
    }
    return out.take();
}

/// A time that cannot be represented is in the far future, where no record may end.
wall_time to_wall_time(std::uint64_t milliseconds) noexcept {
    constexpr auto last = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return wall_time(std::chrono::milliseconds(static_cast<std::int64_t>(std::min(milliseconds, last))));
}

result<std::vector<address>> decode_addresses(body_reader& in, address_group group) {
    const std::size_t count = in.u8();
    if (count > limits::addresses_per_contact) return failure(errc::too_large);
    std::vector<address> out;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto kind = static_cast<address_kind>(in.u8());
        const auto data = in.short_bytes(address::size_max);
        if (in.failed()) break;
        const auto where = address::from_bytes(kind, data);
        if (!where || !fits(*where, group)) return failure(errc::malformed);
        out.push_back(*where);
    }
    return out;
}

result<peer_record> decode(bytes_view body) {
    if (body.size() > peer_record_bytes_max) return failure(errc::too_large);
    body_reader in(body);
    const auto version = in.u8();
    if (in.failed()) return failure(errc::truncated);
    if (version != body_version) return failure(errc::unknown_version);
    peer_record out;
    const auto peer = in.fixed(public_key::size);
    out.sequence = in.u64();
    out.expiry = to_wall_time(in.u64());
    out.capabilities = in.u32();
    const auto name = in.short_bytes(limits::peer_name_bytes);
    const auto group = in.u8();
    if (in.failed()) return failure(in.end().error());
    if (!is_good_name(name) || group < 1 || group > 3) return failure(errc::malformed);
    out.peer = *public_key::from_bytes(peer);
    out.name = as_text(name);
    out.group = static_cast<address_group>(group);
    auto addresses = decode_addresses(in, out.group);
    if (!addresses) return failure(addresses.error());
    if (auto ended = in.end(); !ended) return failure(ended.error());
    out.addresses = std::move(*addresses);
    return out;
}

}  // namespace

result<address_group> group_of(address_kind kind) noexcept {
    switch (kind) {
        case address_kind::tcp:
        case address_kind::udp:
        case address_kind::memory: return address_group::ip;
        case address_kind::tor: return address_group::tor;
        case address_kind::i2p: return address_group::i2p;
        case address_kind::none:
        case address_kind::relay: break;
    }
    return failure(errc::unsupported_address);
}

result<signed_record> sign_record(const identity& self, peer_record record) {
    if (record.name.size() > limits::peer_name_bytes) return failure(errc::too_large);
    if (record.addresses.size() > limits::addresses_per_contact) return failure(errc::too_large);
    if (!is_good_name(as_bytes(record.name))) return failure(errc::bad_argument);
    const auto group = record.group;
    const auto alien = [group](const address& where) { return !fits(where, group); };
    if (std::any_of(record.addresses.begin(), record.addresses.end(), alien)) return failure(errc::bad_argument);
    record.peer = self.key();
    signed_record out;
    out.body = encode(record);
    out.sig = self.sign(peer_record_kind, out.body);
    return out;
}

result<peer_record> open_record(bytes_view body, const signature& sig, wall_time now) {
    auto record = decode(body);
    if (!record) return record;
    const auto latest = now + limits::value_lifetime_max + limits::clock_skew_max;
    if (record->expiry <= now || record->expiry > latest) return failure(errc::value_expired);
    if (auto signed_by = verify(record->peer, peer_record_kind, body, sig); !signed_by) {
        return failure(signed_by.error());
    }
    return record;
}

std::uint64_t next_sequence(std::uint64_t last, wall_time now) noexcept {
    const auto time = static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.time_since_epoch().count()));
    const auto next = last == std::numeric_limits<std::uint64_t>::max() ? last : last + 1;
    return std::max(time, next);
}

}  // namespace mydht
