#include "allocations.hpp"

#include <cstdlib>
#include <new>

#if defined(__has_feature)
#define MYDHT_HAS_FEATURE(what) __has_feature(what)
#else
#define MYDHT_HAS_FEATURE(what) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || MYDHT_HAS_FEATURE(address_sanitizer) || \
    MYDHT_HAS_FEATURE(thread_sanitizer)
#define MYDHT_SANITIZER_ALLOCATES
#endif

namespace {

// Of one thread: atomic numbers would cost as much as a small allocation does.
thread_local std::uint64_t calls = 0;
thread_local std::uint64_t bytes_asked = 0;

void count(std::size_t size) noexcept {
    ++calls;
    bytes_asked += size;
}

}  // namespace

#if defined(MYDHT_SANITIZER_ALLOCATES)
// Called by the sanitizer for whatever is allocated.
extern "C" void __sanitizer_malloc_hook(const volatile void*, std::size_t size) noexcept { count(size); }
#else
namespace {

void* counted(void* made, std::size_t size) {
    if (made == nullptr) throw std::bad_alloc();
    count(size);
    return made;
}

}  // namespace

void* operator new(std::size_t size) { return counted(std::malloc(size), size); }
void* operator new(std::size_t size, std::align_val_t align) {
    void* made = nullptr;
    if (posix_memalign(&made, static_cast<std::size_t>(align), size) != 0) made = nullptr;
    return counted(made, size);
}
void operator delete(void* what) noexcept { std::free(what); }
void operator delete(void* what, std::size_t) noexcept { std::free(what); }
void operator delete(void* what, std::align_val_t) noexcept { std::free(what); }
void operator delete(void* what, std::size_t, std::align_val_t) noexcept { std::free(what); }

#if defined(__GLIBC__)
// Asio takes the memory of its handlers and coroutine frames from here.
extern "C" void* __libc_memalign(std::size_t align, std::size_t size);
extern "C" void* aligned_alloc(std::size_t align, std::size_t size) noexcept {
    count(size);
    return __libc_memalign(align, size);
}
#endif
#endif

namespace mydht::bench {

std::uint64_t allocations() noexcept { return calls; }

std::uint64_t allocated_bytes() noexcept { return bytes_asked; }

}  // namespace mydht::bench
