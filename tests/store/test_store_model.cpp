#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include <mydht/core/random.hpp>
#include <mydht/store/memory_store.hpp>

#include "store/store_support.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace mydht::test;

namespace {

/// What an entry costs, learned from the store itself: the model is about who is kept, not about sizes.
std::size_t cost_of(const store_entry& entry) {
    static std::map<std::pair<std::size_t, std::size_t>, std::size_t> known;
    auto& cost = known[{entry.what.body.size(), entry.origin_prefix.size()}];
    if (cost == 0) {
        sync_store alone{any_store(memory_store())};
        auto sample = entry;
        sample.keep_until = noon + std::chrono::hours(1);
        REQUIRE(alone.put(sample).has_value());
        cost = alone.usage().bytes;
    }
    return cost;
}

/// The store again, in the simplest way: a list that is walked for everything.
class model {
public:
    explicit model(const store_limits& limits) : limits_(limits) {}

    std::error_code put(store_entry entry, wall_time now, std::optional<std::uint64_t> expected, put_outcome& out) {
        if (entry.keep_until <= now) return errc::value_expired;
        expire(now);
        out = {put_effect::created, entry.keep_until};
        std::optional<store_entry> old;
        if (const auto at = find(entry.key); at != all.end()) old = at->second;
        if (old) {
            if (const auto refused = combine(*old, entry, expected, out)) return refused;
        }

        const auto before = all;
        all.erase(entry.key);
        if (!fits_acknowledged(entry)) {
            all = before;
            return errc::store_full;
        }
        if (entry.pool == store_pool::cached) {
            const auto cost = cost_of(entry);
            const auto of_peer = [&](const store_entry& e) {
                return e.pool == entry.pool && e.origin_peer == entry.origin_peer;
            };
            const auto of_prefix = [&](const store_entry& e) {
                return e.pool == entry.pool && e.origin_prefix == entry.origin_prefix;
            };
            while (entry.origin_peer && sum(of_peer) + cost > limits_.cached_peer_bytes_max)
                all.erase(first_cached(of_peer));
            while (!entry.origin_prefix.empty() && sum(of_prefix) + cost > limits_.cached_prefix_bytes_max)
                all.erase(first_cached(of_prefix));
        }
        while (!fits(entry)) all.erase(first_cached([](const store_entry&) { return true; }));
        all[entry.key] = entry;
        return {};
    }

    void expire(wall_time now) {
        std::erase_if(all, [&](const auto& one) { return one.second.keep_until <= now; });
    }

    [[nodiscard]] store_usage usage() const {
        store_usage out;
        std::set<std::pair<store_pool, node_id>> peers;
        std::set<std::pair<store_pool, bytes>> prefixes;
        for (const auto& [key, entry] : all) {
            ++out.entries;
            out.bytes += cost_of(entry);
            const bool copy = entry.pool == store_pool::cached;
            const bool far = entry.pool == store_pool::forwarded;
            out.cached_entries += copy ? 1 : 0;
            out.cached_bytes += copy ? cost_of(entry) : 0;
            out.forwarded_entries += far ? 1 : 0;
            out.forwarded_bytes += far ? cost_of(entry) : 0;
            if (!copy && entry.origin_peer) peers.emplace(entry.pool, *entry.origin_peer);
            if (!copy && !entry.origin_prefix.empty()) prefixes.emplace(entry.pool, entry.origin_prefix);
        }
        out.peers = peers.size();
        out.prefixes = prefixes.size();
        return out;
    }

    std::map<id256, store_entry> all;

private:
    using iterator = std::map<id256, store_entry>::iterator;
    iterator find(const id256& key) { return all.find(key); }

