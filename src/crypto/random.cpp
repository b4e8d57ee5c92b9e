#include <mydht/crypto/random.hpp>

#include <sodium.h>

#include "sodium.hpp"

namespace mydht {

bool detail::use_sodium() noexcept {
    static const bool ready = sodium_init() >= 0;
    return ready;
}

system_random::system_random() {
    if (!detail::use_sodium()) throw std::system_error(make_error_code(errc::entropy_failed));
}

void system_random::fill(bytes_span out) {
    // libsodium declares that it is never given a null pointer, not even for no bytes.
    if (!out.empty()) randombytes_buf(out.data(), out.size());
}

std::shared_ptr<random_source> make_system_random() { return std::make_shared<system_random>(); }

}  // namespace mydht
