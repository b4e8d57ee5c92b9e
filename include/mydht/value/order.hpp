#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include <mydht/core/id.hpp>
#include <mydht/core/time.hpp>
#include <mydht/value/value.hpp>

namespace mydht {

/// What decides which of two values of one key is newer, everywhere: in stores, in gets, in repair. Greater is newer:
/// higher sequence, then a tombstone before a value, then the larger digest (so that two nodes which saw two writes
/// with the same sequence agree), then the later deadline (a renewal). A total order over the values of one key: two
/// values of equal rank are the same value.
struct rank {
    std::uint64_t sequence = 0;
    bool tombstone = false;
    /// The `hasher` digest "mydht.order" (namespace, content, one byte: the tombstone flag). Zero for immutable values:
    /// their key says as much.
    id256 digest;
    wall_time deadline;

    friend bool operator==(const rank&, const rank&) = default;
    friend std::strong_ordering operator<=>(const rank&, const rank&) = default;
};

/// The rank of a value; hashes the content of all kinds but immutable.
[[nodiscard]] rank rank_of(const value& v);

/// True when both stand for the same value, perhaps with different deadlines: one is a renewal of the other.
[[nodiscard]] bool same_content(const rank& a, const rank& b) noexcept;

/// The index of the newest value, the first of equals. `candidates` must not be empty.
[[nodiscard]] std::size_t newest(std::span<const value> candidates);

}  // namespace mydht