    static std::error_code combine(const store_entry& old, store_entry& entry, std::optional<std::uint64_t> expected,
                                   put_outcome& out) {
        const bool same = old.order.sequence == entry.order.sequence && old.order.tombstone == entry.order.tombstone &&
                          old.order.digest == entry.order.digest;
        if (!same && expected && expected != old.order.sequence) return errc::cas_mismatch;
        if (!same && entry.order < old.order) return errc::value_stale;
        const bool later = entry.order.deadline > old.order.deadline;
        out.effect = !same ? put_effect::replaced : later ? put_effect::renewed : put_effect::unchanged;

        const bool was_copy = old.pool == store_pool::cached;
        const bool is_copy = entry.pool == store_pool::cached;
        auto result = out.effect == put_effect::unchanged ? old : entry;
        const auto& payer = (!was_copy && (same || is_copy)) || (is_copy && same) ? old : entry;
        result.origin_peer = payer.origin_peer;
        result.origin_prefix = payer.origin_prefix;
        result.pool = payer.pool;
        result.keep_until = std::max(old.keep_until, entry.keep_until);
        if (was_copy && is_copy) result.keep_until = same ? old.keep_until : entry.keep_until;
        result.keep_until = std::min(result.keep_until, result.order.deadline);
        out.keep_until = result.keep_until;
        entry = result;
        return {};
    }

    template <typename Which>
    std::size_t sum(Which which) const {
        std::size_t out = 0;
        for (const auto& [key, entry] : all) out += which(entry) ? cost_of(entry) : 0;
        return out;
    }

    bool fits_acknowledged(const store_entry& entry) const {
        const auto cost = cost_of(entry);
        const bool far = entry.pool == store_pool::forwarded;
        const bool copy = entry.pool == store_pool::cached;
        const auto peer_max = far ? limits_.forwarded.peer_bytes_max : limits_.peer_bytes_max;
        const auto prefix_max = far ? limits_.forwarded.prefix_bytes_max : limits_.prefix_bytes_max;
        const auto of_peer = [&](const store_entry& e) {
            return e.pool == entry.pool && e.origin_peer == entry.origin_peer;
        };
        const auto of_prefix = [&](const store_entry& e) {
            return e.pool == entry.pool && e.origin_prefix == entry.origin_prefix;
        };
        if (copy && (cost > limits_.cached_bytes_max || cost > limits_.cached_peer_bytes_max ||
                     cost > limits_.cached_prefix_bytes_max))
            return false;
        if (!copy && entry.origin_peer && sum(of_peer) + cost > peer_max) return false;
        if (!copy && !entry.origin_prefix.empty() && sum(of_prefix) + cost > prefix_max) return false;
        return sum_of(far ? store_pool::forwarded : store_pool::direct) + cost <= most(far);
    }
    std::size_t sum_of(store_pool pool) const {
        return sum([pool](const store_entry& e) { return e.pool == pool; });
    }
    std::size_t most(bool far) const { return far ? limits_.forwarded.bytes_max : limits_.bytes_max; }

    bool fits(const store_entry& entry) const {
        const auto cost = cost_of(entry);
        const auto copies = sum_of(store_pool::cached);
        if (entry.pool == store_pool::forwarded) return sum_of(entry.pool) + cost <= most(true);
        if (entry.pool == store_pool::cached && copies + cost > limits_.cached_bytes_max) return false;
        return sum_of(store_pool::direct) + copies + cost <= limits_.bytes_max;
    }

    template <typename Which>
    iterator first_cached(Which which) {
        auto best = all.end();
        for (auto at = all.begin(); at != all.end(); ++at) {
            if (at->second.pool != store_pool::cached || !which(at->second)) continue;
            if (best == all.end() || at->second.keep_until < best->second.keep_until) best = at;
        }
        return best;
    }

