#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/id.hpp>
#include <mydht/core/item.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/runtime/task.hpp>
#include <mydht/value/lifetime.hpp>
#include <mydht/value/order.hpp>
#include <mydht/value/value.hpp>

namespace mydht {

/// In which part of a store an entry lies. What fills one of the first two leaves the other as it is.
enum class store_pool : std::uint8_t {
    direct,     ///< this node's own, or asked for by the peer that wants it kept
    forwarded,  ///< came through peers that pass on what others want kept
    cached,     ///< a copy from the path of a lookup: expires sooner, and makes room for direct ones
};

/// An item as a store keeps it. Stores judge nothing: who puts has opened and validated the item.
struct store_entry {
    id256 key;
    item what;
    /// Decides against what is stored already.
    rank order;
    /// From here on the entry is gone, even if it still takes up room.
    wall_time keep_until;
    wall_time stored_at;
    /// Who pays for it, and the prefix (network_prefix()) that it came from: their quotas. For a signed value that came
    /// through others that is who signed it, otherwise the peer that it came from. None for the node's own entries.
    std::optional<node_id> origin_peer;
    bytes origin_prefix;
    store_pool pool = store_pool::direct;

    store_entry() {}
    /// What a holder keeps of a value received at `now`; origin and pool are left to set.
    store_entry(const value& v, wall_time now)
        : key(v.key()),
          what(v.to_item()),
          order(rank_of(v)),
          keep_until(mydht::keep_until(v.deadline(), now)),
          stored_at(now) {}

    friend bool operator==(const store_entry&, const store_entry&) = default;
};

enum class put_effect : std::uint8_t {
    created,    ///< nothing was stored under the key
    replaced,   ///< an older value was
    renewed,    ///< the same value was, with an earlier deadline
    unchanged,  ///< the same value was, with this or a later deadline: it is held, as was asked
};

struct put_outcome {
    put_effect effect = put_effect::created;
    /// Until when the store means to keep what it holds under the key.
    wall_time keep_until;
};

/// Where a listing goes on. Opaque; only for the store that made it. The default one stands at the beginning.
class store_cursor {
public:
    store_cursor() = default;
    explicit store_cursor(bytes token) : token_(std::move(token)) {}
    [[nodiscard]] const bytes& token() const noexcept { return token_; }

private:
    bytes token_;
};

struct store_page {
    std::vector<store_entry> entries;
    std::optional<store_cursor> next;  ///< nothing behind the last page
};

struct store_usage {
    std::size_t entries = 0;
    std::size_t bytes = 0;  ///< all that the entries take up, counted as the store counts against its limits
    std::size_t forwarded_entries = 0;
    std::size_t forwarded_bytes = 0;
    std::size_t cached_entries = 0;
    std::size_t cached_bytes = 0;
    std::size_t peers = 0;     ///< peers whose quota is in use, of both pools
    std::size_t prefixes = 0;  ///< prefixes whose quota is in use, of both pools

    friend bool operator==(const store_usage&, const store_usage&) = default;
};

/// How much of what came through others a store takes in.
struct forwarded_limits {
    forwarded_limits() {}

    /// Bytes of all of them, beside those of store_limits::bytes_max.
    std::size_t bytes_max = 64U * 1024U * 1024U;
    /// Of one who pays: the signer of a signed value, the peer that it came from otherwise.
    std::optional<std::size_t> peer_bytes_max = 4U * 1024U * 1024U;
    /// Of what came from one network prefix, whoever signed it.
    std::optional<std::size_t> prefix_bytes_max = 16U * 1024U * 1024U;
};

/// How much a store takes in. A page also ends when its bodies reach page_bytes.
struct store_limits {
    store_limits() {}

