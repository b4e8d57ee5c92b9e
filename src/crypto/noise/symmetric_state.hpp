#pragma once

#include <string_view>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/crypto/noise/cipher.hpp>
#include <mydht/crypto/noise/handshake.hpp>
#include <mydht/crypto/noise/protocol.hpp>
#include <mydht/crypto/secret.hpp>

namespace mydht::noise {

/// The running hash and keys of a handshake (SymmetricState, revision 34 section 5.2).
class symmetric_state {
public:
    symmetric_state(hash_kind kind, std::string_view protocol_name);
    symmetric_state(hash_kind kind, const saved_handshake& from) noexcept;
    void save(saved_handshake& into) const noexcept;

    void mix_hash(bytes_view data);
    void mix_key(bytes_view input);
    void mix_key_and_hash(bytes_view input);

    [[nodiscard]] bool has_key() const noexcept { return cipher_.usable(); }

    /// Appends the encrypted bytes, or the bytes themselves while there is no key.
    [[nodiscard]] result<void> encrypt_and_hash(bytes_view plain, bytes& out);
    /// The way back. Errors: errc::decrypt_failed.
    [[nodiscard]] result<bytes> decrypt_and_hash(bytes_view sealed);

    [[nodiscard]] bytes_view hash() const noexcept { return bytes_view(hash_).first(size_); }

    /// The keys of both directions, the initiator's first; forgets the chaining key.
    struct direction_keys {
        cipher first;
        cipher second;
    };
    [[nodiscard]] direction_keys split();

    void forget() noexcept;

private:
    hash_kind kind_;
    std::size_t size_;
    std::array<std::uint8_t, 64> hash_{};
    secret<64> chaining_;
    cipher cipher_;
};

}  // namespace mydht::noise