    store_limits limits_;
};

store_entry random_entry(prng& random, wall_time now) {
    const auto key = random.below(24);
    const auto sequence = random.below(4);
    const auto letter = static_cast<char>('a' + random.below(2));
    auto out = make_entry(key, sequence, letter);
    out.what.body.resize(50 + 50 * random.below(4));
    out.order.tombstone = random.below(8) == 0;
    out.stored_at = now;
    out.order.deadline = now + std::chrono::milliseconds(random.below(40));
    out.keep_until = out.order.deadline;
    out.pool = static_cast<store_pool>(random.below(3));
    if (out.pool == store_pool::cached) out.keep_until = std::min(out.keep_until, now + std::chrono::milliseconds(10));
    if (const auto peer = random.below(5); peer != 0) out.origin_peer = numbered_id(peer);
    if (const auto prefix = random.below(4); prefix != 0)
        out.origin_prefix = bytes(3, static_cast<std::uint8_t>(prefix));
    return out;
}

store_limits random_limits(prng& random) {
    store_limits out;
    out.bytes_max = 2'000 + random.below(15'000);
    out.peer_bytes_max = 1'000 + random.below(8'000);
    out.prefix_bytes_max = 1'000 + random.below(8'000);
    out.cached_bytes_max = 500 + random.below(6'000);
    out.cached_peer_bytes_max = 500 + random.below(4'000);
    out.cached_prefix_bytes_max = 500 + random.below(4'000);
    out.forwarded.bytes_max = 2'000 + random.below(8'000);
    out.forwarded.peer_bytes_max = 1'000 + random.below(4'000);
    out.forwarded.prefix_bytes_max = 1'000 + random.below(4'000);
    out.page_bytes = 1 + random.below(500);
    return out;
}

void check_put(sync_store& store, model& expected, prng& random, wall_time now) {
    const auto entry = random_entry(random, now);
    std::optional<std::uint64_t> sequence;
    if (random.below(4) == 0) sequence = random.below(4);
    put_outcome outcome;
    const auto refused = expected.put(entry, now, sequence, outcome);
    const auto put = store.put(entry, now, sequence);
    REQUIRE(put.has_value() == !refused);
    if (refused) {
        REQUIRE(put.error() == refused);
    } else {
        REQUIRE(put->effect == outcome.effect);
        REQUIRE(put->keep_until == outcome.keep_until);
    }
}

void check_same(sync_store& store, model& expected, wall_time now, prng& random) {
    expected.expire(now);
    store.expire(now);
    REQUIRE(store.all(1 + random.below(5)) == expected.all);
    REQUIRE(store.usage() == expected.usage());
}

}  // namespace

TEST_CASE("memory_store does what a simple model does", "[store][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int world = 0; world < 40; ++world) {
        const auto limits = random_limits(random);
        sync_store store{any_store(memory_store(limits))};
        model expected(limits);
        wall_time now = noon;
        for (int step = 0; step < 250; ++step) {
            CAPTURE(world, step);
            const auto what = random.below(20);
            const auto key = random.below(24);
            if (what < 13) {
                check_put(store, expected, random, now);
            } else if (what < 15) {
                expected.expire(now);
                const auto at = expected.all.find(numbered_id(key));
                const auto found = store.get(key, now);
                REQUIRE(found.has_value() == (at != expected.all.end()));
                if (found) REQUIRE(*found == at->second);
            } else if (what < 16) {
                expected.expire(now);
                store.expire(now);
                REQUIRE(store.erase(key) == (expected.all.erase(numbered_id(key)) > 0));
            } else if (what < 19) {
                now += std::chrono::milliseconds(random.below(6));
            } else {
                check_same(store, expected, now, random);
            }
            const auto used = store.usage();
            REQUIRE(used.bytes - used.forwarded_bytes <= limits.bytes_max);
            REQUIRE(used.forwarded_bytes <= limits.forwarded.bytes_max);
        }
        check_same(store, expected, now, random);

        // The accounts of every world end at zero, by time or by erasing.
        if (world % 2 == 0) {
            store.expire(now + std::chrono::hours(1));
        } else {
            for (std::uint64_t key = 0; key < 24; ++key) store.erase(key);
        }
        REQUIRE(store.usage() == store_usage{});
    }
}
