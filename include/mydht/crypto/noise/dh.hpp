#pragma once

#include <cstdint>
#include <string_view>

#include <mydht/core/keys.hpp>
#include <mydht/core/random.hpp>
#include <mydht/core/result.hpp>
#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/secret.hpp>

namespace mydht::noise {

/// A key of a handshake; not the Ed25519 key that names a peer, but made from it by noise_key_of.
using public_key = tagged_bytes<struct noise_public_key_tag, 32>;

struct key_pair {
    noise::public_key public_part;
    secret<32> secret_part;

    [[nodiscard]] key_pair clone() const noexcept { return {public_part, secret_part.clone()}; }
};

/// Key agreement. Implementations have no state: one object serves all threads and lives as long as the program.
class dh {
public:
    dh() = default;
    dh(const dh&) = delete;
    dh& operator=(const dh&) = delete;
    virtual ~dh() = default;

    /// What stands in the protocol name that the handshake hashes, so two different agreements never complete.
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;

    /// False for what only a simulation may use: a session over a real transport must refuse it.
    [[nodiscard]] virtual bool secure() const noexcept = 0;

    [[nodiscard]] virtual key_pair generate(random_source& random) const = 0;

    /// The key pair of a given secret; for saved keys and published test vectors.
    [[nodiscard]] virtual key_pair from_secret(secret<32> secret_part) const noexcept = 0;

    /// The shared secret. Errors: errc::bad_key when `theirs` has low order, which would make it a constant.
    [[nodiscard]] virtual result<secret<32>> agree(const key_pair& ours, const noise::public_key& theirs) const = 0;

    /// The static key pair of an identity.
    [[nodiscard]] virtual key_pair static_key_of(const identity& self) const noexcept = 0;

    /// The static public key of a peer: the public part of what static_key_of gives to that peer.
    /// Errors: errc::bad_key when the peer's key is not a usable curve point.
    [[nodiscard]] virtual result<noise::public_key> noise_key_of(const mydht::public_key& peer) const = 0;
};

/// X25519 (RFC 7748); static keys are the Montgomery form of the Ed25519 keys.
[[nodiscard]] const dh& x25519() noexcept;

/// INSECURE, for simulations: the same sizes and states, but the "shared secret" is a hash of the two public keys,
/// which every listener knows. secure() is false, and its name keeps it from completing a handshake with a real peer.
[[nodiscard]] const dh& fast_dh() noexcept;

/// x25519().static_key_of(self).
[[nodiscard]] key_pair static_key_of(const identity& self) noexcept;

/// x25519().noise_key_of(peer).
[[nodiscard]] result<noise::public_key> noise_key_of(const mydht::public_key& peer);

}  // namespace mydht::noise
