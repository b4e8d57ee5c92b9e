#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include <mydht/core/bytes.hpp>

#include "session/byte_queue.hpp"

namespace mydht::detail {

/// Bytes of a stream that came before others that belong in front of them. They lie in blocks with a bit for each byte
/// that has come, so that a piece costs the same time and memory whatever its size is: never more than about nine
/// eighths of the range that they lie in, and one block.
class scattered_bytes {
public:
    static constexpr std::size_t block_bytes = 1024;

    /// Keeps a copy of what has not come yet.
    void put(std::uint64_t offset, bytes_view data);
    /// How much more memory() is after a put() of so many bytes.
    [[nodiscard]] std::size_t cost(std::uint64_t offset, std::size_t size) const noexcept;
    /// Moves what belongs behind the end of `to` there, and drops what it holds already.
    void move_to(byte_queue& to);
    void clear() noexcept { blocks_.clear(); }

    [[nodiscard]] bool empty() const noexcept { return blocks_.empty(); }
    [[nodiscard]] std::size_t memory() const noexcept { return blocks_.size() * (sizeof(block) + node_bytes); }

private:
    static constexpr std::size_t word_bits = 64;
    static constexpr std::size_t node_bytes = 64;
    struct block {
        std::array<std::uint64_t, block_bytes / word_bits> came{};
        std::array<std::uint8_t, block_bytes> data;

        void put(std::size_t at, bytes_view part) noexcept;
        /// How many bytes have come from `at` on without a gap.
        [[nodiscard]] std::size_t run(std::size_t at) const noexcept;
        /// Anything from `at` on has come.
        [[nodiscard]] bool any_from(std::size_t at) const noexcept;
    };

    std::map<std::uint64_t, block> blocks_;  // by offset / block_bytes
};

}  // namespace mydht::detail
