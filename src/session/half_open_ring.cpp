#include "session/half_open_ring.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include <mydht/crypto/hash.hpp>

namespace mydht::detail {

half_open_ring::half_open_ring(const half_open_limits& limits, random_source& random) : limits_(limits) {
    assert(limits.records > 0 && limits.per_prefix > 0);
    random.fill(prefix_key_.span());
}

bool half_open_ring::add(half_open_record record, steady_time now) {
    const auto own_index = record.handshake.own_index();
    assert(own_index != 0 && !contains(own_index));
    const auto prefix = prefix_of(record.from);
    const auto place = place_for(prefix, record.proven, now);
    if (!place) return false;
    keys_[*place] = {own_index, prefix, now, record.proven};
    records_[*place] = std::move(record);
    return true;
}

std::optional<std::size_t> half_open_ring::place_for(std::uint64_t prefix, bool proven, steady_time now) {
    std::optional<std::size_t> free;
    std::optional<std::size_t> victim;
    std::optional<std::size_t> victim_of_prefix;
    std::size_t of_prefix = 0;
    // Those that are not proven go first, then the oldest.
    const auto goes_before = [&](std::size_t one, const std::optional<std::size_t>& other) {
        if (!other || keys_[one].proven != keys_[*other].proven) return !other || !keys_[one].proven;
        return keys_[one].since < keys_[*other].since;
    };
    for (std::size_t i = 0; i < keys_.size(); ++i) {
        if (keys_[i].own_index == 0 || expired(keys_[i], now)) {
            free = i;
            continue;
        }
        const bool may_go = proven || !keys_[i].proven;
        if (may_go && goes_before(i, victim)) victim = i;
        if (prefix == 0 || keys_[i].prefix != prefix) continue;
        ++of_prefix;
        if (may_go && goes_before(i, victim_of_prefix)) victim_of_prefix = i;
    }
    if (of_prefix >= limits_.per_prefix) return victim_of_prefix;
    if (free) return free;
    if (keys_.size() == limits_.records) return victim;
    keys_.emplace_back();
    records_.emplace_back();
    return keys_.size() - 1;
}

half_open_record* half_open_ring::find(std::uint32_t own_index, steady_time now) {
    if (own_index == 0) return nullptr;
    const auto found = std::ranges::find(keys_, own_index, &key::own_index);
    if (found == keys_.end() || expired(*found, now)) return nullptr;
    return &records_[static_cast<std::size_t>(found - keys_.begin())];
}

bool half_open_ring::contains(std::uint32_t own_index) const noexcept {
    return own_index != 0 && std::ranges::find(keys_, own_index, &key::own_index) != keys_.end();
}

void half_open_ring::remove(std::uint32_t own_index) noexcept {
    const auto found = std::ranges::find(keys_, own_index, &key::own_index);
    if (own_index == 0 || found == keys_.end()) return;
    // The secrets in it go now, not when the place is used again.
    records_[static_cast<std::size_t>(found - keys_.begin())] = half_open_record();
    *found = key();
}

std::size_t half_open_ring::size(steady_time now) const noexcept {
    return static_cast<std::size_t>(
        std::ranges::count_if(keys_, [&](const key& each) { return each.own_index != 0 && !expired(each, now); }));
}

std::size_t half_open_ring::of_prefix(const address& from, steady_time now) const {
    const auto prefix = prefix_of(from);
    if (prefix == 0) return 0;
    return static_cast<std::size_t>(std::ranges::count_if(
        keys_, [&](const key& each) { return each.own_index != 0 && each.prefix == prefix && !expired(each, now); }));
}

bool half_open_ring::expired(const key& which, steady_time now) const noexcept {
    return now - which.since >= limits_.lifetime;
}

std::uint64_t half_open_ring::prefix_of(const address& from) const {
    if (scope_of(from) != address_scope::global) return 0;
    // 0 stands for a neighbour, whose prefix says nothing.
    return std::max<std::uint64_t>(short_hash(prefix_key_, network_prefix(from)), 1);
}

}  // namespace mydht::detail
