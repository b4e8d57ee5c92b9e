#pragma once

#include <cstdint>
#include <memory>

#include <mydht/core/bytes.hpp>

namespace mydht::sim::detail {

struct segment;

struct segment_deleter {
    void operator()(segment* s) const noexcept;
};

using segment_ptr = std::unique_ptr<segment, segment_deleter>;

/// A piece of a stream: its bytes lie behind the header, in one allocation, and it is the node of the queues that it
/// passes.
struct segment {
    segment* next = nullptr;
    std::uint32_t size = 0;
    std::uint32_t taken = 0;  ///< bytes at the front that were read

    [[nodiscard]] static segment_ptr make(bytes_view data);

    [[nodiscard]] std::uint8_t* data() noexcept { return reinterpret_cast<std::uint8_t*>(this + 1); }
    [[nodiscard]] bytes_view rest() noexcept { return {data() + taken, size - taken}; }
};

/// Segments in order; two pointers.
class segment_queue {
public:
    segment_queue() = default;
    segment_queue(const segment_queue&) = delete;
    segment_queue& operator=(const segment_queue&) = delete;
    ~segment_queue() { clear(); }

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    void push(segment_ptr s) noexcept;
    /// Moves bytes out; the count.
    std::size_t take(bytes_span into) noexcept;
    void clear() noexcept;

private:
    void drop_first() noexcept;

    segment* first_ = nullptr;
    segment* last_ = nullptr;
};

}  // namespace mydht::sim::detail
