#pragma once

#include <cstdint>
#include <string_view>

#include <mydht/core/bytes.hpp>

namespace mydht {

/// Writes what is signed or hashed: fields in a fixed order, integers little-endian, byte strings behind their length.
class body_writer {
public:
    body_writer& u8(std::uint8_t value);
    body_writer& u16(std::uint16_t value);
    body_writer& u32(std::uint32_t value);
    body_writer& u64(std::uint64_t value);
    /// Bytes of a length that both sides know.
    body_writer& fixed(bytes_view data);
    /// A u16 length, then the bytes. At most 65,535 bytes (asserted).
    body_writer& short_bytes(bytes_view data);
    /// A u32 length, then the bytes.
    body_writer& long_bytes(bytes_view data);

    [[nodiscard]] const bytes& data() const noexcept { return out_; }
    [[nodiscard]] bytes take() noexcept { return std::move(out_); }

private:
    bytes out_;
};

/// Reads it back. The first failure sticks: later reads give zeros and empty views, and end() says what went wrong, so
/// a decoder reads all its fields and checks once. Views point into the input.
class body_reader {
public:
    explicit body_reader(bytes_view data) noexcept : rest_(data) {}

    std::uint8_t u8() noexcept;
    std::uint16_t u16() noexcept;
    std::uint32_t u32() noexcept;
    std::uint64_t u64() noexcept;
    bytes_view fixed(std::size_t size) noexcept;
    /// errc::too_large when the announced length is over `max`.
    bytes_view short_bytes(std::size_t max) noexcept;
    bytes_view long_bytes(std::size_t max) noexcept;

    [[nodiscard]] bool failed() const noexcept { return failed_; }
    [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }

    /// Success when nothing failed and nothing is left. Errors: errc::truncated, errc::too_large, errc::trailing_bytes.
    [[nodiscard]] result<void> end() const;

private:
    bytes_view take(std::size_t size) noexcept;

    bytes_view rest_;
    bool failed_ = false;
    errc error_ = errc::truncated;
};

}  // namespace mydht
