#include <mydht/crypto/identity.hpp>

#include <sodium.h>

#include <mydht/crypto/ids.hpp>

#include "sodium.hpp"

namespace mydht {

namespace {

/// What is really signed. Ed25519 needs the whole message twice, so it is laid out once.
bytes signed_message(std::string_view kind, bytes_view body) {
    constexpr std::string_view prefix = "mydht/1 ";
    assert(kind.find('\0') == std::string_view::npos);
    bytes out(prefix.size() + kind.size() + 1 + body.size());
    auto* at = std::copy(prefix.begin(), prefix.end(), out.data());
    at = std::copy(kind.begin(), kind.end(), at);
    *at++ = 0;
    std::copy(body.begin(), body.end(), at);
    return out;
}

}  // namespace

identity::identity(bytes_view seed) noexcept {
    detail::use_sodium();
    crypto_sign_seed_keypair(key_.data().data(), secret_.span().data(), seed.data());
    id_ = node_id_of(key_);
}

identity identity::generate(random_source& random) {
    secret<seed_size> seed;
    random.fill(seed.span());
    return identity(seed.view());
}

identity identity::generate_with_work(random_source& random, std::size_t bits) {
    assert(bits <= 64);
    for (;;) {
        identity made = generate(random);
        if (id_work(made.id()) >= bits) return made;
    }
}

result<identity> identity::from_seed(bytes_view seed) {
    if (seed.size() != seed_size) return failure(errc::malformed);
    return identity(seed);
}

signature identity::sign(std::string_view kind, bytes_view body) const {
    const bytes message = signed_message(kind, body);
    signature out;
    crypto_sign_detached(out.data().data(), nullptr, message.data(), message.size(), secret_.view().data());
    return out;
}

result<void> verify(const public_key& signer, std::string_view kind, bytes_view body, const signature& sig) {
    detail::use_sodium();
    const bytes message = signed_message(kind, body);
    const auto* point = signer.data().data();
    if (crypto_sign_verify_detached(sig.data().data(), message.data(), message.size(), point) == 0) return {};
    // Asked only now: the check of the point costs as much as the signature, and what it refuses mostly failed above.
    return failure(crypto_core_ed25519_is_valid_point(point) == 1 ? errc::bad_signature : errc::bad_key);
}

}  // namespace mydht
