#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <mydht/core/id.hpp>
#include <mydht/query/report.hpp>
#include <mydht/value/value.hpp>

namespace mydht {

/// What became of a put that at least one holder acknowledged.
struct put_report {
    put_report() {}

    id256 key;
    std::uint64_t sequence = 0;  ///< of what was stored; 0 for immutable values
    std::size_t stored = 0;      ///< holders that acknowledged a copy
    std::size_t stale = 0;       ///< holders that have a newer value
    std::size_t mismatched = 0;  ///< holders whose stored sequence is not the expected one
    std::size_t refused = 0;     ///< holders that refused for another reason
    std::size_t failed = 0;      ///< holders that gave no answer
    wall_time deadline;          ///< when the value ends unless it is renewed
    lookup_report lookup;

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
