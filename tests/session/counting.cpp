#include "counting.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::int64_t> live{0};
std::atomic<std::uint64_t> calls{0};

void* counted(void* made) {
    if (made == nullptr) throw std::bad_alloc();
    live += static_cast<std::int64_t>(malloc_usable_size(made));
    ++calls;
    return made;
}

void forget(void* what) noexcept {
    if (what == nullptr) return;
    live -= static_cast<std::int64_t>(malloc_usable_size(what));
    std::free(what);
}

}  // namespace

void* operator new(std::size_t size) { return counted(std::malloc(size)); }
void* operator new(std::size_t size, std::align_val_t align) {
    const auto step = static_cast<std::size_t>(align);
    return counted(std::aligned_alloc(step, (size + step - 1) / step * step));
}
void operator delete(void* what) noexcept { forget(what); }
void operator delete(void* what, std::size_t) noexcept { forget(what); }
void operator delete(void* what, std::align_val_t) noexcept { forget(what); }
void operator delete(void* what, std::size_t, std::align_val_t) noexcept { forget(what); }

namespace mydht::test {

std::int64_t live_bytes() noexcept { return live; }
std::uint64_t allocations() noexcept { return calls; }

}  // namespace mydht::test
