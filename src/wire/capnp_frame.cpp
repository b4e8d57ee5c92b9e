#include <mydht/wire/capnp_frame.hpp>

#include <algorithm>

#include "wire/capnp_segments.hpp"
#include "wire/little_endian.hpp"

namespace mydht::wire {

namespace {

/// Enough for any table.
constexpr std::size_t capacity_min = capnp_table_bytes(capnp_segments_max);

}  // namespace

result<std::optional<capnp_segments>> read_segment_table(bytes_view data, std::size_t message_bytes_max) {
    if (data.size() < capnp_count_bytes) return std::nullopt;
    const std::uint64_t count = load_little_endian(data.first(capnp_count_bytes)) + 1;
    if (count > capnp_segments_max) return failure(errc::too_large);
    capnp_segments out;
    out.count = static_cast<std::size_t>(count);
    out.table_bytes = capnp_table_bytes(out.count);
    if (data.size() < out.table_bytes) return std::nullopt;
    std::uint64_t total = out.table_bytes;
    for (std::size_t i = 0; i < out.count; ++i) {
        const auto words = load_little_endian(data.subspan(capnp_count_bytes + 4 * i, 4));
        total += words * capnp_word_bytes;
        if (total > message_bytes_max) return failure(errc::too_large);
        out.words[i] = static_cast<std::uint32_t>(words);
    }
    out.message_bytes = static_cast<std::size_t>(total);
    return out;
}

result<bool> capnp_assembler::feed(bytes_view& input) {
    if (failed_) return failure(errc::too_large);
    while (!complete_) {
        auto table = read_segment_table({bytes_of(words_.get()), size_}, bytes_max_);
        if (!table) {
            failed_ = true;
            return failure(table.error());
        }
        const auto wanted = *table ? (*table)->message_bytes : table_bytes_wanted();
        complete_ = *table && size_ == wanted;
        if (!complete_ && input.empty()) break;
        if (!complete_) take(input, wanted);
    }
    return complete_;
}

std::size_t capnp_assembler::table_bytes_wanted() const noexcept {
    if (size_ < capnp_count_bytes) return capnp_count_bytes;
    const auto count = load_little_endian({bytes_of(words_.get()), capnp_count_bytes}) + 1;
    return capnp_table_bytes(static_cast<std::size_t>(count));
}

void capnp_assembler::take(bytes_view& input, std::size_t until) {
    const auto count = std::min(input.size(), until - size_);
    reserve(size_ + count, until);
    std::copy_n(input.begin(), count, bytes_of(words_.get()) + size_);
    size_ += count;
    input = input.subspan(count);
}

void capnp_assembler::reserve(std::size_t size, std::size_t until) {
    if (size <= capacity_) return;
    // Doubling bounds the copying; what is there bounds the memory; the message's own size caps both.
    const auto wanted = std::max({size, std::min(until, 2 * capacity_), capacity_min});
    const auto words = (wanted + capnp_word_bytes - 1) / capnp_word_bytes;
    auto larger = std::make_unique_for_overwrite<std::uint64_t[]>(words);
    std::copy_n(bytes_of(words_.get()), size_, bytes_of(larger.get()));
    words_ = std::move(larger);
    capacity_ = words * capnp_word_bytes;
}

bytes_view capnp_assembler::message() const noexcept {
    if (!complete_) return {};
    return {bytes_of(words_.get()), size_};
}

void capnp_assembler::reset() noexcept {
    words_.reset();
    capacity_ = 0;
    size_ = 0;
    complete_ = false;
    failed_ = false;
}

}  // namespace mydht::wire
