#pragma once

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>
#include <vector>

#include <mydht/core/id.hpp>
#include <mydht/query/report.hpp>
#include <mydht/value/value.hpp>

namespace mydht {

/// What became of a put that at least one holder acknowledged. A node that keeps values may be a holder itself, also
/// when no peer took the value: look at copies_elsewhere() for what outlives this node.
struct put_report {
    put_report() {}

    id256 key;
    std::uint64_t sequence = 0;  ///< of what was stored; 0 for immutable values
    std::size_t stored = 0;      ///< holders that acknowledged a copy; this node is one of them when `own` is set
    bool own = false;            ///< this node keeps a copy itself
    std::size_t stale = 0;       ///< holders that have a newer value
    std::size_t mismatched = 0;  ///< holders whose stored sequence is not the expected one
    std::size_t refused = 0;     ///< holders that refused for another reason
    std::size_t failed = 0;      ///< holders that gave no answer
    /// Why the last of them that refused to be asked did so, as in lookup_report. How the search for them went is in
    /// `lookup`.
    std::error_code refusal;
    wall_time deadline;  ///< when the value ends unless it is renewed
    lookup_report lookup;

    /// Peers that keep a copy. None, though the put succeeded: nobody else has the value, see `refusal` and `lookup`
    /// for why.
    [[nodiscard]] std::size_t copies_elsewhere() const noexcept { return stored - (own ? 1 : 0); }

    // So that `node.get(*key)` reads well behind `auto key = co_await node.put(...)`.
    operator const id256&() const noexcept { return key; }  // NOLINT(google-explicit-constructor)
};

/// What a get found.
struct get_report {
    get_report() {}
    explicit get_report(value best_) : best(std::move(best_)) {}

    value best;               ///< what the rules of its namespace select; never a tombstone
    std::size_t copies = 0;   ///< peers that gave exactly this value
    std::size_t older = 0;    ///< peers that gave another valid value of the key
    std::size_t invalid = 0;  ///< values that failed a check
    lookup_report lookup;

    [[nodiscard]] std::string_view text() const noexcept { return best.text(); }
};

/// What a ping saw.
struct ping_report {
    ping_report() {}

    contact who;
    duration round_trip{};
    address observed;  ///< where this node's link seems to come from, as the peer says
};

}  // namespace mydht
