#include "store/shelf.hpp"

#include <algorithm>
#include <cassert>

namespace mydht::detail {

namespace {

// What a tree's node (three pointers and a colour) and an allocation's own header take.
constexpr std::size_t node_bytes = 4 * sizeof(void*) + 2 * sizeof(void*);
constexpr std::size_t slot_bytes = node_bytes + sizeof(std::pair<const id256, store_entry>);
constexpr std::size_t end_bytes = node_bytes + sizeof(std::pair<wall_time, id256>);
constexpr std::size_t quota_bytes =
    2 * node_bytes + sizeof(std::pair<const node_id, std::size_t>) + sizeof(std::pair<const bytes, std::size_t>);
constexpr std::size_t heap_bytes = 3 * 2 * sizeof(void*);  // body, prefix, and the prefix as the quota's key

std::size_t cost_of(const store_entry& entry) {
    constexpr std::size_t fixed = slot_bytes + 4 * end_bytes + quota_bytes + heap_bytes;
    return fixed + entry.what.body.size() + 2 * entry.origin_prefix.size();
}

template <typename Sums, typename Key>
std::size_t sum_of(const Sums& sums, const Key& key) {
    const auto found = sums.find(key);
    return found == sums.end() ? 0 : found->second;
}

template <typename Sums, typename Key>
void take_from(Sums& sums, const Key& key, std::size_t amount) {
    const auto found = sums.find(key);
    assert(found != sums.end() && found->second >= amount);
    found->second -= amount;
    if (found->second == 0) sums.erase(found);
}

template <typename Ends, typename Key>
void take_end(Ends& ends, const Key& key, const std::pair<wall_time, id256>& end) {
    const auto found = ends.find(key);
    found->second.erase(end);
    if (found->second.empty()) ends.erase(found);
}

std::size_t index_of(store_pool pool) { return static_cast<std::size_t>(pool); }

bool over(std::size_t used, std::size_t more, const std::optional<std::size_t>& max) {
    return max && (more > *max || used > *max - more);
}

}  // namespace

result<put_outcome> shelf::put(store_entry entry, std::optional<std::uint64_t> expected_sequence, wall_time now) {
    if (entry.keep_until <= now) return failure(errc::value_expired);
    entry.what.body.shrink_to_fit();
    entry.origin_prefix.shrink_to_fit();

    put_outcome outcome{put_effect::created, entry.keep_until};
    auto at = slots_.find(entry.key);
    if (at != slots_.end() && at->second.keep_until <= now) {
        drop(at);
        at = slots_.end();
    }
    if (at == slots_.end()) {
        if (!make_room(entry, now)) return failure(errc::store_full);
        const auto where = entry.key;
        count(slots_.emplace(where, std::move(entry)).first->second);
        return outcome;
    }

    auto merged = merge(at->second, entry, expected_sequence);
    if (!merged) return merged;
    // Uncounted, the stored entry neither stands in its successor's way nor can be given up for it.
    uncount(at->second);
    const bool room = make_room(entry, now);
    if (room) at->second = std::move(entry);
    count(at->second);
    if (!room) return failure(errc::store_full);
    return merged;
}

result<put_outcome> shelf::merge(const store_entry& stored, store_entry& entry,
                                 std::optional<std::uint64_t> expected) const {
    const bool same = same_content(stored.order, entry.order);
    if (!same && expected && *expected != stored.order.sequence) return failure(errc::cas_mismatch);
    if (!same && entry.order < stored.order) return failure(errc::value_stale);

    auto effect = put_effect::replaced;
    if (same) effect = stored.order.deadline < entry.order.deadline ? put_effect::renewed : put_effect::unchanged;

    const bool was_copy = stored.pool == store_pool::cached;
    const bool is_copy = entry.pool == store_pool::cached;
    // Who first had the value kept goes on paying for it, so that no renewal fails on another one's quota, and no copy
    // for somebody else is paid by who asked for that. What was only a copy is paid by who has it kept now.
    if ((!was_copy && (same || is_copy)) || (was_copy && is_copy && same)) {
        entry.origin_peer = stored.origin_peer;
        entry.origin_prefix = stored.origin_prefix;
        entry.pool = stored.pool;
    }
    if (effect == put_effect::unchanged) {
        entry.what = stored.what;
        entry.order = stored.order;
        entry.stored_at = stored.stored_at;
    }
    // A cached copy ends sooner than the acknowledged entry that it brings up to date would have; and it ends in its
    // own time, however often somebody asks for it.
    const auto until = was_copy && is_copy ? (same ? stored.keep_until : entry.keep_until)
                                           : std::max(entry.keep_until, stored.keep_until);
    entry.keep_until = std::min(until, entry.order.deadline);
    return put_outcome{effect, entry.keep_until};
}

const store_entry* shelf::find(const id256& key, wall_time now) const {
    const auto found = slots_.find(key);
    return found == slots_.end() || found->second.keep_until <= now ? nullptr : &found->second;
}

result<store_page> shelf::list(const store_cursor& from, std::size_t max) const {
    if (max == 0) return failure(errc::bad_argument);
    auto at = slots_.begin();
    if (!from.token().empty()) {
        const auto last = id256::from_bytes(from.token());
        if (!last) return failure(errc::bad_argument);
        at = slots_.upper_bound(*last);
    }

    store_page page;
    std::size_t listed = 0;
    while (at != slots_.end() && page.entries.size() < max && listed < limits_.page_bytes) {
        page.entries.push_back(at->second);
        listed += at->second.what.body.size();
        ++at;
    }
    // The last key listed and not the next one to come: entries that appear in between belong to the next page.
    if (at != slots_.end()) page.next = store_cursor(to_bytes(page.entries.back().key.view()));
    return page;
}

bool shelf::erase(const id256& key) {
    const auto found = slots_.find(key);
    if (found == slots_.end()) return false;
    drop(found);
    return true;
}

std::size_t shelf::expire(wall_time now, std::size_t max) {
    std::size_t count = 0;
    while (count < max && !ends_.empty() && ends_.begin()->first <= now) {
        drop(slots_.find(ends_.begin()->second));
        ++count;
    }
    return count;
}

store_usage shelf::usage() const {
    const auto& direct = of(store_pool::direct);
    const auto& forwarded = of(store_pool::forwarded);
    const auto& cached = of(store_pool::cached);
    store_usage out;
    out.entries = slots_.size();
    out.bytes = direct.sum + forwarded.sum + cached.sum;
    out.forwarded_entries = forwarded.entries;
    out.forwarded_bytes = forwarded.sum;
    out.cached_entries = cached.entries;
    out.cached_bytes = cached.sum;
    out.peers = direct.peers.size() + forwarded.peers.size();
    out.prefixes = direct.prefixes.size() + forwarded.prefixes.size();
    return out;
}

bool shelf::fits_quotas(const store_entry& entry) const { return fits_peer(entry) && fits_prefix(entry); }

bool shelf::fits_peer(const store_entry& entry) const {
    const std::optional<std::size_t> limits[] = {limits_.peer_bytes_max, limits_.forwarded.peer_bytes_max,
                                                 limits_.cached_peer_bytes_max};
    if (!entry.origin_peer) return true;
    const auto used = sum_of(of(entry.pool).peers, *entry.origin_peer);
    return !over(used, cost_of(entry), limits[index_of(entry.pool)]);
}

bool shelf::fits_prefix(const store_entry& entry) const {
    const std::optional<std::size_t> limits[] = {limits_.prefix_bytes_max, limits_.forwarded.prefix_bytes_max,
                                                 limits_.cached_prefix_bytes_max};
    if (entry.origin_prefix.empty()) return true;
    const auto used = sum_of(of(entry.pool).prefixes, entry.origin_prefix);
    return !over(used, cost_of(entry), limits[index_of(entry.pool)]);
}

bool shelf::fits_limits(const store_entry& entry) const {
    const auto cost = cost_of(entry);
    const auto cached = of(store_pool::cached).sum;
    if (entry.pool == store_pool::forwarded) return !over(of(entry.pool).sum, cost, limits_.forwarded.bytes_max);
    if (entry.pool == store_pool::cached && over(cached, cost, limits_.cached_bytes_max)) return false;
    return !over(of(store_pool::direct).sum + cached, cost, limits_.bytes_max);
}

bool shelf::make_room(const store_entry& entry, wall_time now) {
    while (!(fits_quotas(entry) && fits_limits(entry)) && expire(now, 1) > 0) continue;

    if (entry.pool == store_pool::cached) return make_cached_room(entry);
    if (!fits_quotas(entry)) return false;
    // Cached copies lie among the direct entries.
    if (entry.pool == store_pool::forwarded) return fits_limits(entry);
    // Whether giving up every cached copy would do is asked first: a put that fails in the end costs nobody anything.
    const auto cost = cost_of(entry);
    if (over(of(store_pool::direct).sum, cost, limits_.bytes_max)) return false;
    while (!fits_limits(entry)) drop(slots_.find(cached_ends_.begin()->second));
    return true;
}

bool shelf::make_cached_room(const store_entry& entry) {
    const auto cost = cost_of(entry);
    const bool too_large = over(0, cost, limits_.cached_peer_bytes_max) ||
                           over(0, cost, limits_.cached_prefix_bytes_max) || cost > limits_.cached_bytes_max;
    if (too_large || over(of(store_pool::direct).sum, cost, limits_.bytes_max)) return false;
    const auto drop_first = [this](const ends& among) { drop(slots_.find(among.begin()->second)); };
    while (!fits_peer(entry)) drop_first(cached_of_.at(*entry.origin_peer));
    while (!fits_prefix(entry)) drop_first(cached_from_.at(entry.origin_prefix));
    while (!fits_limits(entry)) drop_first(cached_ends_);
    return true;
}

void shelf::drop(slots::iterator at) {
    uncount(at->second);
    slots_.erase(at);
}

void shelf::count(const store_entry& entry) {
    const auto cost = cost_of(entry);
    auto& used = of(entry.pool);
    ends_.emplace(entry.keep_until, entry.key);
    ++used.entries;
    used.sum += cost;
    if (entry.pool == store_pool::cached) {
        cached_ends_.emplace(entry.keep_until, entry.key);
        if (entry.origin_peer) cached_of_[*entry.origin_peer].emplace(entry.keep_until, entry.key);
        if (!entry.origin_prefix.empty()) cached_from_[entry.origin_prefix].emplace(entry.keep_until, entry.key);
    }
    if (entry.origin_peer) used.peers[*entry.origin_peer] += cost;
    if (!entry.origin_prefix.empty()) used.prefixes[entry.origin_prefix] += cost;
}

void shelf::uncount(const store_entry& entry) {
    const auto cost = cost_of(entry);
    auto& used = of(entry.pool);
    const std::pair end(entry.keep_until, entry.key);
    ends_.erase(end);
    --used.entries;
    used.sum -= cost;
    if (entry.pool == store_pool::cached) {
        cached_ends_.erase(end);
        if (entry.origin_peer) take_end(cached_of_, *entry.origin_peer, end);
        if (!entry.origin_prefix.empty()) take_end(cached_from_, entry.origin_prefix, end);
    }
    if (entry.origin_peer) take_from(used.peers, *entry.origin_peer, cost);
    if (!entry.origin_prefix.empty()) take_from(used.prefixes, entry.origin_prefix, cost);
}

}  // namespace mydht::detail
