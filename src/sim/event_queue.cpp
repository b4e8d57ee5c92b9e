#include "sim/event_queue.hpp"

#include <algorithm>
#include <utility>

namespace mydht::sim::detail {

namespace {

constexpr std::size_t fan_out = 4;

}  // namespace

void event_queue::push(const event_key& key, event_body body) {
    std::uint32_t place = 0;
    if (free_.empty()) {
        place = static_cast<std::uint32_t>(bodies_.size());
        bodies_.push_back(std::move(body));
    } else {
        place = free_.back();
        free_.pop_back();
        bodies_[place] = std::move(body);
    }
    auto hole = heap_.size();
    heap_.push_back({key, place});
    while (hole > 0) {
        const auto parent = (hole - 1) / fan_out;
        if (!(key < heap_[parent].key)) break;
        heap_[hole] = heap_[parent];
        hole = parent;
    }
    heap_[hole] = {key, place};
}

event event_queue::pop() {
    const auto first = heap_.front();
    event out{first.key, std::move(bodies_[first.body])};
    free_.push_back(first.body);
    const auto moving = heap_.back();
    heap_.pop_back();
    if (heap_.empty()) return out;
    std::size_t hole = 0;
    for (;;) {
        const auto begin = hole * fan_out + 1;
        if (begin >= heap_.size()) break;
        const auto end = std::min(begin + fan_out, heap_.size());
        auto least = begin;
        for (auto child = begin + 1; child < end; ++child) {
            if (heap_[child].key < heap_[least].key) least = child;
        }
        if (!(heap_[least].key < moving.key)) break;
        heap_[hole] = heap_[least];
        hole = least;
    }
    heap_[hole] = moving;
    return out;
}

void event_queue::clear() noexcept {
    heap_.clear();
    bodies_.clear();
    free_.clear();
}

}  // namespace mydht::sim::detail
