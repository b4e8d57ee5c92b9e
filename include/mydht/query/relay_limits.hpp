#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <mydht/core/limits.hpp>
#include <mydht/core/result.hpp>
#include <mydht/session/rate_limits.hpp>

namespace mydht {

/// How many queries that travel a node takes from its neighbours, whoever's they are, and how many bytes of values that
/// are to be kept. Both are counted for each neighbour and for all of one network_prefix together, and a query needs
/// room in all of them. Queries that are refused count too, and so do answers that are lies and what is delivered and
/// nobody waits for. A neighbour that was admitted with a priority pays less, see priority_discount.
///
/// Of what the next peer takes of this node, if it has the same limits, queries of others get one half, and those of
/// one neighbour one quarter: so none of them has this node throttled there.
struct relay_limits {
    relay_limits() {}

    /// Of one neighbour: what it sends for itself and for those behind it.
    rate_limit queries{200, 800};
    /// Of one network prefix.
    rate_limit prefix_queries{800, 3'200};
    /// Kibibytes of values to be kept, each begun one counted, of one neighbour and of one network prefix.
    rate_limit kibibytes{1'024, 8'192};
    rate_limit prefix_kibibytes{4'096, 32'768};
    /// Neighbours, and prefixes, that are remembered; beyond it the one that asked longest ago is forgotten, and starts
    /// anew.
    std::size_t entries_max = 4'096;
};

/// One neighbour's queries get one part in so many of what the next peer takes, and all neighbours' together.
inline constexpr std::uint32_t passed_for_one = 4;
inline constexpr std::uint32_t passed_in_all = 2;

/// The least of each of the two numbers of a limit of queries, and of the burst of one of kibibytes: what lets a share
/// of it through, and the largest value.
inline constexpr std::uint32_t relay_queries_min = passed_for_one;
inline constexpr std::uint32_t relay_kibibytes_min = passed_for_one * ((limits::item_body_bytes + 1'023) / 1'024);

/// Success, or errc::bad_configuration and the field's name in `field` for a limit that lets nothing through, or not
/// the largest value, also of a share.
[[nodiscard]] result<void> check(const relay_limits& limits, std::string* field = nullptr);

}  // namespace mydht
