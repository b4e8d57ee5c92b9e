#pragma once

#include <cstddef>

#include <mydht/core/address.hpp>
#include <mydht/core/bytes.hpp>
#include <mydht/core/recent_map.hpp>
#include <mydht/core/time.hpp>
#include <mydht/session/rate_limits.hpp>
#include <mydht/session/token_bucket.hpp>

namespace mydht::detail {

/// The dials that others cause by naming addresses, against dial_limits, which must be valid. Without it a peer could
/// make many nodes dial a victim.
class dial_budget {
public:
    explicit dial_budget(const dial_limits& limits)
        : limits_(limits), addresses_(limits.entries_max), prefixes_(limits.entries_max) {}

    /// Counts a dial that begins; false when it must not. Each that began is told of by end().
    [[nodiscard]] bool begin(const address& to, steady_time now);
    void end() noexcept { --under_way_; }

private:
    dial_limits limits_;
    std::size_t under_way_ = 0;
    recent_map<address, token_bucket> addresses_;
    recent_map<bytes, token_bucket> prefixes_;
};

/// One of the dials that count, from its beginning to its end. The budget must outlive it.
class budgeted_dial {
public:
    budgeted_dial(dial_budget& budget, const address& to, steady_time now)
        : budget_(&budget), began_(budget.begin(to, now)) {}
    budgeted_dial(const budgeted_dial&) = delete;
    budgeted_dial& operator=(const budgeted_dial&) = delete;
    ~budgeted_dial() {
        if (began_) budget_->end();
    }

    /// False when it must not be made.
    [[nodiscard]] bool began() const noexcept { return began_; }

private:
    dial_budget* budget_;
    bool began_;
};

}  // namespace mydht::detail
