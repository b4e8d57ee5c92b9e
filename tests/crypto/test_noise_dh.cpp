#include <mydht/crypto/noise/dh.hpp>

#include "crypto/noise_peers.hpp"
#include "support/catch.hpp"
#include "support/prng_source.hpp"
#include "support/seed.hpp"

using namespace mydht;

namespace {

noise::key_pair pair_of(std::string_view secret_hex) {
    secret<32> raw;
    REQUIRE(from_hex(secret_hex, raw.span()));
    return noise::x25519().from_secret(std::move(raw));
}

}  // namespace

TEST_CASE("X25519 gives the answers of RFC 7748", "[noise]") {
    // Section 6.1.
    const auto alice = pair_of("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    const auto bob = pair_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    CHECK(alice.public_part.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    CHECK(bob.public_part.hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const auto shared = noise::x25519().agree(alice, bob.public_part);
    REQUIRE(shared);
    CHECK(to_hex(shared->view()) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

TEST_CASE("agreements are the same from both sides", "[noise]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    test::prng_source random(seed);
    for (const auto* agreement : {&noise::x25519(), &noise::fast_dh()}) {
        CAPTURE(agreement->name());
        const auto a = agreement->generate(random);
        const auto b = agreement->generate(random);
        const auto c = agreement->generate(random);
        CHECK_FALSE(a.public_part == b.public_part);
        CHECK(agreement->from_secret(a.secret_part.clone()).public_part == a.public_part);
        const auto ab = agreement->agree(a, b.public_part);
        const auto ba = agreement->agree(b, a.public_part);
        const auto ac = agreement->agree(a, c.public_part);
        REQUIRE((ab && ba && ac));
        CHECK(to_bytes(ab->view()) == to_bytes(ba->view()));
        CHECK(to_bytes(ab->view()) != to_bytes(ac->view()));
    }
}

TEST_CASE("an identity's static key follows from its public key alone", "[noise]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    test::prng_source random(seed);
    for (const auto* agreement : {&noise::x25519(), &noise::fast_dh()}) {
        const auto self = identity::generate(random);
        const auto own = agreement->static_key_of(self);
        const auto seen = agreement->noise_key_of(self.key());
        REQUIRE(seen);
        CHECK(*seen == own.public_part);
        const auto other = agreement->generate(random);
        CHECK(to_bytes(agreement->agree(own, other.public_part)->view()) ==
              to_bytes(agreement->agree(other, *seen)->view()));
    }
    const auto self = identity::generate(random);
    CHECK(noise::static_key_of(self).public_part == *noise::noise_key_of(self.key()));
}

TEST_CASE("keys of low order are refused", "[noise]") {
    const auto own = noise::x25519().from_secret(test::fixed_secret(1));
    // The points of order 1, 2, 4 and 8 on the curve and its twist, and their other encodings.
    for (const std::string hex : {
             "0000000000000000000000000000000000000000000000000000000000000000",
             "0100000000000000000000000000000000000000000000000000000000000000",
             "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
             "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
             "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
             "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
             "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
         }) {
        CAPTURE(hex);
        const auto shared = noise::x25519().agree(own, *noise::public_key::from_hex(hex));
        REQUIRE_FALSE(shared);
        CHECK(shared.error() == errc::bad_key);
    }
}

TEST_CASE("peer keys that are no good curve points have no static key", "[noise]") {
    for (const std::string hex : {
             "0000000000000000000000000000000000000000000000000000000000000000",
             "0100000000000000000000000000000000000000000000000000000000000000",
             "0200000000000000000000000000000000000000000000000000000000000000",
             "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
             "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
         }) {
        CAPTURE(hex);
        const auto made = noise::noise_key_of(*public_key::from_hex(hex));
        REQUIRE_FALSE(made);
        CHECK(made.error() == errc::bad_key);
    }
}

TEST_CASE("only X25519 calls itself secure", "[noise]") {
    CHECK(noise::x25519().secure());
    CHECK_FALSE(noise::fast_dh().secure());
    CHECK(noise::x25519().name() != noise::fast_dh().name());
}
