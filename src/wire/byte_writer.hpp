#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <mydht/core/bytes.hpp>

namespace mydht::wire {

/// Appends to a byte string what comes in small pieces: they are gathered in a block of their own, so that the string
/// grows a block at a time. All of it is there once flush() has been called.
class byte_writer {
public:
    explicit byte_writer(bytes& to) noexcept : to_(to) {}
    byte_writer(const byte_writer&) = delete;
    byte_writer& operator=(const byte_writer&) = delete;
    ~byte_writer() = default;

    void put(std::uint8_t byte) { *place(1) = byte; }
    void put(char letter) { put(static_cast<std::uint8_t>(letter)); }

    void put(bytes_view data) {
        if (data.size() <= block_.size() / 2) {
            auto* to = place(data.size());
            if (!data.empty()) std::memcpy(to, data.data(), data.size());
        } else {
            flush();
            to_.insert(to_.end(), data.begin(), data.end());
        }
    }
    void put(std::string_view text) { put(as_bytes(text)); }

    /// In decimal, the shortest form.
    template <typename Number>
    void digits(Number value) {
        if constexpr (std::unsigned_integral<Number>) {
            // Most are lengths of ids and keys.
            if (value < 10) return put(static_cast<char>('0' + value));
            if (value < 100) {
                put(static_cast<char>('0' + value / 10));
                return put(static_cast<char>('0' + value % 10));
            }
        }
        char* first = reinterpret_cast<char*>(place(digits_max));
        used_ -= digits_max - static_cast<std::size_t>(std::to_chars(first, first + digits_max, value).ptr - first);
    }

    /// Room for so many bytes more, all of which the caller fills before anything else is written.
    [[nodiscard]] bytes_span grow(std::size_t size) {
        if (size <= block_.size()) return {place(size), size};
        flush();
        to_.resize(to_.size() + size);
        return bytes_span(to_).last(size);
    }

    void flush() {
        to_.insert(to_.end(), block_.data(), block_.data() + used_);
        used_ = 0;
    }

private:
    static constexpr std::size_t digits_max = 32;

    /// Where the next `size` bytes go; at most a block.
    std::uint8_t* place(std::size_t size) {
        if (size > block_.size() - used_) flush();
        auto* out = block_.data() + used_;
        used_ += size;
        return out;
    }

    bytes& to_;
    // Not filled: it is written before it is read.
    std::array<std::uint8_t, 512> block_;
    std::size_t used_ = 0;
};

}  // namespace mydht::wire
