#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// When to look whether the machine still has the address of a socket, and when it has been without for so long that
/// the socket is given up. An address that comes back soon, as when a lease is renewed, costs nothing. No I/O:
///
///     if (watch.send_failed(now)) look no later than next();
///     at next(): if (watch.looked(what the machine says, now)) give the socket up.
class address_watch {
public:
    /// The address is there now.
    explicit address_watch(steady_time now) noexcept : looked_at_(now), next_(now + pause) {}

    /// A packet did not leave, which may have many reasons. Others can cause it: looks are no more frequent for it than
    /// they are while the address is away. True when next() has changed.
    bool send_failed(steady_time now) noexcept {
        const auto soon = std::max(now, looked_at_ + short_pause);
        if (soon >= next_) return false;
        next_ = soon;
        return true;
    }

    /// What a look has shown; nothing when it showed nothing, which changes nothing. True when the socket is lost,
    /// which only a look that shows the address away can tell.
    bool looked(std::optional<bool> there, steady_time now) noexcept {
        looked_at_ = now;
        if (there) away_since_ = *there ? std::nullopt : std::optional(away_since_.value_or(now));
        next_ = now + (away_since_ ? short_pause : pause);
        return there == false && now - *away_since_ >= patience;
    }

    /// Since when the address is away, as far as looks have shown; nothing while it is there.
    [[nodiscard]] std::optional<steady_time> away_since() const noexcept { return away_since_; }

    /// When to look.
    [[nodiscard]] steady_time next() const noexcept { return next_; }

    /// Between looks: a look costs the system some microseconds an interface.
    static constexpr duration pause = std::chrono::seconds(5);
    static constexpr duration short_pause = std::chrono::seconds(1);
    /// How long an address may be away: a lease that is renewed or a change of the network's cell takes less. Sessions
    /// outlive it, and wait for the socket that comes after this one.
    static constexpr duration patience = std::chrono::seconds(12);

private:
    steady_time looked_at_;
    steady_time next_;
    std::optional<steady_time> away_since_;
};

}  // namespace mydht::detail
