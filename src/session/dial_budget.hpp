#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <utility>

#include <mydht/core/address.hpp>
#include <mydht/core/bytes.hpp>
#include <mydht/core/recent_map.hpp>
#include <mydht/core/time.hpp>
#include <mydht/session/rate_limits.hpp>
#include <mydht/session/token_bucket.hpp>

namespace mydht::detail {

/// Neighbours in one network_prefix cause one part in so many of dial_limits::at_once, and one dial at least.
inline constexpr std::size_t dial_share = 4;
/// The longest that such a dial of an IP address takes, so that those that nobody answers make room for others. A
/// handshake over a slow path fits in.
inline constexpr duration dial_patience = std::chrono::seconds(2);

/// The dials that others cause by naming addresses, against dial_limits, which must be valid. Without it a peer could
/// make many nodes dial a victim, or keep one from dialling for others.
class dial_budget {
public:
    explicit dial_budget(const dial_limits& limits)
        : limits_(limits), addresses_(limits.entries_max), prefixes_(limits.entries_max) {}

    /// Counts a dial that begins; false when it must not. Each that began is told of by end(). `cause`: the
    /// network_prefix of the neighbour that causes it; empty when there is none.
    [[nodiscard]] bool begin(const address& to, const bytes& cause, steady_time now);
    void end(const bytes& cause) noexcept;

private:
    dial_limits limits_;
    std::size_t under_way_ = 0;
    std::map<bytes, std::size_t> caused_;  // of those under way, by their cause
    recent_map<address, token_bucket> addresses_;
    recent_map<bytes, token_bucket> prefixes_;
};

/// One of the dials that count, from its beginning to its end. The budget must outlive it.
class budgeted_dial {
public:
    budgeted_dial(dial_budget& budget, const address& to, bytes cause, steady_time now)
        : budget_(&budget), cause_(std::move(cause)), began_(budget.begin(to, cause_, now)) {}
    budgeted_dial(const budgeted_dial&) = delete;
    budgeted_dial& operator=(const budgeted_dial&) = delete;
    ~budgeted_dial() {
        if (began_) budget_->end(cause_);
    }

    /// False when it must not be made.
    [[nodiscard]] bool began() const noexcept { return began_; }

private:
    dial_budget* budget_;
    bytes cause_;
    bool began_;
};

}  // namespace mydht::detail
