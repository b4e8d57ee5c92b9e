#include <mydht/wire/record.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace mydht::wire {

namespace {

/// Where an empty buffer starts to fill, so that the first record lies aligned behind its length.
constexpr std::size_t start = 8 - record_header_bytes;

}  // namespace

void append_record_header(bytes& out, std::size_t size) {
    assert(size <= record_bytes_max);
    out.push_back(static_cast<std::uint8_t>(size >> 8U));
    out.push_back(static_cast<std::uint8_t>(size));
}

void append_record(bytes& out, bytes_view data) {
    append_record_header(out, data.size());
    out.insert(out.end(), data.begin(), data.end());
}

bytes_view next_plaintext(bytes_view& rest) noexcept {
    const auto out = rest.first(std::min(rest.size(), record_plaintext_max));
    rest = rest.subspan(out.size());
    return out;
}

record_decoder::record_decoder(std::size_t read_bytes, std::size_t size_max)
    : read_bytes_(read_bytes), size_max_(size_max) {
    assert(read_bytes > 0);
}

std::size_t record_decoder::announced() const noexcept {
    return static_cast<std::size_t>(buffer_[begin_]) << 8U | buffer_[begin_ + 1];
}

std::size_t record_decoder::room_wanted() const noexcept {
    if (waiting() < record_header_bytes) return read_bytes_;
    const auto whole = record_header_bytes + announced();
    if (waiting() >= whole) return read_bytes_;
    // Any room will do while there is some, so that a dribbling peer does not make the buffer grow byte by byte; then
    // doubling keeps it in proportion to what has come, and the number of reads logarithmic.
    if (buffer_.size() > end_) return 1;
    return std::min(whole - waiting(), std::max(read_bytes_, waiting()));
}

bytes_span record_decoder::prepare() {
    if (begin_ != start && !buffer_.empty()) {
        // Once a partial record has been moved to the front it stays there: a dribbling peer causes one move a record.
        const auto from = buffer_.begin() + static_cast<std::ptrdiff_t>(begin_);
        std::copy(from, from + static_cast<std::ptrdiff_t>(waiting()), buffer_.begin() + start);
    }
    end_ = start + waiting();
    begin_ = start;

    if (const auto room = room_wanted(); buffer_.size() < end_ + room) {
        // Exactly: the room itself grows with what has come.
        buffer_.reserve(end_ + room);
        buffer_.resize(end_ + room);
    }
    return bytes_span(buffer_).subspan(end_);
}

void record_decoder::commit(std::size_t count) {
    assert(count <= buffer_.size() - end_);
    end_ += count;
}

result<std::optional<bytes_span>> record_decoder::next() {
    if (waiting() < record_header_bytes) return std::nullopt;
    const auto size = announced();
    if (size > size_max_) return failure(errc::too_large);
    if (waiting() - record_header_bytes < size) return std::nullopt;
    const auto out = bytes_span(buffer_).subspan(begin_ + record_header_bytes, size);
    begin_ += record_header_bytes + size;
    return out;
}

void record_decoder::release() noexcept {
    if (!at_boundary()) return;
    bytes().swap(buffer_);
    begin_ = 0;
    end_ = 0;
}

}  // namespace mydht::wire
