#include "crypto/aead.hpp"

#include <algorithm>
#include <limits>
#include <memory>

#include <openssl/evp.h>

namespace mydht::detail {

namespace {

enum class direction : int { open = 0, seal = 1 };

struct free_context {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using context_ptr = std::unique_ptr<EVP_CIPHER_CTX, free_context>;

context_ptr make_context() noexcept {
    context_ptr made(EVP_CIPHER_CTX_new());
    if (made && EVP_CipherInit_ex(made.get(), EVP_chacha20_poly1305(), nullptr, nullptr, nullptr, 1) != 1) made.reset();
    return made;
}

/// One for each thread, since making one allocates. Null when there is no ChaCha20-Poly1305, as under a configuration
/// that has only what FIPS approves.
EVP_CIPHER_CTX* this_threads_context() noexcept {
    thread_local const context_ptr context = make_context();
    return context.get();
}

/// EVP counts in int; the caller's messages are far shorter.
bool update(EVP_CIPHER_CTX* context, std::uint8_t* out, bytes_view in) noexcept {
    if (in.empty()) return true;
    if (in.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return false;
    int written = 0;
    return EVP_CipherUpdate(context, out, &written, in.data(), static_cast<int>(in.size())) == 1;
}

/// The context would keep the key until the thread's next message, longer than the session may live.
void forget_key(EVP_CIPHER_CTX* context) noexcept {
    constexpr std::array<std::uint8_t, 32> zeros{};
    EVP_CipherInit_ex(context, nullptr, nullptr, zeros.data(), nullptr, -1);
}

bool begin(EVP_CIPHER_CTX* context, direction way, const secret<32>& key, const aead_nonce& nonce,
           bytes_view ad) noexcept {
    return EVP_CipherInit_ex(context, nullptr, nullptr, key.view().data(), nonce.data(), static_cast<int>(way)) == 1 &&
           update(context, nullptr, ad);
}

/// Gives no bytes with this cipher, but wants a place for them.
bool finish(EVP_CIPHER_CTX* context) noexcept {
    std::array<std::uint8_t, EVP_MAX_BLOCK_LENGTH> rest{};
    int written = 0;
    return EVP_CipherFinal_ex(context, rest.data(), &written) == 1;
}

}  // namespace

bool aead_seal(const secret<32>& key, const aead_nonce& nonce, bytes_view ad, bytes_view plain,
               bytes_span out) noexcept {
    auto* const context = this_threads_context();
    if (context == nullptr) return false;
    const bool sealed = begin(context, direction::seal, key, nonce, ad) && update(context, out.data(), plain) &&
                        finish(context) &&
                        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(aead_tag_bytes),
                                            out.data() + plain.size()) == 1;
    forget_key(context);
    return sealed;
}

bool aead_open(const secret<32>& key, const aead_nonce& nonce, bytes_view ad, bytes_view sealed,
               bytes_span out) noexcept {
    // A copy, because EVP takes the tag from memory that is not const.
    std::array<std::uint8_t, aead_tag_bytes> tag;
    const auto tag_from = sealed.last(aead_tag_bytes);
    std::copy(tag_from.begin(), tag_from.end(), tag.begin());

    auto* const context = this_threads_context();
    bool authentic = false;
    if (context != nullptr) {
        authentic =
            begin(context, direction::open, key, nonce, ad) &&
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()) == 1 &&
            update(context, out.data(), sealed.first(sealed.size() - tag.size())) && finish(context);
        forget_key(context);
    }
    // EVP decrypts before it knows whether the tag fits.
    if (!authentic) wipe(out);
    return authentic;
}

}  // namespace mydht::detail
