#include <mydht/core/body.hpp>

#include <cassert>

namespace mydht {

namespace {

template <typename Int>
void append(bytes& out, Int value) {
    for (std::size_t i = 0; i < sizeof(Int); ++i) {
        out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
}

std::uint64_t little_endian(bytes_view data) {
    std::uint64_t value = 0;
    for (std::size_t i = data.size(); i > 0; --i) value = (value << 8U) | data[i - 1];
    return value;
}

}  // namespace

body_writer& body_writer::u8(std::uint8_t value) {
    out_.push_back(value);
    return *this;
}

body_writer& body_writer::u16(std::uint16_t value) {
    append(out_, value);
    return *this;
}

body_writer& body_writer::u32(std::uint32_t value) {
    append(out_, value);
    return *this;
}

body_writer& body_writer::u64(std::uint64_t value) {
    append(out_, value);
    return *this;
}

body_writer& body_writer::fixed(bytes_view data) {
    out_.insert(out_.end(), data.begin(), data.end());
    return *this;
}

body_writer& body_writer::short_bytes(bytes_view data) {
    assert(data.size() <= 0xffff);
    return u16(static_cast<std::uint16_t>(data.size())).fixed(data);
}

body_writer& body_writer::long_bytes(bytes_view data) {
    assert(data.size() <= 0xffffffff);
    return u32(static_cast<std::uint32_t>(data.size())).fixed(data);
}

bytes_view body_reader::take(std::size_t size) noexcept {
    if (failed_) return {};
    if (size > rest_.size()) {
        failed_ = true;
        error_ = errc::truncated;
        return {};
    }
    const auto out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return out;
}

std::uint8_t body_reader::u8() noexcept { return static_cast<std::uint8_t>(little_endian(take(1))); }
std::uint16_t body_reader::u16() noexcept { return static_cast<std::uint16_t>(little_endian(take(2))); }
std::uint32_t body_reader::u32() noexcept { return static_cast<std::uint32_t>(little_endian(take(4))); }
std::uint64_t body_reader::u64() noexcept { return little_endian(take(8)); }

bytes_view body_reader::fixed(std::size_t size) noexcept { return take(size); }

bytes_view body_reader::short_bytes(std::size_t max) noexcept {
    const auto size = u16();
    if (!failed_ && size > max) {
        failed_ = true;
        error_ = errc::too_large;
    }
    return take(size);
}

bytes_view body_reader::long_bytes(std::size_t max) noexcept {
    const auto size = u32();
    if (!failed_ && size > max) {
        failed_ = true;
        error_ = errc::too_large;
    }
    return take(size);
}

result<void> body_reader::end() const {
    if (failed_) return failure(error_);
    if (!rest_.empty()) return failure(errc::trailing_bytes);
    return {};
}

}  // namespace mydht
