#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <mydht/core/time.hpp>
#include <mydht/routing/subnet.hpp>

namespace mydht {

/// A contact of a routing table, and what the table knows of it.
template <typename Contact>
struct table_entry {
    Contact contact;
    steady_time last_seen;      ///< when it last proved to be alive
    subnet from;                ///< of the address it was observed at; empty when that is exempt from caps
    std::size_t failures = 0;   ///< consecutive failed requests
    std::uint8_t priority = 0;  ///< that admission gave the peer
};

/// What became of a contact that was offered to a table.
enum class insert_status : std::uint8_t {
    inserted,  ///< it is in the table, perhaps in the place of another
    updated,   ///< it was there; addresses and time are the new ones
    cached,    ///< there is no room; it waits for some
    ping,      ///< as cached, and the caller should ping `to_ping` and report how that ended
    refused,   ///< it is not in the table; `why` says the reason
};

enum class refusal : std::uint8_t {
    none,
    own_id,            ///< the table's own id
    client,            ///< the peer answers no queries
    no_address,        ///< nothing is left of its addresses that could be dialled (filter_addresses)
    subnet_in_bucket,  ///< the bucket has enough contacts of the subnet
    subnet_in_table,   ///< the table has
    other_kinds,       ///< kinds without IP hosts have their share of the bucket
};

template <typename Contact>
struct insert_outcome {
    insert_status status = insert_status::refused;
    refusal why = refusal::none;
    std::optional<Contact> to_ping;
};

}  // namespace mydht
