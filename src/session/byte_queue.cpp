#include "session/byte_queue.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace mydht::detail {

namespace {

constexpr std::size_t block_bytes_min = 256;
constexpr std::size_t block_bytes_max = 16 * 1024;

}  // namespace

std::size_t byte_queue::block_size(std::size_t more) const noexcept {
    return std::clamp(std::max(more, size_), block_bytes_min, block_bytes_max);
}

void byte_queue::append(bytes_view data) {
    while (!data.empty()) {
        if (first_ == blocks_.size() || blocks_.back().size() == blocks_.back().capacity()) {
            auto& fresh = blocks_.emplace_back();
            fresh.reserve(block_size(data.size()));
            allocated_ += fresh.capacity();
        }
        auto& last = blocks_.back();
        const auto part = data.first(std::min(data.size(), last.capacity() - last.size()));
        last.insert(last.end(), part.begin(), part.end());
        size_ += part.size();
        data = data.subspan(part.size());
    }
}

void byte_queue::drop_blocks() noexcept {
    while (first_ < blocks_.size() && taken_ == blocks_[first_].size()) {
        allocated_ -= blocks_[first_].capacity();
        bytes().swap(blocks_[first_]);
        ++first_;
        taken_ = 0;
    }
    if (first_ == blocks_.size()) {
        std::vector<bytes>().swap(blocks_);
        first_ = 0;
    } else if (first_ > blocks_.size() / 2) {
        blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
}

void byte_queue::drop(std::size_t count) noexcept {
    assert(count <= size_);
    begin_ += count;
    size_ -= count;
    while (count > 0) {
        const auto part = std::min(count, blocks_[first_].size() - taken_);
        taken_ += part;
        count -= part;
        drop_blocks();
    }
}

std::size_t byte_queue::read(bytes_span into) noexcept {
    const auto wanted = std::min(into.size(), size_);
    std::size_t done = 0;
    while (done < wanted) {
        const auto& block = blocks_[first_];
        const auto part = std::min(wanted - done, block.size() - taken_);
        std::memcpy(into.data() + done, block.data() + taken_, part);
        done += part;
        drop(part);
    }
    return done;
}

void byte_queue::copy(std::uint64_t offset, std::size_t count, bytes& out) const {
    assert(offset >= begin_ && offset + count <= end());
    auto skip = static_cast<std::size_t>(offset - begin_) + taken_;
    for (auto i = first_; count > 0; ++i) {
        const bytes_view block = blocks_[i];
        if (skip >= block.size()) {
            skip -= block.size();
            continue;
        }
        const auto part = block.subspan(skip, std::min(count, block.size() - skip));
        out.insert(out.end(), part.begin(), part.end());
        count -= part.size();
        skip = 0;
    }
}

void byte_queue::clear() noexcept {
    begin_ = end();
    size_ = 0;
    taken_ = 0;
    first_ = 0;
    allocated_ = 0;
    std::vector<bytes>().swap(blocks_);
}

std::size_t byte_queue::cost(std::size_t size) const noexcept {
    const auto room = first_ == blocks_.size() ? 0 : blocks_.back().capacity() - blocks_.back().size();
    if (size <= room) return 0;
    // The blocks that append() would make.
    std::size_t out = 0;
    std::size_t fresh = 0;
    for (auto rest = size - room; rest > 0; ++fresh) {
        const auto each = std::clamp(std::max(rest, size_ + size - rest), block_bytes_min, block_bytes_max);
        out += each;
        rest -= std::min(rest, each);
    }
    const auto places = blocks_.size() + fresh;
    if (places > blocks_.capacity()) {
        out += (std::max(places, 2 * blocks_.capacity()) - blocks_.capacity()) * sizeof(bytes);
    }
    return out;
}

}  // namespace mydht::detail
