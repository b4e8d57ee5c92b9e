#include <mydht/runtime/clock.hpp>

#include <utility>

namespace mydht {

alarm_queue::~alarm_queue() {
    for (auto* a : heap_) a->position_ = alarm::unarmed;
}

bool alarm_queue::before(const alarm& a, const alarm& b) noexcept {
    return a.when_ != b.when_ ? a.when_ < b.when_ : a.order_ < b.order_;
}

void alarm_queue::place(std::size_t position, alarm* a) noexcept {
    heap_[position] = a;
    a->position_ = position;
}

void alarm_queue::sift_up(std::size_t position) noexcept {
    auto* moving = heap_[position];
    while (position > 0) {
        const auto parent = (position - 1) / 2;
        if (!before(*moving, *heap_[parent])) break;
        place(position, heap_[parent]);
        position = parent;
    }
    place(position, moving);
}

void alarm_queue::sift_down(std::size_t position) noexcept {
    auto* moving = heap_[position];
    for (;;) {
        auto child = 2 * position + 1;
        if (child >= heap_.size()) break;
        if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
        if (!before(*heap_[child], *moving)) break;
        place(position, heap_[child]);
        position = child;
    }
    place(position, moving);
}

void alarm_queue::remove(std::size_t position) noexcept {
    heap_[position]->position_ = alarm::unarmed;
    auto* last = heap_.back();
    heap_.pop_back();
    if (position == heap_.size()) return;
    place(position, last);
    sift_up(position);
    sift_down(last->position_);
}

void alarm_queue::arm(alarm& a, steady_time when) {
    disarm(a);
    heap_.push_back(&a);
    a.when_ = when;
    a.order_ = order_++;
    a.position_ = heap_.size() - 1;
    sift_up(a.position_);
}

void alarm_queue::disarm(alarm& a) noexcept {
    if (a.armed()) remove(a.position_);
}

alarm* alarm_queue::take_due(steady_time now) noexcept {
    if (heap_.empty() || heap_.front()->when_ > now) return nullptr;
    auto* due = heap_.front();
    remove(0);
    return due;
}

}  // namespace mydht
