#pragma once

#include <algorithm>
#include <functional>
#include <limits>

#include <mydht/store/store.hpp>

#include "store/store_support.hpp"
#include "support/catch.hpp"

/// What every store must do. A store's own test calls check_store_conformance() from one test case with a function that
/// makes an empty store with the given limits.
namespace mydht::test {

using store_factory = std::function<any_store(const store_limits&)>;

/// What an entry takes up in this store.
inline std::size_t cost_in(const store_factory& make, const store_entry& entry) {
    sync_store alone(make(store_limits{}));
    REQUIRE(alone.put(entry).has_value());
    return alone.usage().bytes;
}

inline std::error_code put_error(sync_store& store, const store_entry& entry, wall_time now = noon,
                                 std::optional<std::uint64_t> expected = {}) {
    const auto done = store.put(entry, now, expected);
    return done ? std::error_code() : done.error();
}

inline void check_keeps_entries(const store_factory& make) {
    sync_store store(make({}));
    auto entry = from_peer(make_entry(1), 7, 1);
    entry.what.sig = signature(std::array<std::uint8_t, 64>{9});
    entry.order.tombstone = true;

    CHECK(store.usage() == store_usage{});
    const auto put = store.put(entry);
    REQUIRE(put.has_value());
    CHECK(put->effect == put_effect::created);
    CHECK(put->keep_until == entry.keep_until);
    CHECK(store.get(1) == entry);
    CHECK_FALSE(store.get(2).has_value());
    CHECK(store.usage().entries == 1);
    CHECK(store.usage().peers == 1);
    CHECK(store.usage().prefixes == 1);
    CHECK(store.usage().bytes > entry.what.body.size());

    REQUIRE(store.put(cached(make_entry(2))).has_value());
    CHECK(store.usage().entries == 2);
    CHECK(store.usage().cached_entries == 1);
    CHECK(store.usage().cached_bytes > 0);
    CHECK(store.usage().peers == 1);

    CHECK(store.erase(1));
    CHECK_FALSE(store.erase(1));
    CHECK_FALSE(store.get(1).has_value());
    CHECK(store.erase(2));
    CHECK(store.usage() == store_usage{});
}

inline void check_order_decides(const store_factory& make) {
    sync_store store(make({}));
    const auto first = make_entry(1, 5, 'b');
    REQUIRE(store.put(first)->effect == put_effect::created);

    const auto same = store.put(first);
    REQUIRE(same.has_value());
    CHECK(same->effect == put_effect::unchanged);

    const auto shorter = store.put(make_entry(1, 5, 'b', std::chrono::minutes(1)));
    REQUIRE(shorter.has_value());
    CHECK(shorter->effect == put_effect::unchanged);
    CHECK(shorter->keep_until == first.keep_until);
    CHECK(store.get(1) == first);

    const auto longer = make_entry(1, 5, 'b', std::chrono::hours(2));
    const auto renewed = store.put(longer);
    REQUIRE(renewed.has_value());
    CHECK(renewed->effect == put_effect::renewed);
    CHECK(renewed->keep_until == longer.keep_until);
    CHECK(store.get(1) == longer);

    CHECK(put_error(store, make_entry(1, 4, 'z')) == errc::value_stale);
    CHECK(put_error(store, make_entry(1, 5, 'a', std::chrono::hours(9))) == errc::value_stale);
    CHECK(store.get(1) == longer);

    const auto rival = make_entry(1, 5, 'c', std::chrono::minutes(1));
    CHECK(store.put(rival)->effect == put_effect::replaced);
    auto tombstone = make_entry(1, 5, 'a', std::chrono::minutes(1));
    tombstone.order.tombstone = true;
    CHECK(store.put(tombstone)->effect == put_effect::replaced);
    CHECK(put_error(store, make_entry(1, 5, 'z')) == errc::value_stale);
    CHECK(store.put(make_entry(1, 6, 'a'))->effect == put_effect::replaced);
    CHECK(store.usage().entries == 1);
    CHECK(store.get(1) == make_entry(1, 6, 'a'));
}

inline void check_expected_sequence(const store_factory& make) {
    sync_store store(make({}));
    REQUIRE(store.put(make_entry(1, 3), noon, 77).has_value());
    CHECK(put_error(store, make_entry(1, 5), noon, 2) == errc::cas_mismatch);
    CHECK(put_error(store, make_entry(1, 2), noon, 2) == errc::cas_mismatch);
    CHECK(put_error(store, make_entry(1, 2), noon, 3) == errc::value_stale);
    CHECK(store.get(1)->order.sequence == 3);

    CHECK(store.put(make_entry(1, 4), noon, 3)->effect == put_effect::replaced);
    // The answer was lost and the writer asks again.
    CHECK(store.put(make_entry(1, 4), noon, 3)->effect == put_effect::unchanged);
    CHECK(put_error(store, make_entry(1, 5), noon, 3) == errc::cas_mismatch);

    const auto later = noon + std::chrono::hours(1);
    auto after = make_entry(1, 1, 'a', std::chrono::hours(2));
    CHECK(store.put(after, later, 99)->effect == put_effect::created);
}

inline void check_expiry(const store_factory& make) {
    using std::chrono::milliseconds;
    sync_store store(make({}));
    CHECK(put_error(store, make_entry(1, 1, 'a', milliseconds(0))) == errc::value_expired);
    CHECK(put_error(store, make_entry(1, 1, 'a', milliseconds(-1))) == errc::value_expired);
    CHECK(store.usage() == store_usage{});

    for (int n = 1; n <= 5; ++n) {
        REQUIRE(store.put(make_entry(static_cast<std::uint64_t>(n), 1, 'a', milliseconds(10 * n))).has_value());
    }
    CHECK(store.get(1, noon + milliseconds(9)).has_value());
    CHECK_FALSE(store.get(1, noon + milliseconds(10)).has_value());

    CHECK(store.expire(noon + milliseconds(9)) == 0);
    CHECK(store.expire(noon + milliseconds(10)) == 1);
    CHECK(store.expire(noon + milliseconds(40), 2) == 2);
    CHECK_FALSE(store.get(3).has_value());
    CHECK(store.get(4).has_value());
    CHECK(store.expire(noon + milliseconds(40), 0) == 0);
    CHECK(store.expire(noon + milliseconds(40), 2) == 1);
    CHECK(store.usage().entries == 1);

    // A renewal moves the end.
    REQUIRE(store.put(make_entry(5, 1, 'a', milliseconds(60)))->effect == put_effect::renewed);
    CHECK(store.expire(noon + milliseconds(50)) == 0);
    CHECK(store.expire(noon + milliseconds(60)) == 1);
    CHECK(store.usage() == store_usage{});
}

inline void check_byte_limits(const store_factory& make) {
    const auto cost = cost_in(make, from_peer(make_entry(1), 1, 1));
    auto longer = from_peer(make_entry(1), 1, 1);
    longer.what.body.resize(longer.what.body.size() + 1000);
    longer.origin_prefix.resize(longer.origin_prefix.size() + 100);
    CHECK(cost_in(make, longer) >= cost + 1100);
    const auto fills = [&](store_limits limits, auto&& entry) {
        sync_store store(make(limits));
        REQUIRE(store.put(entry(1)).has_value());
        REQUIRE(store.put(entry(2)).has_value());
        const auto before = store.usage();
        CHECK(put_error(store, entry(3)) == errc::store_full);
        CHECK(store.usage() == before);
        CHECK_FALSE(store.get(3).has_value());
        // The one that is there already still can be renewed, and room that was given back is room.
        CHECK(store.put(entry(1)).has_value());
        CHECK(store.erase(1));
        CHECK(store.put(entry(3)).has_value());
        CHECK(store.get(2).has_value());
    };
    const auto same_peer = [](std::uint64_t key) {
        return from_peer(make_entry(key), 1, static_cast<std::uint8_t>(key));
    };
    const auto same_prefix = [](std::uint64_t key) { return from_peer(make_entry(key), key, 1); };
    const auto strangers = [](std::uint64_t key) {
        return from_peer(make_entry(key), key, static_cast<std::uint8_t>(key));
    };
    const auto big = std::size_t{1} << 30U;

    for (const auto spare : {std::size_t{0}, cost - 1}) {
        store_limits limits;
        limits.bytes_max = 2 * cost + spare;
        fills(limits, strangers);
        limits.bytes_max = big;
        limits.peer_bytes_max = 2 * cost + spare;
        fills(limits, same_peer);
        limits.peer_bytes_max.reset();
        limits.prefix_bytes_max = 2 * cost + spare;
        fills(limits, same_prefix);
    }

    store_limits limits;
    limits.bytes_max = cost - 1;
    sync_store tiny(make(limits));
    CHECK(put_error(tiny, from_peer(make_entry(1), 1, 1)) == errc::store_full);

    limits.bytes_max = big;
    limits.peer_bytes_max = cost;
    limits.prefix_bytes_max = cost;
    sync_store quotas(make(limits));
    CHECK(quotas.put(from_peer(make_entry(1), 1, 1)).has_value());
    CHECK(quotas.put(from_peer(make_entry(2), 2, 2)).has_value());
    for (std::uint64_t own = 3; own < 10; ++own) CHECK(quotas.put(make_entry(own)).has_value());
}

inline void check_room_is_made(const store_factory& make) {
    using std::chrono::minutes;
    const auto cost = cost_in(make, make_entry(1));
    store_limits limits;
    limits.bytes_max = 4 * cost;
    sync_store store(make(limits));
    REQUIRE(store.put(make_entry(1, 1, 'a', minutes(5))).has_value());
    REQUIRE(store.put(cached(make_entry(2, 1, 'a', minutes(30)))).has_value());
    REQUIRE(store.put(cached(make_entry(3, 1, 'a', minutes(20)))).has_value());
    REQUIRE(store.put(make_entry(4)).has_value());

    // Too much even without every cached copy: refused, and nothing was given up for it.
    auto huge = make_entry(9, 1, 'a');
    huge.what.body.resize(huge.what.body.size() + 3 * cost);
    const auto full = store.usage();
    CHECK(put_error(store, huge) == errc::store_full);
    CHECK(store.usage() == full);

    const auto later = noon + minutes(5);
    CHECK(store.put(make_entry(5), later).has_value());
    CHECK(store.usage().cached_entries == 2);
    CHECK(store.put(make_entry(6), later).has_value());
    CHECK(store.get(2, later).has_value());
    CHECK_FALSE(store.get(3, later).has_value());
    CHECK(store.put(make_entry(7), later).has_value());
    CHECK(store.usage().cached_entries == 0);
    CHECK(put_error(store, make_entry(8), later) == errc::store_full);
    CHECK(put_error(store, cached(make_entry(8)), later) == errc::store_full);
    for (const std::uint64_t kept : {4U, 5U, 6U, 7U}) CHECK(store.get(kept, later).has_value());

    // An expired entry of one peer makes room in that peer's quota.
    store_limits quota;
    quota.peer_bytes_max = cost_in(make, from_peer(make_entry(1), 1));
    sync_store shared(make(quota));
    REQUIRE(shared.put(from_peer(make_entry(1, 1, 'a', minutes(5)), 1)).has_value());
    CHECK(put_error(shared, from_peer(make_entry(2), 1)) == errc::store_full);
    CHECK(shared.put(from_peer(make_entry(2), 1), later).has_value());
}

inline void check_larger_replacement(const store_factory& make) {
    auto larger = make_entry(1, 2);
    larger.what.body.resize(1000);
    store_limits limits;
    limits.bytes_max = cost_in(make, larger) - 1;
    sync_store store(make(limits));
    const auto first = make_entry(1, 1);
    REQUIRE(store.put(first).has_value());
    const auto before = store.usage();
    CHECK(put_error(store, larger) == errc::store_full);
    CHECK(store.get(1) == first);
    CHECK(store.usage() == before);
    larger.what.body.pop_back();
    CHECK(store.put(larger)->effect == put_effect::replaced);
    CHECK(store.usage().bytes <= limits.bytes_max);
}

/// Who has copies cached makes room for them among his own.
inline void check_shares_of_copies(const store_factory& make) {
    using std::chrono::minutes;
    const auto cost = cost_in(make, from_peer(make_entry(1), 1, 1));
    store_limits limits;
    limits.cached_bytes_max = 4 * cost;
    limits.cached_peer_bytes_max = 2 * cost;
    limits.cached_prefix_bytes_max = 3 * cost;
    sync_store store(make(limits));
    const auto put = [&](std::uint64_t key, std::uint64_t peer, std::uint8_t prefix, int left) {
        return store.put(cached(from_peer(make_entry(key, 1, 'a', minutes(left)), peer, prefix))).has_value();
    };
    CHECK(put(1, 1, 1, 10));
    CHECK(put(2, 2, 2, 30));
    CHECK(put(3, 2, 2, 40));
    // A third one of a peer: its own that ends first goes, though another's ends sooner.
    CHECK(put(4, 2, 2, 50));
    CHECK(store.get(1).has_value());
    CHECK_FALSE(store.get(2).has_value());
    // The fourth of a prefix, from other peers.
    CHECK(put(5, 3, 2, 20));
    CHECK(put(6, 4, 2, 60));
    CHECK(store.get(1).has_value());
    CHECK_FALSE(store.get(5).has_value());
    CHECK(store.usage().cached_entries == 4);
    // When all are full, the one that ends first goes.
    CHECK(put(7, 5, 3, 70));
    CHECK_FALSE(store.get(1).has_value());
    // A copy that comes again stays charged to who had it first: this makes no room, and needs none.
    CHECK(put(7, 2, 2, 70));
    CHECK(store.usage().cached_entries == 4);
    CHECK(store.get(7)->origin_peer == numbered_id(5));
}

inline void check_cached_copies(const store_factory& make) {
    using std::chrono::minutes;
    const auto cost = cost_in(make, from_peer(make_entry(1), 1, 1));
    store_limits limits;
    limits.peer_bytes_max = cost;
    limits.cached_bytes_max = 2 * cost;
    sync_store store(make(limits));

    // Cached copies are not charged with what a peer puts, but have a limit of their own, in which the one that ends
    // first gives way.
    for (const std::uint64_t key : {1U, 2U, 3U}) {
        REQUIRE(store.put(cached(from_peer(make_entry(key, 1, 'a', minutes(40 - key)), 1, 1))).has_value());
    }
    CHECK(store.usage().peers == 0);
    CHECK(store.usage().cached_entries == 2);
    CHECK_FALSE(store.get(2).has_value());
    auto huge = cached(make_entry(4));
    huge.what.body.resize(2 * cost);
    CHECK(put_error(store, huge) == errc::store_full);
    CHECK(store.usage().cached_entries == 2);

    // A put acknowledges a copy that was cached, and charges it.
    CHECK(store.put(from_peer(make_entry(1, 1, 'a', minutes(39)), 1, 1))->effect == put_effect::unchanged);
    CHECK(store.get(1)->pool == store_pool::direct);
    CHECK(store.usage().peers == 1);
    CHECK(put_error(store, from_peer(make_entry(3, 1, 'a', minutes(37)), 1, 1)) == errc::store_full);
    CHECK(store.get(3)->pool == store_pool::cached);

    // A cached copy never takes back what was acknowledged, not even when it is newer.
    auto copy = cached(make_entry(1, 1, 'a', minutes(39)));
    copy.keep_until = noon + minutes(1);
    CHECK(store.put(copy)->keep_until == noon + minutes(39));
    CHECK(store.get(1)->pool == store_pool::direct);
    auto newer = cached(make_entry(1, 2, 'b', minutes(50)));
    newer.keep_until = noon + minutes(1);
    const auto replaced = store.put(newer);
    REQUIRE(replaced.has_value());
    CHECK(replaced->effect == put_effect::replaced);
    CHECK(replaced->keep_until == noon + minutes(39));
    CHECK(store.get(1)->pool == store_pool::direct);
    CHECK(store.get(1)->what == newer.what);
    auto ending = cached(make_entry(1, 3, 'c', minutes(2)));
    CHECK(store.put(ending)->keep_until == noon + minutes(2));

    CHECK(store.erase(1));
    CHECK(store.erase(3));
    CHECK(store.usage() == store_usage{});
}

/// However often somebody asks for it.
inline void check_copies_end(const store_factory& make) {
    using std::chrono::minutes;
    sync_store store(make({}));
    const auto copy_until = [](std::uint64_t sequence, char letter, minutes end) {
        auto out = cached(make_entry(1, sequence, letter, minutes(60)));
        out.keep_until = noon + end;
        return out;
    };
    REQUIRE(store.put(copy_until(1, 'a', minutes(10))).has_value());
    const auto again = store.put(copy_until(1, 'a', minutes(19)), noon + minutes(9));
    REQUIRE(again.has_value());
    CHECK(again->keep_until == noon + minutes(10));
    // Also not by a later deadline; a value that is new has a time of its own.
    auto longer = copy_until(1, 'a', minutes(19));
    longer.order.deadline = noon + minutes(90);
    CHECK(store.put(longer, noon + minutes(9))->keep_until == noon + minutes(10));
    CHECK_FALSE(store.get(1, noon + minutes(10)).has_value());
    CHECK(store.put(copy_until(1, 'a', minutes(20)), noon + minutes(10))->keep_until == noon + minutes(20));
    CHECK(store.put(copy_until(2, 'b', minutes(15)), noon + minutes(11))->keep_until == noon + minutes(15));
}

inline void check_forwarded_pool(const store_factory& make) {
    const auto cost = cost_in(make, from_peer(make_entry(1), 1, 1));
    const auto at = [](std::uint64_t key, std::uint64_t peer, std::uint8_t prefix) {
        return from_peer(make_entry(key), peer, prefix);
    };
    store_limits limits;
    limits.bytes_max = 2 * cost;
    limits.forwarded.bytes_max = 2 * cost;
    {
        // What fills one pool leaves the other as it is.
        sync_store store(make(limits));
        REQUIRE(store.put(forwarded(at(1, 1, 1))).has_value());
        REQUIRE(store.put(forwarded(at(2, 2, 2))).has_value());
        CHECK(put_error(store, forwarded(at(3, 3, 3))) == errc::store_full);
        CHECK(store.usage().forwarded_entries == 2);
        CHECK(store.usage().forwarded_bytes == 2 * cost);
        REQUIRE(store.put(at(4, 4, 4)).has_value());
        REQUIRE(store.put(cached(at(5, 5, 5))).has_value());
        // Cached copies make room for direct entries, and lie in no room of forwarded ones.
        CHECK(put_error(store, forwarded(at(3, 3, 3))) == errc::store_full);
        CHECK(store.usage().cached_entries == 1);
        REQUIRE(store.put(at(6, 6, 6)).has_value());
        CHECK(store.usage().cached_entries == 0);
        CHECK(put_error(store, at(7, 7, 7)) == errc::store_full);
        CHECK(store.usage().peers == 4);
        // A copy that came through others is renewed where it lies, whoever asks for that.
        CHECK(store.put(at(1, 9, 9))->effect == put_effect::unchanged);
        CHECK(store.get(1) == forwarded(at(1, 1, 1)));
        CHECK(store.erase(1));
        CHECK(store.put(forwarded(at(3, 3, 3))).has_value());
    }
    for (const bool of_peer : {true, false}) {
        limits = store_limits();
        (of_peer ? limits.forwarded.peer_bytes_max : limits.forwarded.prefix_bytes_max) = cost;
        sync_store store(make(limits));
        const std::uint8_t other = of_peer ? 2 : 1;
        const std::uint64_t another = of_peer ? 1 : 2;
        REQUIRE(store.put(forwarded(at(1, 1, 1))).has_value());
        CHECK(put_error(store, forwarded(at(2, another, other))) == errc::store_full);
        CHECK(store.put(forwarded(at(2, 3, 3))).has_value());
        // Its share of the one pool has nothing to do with that of the other.
        CHECK(store.put(at(3, 1, 1)).has_value());
        CHECK(store.usage().peers == 3);
        // A newer version that is only a copy is paid as the older one was.
        auto newer = cached(from_peer(make_entry(1, 2), 5, 5));
        CHECK(store.put(newer)->effect == put_effect::replaced);
        CHECK(store.get(1)->origin_peer == numbered_id(1));
        CHECK(store.get(1)->pool == store_pool::forwarded);
        CHECK(store.expire(noon + std::chrono::hours(1)) == 3);
        CHECK(store.usage() == store_usage{});
    }
}

inline void check_who_pays(const store_factory& make) {
    const auto cost = cost_in(make, from_peer(make_entry(1), 1));
    store_limits limits;
    limits.peer_bytes_max = cost;
    sync_store store(make(limits));
    REQUIRE(store.put(from_peer(make_entry(1), 1)).has_value());
    REQUIRE(store.put(from_peer(make_entry(2), 2)).has_value());

    // Peer 2 is full, and still may renew what peer 1 pays for.
    CHECK(store.put(from_peer(make_entry(1, 1, 'a', std::chrono::hours(2)), 2))->effect == put_effect::renewed);
    CHECK(store.get(1)->origin_peer == numbered_id(1));
    CHECK(put_error(store, from_peer(make_entry(3), 1)) == errc::store_full);

    // A replacement is paid by who asks for it.
    CHECK(put_error(store, from_peer(make_entry(1, 2), 2)) == errc::store_full);
    CHECK(store.get(1)->order.sequence == 1);
    CHECK(store.put(from_peer(make_entry(1, 2), 3))->effect == put_effect::replaced);
    CHECK(store.put(from_peer(make_entry(3), 1))->effect == put_effect::created);
    CHECK(put_error(store, from_peer(make_entry(4), 3)) == errc::store_full);
    CHECK(store.usage().peers == 3);
    CHECK(store.expire(noon + std::chrono::hours(2)) == 3);
    CHECK(store.usage() == store_usage{});
}

inline void check_listing(const store_factory& make) {
    store_limits limits;
    limits.page_bytes = 1000;
    sync_store store(make(limits));
    CHECK(store.list({}, 10)->entries.empty());
    CHECK_FALSE(store.list({}, 10)->next.has_value());
    for (std::uint64_t key = 1; key <= 25; ++key) REQUIRE(store.put(make_entry(key)).has_value());

    for (const std::size_t size : {1U, 2U, 5U, 9U, 24U, 25U, 26U}) {
        std::size_t entries = 0;
        for (std::optional<store_cursor> at = store_cursor(); at;) {
            const auto page = store.list(*at, size).value();
            CHECK(page.entries.size() <= std::min<std::size_t>(size, 10));
            CHECK_FALSE(page.entries.empty());
            entries += page.entries.size();
            at = page.next;
        }
        CAPTURE(size);
        CHECK(entries == 25);
        CHECK(store.all(size).size() == 25);
    }
    CHECK(store.all().at(numbered_id(3)) == make_entry(3));
    CHECK(store.list({}, std::numeric_limits<std::size_t>::max())->entries.size() == 10);
    CHECK(store.list({}, 0).error() == errc::bad_argument);
    CHECK(store.list(store_cursor(bytes{1, 2, 3}), 5).error() == errc::bad_argument);
}

inline void check_listing_under_change(const store_factory& make) {
    sync_store store(make({}));
    for (std::uint64_t key = 10; key <= 60; key += 10) REQUIRE(store.put(make_entry(key)).has_value());

    // Between every two pages an entry goes that was listed, one that was not, and new ones come around the cursor.
    std::map<id256, int> times;
    std::uint64_t fresh = 0;
    for (std::optional<store_cursor> at = store_cursor(); at;) {
        const auto page = store.list(*at, 1).value();
        for (const auto& entry : page.entries) ++times[entry.key];
        ++fresh;
        for (std::uint64_t key = 10; key <= 60; key += 10) {
            REQUIRE(store.put(make_entry(key + 1 + fresh % 8)).has_value());
        }
        store.erase(20);
        store.erase(50);
        at = page.next;
        REQUIRE(fresh < 1000);
    }
    for (const std::uint64_t key : {10U, 30U, 40U, 60U}) {
        CAPTURE(key);
        CHECK(times[numbered_id(key)] == 1);
    }
}

inline void check_store_conformance(const store_factory& make) {
    SECTION("it keeps what it is given, whole, and gives all room back") { check_keeps_entries(make); }
    SECTION("the order decides what is kept") { check_order_decides(make); }
    SECTION("an expected sequence guards what is stored, and only that") { check_expected_sequence(make); }
    SECTION("entries end at their time") { check_expiry(make); }
    SECTION("the limits of node, peer and prefix hold at n and n + 1") { check_byte_limits(make); }
    SECTION("expired entries make room, then cached copies, then none") { check_room_is_made(make); }
    SECTION("a replacement may use the room of what it replaces") { check_larger_replacement(make); }
    SECTION("cached copies are guests") { check_cached_copies(make); }
    SECTION("cached copies have shares") { check_shares_of_copies(make); }
    SECTION("a cached copy ends in its time, however often it comes") { check_copies_end(make); }
    SECTION("what came through others has its own room and its own quotas") { check_forwarded_pool(make); }
    SECTION("who first stored a value pays for it until it is replaced") { check_who_pays(make); }
    SECTION("a listing comes in pages") { check_listing(make); }
    SECTION("a listing shows what stays exactly once while other entries come and go") {
        check_listing_under_change(make);
    }
}

}  // namespace mydht::test
