#include "session/scattered_bytes.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace mydht::detail {

void scattered_bytes::block::put(std::size_t at, bytes_view part) noexcept {
    while (!part.empty()) {
        const auto in_word = at % word_bits;
        const auto count = std::min(word_bits - in_word, part.size());
        auto& word = came[at / word_bits];
        const auto mask = (~std::uint64_t{0} >> (word_bits - count)) << in_word;
        if ((word & mask) == 0) {
            std::memcpy(data.data() + at, part.data(), count);
        } else {
            // What came first stays: it may be on its way to the reader.
            for (auto missing = mask & ~word; missing != 0; missing &= missing - 1) {
                const auto bit = static_cast<std::size_t>(std::countr_zero(missing));
                data[at - in_word + bit] = part[bit - in_word];
            }
        }
        word |= mask;
        at += count;
        part = part.subspan(count);
    }
}

std::size_t scattered_bytes::block::run(std::size_t at) const noexcept {
    const auto from = at;
    while (at < block_bytes) {
        const auto in_word = at % word_bits;
        const auto ones = static_cast<std::size_t>(std::countr_one(came[at / word_bits] >> in_word));
        at += ones;
        if (ones < word_bits - in_word) break;
    }
    return at - from;
}

bool scattered_bytes::block::any_from(std::size_t at) const noexcept {
    auto word = at / word_bits;
    if ((came[word] >> (at % word_bits)) != 0) return true;
    while (++word < came.size()) {
        if (came[word] != 0) return true;
    }
    return false;
}

void scattered_bytes::put(std::uint64_t offset, bytes_view data) {
    while (!data.empty()) {
        const auto at = static_cast<std::size_t>(offset % block_bytes);
        const auto part = data.first(std::min(data.size(), block_bytes - at));
        blocks_[offset / block_bytes].put(at, part);
        offset += part.size();
        data = data.subspan(part.size());
    }
}

std::size_t scattered_bytes::cost(std::uint64_t offset, std::size_t size) const noexcept {
    if (size == 0) return 0;
    const auto first = offset / block_bytes;
    const auto last = (offset + size - 1) / block_bytes;
    auto missing = last - first + 1;
    for (auto at = blocks_.lower_bound(first); at != blocks_.end() && at->first <= last; ++at) --missing;
    return static_cast<std::size_t>(missing) * (sizeof(block) + node_bytes);
}

void scattered_bytes::move_to(byte_queue& to) {
    while (!blocks_.empty()) {
        const auto first = blocks_.begin();
        const auto begin = first->first * block_bytes;
        if (to.end() < begin) return;
        const auto at = static_cast<std::size_t>(std::min<std::uint64_t>(to.end() - begin, block_bytes));
        const auto count = first->second.run(at);
        to.append(bytes_view(first->second.data).subspan(at, count));
        if (at + count < block_bytes && first->second.any_from(at + count)) return;
        blocks_.erase(first);
    }
}

}  // namespace mydht::detail
