#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/keys.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/core/result.hpp>
#include <mydht/wire/codec_id.hpp>
#include <mydht/wire/preamble.hpp>

namespace mydht::wire {

/// What both sides tell each other inside the handshake, authenticated by it. The side whose payload travels first (in
/// XX the one that was dialled, in IK the dialler) offers its codecs, the other one chooses.
///
/// Nothing of it may be used before `peer`, converted, was found equal to the static key of the handshake.
struct handshake_payload {
    /// The version that the preamble agreed on.
    std::uint8_t version = protocol_version;
    /// The highest version that the sender speaks; see downgraded().
    std::uint8_t version_max = protocol_version;
    public_key peer;
    /// Features of the session layer that the sender speaks; bits that a build does not know are ignored. None exist
    /// yet.
    std::uint32_t features = 0;
    /// What the peer does for others (enum capability).
    std::uint32_t capabilities = 0;
    /// In order of preference; at least one, at most codecs_per_payload.
    std::vector<codec_id> codecs;
    /// The choice, in the second payload; none in the first.
    codec_id chosen = codec_id::none;
    /// Where the sender can be dialled, preferred first, at most limits::addresses_per_contact. The receiver treats
    /// them as hints. An IP address with a wildcard host means the host that the connection is seen to come from.
    std::vector<address> addresses;

    friend bool operator==(const handshake_payload&, const handshake_payload&) = default;
};

inline constexpr std::size_t codecs_per_payload = 16;
/// The largest payload, fields of newer versions included.
inline constexpr std::size_t handshake_payload_bytes = 1024;

/// Appends the payload to `out`. Errors, which leave `out` as it was: errc::too_large for too many codecs or addresses,
/// errc::bad_argument for no codec or an empty address.
[[nodiscard]] result<void> encode(const handshake_payload& what, bytes& out);

/// Reads a payload that fills `data`. Fields behind the known ones, which newer versions add inside the payload's own
/// length, are ignored. Errors: errc::truncated, errc::trailing_bytes, errc::too_large, errc::malformed.
[[nodiscard]] result<handshake_payload> decode_handshake_payload(bytes_view data);

/// Takes a payload off the front of `data`, for packets that have more behind it. Errors: as decode_handshake_payload;
/// `data` then stays.
[[nodiscard]] result<handshake_payload> take_handshake_payload(bytes_view& data);

/// The first of the offered codecs that this side speaks too; none when there is none. Offers are in the offerer's
/// order, so that both sides can tell what must come out.
[[nodiscard]] codec_id choose_codec(std::span<const codec_id> offered, std::span<const codec_id> spoken) noexcept;

/// True when somebody between the two changed the preambles so that they agreed on a lower version than they could: the
/// payloads, which cannot be changed, do not say what the preambles said. The session must end
/// (errc::protocol_violation).
[[nodiscard]] bool downgraded(const handshake_payload& own, const handshake_payload& theirs) noexcept;

}  // namespace mydht::wire
