#pragma once

#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

namespace mydht::detail {

/// A queue in one piece of memory that grows by doubling and is used again and again.
template <typename T>
class ring {
public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    /// Counted from the front.
    [[nodiscard]] T& operator[](std::size_t index) noexcept { return items_[place(index)]; }
    [[nodiscard]] const T& operator[](std::size_t index) const noexcept { return items_[place(index)]; }
    [[nodiscard]] T& front() noexcept { return (*this)[0]; }
    [[nodiscard]] const T& front() const noexcept { return (*this)[0]; }

    void push_back(const T& item) {
        if (size_ == items_.size()) grow();
        items_[(begin_ + size_++) & (items_.size() - 1)] = item;
    }
    void pop_front(std::size_t count = 1) noexcept {
        assert(count <= size_);
        begin_ += count;
        size_ -= count;
    }

    /// Forgets everything and gives the memory back.
    void release() noexcept {
        std::vector<T>().swap(items_);
        begin_ = 0;
        size_ = 0;
    }
    [[nodiscard]] std::size_t memory() const noexcept { return items_.capacity() * sizeof(T); }

private:
    static constexpr std::size_t smallest = 8;

    [[nodiscard]] std::size_t place(std::size_t index) const noexcept {
        assert(index < size_);
        return (begin_ + index) & (items_.size() - 1);
    }

    void grow() {
        std::vector<T> grown(items_.empty() ? smallest : items_.size() * 2);
        for (std::size_t i = 0; i < size_; ++i) grown[i] = std::move((*this)[i]);
        items_.swap(grown);
        begin_ = 0;
    }

    std::vector<T> items_;  // empty or a power of two long
    std::size_t begin_ = 0;
    std::size_t size_ = 0;
};

}  // namespace mydht::detail
