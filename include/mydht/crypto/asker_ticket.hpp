#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/keys.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/peer_record.hpp>

namespace mydht {

/// What a query that travels is for. The numbers are signed.
enum class ticket_goal : std::uint8_t {
    find_node = 1,
    find_value = 2,
    store = 3,
    request = 4,
};

/// Where whoever has the answer to one query is to bring it, signed by the asker: nobody on the way can make peers
/// answer to somebody else, or use the ticket for another query.
///
/// Body, for docs/wire-format.md (integers little-endian): version u8 = 1; goal u8; target, 32 bytes; loop tag, 16
/// bytes; the asker's public key, 32 bytes; deadline u64, milliseconds since 1970-01-01 UTC; results u8; then addresses
/// up to the end, each its kind u8, length u8 and bytes. Signed as kind "asker".
struct asker_ticket {
    ticket_goal goal = ticket_goal::find_value;
    id256 target;  ///< of a request the question_of() it, so that the ticket is for no other one
    loop_tag tag;
    public_key asker;
    wall_time deadline{};            ///< nobody brings anything later
    std::uint8_t results = 1;        ///< how many may bring something
    std::vector<address> addresses;  ///< preferred first, one at least, all of one address_group

    friend bool operator==(const asker_ticket&, const asker_ticket&) = default;
};

/// The signature's kind for tickets.
inline constexpr std::string_view asker_ticket_kind = "asker";

/// Signs the ticket for `self`, whose key takes the place of ticket.asker. Errors, so that nothing is signed that
/// open_ticket refuses: errc::too_large for too many addresses, errc::bad_argument for none, for one that nobody can
/// dial, or for addresses of different groups, and for no results.
[[nodiscard]] result<signed_record> sign_ticket(const identity& self, asker_ticket ticket);

/// Decodes and checks, cheapest first, the signature last. The clocks of two peers may be limits::clock_skew_max apart.
/// Errors: errc::unknown_version; errc::truncated, errc::too_large, errc::malformed; errc::value_expired when its
/// deadline has passed or is farther away than `lifetime_max`; errc::bad_key, errc::bad_signature.
[[nodiscard]] result<asker_ticket> open_ticket(bytes_view body, const signature& sig, wall_time now,
                                               std::chrono::milliseconds lifetime_max);

}  // namespace mydht
