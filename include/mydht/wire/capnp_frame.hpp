#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <mydht/core/bytes.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/core/result.hpp>

namespace mydht::wire {

/// The most segments of a Cap'n Proto message. Our encoder writes one; other writers may use a few.
inline constexpr std::size_t capnp_segments_max = 16;

/// Takes a Cap'n Proto message in its stream framing (a table of segment sizes, then the segments) as it comes in, in
/// any slices, into one buffer that is aligned to words. The table is judged as soon as it is there; memory grows with
/// the bytes that came, never with the sizes that the table announces.
class capnp_assembler {
public:
    explicit capnp_assembler(std::size_t message_bytes_max = limits::message_bytes) noexcept
        : bytes_max_(message_bytes_max) {}

    /// Takes bytes off the front of `input` up to the end of the message. True when the message is complete.
    /// Errors: errc::too_large for too many segments or a sum of sizes over the limit. The first failure sticks.
    [[nodiscard]] result<bool> feed(bytes_view& input);

    [[nodiscard]] bool complete() const noexcept { return complete_; }
    /// The message with its table, aligned to 8 bytes; empty until it is complete. Valid until reset().
    [[nodiscard]] bytes_view message() const noexcept;
    /// Makes ready for the next message and gives the memory back.
    void reset() noexcept;

private:
    /// How long the table is, as far as that can be told yet.
    [[nodiscard]] std::size_t table_bytes_wanted() const noexcept;
    void take(bytes_view& input, std::size_t until);
    void reserve(std::size_t size, std::size_t until);
    /// Words, so that the message is aligned.
    [[nodiscard]] static std::uint8_t* bytes_of(std::uint64_t* words) noexcept {
        return reinterpret_cast<std::uint8_t*>(words);
    }

    std::size_t bytes_max_;
    std::unique_ptr<std::uint64_t[]> words_;
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;
    bool complete_ = false;
    bool failed_ = false;
};

}  // namespace mydht::wire
