#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <mydht/store/store.hpp>

namespace mydht::detail {

/// What memory_store decides, without its coroutines. The operations are those of the concept `store`.
/// Trees and not hash tables throughout: keys, peers and prefixes are picked by strangers, and a tree has no bad case.
class shelf {
public:
    explicit shelf(const store_limits& limits) : limits_(limits) {}

    result<put_outcome> put(store_entry entry, std::optional<std::uint64_t> expected_sequence, wall_time now);
    /// The entry if it has not expired, else nullptr. Until the next change.
    const store_entry* find(const id256& key, wall_time now) const;
    result<store_page> list(const store_cursor& from, std::size_t max) const;
    bool erase(const id256& key);
    std::size_t expire(wall_time now, std::size_t max);
    store_usage usage() const;

private:
    using slots = std::map<id256, store_entry>;
    using ends = std::set<std::pair<wall_time, id256>>;

    /// Decides between what is stored under the key and what is put; makes `entry` what should be stored.
    result<put_outcome> merge(const store_entry& stored, store_entry& entry,
                              std::optional<std::uint64_t> expected) const;

    /// What the entries of one pool take up, in all and of those who pay.
    struct account {
        std::size_t entries = 0;
        std::size_t sum = 0;
        std::map<node_id, std::size_t> peers;
        std::map<bytes, std::size_t> prefixes;
    };
    account& of(store_pool pool) { return accounts_[static_cast<std::size_t>(pool)]; }
    const account& of(store_pool pool) const { return accounts_[static_cast<std::size_t>(pool)]; }

    bool fits_quotas(const store_entry& entry) const;
    bool fits_peer(const store_entry& entry) const;
    bool fits_prefix(const store_entry& entry) const;
    /// A cached copy: those of the same peer and prefix that end first make room for it. False when it is too large.
    bool make_cached_room(const store_entry& entry);
    bool fits_limits(const store_entry& entry) const;
    /// Makes room for an entry, or changes nothing but what has expired. False when there is none.
    bool make_room(const store_entry& entry, wall_time now);

    void drop(slots::iterator at);
    /// Enters an entry of slots_ into all indexes and sums, and takes it out of them.
    void count(const store_entry& entry);
    void uncount(const store_entry& entry);

    store_limits limits_;
    slots slots_;
    ends ends_;
    ends cached_ends_;
    std::map<node_id, ends> cached_of_;
    std::map<bytes, ends> cached_from_;
    std::array<account, 3> accounts_;  // by pool
};

}  // namespace mydht::detail
