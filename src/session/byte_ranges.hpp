#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace mydht::detail {

/// Offsets of a stream from `begin` to before `end`.
struct byte_range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;

    friend bool operator==(const byte_range&, const byte_range&) = default;
};

/// A set of offsets, kept as its ranges in order; ranges that touch are one. What is added or taken out costs the
/// logarithm of their number, so that a peer which acknowledges every other byte costs no more than one which does not.
class byte_ranges {
public:
    void add(byte_range what);
    /// Adds what of it is not in `but`.
    void add_without(byte_range what, const byte_ranges& but);
    void remove(byte_range what);
    void clear() noexcept { ranges_.clear(); }

    [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }
    [[nodiscard]] std::size_t count() const noexcept { return ranges_.size(); }
    /// The lowest one; not for an empty set.
    [[nodiscard]] byte_range front() const noexcept { return {ranges_.begin()->first, ranges_.begin()->second}; }
    /// For tests.
    [[nodiscard]] std::vector<byte_range> all() const;
    [[nodiscard]] bool contains(std::uint64_t offset) const noexcept;
    [[nodiscard]] std::size_t memory() const noexcept { return ranges_.size() * node_bytes; }

private:
    static constexpr std::size_t node_bytes = 64;

    std::map<std::uint64_t, std::uint64_t> ranges_;  // ends by begins
};

}  // namespace mydht::detail