    /// Bytes that direct entries and cached copies together may take up, each counted with what the store needs to keep
    /// it.
    std::size_t bytes_max = 192U * 1024U * 1024U;
    /// Bytes that the entries of one peer may take up: bounds what one identity can push out. Off: only bytes_max
    /// counts.
    std::optional<std::size_t> peer_bytes_max = 16U * 1024U * 1024U;
    /// The same for one network prefix, since identities cost nothing and addresses do. Off on nodes in one closed net.
    std::optional<std::size_t> prefix_bytes_max = 64U * 1024U * 1024U;
    /// Bytes of cached copies, within bytes_max: bounds what lookups alone can fill.
    std::size_t cached_bytes_max = 32U * 1024U * 1024U;
    /// Of those that queries of one neighbour left, and of one network prefix: beyond it the neighbour's own copies
    /// make room, so that nobody pushes out what others use.
    std::optional<std::size_t> cached_peer_bytes_max = 4U * 1024U * 1024U;
    std::optional<std::size_t> cached_prefix_bytes_max = 16U * 1024U * 1024U;
    forwarded_limits forwarded;
    /// Bodies in one page of a listing: a repair round never holds more than this at once.
    std::size_t page_bytes = 1024U * 1024U;
};

/// Success when every limit is above zero. Errors: errc::bad_configuration.
[[nodiscard]] result<void> check(const store_limits& limits);

/// A place that keeps entries. Awaitable and fallible, since it may be a disk; a store that works on another executor
/// comes back by itself. One entry a key. Not safe to use from two executors at once; several awaits may be under way,
/// and each takes effect as a whole or not at all, cancelled or not. The store and its arguments' referents outlive the
/// awaits. Every operation may fail with errc::store_failed and has then changed nothing.
///
/// put(entry, expected_sequence, now): completes when the entry is as safe as the store makes it. Compared with what is
///   stored under the key and not yet expired: a store of the same value succeeds always (renewed or unchanged), so
///   that a repeated put is harmless; then errc::cas_mismatch when a sequence is expected and another is stored; then
///   errc::value_stale when the stored one is newer. With nothing stored the expectation is ignored. errc::store_full
///   when a limit of the entry's pool would be passed after expired entries, then, for a direct one, the cached copies
///   that end first, have made room; an entry that was acknowledged is never dropped for it. errc::value_expired when
///   keep_until is not after `now`. A renewal stays charged to who first stored the value, in the pool that it lies in.
///   An acknowledged entry never turns into a cached copy, and one that a cached copy brings up to date stays charged
///   as it was. A cached copy of a value that lies here as one ends when the first one does, and stays charged as it
///   was. For a cached copy those make room that end first of the same peer and the same prefix, when its quota is
///   used up, and then of all.
/// get(key, now): the entry under the key if it is not expired; an empty list is success.
/// list(from, max): up to `max` entries (at least one) in an order of the store's own, expired ones among them. An
///   entry that is there during a whole listing appears exactly once, whatever else is put or erased meanwhile.
///   errc::bad_argument for another store's cursor or a `max` of zero.
/// erase(key): true when something was there.
/// expire(now, max): drops at most `max` entries whose time is over and says how many; fewer than `max` when none is
///   left.
/// usage(): what is stored now.
template <typename S>
concept store = std::movable<S> &&
    requires(S& s, store_entry entry, const id256& where, std::optional<std::uint64_t> expected, store_cursor from,
             std::size_t max, wall_time now) {
    { s.put(std::move(entry), expected, now) } -> std::same_as<task<result<put_outcome>>>;
    { s.get(where, now) } -> std::same_as<task<result<std::vector<store_entry>>>>;
    { s.list(std::move(from), max) } -> std::same_as<task<result<store_page>>>;
    { s.erase(where) } -> std::same_as<task<result<bool>>>;
    { s.expire(now, max) } -> std::same_as<task<result<std::size_t>>>;
    { s.usage() } -> std::same_as<task<result<store_usage>>>;
};

/// Any store behind one type; move-only. Empty until it is given one, and then nothing but assignment may be called.
/// Moving it does not disturb awaits under way.
class any_store {
public:
    any_store() = default;

    template <typename S>
        requires(!std::same_as<std::remove_cvref_t<S>, any_store> && store<std::remove_cvref_t<S>>)
    explicit any_store(S&& inner) : inner_(std::make_unique<holder<std::remove_cvref_t<S>>>(std::forward<S>(inner))) {}

    [[nodiscard]] explicit operator bool() const noexcept { return inner_ != nullptr; }

    [[nodiscard]] task<result<put_outcome>> put(store_entry entry, std::optional<std::uint64_t> expected_sequence,
                                                wall_time now) {
        return inner_->put(std::move(entry), expected_sequence, now);
    }
    [[nodiscard]] task<result<std::vector<store_entry>>> get(id256 where, wall_time now) {
        return inner_->get(where, now);
    }
    [[nodiscard]] task<result<store_page>> list(store_cursor from, std::size_t max) {
        return inner_->list(std::move(from), max);
    }
    [[nodiscard]] task<result<bool>> erase(id256 where) { return inner_->erase(where); }
    [[nodiscard]] task<result<std::size_t>> expire(wall_time now, std::size_t max) { return inner_->expire(now, max); }
    [[nodiscard]] task<result<store_usage>> usage() { return inner_->usage(); }

private:
    struct interface {
        interface() = default;
        interface(const interface&) = delete;
        interface& operator=(const interface&) = delete;
        virtual ~interface() = default;
        virtual task<result<put_outcome>> put(store_entry entry, std::optional<std::uint64_t> expected,
                                              wall_time now) = 0;
        virtual task<result<std::vector<store_entry>>> get(id256 where, wall_time now) = 0;
        virtual task<result<store_page>> list(store_cursor from, std::size_t max) = 0;
        virtual task<result<bool>> erase(id256 where) = 0;
        virtual task<result<std::size_t>> expire(wall_time now, std::size_t max) = 0;
        virtual task<result<store_usage>> usage() = 0;
    };

    template <typename S>
    struct holder final : interface {
        explicit holder(S given) : inner(std::move(given)) {}
        task<result<put_outcome>> put(store_entry entry, std::optional<std::uint64_t> expected,
                                      wall_time now) override {
            return inner.put(std::move(entry), expected, now);
        }
        task<result<std::vector<store_entry>>> get(id256 where, wall_time now) override {
            return inner.get(where, now);
        }
        task<result<store_page>> list(store_cursor from, std::size_t max) override {
            return inner.list(std::move(from), max);
        }
        task<result<bool>> erase(id256 where) override { return inner.erase(where); }
        task<result<std::size_t>> expire(wall_time now, std::size_t max) override { return inner.expire(now, max); }
        task<result<store_usage>> usage() override { return inner.usage(); }
        S inner;
    };

    std::unique_ptr<interface> inner_;
};

}  // namespace mydht
