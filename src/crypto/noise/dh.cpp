#include <mydht/crypto/noise/dh.hpp>

#include <algorithm>

#include <sodium.h>

#include <mydht/crypto/hash.hpp>

#include "crypto/sodium.hpp"

namespace mydht::noise {

namespace {

class x25519_dh final : public dh {
public:
    std::string_view name() const noexcept override { return "25519"; }
    bool secure() const noexcept override { return true; }

    key_pair generate(random_source& random) const override {
        secret<32> made;
        random.fill(made.span());
        return from_secret(std::move(made));
    }

    key_pair from_secret(secret<32> secret_part) const noexcept override {
        detail::use_sodium();
        key_pair out;
        crypto_scalarmult_base(out.public_part.data().data(), secret_part.view().data());
        out.secret_part = std::move(secret_part);
        return out;
    }

    result<secret<32>> agree(const key_pair& ours, const noise::public_key& theirs) const override {
        detail::use_sodium();
        secret<32> shared;
        const int wrong = crypto_scalarmult(shared.span().data(), ours.secret_part.view().data(), theirs.data().data());
        if (wrong != 0) return failure(errc::bad_key);
        return shared;
    }

    key_pair static_key_of(const identity& self) const noexcept override {
        // libsodium takes the 64-byte form of the secret key but reads its first half, the seed, only.
        secret<64> signing;
        std::copy(self.seed().begin(), self.seed().end(), signing.span().begin());
        secret<32> scalar;
        crypto_sign_ed25519_sk_to_curve25519(scalar.span().data(), signing.view().data());
        return from_secret(std::move(scalar));
    }

    result<noise::public_key> noise_key_of(const mydht::public_key& peer) const override {
        detail::use_sodium();
        noise::public_key out;
        if (crypto_sign_ed25519_pk_to_curve25519(out.data().data(), peer.data().data()) != 0) {
            return failure(errc::bad_key);
        }
        return out;
    }
};

/// Every secret of this one can be computed by everybody: that is what makes it fast.
class simulated_dh final : public dh {
public:
    std::string_view name() const noexcept override { return "INSECURE"; }
    bool secure() const noexcept override { return false; }

    key_pair generate(random_source& random) const override {
        secret<32> made;
        random.fill(made.span());
        return from_secret(std::move(made));
    }

    key_pair from_secret(secret<32> secret_part) const noexcept override {
        key_pair out;
        out.public_part = public_of(secret_part.view());
        out.secret_part = std::move(secret_part);
        return out;
    }

    result<secret<32>> agree(const key_pair& ours, const noise::public_key& theirs) const override {
        const auto& [low, high] = std::minmax(ours.public_part, theirs);
        return secret<32>(hash_id("mydht.sim.agree", {low.view(), high.view()}).view());
    }

    // The "secret" of an identity is its public key, so that a peer who knows only that can compute the same public
    // part.
    key_pair static_key_of(const identity& self) const noexcept override {
        return from_secret(secret<32>(self.key().view()));
    }

    result<noise::public_key> noise_key_of(const mydht::public_key& peer) const override {
        return public_of(peer.view());
    }

private:
    static noise::public_key public_of(bytes_view secret_part) noexcept {
        return noise::public_key(hash_id("mydht.sim.public", {secret_part}).data());
    }
};

}  // namespace

const dh& x25519() noexcept {
    static const x25519_dh instance;
    return instance;
}

const dh& fast_dh() noexcept {
    static const simulated_dh instance;
    return instance;
}

key_pair static_key_of(const identity& self) noexcept { return x25519().static_key_of(self); }

result<noise::public_key> noise_key_of(const mydht::public_key& peer) { return x25519().noise_key_of(peer); }

}  // namespace mydht::noise
