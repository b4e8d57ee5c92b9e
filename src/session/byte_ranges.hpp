#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mydht::detail {

/// Offsets of a stream from `begin` to before `end`.
struct byte_range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;

    friend bool operator==(const byte_range&, const byte_range&) = default;
};

/// A set of offsets, kept as its ranges in order; ranges that touch are one. A sorted vector: there are few.
class byte_ranges {
public:
    void add(byte_range what);
    void remove(byte_range what);
    void clear() noexcept { std::vector<byte_range>().swap(ranges_); }

    [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }
    [[nodiscard]] std::size_t count() const noexcept { return ranges_.size(); }
    /// The lowest one; not for an empty set.
    [[nodiscard]] const byte_range& front() const noexcept { return ranges_.front(); }
    [[nodiscard]] const std::vector<byte_range>& all() const noexcept { return ranges_; }
    [[nodiscard]] bool contains(std::uint64_t offset) const noexcept;
    [[nodiscard]] std::size_t memory() const noexcept { return ranges_.capacity() * sizeof(byte_range); }

private:
    std::vector<byte_range> ranges_;
};

}  // namespace mydht::detail
