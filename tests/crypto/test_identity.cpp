#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/ids.hpp>

#include "support/catch.hpp"
#include "support/prng_source.hpp"

using namespace mydht;

namespace {

bytes counting_seed() {
    bytes out(32);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i);
    return out;
}

public_key key_from(std::string_view hex) { return *public_key::from_hex(hex); }

}  // namespace

TEST_CASE("a seed gives the key pair of RFC 8032", "[identity]") {
    // RFC 8032 section 7.1, test 1.
    bytes seed(32);
    REQUIRE(from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed));
    const auto self = identity::from_seed(seed);
    REQUIRE(self);
    CHECK(self->key().hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    CHECK(self->id() == node_id_of(self->key()));
    CHECK(to_bytes(self->seed()) == seed);
}

TEST_CASE("a seed of another length is refused", "[identity]") {
    for (const std::size_t size : std::initializer_list<std::size_t>{0, 31, 33, 64}) {
        const auto made = identity::from_seed(bytes(size));
        REQUIRE_FALSE(made);
        CHECK(made.error() == errc::malformed);
    }
}

TEST_CASE("a signature covers the prefix, the kind and the body", "[identity]") {
    const auto self = *identity::from_seed(counting_seed());
    const auto body = as_bytes("body");
    const auto sig = self.sign("test", body);
    // Ed25519 of "mydht/1 test\0body", computed apart from this library.
    CHECK(sig.hex() ==
          "db346f7541d174c36b311cb247bd7b40a4f5bd0c262d6af54ab749b14df0bee1"
          "12d66aa50b09a788af637b241f5285a47eae78a41d1838943ebc0dd0d0830706");
    CHECK(verify(self.key(), "test", body, sig));
    CHECK(verify(self.key(), "tes", body, sig).error() == errc::bad_signature);
    CHECK(verify(self.key(), "testb", as_bytes("ody"), sig).error() == errc::bad_signature);
    CHECK(verify(self.key(), "test", as_bytes("bodz"), sig).error() == errc::bad_signature);
    CHECK(verify(self.key(), "test", {}, sig).error() == errc::bad_signature);
    CHECK(verify(self.key(), "", {}, self.sign("", {})));
}

TEST_CASE("a signature with any bit changed is refused", "[identity]") {
    const auto self = *identity::from_seed(counting_seed());
    const auto sig = self.sign("test", {});
    for (std::size_t bit = 0; bit < 8 * signature::size; ++bit) {
        auto other = sig;
        other.data()[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        const auto done = verify(self.key(), "test", {}, other);
        REQUIRE_FALSE(done);
        CHECK(done.error() == errc::bad_signature);
    }
}

TEST_CASE("a signature whose second half is not reduced is refused", "[identity]") {
    const auto self = *identity::from_seed(counting_seed());
    auto sig = self.sign("test", {});
    // Adds the order of the group, little-endian: the same number for a sloppy check.
    bytes order(32);
    REQUIRE(from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order));
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        carry += static_cast<unsigned>(sig.data()[32 + i]) + order[i];
        sig.data()[32 + i] = static_cast<std::uint8_t>(carry);
        carry >>= 8U;
    }
    CHECK(verify(self.key(), "test", {}, sig).error() == errc::bad_signature);
}

TEST_CASE("a key that is no good curve point is refused", "[identity]") {
    const auto self = *identity::from_seed(counting_seed());
    const auto sig = self.sign("test", {});
    const std::vector<public_key> bad{
        // Low order: the neutral element, orders 2, 4 and 8.
        key_from("0100000000000000000000000000000000000000000000000000000000000000"),
        key_from("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        key_from("0000000000000000000000000000000000000000000000000000000000000000"),
        key_from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        // The neutral element written with a number over the field's prime.
        key_from("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        // No point at all.
        key_from("0200000000000000000000000000000000000000000000000000000000000000"),
    };
    for (const auto& one : bad) {
        CAPTURE(one.hex());
        const auto done = verify(one, "test", {}, sig);
        REQUIRE_FALSE(done);
        CHECK(done.error() == errc::bad_key);
    }
    // The forgery that a low-order key would allow: R is the neutral element, S is zero.
    signature forged;
    forged.data()[0] = 1;
    for (const auto& one : bad) CHECK_FALSE(verify(one, "test", {}, forged));
}

TEST_CASE("generated identities follow the random source", "[identity]") {
    test::prng_source first(1);
    test::prng_source same(1);
    test::prng_source other(2);
    const auto a = identity::generate(first);
    const auto b = identity::generate(same);
    const auto c = identity::generate(other);
    CHECK(a.key() == b.key());
    CHECK_FALSE(a.key() == c.key());
    CHECK_FALSE(a.key() == identity::generate(first).key());
}

TEST_CASE("work is done until the id shows it", "[identity]") {
    test::prng_source random(3);
    for (const std::size_t bits : std::initializer_list<std::size_t>{0, 1, 4, 7}) {
        CHECK(id_work(identity::generate_with_work(random, bits).id()) >= bits);
    }
}
