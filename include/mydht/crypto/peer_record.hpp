#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/keys.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/crypto/identity.hpp>

namespace mydht {

/// Networks that hide a host to different degrees. A record's addresses are all of one group: an onion and an IP
/// address under one signature would tell the world who hides behind the onion.
enum class address_group : std::uint8_t {
    ip = 1,  ///< tcp, udp; memory too, which no packet of a real network carries
    tor = 2,
    i2p = 3,
};

/// The group of a kind. Errors: errc::unsupported_address for kinds that are never published (relay, unknown).
[[nodiscard]] result<address_group> group_of(address_kind kind) noexcept;

/// What a peer says about itself, signed with its identity.
///
/// Body, for docs/wire-format.md (integers little-endian): version u8 = 1; public key, 32 bytes; sequence u64; expiry
/// u64, milliseconds since 1970-01-01 UTC; capabilities u32; name, u16 length and UTF-8; group u8; number of addresses
/// u8; for each address its kind u8, u16 length and bytes. Signed as kind "peer". Nothing may follow.
struct peer_record {
    public_key peer;
    std::uint64_t sequence = 0;      ///< the newer record has the higher one
    wall_time expiry{};              ///< no longer valid at this time
    std::uint32_t capabilities = 0;  ///< bits of enum capability; unknown ones are kept
    std::string name;                ///< for people: UTF-8 without control characters; proves nothing
    address_group group = address_group::ip;
    std::vector<address> addresses;  ///< preferred first, all of `group`

    friend bool operator==(const peer_record&, const peer_record&) = default;
};

/// The signature's kind for peer records.
inline constexpr std::string_view peer_record_kind = "peer";

/// No valid record's body is longer.
inline constexpr std::size_t peer_record_bytes_max = 1 + 32 + 8 + 8 + 4 + (2 + limits::peer_name_bytes) + 1 + 1 +
                                                     limits::addresses_per_contact * (3 + address::size_max);

/// Signed bytes as they travel and are stored: opaque to every codec.
struct signed_record {
    bytes body;
    signature sig;

    friend bool operator==(const signed_record&, const signed_record&) = default;
};

/// Signs the record for `self`, whose key takes the place of record.peer. Errors, so that nothing is signed that
/// open_record refuses: errc::too_large for a name or list over its limit, errc::bad_argument for a name or an address
/// that no record may have, or for addresses of another group.
[[nodiscard]] result<signed_record> sign_record(const identity& self, peer_record record);

/// Decodes and checks, cheapest first, the signature last. Errors: errc::unknown_version; errc::truncated,
/// errc::too_large, errc::trailing_bytes, errc::malformed (name, group or an address); errc::value_expired when it ran
/// out or ends later than limits::value_lifetime_max and limits::clock_skew_max from `now`; errc::bad_key,
/// errc::bad_signature.
[[nodiscard]] result<peer_record> open_record(bytes_view body, const signature& sig, wall_time now);

/// The sequence for the next record of the same peer: the time in milliseconds, but more than `last` (which stays at
/// the largest number once it is there).
[[nodiscard]] std::uint64_t next_sequence(std::uint64_t last, wall_time now) noexcept;

}  // namespace mydht
