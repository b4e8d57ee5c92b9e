#include <mydht/crypto/secret.hpp>

#include <sodium.h>

namespace mydht {

void wipe(bytes_span data) noexcept { sodium_memzero(data.data(), data.size()); }

}  // namespace mydht
