#include <mydht/value/lifetime.hpp>

#include <mydht/core/limits.hpp>
#include <mydht/core/random.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "value/value_support.hpp"

using namespace mydht;
using namespace std::chrono_literals;
using test::noon;

TEST_CASE("a deadline is refused from itself on, and beyond lifetime and skew", "[lifetime]") {
    CHECK(check_deadline(noon + 1ms, noon).has_value());
    CHECK(check_deadline(noon, noon).error() == errc::value_expired);
    CHECK(check_deadline(noon - 1ms, noon).error() == errc::value_expired);
    const auto farthest = noon + limits::value_lifetime_max + limits::clock_skew_max;
    CHECK(check_deadline(farthest, noon).has_value());
    CHECK(check_deadline(farthest + 1ms, noon).error() == errc::value_expired);
    CHECK(check_deadline(wall_time::max(), noon).error() == errc::value_expired);
    CHECK(check_deadline(wall_time::min(), noon).error() == errc::value_expired);
}

TEST_CASE("a lifetime gives a deadline up to the longest one", "[lifetime]") {
    CHECK(*deadline_after(noon, 1ms) == noon + 1ms);
    CHECK(*deadline_after(noon, limits::value_lifetime_max) == noon + limits::value_lifetime_max);
    CHECK(deadline_after(noon, limits::value_lifetime_max + 1ms).error() == errc::bad_argument);
    CHECK(deadline_after(noon, 0ms).error() == errc::bad_argument);
    CHECK(deadline_after(noon, std::chrono::milliseconds::min()).error() == errc::bad_argument);
}

TEST_CASE("holders cap what they keep at the longest lifetime from the receipt", "[lifetime]") {
    CHECK(keep_until(noon + 1h, noon) == noon + 1h);
    CHECK(keep_until(noon + 48h + 9min, noon) == noon + 48h);
    const lifetime_rules rules{.standard = 24h, .cached_max = 10min};
    CHECK(cached_until(noon + 1h, noon, rules) == noon + 10min);
    CHECK(cached_until(noon + 1min, noon, rules) == noon + 1min);
}

TEST_CASE("a tombstone outlives every copy of what it deletes", "[lifetime]") {
    // Written before the tombstone by a clock as far ahead as allowed, received at the last moment before it.
    const auto deleted_at = noon;
    const auto longest_deadline = deleted_at + limits::value_lifetime_max + limits::clock_skew_max;
    CHECK(keep_until(longest_deadline, deleted_at) <= tombstone_deadline(deleted_at));
    CHECK(check_deadline(tombstone_deadline(noon), noon).has_value());
    CHECK(check_deadline(tombstone_deadline(noon), noon - limits::clock_skew_max).has_value());
}

TEST_CASE("rules with a lifetime that can never work are refused", "[lifetime]") {
    CHECK(check(lifetime_rules{}).has_value());
    CHECK(check(lifetime_rules{.standard = 0ms, .cached_max = 1h}).error() == errc::bad_configuration);
    CHECK(check(lifetime_rules{.standard = 1h, .cached_max = 0ms}).error() == errc::bad_configuration);
    CHECK(check(lifetime_rules{.standard = 48h, .cached_max = 48h}).has_value());
    CHECK(check(lifetime_rules{.standard = 48h + 1ms, .cached_max = 1h}).error() == errc::bad_configuration);
}

TEST_CASE("a renewal is due at 0.45 of the lifetime, spread by the jitter", "[lifetime]") {
    CHECK(renewal_due(noon, noon + 1000s, 0.5) == noon + 450s);
    CHECK(renewal_due(noon, noon + 1000s, 0.0) == noon + 405s);
    CHECK(renewal_due(noon, noon, 0.5) == noon);
    CHECK(renewal_due(noon, noon - 1h, 0.5) == noon);

    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 1000; ++round) {
        const auto lifetime = std::chrono::milliseconds(1 + random.below(48ULL * 3600 * 1000));
        const auto due = renewal_due(noon, noon + lifetime, random.unit());
        REQUIRE(due >= noon + lifetime * 40 / 100);
        REQUIRE(due < noon + lifetime / 2 + 1ms);
    }
}
