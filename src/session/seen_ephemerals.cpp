#include "session/seen_ephemerals.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include <mydht/crypto/hash.hpp>

namespace mydht::detail {

namespace {

constexpr std::size_t places_min = 64;

/// Where the digest is, or would be put. There is always a free place.
std::size_t place_of(const std::vector<std::uint64_t>& places, std::uint64_t digest) noexcept {
    auto at = static_cast<std::size_t>(digest) & (places.size() - 1);
    while (places[at] != 0 && places[at] != digest) at = (at + 1) & (places.size() - 1);
    return at;
}

}  // namespace

bool seen_ephemerals::generation::contains(std::uint64_t digest) const noexcept {
    return !places.empty() && places[place_of(places, digest)] == digest;
}

void seen_ephemerals::generation::insert(std::uint64_t digest) {
    if (2 * (count + 1) > places.size()) grow();
    places[place_of(places, digest)] = digest;
    ++count;
}

void seen_ephemerals::generation::grow() {
    std::vector<std::uint64_t> wider(std::max(places_min, 2 * places.size()));
    for (const auto digest : places) {
        if (digest != 0) wider[place_of(wider, digest)] = digest;
    }
    places = std::move(wider);
}

seen_ephemerals::seen_ephemerals(random_source& random, std::size_t keys_max) : keys_max_(keys_max) {
    assert(keys_max > 0);
    random.fill(digest_key_.span());
}

bool seen_ephemerals::add(bytes_view ephemeral, steady_time now) {
    if (current_.count > 0 && now - began_ >= kept) turn(now);
    const auto digest = std::max<std::uint64_t>(short_hash(digest_key_, ephemeral), 1);
    if (current_.contains(digest) || previous_.contains(digest)) return false;
    // Only for a new key: repeats must not make others forgotten.
    if (current_.count >= keys_max_) turn(now);
    if (current_.count == 0) began_ = now;
    current_.insert(digest);
    current_.newest = now;
    return true;
}

void seen_ephemerals::turn(steady_time now) {
    if (previous_.count > 0 && now - previous_.newest < kept) {
        lost_ = previous_.newest;
        lost_any_ = true;
    }
    previous_ = std::exchange(current_, generation());
}

bool seen_ephemerals::complete(steady_time now) const noexcept { return !lost_any_ || now - lost_ >= kept; }

std::size_t seen_ephemerals::memory() const noexcept {
    return (current_.places.capacity() + previous_.places.capacity()) * sizeof(std::uint64_t);
}

}  // namespace mydht::detail
