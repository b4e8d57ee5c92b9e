#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <mydht/core/bytes.hpp>

namespace mydht::detail {

/// The bytes of a stream from one offset to another, in blocks: grows without copying what is there, and holds about
/// what is in it.
class byte_queue {
public:
    [[nodiscard]] std::uint64_t begin() const noexcept { return begin_; }
    [[nodiscard]] std::uint64_t end() const noexcept { return begin_ + size_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    /// Puts a copy at the end.
    void append(bytes_view data);
    /// Drops bytes from the front, at most size().
    void drop(std::size_t count) noexcept;
    /// Moves bytes from the front into `into`, as many as there are and fit; how many.
    [[nodiscard]] std::size_t read(bytes_span into) noexcept;
    /// Appends the bytes from an offset on, which must lie in the queue, to `out`.
    void copy(std::uint64_t offset, std::size_t count, bytes& out) const;
    /// Drops all; the end stays.
    void clear() noexcept;

    [[nodiscard]] std::size_t memory() const noexcept { return blocks_.capacity() * sizeof(bytes) + allocated_; }
    /// At most how much more that is after an append() of so many bytes.
    [[nodiscard]] std::size_t cost(std::size_t size) const noexcept;

private:
    void drop_blocks() noexcept;
    [[nodiscard]] std::size_t block_size(std::size_t more) const noexcept;

    std::vector<bytes> blocks_;
    std::size_t first_ = 0;  // of the blocks, that has bytes
    std::size_t taken_ = 0;  // bytes at the front of that one that are gone
    std::uint64_t begin_ = 0;
    std::size_t size_ = 0;
    std::size_t allocated_ = 0;  // in blocks
};

}  // namespace mydht::detail
