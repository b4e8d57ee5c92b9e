#include "session/rate_limiter.hpp"

namespace mydht {

namespace {

/// Above it the price of a token, in nanoseconds, would be too coarse.
constexpr std::uint32_t per_second_max = 1'000'000;

}  // namespace

result<void> check(const rate_limit& limit) noexcept {
    const bool fine = limit.per_second > 0 && limit.per_second <= per_second_max && limit.burst > 0;
    return fine ? result<void>() : failure(errc::bad_configuration);
}

result<void> check(const request_limits& limits) noexcept {
    const bool fine =
        check(limits.endpoint) && check(limits.prefix) && check(limits.refusals) && limits.entries_max > 0;
    return fine ? result<void>() : failure(errc::bad_configuration);
}

result<void> check(const dial_limits& limits) noexcept {
    const bool fine = check(limits.address) && check(limits.prefix) && limits.at_once > 0 && limits.entries_max > 0;
    return fine ? result<void>() : failure(errc::bad_configuration);
}

}  // namespace mydht

namespace mydht::detail {

namespace {

duration price_for(const rate_limit& limit, std::uint8_t priority) noexcept {
    return price_of(limit) * priority_discount / (priority_discount + priority);
}

}  // namespace

bool is_own_machine(const address& from) noexcept {
    return from.kind() == address_kind::memory || scope_of(from) == address_scope::loopback;
}

request_limiter::request_limiter(const request_limits& limits, bool exempt_loopback)
    : limits_(limits),
      exempt_loopback_(exempt_loopback),
      endpoints_(limits.entries_max),
      prefixes_(limits.entries_max) {}

rate_verdict request_limiter::take(const address& from, std::uint8_t priority, steady_time now) {
    if (exempt_loopback_ && is_own_machine(from)) return rate_verdict::serve;
    auto& one = endpoints_.touch(from);
    auto& all = prefixes_.touch(network_prefix(from));
    const auto own_price = price_for(limits_.endpoint, priority);
    const auto shared_price = price_for(limits_.prefix, priority);
    // From both or from none: what is refused must not use up the share of its neighbours.
    if (one.requests.has(limits_.endpoint, own_price, now) && all.requests.has(limits_.prefix, shared_price, now)) {
        one.requests.take(own_price, now);
        all.requests.take(shared_price, now);
        return rate_verdict::serve;
    }
    const auto price = price_of(limits_.refusals);
    if (!one.refusals.has(limits_.refusals, price, now) || !all.refusals.has(limits_.refusals, price, now)) {
        return rate_verdict::drop;
    }
    one.refusals.take(price, now);
    all.refusals.take(price, now);
    return rate_verdict::tell;
}

prefix_limiter::prefix_limiter(const rate_limit& limit, std::size_t entries_max, bool exempt_loopback)
    : limit_(limit), exempt_loopback_(exempt_loopback), prefixes_(entries_max) {}

bool prefix_limiter::take(const address& from, steady_time now) {
    if (exempt_loopback_ && is_own_machine(from)) return true;
    return prefixes_.touch(network_prefix(from)).try_take(limit_, now);
}

}  // namespace mydht::detail
