#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <mydht/store/store.hpp>

#include "support/run.hpp"

namespace mydht::test {

/// A moment in 2026, in whole milliseconds.
inline constexpr wall_time noon = wall_time(std::chrono::milliseconds(1'780'000'000'000));

inline id256 numbered_id(std::uint64_t number) {
    id256 out;
    for (std::size_t i = 0; i < 8; ++i) out.data()[31 - i] = static_cast<std::uint8_t>(number >> (8 * i));
    return out;
}

/// An entry as stores see it: they never look into the item, so none is signed here. `letter` is the content.
inline store_entry make_entry(std::uint64_t key, std::uint64_t sequence = 1, char letter = 'a',
                              std::chrono::milliseconds lifetime = std::chrono::hours(1)) {
    store_entry out;
    out.key = numbered_id(key);
    out.what.kind = item_kind::mutable_value;
    out.what.body = bytes(100, static_cast<std::uint8_t>(letter));
    out.order.sequence = sequence;
    out.order.digest = numbered_id(static_cast<std::uint8_t>(letter));
    out.order.deadline = noon + lifetime;
    out.keep_until = noon + lifetime;
    out.stored_at = noon;
    return out;
}

inline store_entry from_peer(store_entry entry, std::uint64_t peer, std::uint8_t prefix = 0) {
    entry.origin_peer = numbered_id(peer);
    if (prefix != 0) entry.origin_prefix = bytes{4, 192, 0, prefix};
    return entry;
}

inline store_entry cached(store_entry entry) {
    entry.pool = store_pool::cached;
    return entry;
}

inline store_entry forwarded(store_entry entry) {
    entry.pool = store_pool::forwarded;
    return entry;
}

/// A store whose operations are plain calls: each runs to its end.
class sync_store {
public:
    explicit sync_store(any_store inner) : inner_(std::move(inner)) {}

    result<put_outcome> put(store_entry entry, wall_time now = noon, std::optional<std::uint64_t> expected = {}) {
        return run(inner_.put(std::move(entry), expected, now));
    }
    std::optional<store_entry> get(std::uint64_t key, wall_time now = noon) {
        auto found = run(inner_.get(numbered_id(key), now));
        if (!found || found->empty()) return std::nullopt;
        return found->front();
    }
    result<store_page> list(store_cursor from, std::size_t max) { return run(inner_.list(std::move(from), max)); }
    bool erase(std::uint64_t key) { return run(inner_.erase(numbered_id(key))).value(); }
    std::size_t expire(wall_time now, std::size_t max = 1'000'000) { return run(inner_.expire(now, max)).value(); }
    store_usage usage() { return run(inner_.usage()).value(); }
    any_store& inner() { return inner_; }

    /// Everything stored, page by page.
    std::map<id256, store_entry> all(std::size_t page_size = 7) {
        std::map<id256, store_entry> out;
        for (std::optional<store_cursor> at = store_cursor(); at;) {
            auto page = list(*at, page_size).value();
            for (auto& entry : page.entries) out.emplace(entry.key, std::move(entry));
            at = std::move(page.next);
        }
        return out;
    }

private:
    any_store inner_;
};

/// Passes everything on, but the n-th operation (from zero, counted over all kinds) fails with errc::store_failed and
/// does nothing. For sweeps over n of whatever uses a store: ends when failed() stays false.
template <store Inner>
class failing_store {
public:
    failing_store(Inner inner, std::size_t fail_at) : inner_(std::move(inner)), state_(std::make_unique<state>()) {
        state_->left = fail_at;
    }

    task<result<put_outcome>> put(store_entry entry, std::optional<std::uint64_t> expected, wall_time now) {
        if (fails()) co_return failure(errc::store_failed);
        co_return co_await inner_.put(std::move(entry), expected, now);
    }
    task<result<std::vector<store_entry>>> get(id256 where, wall_time now) {
        if (fails()) co_return failure(errc::store_failed);
        co_return co_await inner_.get(where, now);
    }
    task<result<store_page>> list(store_cursor from, std::size_t max) {
        if (fails()) co_return failure(errc::store_failed);
        co_return co_await inner_.list(std::move(from), max);
    }
    task<result<bool>> erase(id256 where) {
        if (fails()) co_return failure(errc::store_failed);
        co_return co_await inner_.erase(where);
    }
    task<result<std::size_t>> expire(wall_time now, std::size_t max) {
        if (fails()) co_return failure(errc::store_failed);
        co_return co_await inner_.expire(now, max);
    }
    task<result<store_usage>> usage() {
        if (fails()) co_return failure(errc::store_failed);
        co_return co_await inner_.usage();
    }

    /// True once an operation was made to fail. Stays where it is when the store is moved.
    [[nodiscard]] const bool& failed() const noexcept { return state_->failed; }

private:
    struct state {
        std::size_t left = 0;
        bool failed = false;
    };

    bool fails() {
        if (state_->failed || state_->left-- > 0) return false;
        state_->failed = true;
        return true;
    }

    Inner inner_;
    std::unique_ptr<state> state_;
};

}  // namespace mydht::test
