#include <mydht/value/lifetime.hpp>

#include <algorithm>

#include <mydht/core/limits.hpp>

namespace mydht {

namespace {

constexpr double renewal_share = 0.45;
constexpr double jitter_share = 0.1;

bool allowed(std::chrono::milliseconds lifetime) {
    return lifetime > std::chrono::milliseconds::zero() && lifetime <= limits::value_lifetime_max;
}

}  // namespace

result<void> check(const lifetime_rules& rules) {
    if (!allowed(rules.standard) || !allowed(rules.cached_max)) return failure(errc::bad_configuration);
    return {};
}

result<void> check_deadline(wall_time deadline, wall_time now) {
    if (deadline <= now) return failure(errc::value_expired);
    if (deadline > now + limits::value_lifetime_max + limits::clock_skew_max) return failure(errc::value_expired);
    return {};
}

result<wall_time> deadline_after(wall_time now, std::chrono::milliseconds lifetime) {
    if (!allowed(lifetime)) return failure(errc::bad_argument);
    return now + lifetime;
}

wall_time tombstone_deadline(wall_time written) { return written + limits::value_lifetime_max; }

wall_time keep_until(wall_time deadline, wall_time received) {
    return std::min<wall_time>(deadline, received + limits::value_lifetime_max);
}

wall_time cached_until(wall_time deadline, wall_time received, const lifetime_rules& rules) {
    return std::min<wall_time>(deadline, received + rules.cached_max);
}

wall_time renewal_due(wall_time written, wall_time deadline, double jitter) {
    const auto lifetime = static_cast<double>(std::max<std::int64_t>(0, (deadline - written).count()));
    const double spread = 1.0 - jitter_share + 2.0 * jitter_share * jitter;
    return written + std::chrono::milliseconds(static_cast<std::int64_t>(lifetime * renewal_share * spread));
}

}  // namespace mydht
