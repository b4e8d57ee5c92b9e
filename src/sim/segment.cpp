#include "sim/segment.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace mydht::sim::detail {

void segment_deleter::operator()(segment* s) const noexcept {
    s->~segment();
    ::operator delete(s);
}

segment_ptr segment::make(bytes_view data) {
    void* memory = ::operator new(sizeof(segment) + data.size());
    segment_ptr made(new (memory) segment);
    made->size = static_cast<std::uint32_t>(data.size());
    std::memcpy(made->data(), data.data(), data.size());
    return made;
}

void segment_queue::push(segment_ptr s) noexcept {
    auto* added = s.release();
    added->next = nullptr;
    (last_ != nullptr ? last_->next : first_) = added;
    last_ = added;
}

std::size_t segment_queue::take(bytes_span into) noexcept {
    std::size_t count = 0;
    while (first_ != nullptr && count < into.size()) {
        const auto rest = first_->rest();
        const auto part = std::min(rest.size(), into.size() - count);
        std::memcpy(into.data() + count, rest.data(), part);
        count += part;
        first_->taken += static_cast<std::uint32_t>(part);
        if (first_->taken == first_->size) drop_first();
    }
    return count;
}

void segment_queue::clear() noexcept {
    while (first_ != nullptr) drop_first();
}

void segment_queue::drop_first() noexcept {
    const segment_ptr dropped(first_);
    first_ = dropped->next;
    if (first_ == nullptr) last_ = nullptr;
}

}  // namespace mydht::sim::detail
