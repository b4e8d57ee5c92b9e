#include "crypto/aead.hpp"

#include <tuple>

#include <sodium.h>

#include "crypto/sodium.hpp"

namespace mydht::detail {

static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == aead_tag_bytes);
static_assert(crypto_aead_chacha20poly1305_ietf_NPUBBYTES == std::tuple_size_v<aead_nonce>);

bool aead_seal(const secret<32>& key, const aead_nonce& nonce, bytes_view ad, bytes_view plain,
               bytes_span out) noexcept {
    use_sodium();
    return crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, plain.data(), plain.size(), ad.data(),
                                                     ad.size(), nullptr, nonce.data(), key.view().data()) == 0;
}

bool aead_open(const secret<32>& key, const aead_nonce& nonce, bytes_view ad, bytes_view sealed,
               bytes_span out) noexcept {
    use_sodium();
    return crypto_aead_chacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(), sealed.size(),
                                                     ad.data(), ad.size(), nonce.data(), key.view().data()) == 0;
}

}  // namespace mydht::detail
