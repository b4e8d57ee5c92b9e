#pragma once

#include <cstddef>
#include <cstdint>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/crypto/secret.hpp>

namespace mydht::noise {

/// The longest Noise message, handshake or transport, tag included (revision 34 section 3).
inline constexpr std::size_t message_bytes_max = 65535;

/// What authenticated encryption adds to a plaintext.
inline constexpr std::size_t tag_bytes = 16;

/// One direction of a finished handshake: ChaCha20-Poly1305 with a 64-bit counter (CipherState, revision 34 sections
/// 5.1 and 12.3). Never allocates. Default constructed it has no key, and every call gives errc::handshake_order; so
/// does the unused direction of a one-way pattern.
///
/// Outputs: seal fills exactly plain.size() + tag_bytes, open exactly sealed.size() - tag_bytes (asserted). The output
/// may begin where the input begins (in place); any other overlap is not allowed.
class cipher {
public:
    /// The one value that is not a nonce for messages.
    static constexpr std::uint64_t nonce_reserved = ~std::uint64_t{0};

    cipher() noexcept = default;
    explicit cipher(secret<32> key) noexcept : key_(std::move(key)), usable_(true) {}

    cipher(cipher&& other) noexcept;
    cipher& operator=(cipher&& other) noexcept;

    [[nodiscard]] bool usable() const noexcept { return usable_; }

    /// For saving a handshake; zeros when it is not usable.
    [[nodiscard]] const secret<32>& key() const noexcept { return key_; }

    /// The nonce of the next seal or open.
    [[nodiscard]] std::uint64_t nonce() const noexcept { return nonce_; }
    void set_nonce(std::uint64_t next) noexcept { nonce_ = next; }

    /// Encrypts and counts on. Errors: errc::nonce_exhausted (a new handshake is needed), errc::too_large when the
    /// result would be over message_bytes_max; the counter and `out` then stay. errc::not_supported when the library of
    /// the build (docs/building.md) was configured on this machine to have no ChaCha20-Poly1305.
    [[nodiscard]] result<void> seal(bytes_view ad, bytes_view plain, bytes_span out) noexcept;

    /// Decrypts and counts on. Errors, after which the counter stays: errc::decrypt_failed when it is not authentic
    /// (`out` is then zeros) or shorter than a tag, errc::too_large, errc::nonce_exhausted.
    [[nodiscard]] result<void> open(bytes_view ad, bytes_view sealed, bytes_span out) noexcept;

    /// The same with a nonce that travels with the message, for datagrams; the counter is neither used nor changed. The
    /// caller never seals twice with one nonce and keeps a replay window for opening.
    [[nodiscard]] result<void> seal_at(std::uint64_t nonce, bytes_view ad, bytes_view plain,
                                       bytes_span out) const noexcept;
    [[nodiscard]] result<void> open_at(std::uint64_t nonce, bytes_view ad, bytes_view sealed,
                                       bytes_span out) const noexcept;

    /// Replaces the key by a one-way function of it (revision 34 section 11.3); both ends do it at the same message.
    /// The counter goes on. Where seal gives errc::not_supported the cipher is not usable afterwards.
    void rekey() noexcept;

private:
    secret<32> key_;
    std::uint64_t nonce_ = 0;
    bool usable_ = false;
};

/// What a handshake ends in.
struct cipher_pair {
    cipher send;
    cipher receive;
};

}  // namespace mydht::noise
