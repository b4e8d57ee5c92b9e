#pragma once

#include <optional>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/crypto/noise/cipher.hpp>

namespace mydht::detail {

/// Frames to records and back: encrypted, or as they are on plain links. No I/O, no memory of its own.
class record_layer {
public:
    /// None: a plain link.
    explicit record_layer(std::optional<noise::cipher_pair> ciphers) : ciphers_(std::move(ciphers)) {}

    /// Cuts the plaintext into records and appends them. Errors: errc::nonce_exhausted; `out` may then hold a part.
    [[nodiscard]] result<void> seal(bytes_view plain, bytes& out);

    /// The plaintext, in the memory of the record (without its length). Errors: errc::decrypt_failed,
    /// errc::nonce_exhausted.
    [[nodiscard]] result<bytes_view> open(bytes_span record);

private:
    std::optional<noise::cipher_pair> ciphers_;
};

}  // namespace mydht::detail
