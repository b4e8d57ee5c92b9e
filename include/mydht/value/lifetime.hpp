#pragma once

#include <chrono>

#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>

namespace mydht {

/// How long values live where a node may choose; the protocol's own bounds are limits::value_lifetime_max and
/// limits::clock_skew_max.
struct lifetime_rules {
    /// The lifetime of a put whose caller names none.
    std::chrono::milliseconds standard = std::chrono::hours(24);
    /// The longest stay of a copy cached on the path of a lookup: short, since nobody renews it or tells it of a newer
    /// value.
    std::chrono::milliseconds cached_max = std::chrono::minutes(30);
};

/// Success when both are above zero and at most limits::value_lifetime_max. Errors: errc::bad_configuration.
[[nodiscard]] result<void> check(const lifetime_rules& rules);

/// Whether a value with this deadline may be kept or handed out at `now`. It has passed from the deadline itself on. It
/// may lie ahead as far as the longest lifetime and the allowed clock skew; a signed deadline beyond that is refused
/// and not capped, since a value that every holder keeps capping would never end. Errors: errc::value_expired.
[[nodiscard]] result<void> check_deadline(wall_time deadline, wall_time now);

/// The deadline of something written at `now` that is to live for `lifetime`.
/// Errors: errc::bad_argument for a lifetime that is not above zero or is over limits::value_lifetime_max.
[[nodiscard]] result<wall_time> deadline_after(wall_time now, std::chrono::milliseconds lifetime);

/// A tombstone's deadline: the longest lifetime from its writing, so that no copy of what it deletes outlives it.
[[nodiscard]] wall_time tombstone_deadline(wall_time written);

/// Until when a holder keeps what it received: the deadline, but no longer than the longest lifetime from the receipt.
[[nodiscard]] wall_time keep_until(wall_time deadline, wall_time received);

/// The same for a copy cached on the path of a lookup.
[[nodiscard]] wall_time cached_until(wall_time deadline, wall_time received, const lifetime_rules& rules);

/// When the publisher renews: after 0.45 of the time from `written` to `deadline`, a tenth of that earlier or later as
/// `jitter` in [0, 1) says, so that values written together are not renewed together, and a renewal that fails can be
/// repeated once before the value ends.
[[nodiscard]] wall_time renewal_due(wall_time written, wall_time deadline, double jitter);

}  // namespace mydht
