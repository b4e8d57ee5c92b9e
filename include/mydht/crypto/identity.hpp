#pragma once

#include <cstddef>
#include <string_view>

#include <mydht/core/id.hpp>
#include <mydht/core/keys.hpp>
#include <mydht/core/random.hpp>
#include <mydht/core/result.hpp>
#include <mydht/crypto/secret.hpp>

namespace mydht {

/// An Ed25519 key pair (RFC 8032) and the node id that belongs to it. Move-only, wiped at its end; a moved-from one may
/// only be destroyed or assigned to. Share it as std::shared_ptr<const identity>: const use is safe from several
/// threads.
class identity {
public:
    static constexpr std::size_t seed_size = 32;

    [[nodiscard]] static identity generate(random_source& random);

    /// Tries key pairs until id_work(id()) is at least `bits`: about 2^bits tries of some 20 microseconds each, on the
    /// calling thread. At most 64 bits (asserted).
    [[nodiscard]] static identity generate_with_work(random_source& random, std::size_t bits);

    /// The key pair of a 32-byte seed (RFC 8032 section 5.1.5). Errors: errc::malformed for another length.
    [[nodiscard]] static result<identity> from_seed(bytes_view seed);

    [[nodiscard]] const public_key& key() const noexcept { return key_; }
    [[nodiscard]] const node_id& id() const noexcept { return id_; }

    /// Signs "mydht/1 <kind>", a zero byte and the body, so that a signature for one kind never serves as another. The
    /// kind holds no zero byte (asserted).
    [[nodiscard]] signature sign(std::string_view kind, bytes_view body) const;

    /// The 32 secret bytes that all else follows from; for saving. Lives as long as the identity.
    [[nodiscard]] bytes_view seed() const noexcept { return secret_.view().first(seed_size); }

private:
    explicit identity(bytes_view seed) noexcept;

    secret<64> secret_;  // the seed, then the public key
    public_key key_;
    node_id id_;
};

/// Checks what identity::sign made. Errors: errc::bad_key when `signer` is not a point of the prime-order group in its
/// only encoding, errc::bad_signature for everything else, non-canonical signatures among it.
[[nodiscard]] result<void> verify(const public_key& signer, std::string_view kind, bytes_view body,
                                  const signature& sig);

}  // namespace mydht
