#include "allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::uint64_t> calls{0};

void* counted(void* made) {
    if (made == nullptr) throw std::bad_alloc();
    calls.fetch_add(1, std::memory_order_relaxed);
    return made;
}

}  // namespace

void* operator new(std::size_t size) { return counted(std::malloc(size)); }
void* operator new(std::size_t size, std::align_val_t align) {
    void* made = nullptr;
    if (posix_memalign(&made, static_cast<std::size_t>(align), size) != 0) made = nullptr;
    return counted(made);
}
void operator delete(void* what) noexcept { std::free(what); }
void operator delete(void* what, std::size_t) noexcept { std::free(what); }
void operator delete(void* what, std::align_val_t) noexcept { std::free(what); }
void operator delete(void* what, std::size_t, std::align_val_t) noexcept { std::free(what); }

#if defined(__GLIBC__)
// Asio takes the memory of its handlers and coroutine frames from here.
extern "C" void* __libc_memalign(std::size_t align, std::size_t size);
extern "C" void* aligned_alloc(std::size_t align, std::size_t size) noexcept {
    calls.fetch_add(1, std::memory_order_relaxed);
    return __libc_memalign(align, size);
}
#endif

namespace mydht::bench {

std::uint64_t allocations() noexcept { return calls.load(std::memory_order_relaxed); }

}  // namespace mydht::bench
