#include <mydht/core/random.hpp>
#include <mydht/crypto/hash.hpp>
#include <mydht/crypto/ids.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace mydht;

namespace {

bytes counting(std::size_t size) {
    bytes out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i);
    return out;
}

const auto counting_key = *public_key::from_bytes(counting(32));

}  // namespace

// Answers from published vectors (RFC 7693, FIPS 180-4, the SipHash paper) and from Python's hashlib.

TEST_CASE("the plain hashes give the published answers", "[hash]") {
    const auto abc = as_bytes("abc");
    CHECK(to_hex(blake2b_256({abc})) == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    CHECK(to_hex(blake2b_512({abc})) ==
          "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
          "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    CHECK(to_hex(sha256({abc})) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(to_hex(sha512({abc})) ==
          "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
          "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    CHECK(blake2b_256({as_bytes("a"), {}, as_bytes("bc")}) == blake2b_256({abc}));
    CHECK(sha512({as_bytes("a"), as_bytes("bc")}) == sha512({abc}));
}

TEST_CASE("the keyed hashes give the published answers", "[hash]") {
    CHECK(short_hash(secret<16>(counting(16)), counting(15)) == 0xa129ca6149be45e5ULL);
    const secret<32> key(counting(32));
    CHECK(to_hex(mac_128(key, {as_bytes("ab"), as_bytes("c")})) == "c006572bf2a0f76fe91755c911b607d2");
    CHECK(mac_128(key, {as_bytes("a"), as_bytes("bc")}) != mac_128(key, {as_bytes("ab"), as_bytes("c")}));
}

TEST_CASE("an id's hash depends on the personalisation and on where a part ends", "[hash]") {
    const auto id = hash_id("mydht.test", {as_bytes("ab"), as_bytes("c")});
    CHECK(id.hex() == "31afedb76654bd256675f5b8eb57c20e290917a07011aedde5a63e4f3ccf0be0");
    CHECK(hash_id("mydht.test", {}).hex() == "f055106c2b3abfa50916ee97235257afb7c52a8270d318baf74c6e88f46adfe2");
    CHECK(hash_id("mydht.test", {as_bytes("a"), as_bytes("bc")}) != id);
    CHECK(hash_id("mydht.test", {as_bytes("abc")}) != id);
    CHECK(hash_id("mydht.test", {as_bytes("ab"), as_bytes("c"), {}}) != id);
    CHECK(hash_id("mydht.tesu", {as_bytes("ab"), as_bytes("c")}) != id);
    CHECK(hash_id("sixteen letters!", {}) != hash_id("sixteen letters", {}));
}

TEST_CASE("a part in pieces hashes like the whole part", "[hash]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 50; ++round) {
        const bytes data = counting(random.below(1000));
        hasher pieces("mydht.test");
        pieces.part(as_bytes("head")).begin_part(data.size());
        bytes_view rest = data;
        while (!rest.empty()) {
            const auto size = 1 + static_cast<std::size_t>(random.below(rest.size()));
            pieces.append(rest.first(size));
            rest = rest.subspan(size);
        }
        REQUIRE(pieces.finish() == hash_id("mydht.test", {as_bytes("head"), data}));
    }
}

TEST_CASE("a hasher goes on after a move", "[hash]") {
    hasher first("mydht.test");
    first.part(as_bytes("ab"));
    hasher second = std::move(first);
    CHECK(second.part(as_bytes("c")).finish() == hash_id("mydht.test", {as_bytes("ab"), as_bytes("c")}));
}

TEST_CASE("the comparison in constant time compares", "[hash]") {
    const auto data = counting(40);
    CHECK(equal_in_constant_time(data, counting(40)));
    CHECK(equal_in_constant_time({}, {}));
    CHECK_FALSE(equal_in_constant_time(data, counting(39)));
    for (std::size_t i = 0; i < data.size(); ++i) {
        auto other = data;
        other[i] ^= 0x80U;
        CHECK_FALSE(equal_in_constant_time(data, other));
    }
}

TEST_CASE("an id that is remembered is the hash, whatever came before", "[ids]") {
    // All zero is what places hold before anything has come there; the others share places, also when they differ in
    // their last bit only.
    std::vector<public_key> peers(64);
    for (std::size_t i = 1; i < peers.size(); ++i) {
        peers[i].data()[31] = static_cast<std::uint8_t>(i / 2);
        peers[i].data()[1] = static_cast<std::uint8_t>(4 * (i % 2));
    }
    for (int round = 0; round < 2; ++round) {
        for (const auto& peer : peers) {
            const auto right = hash_id("mydht.node", {peer.view()});
            CHECK(node_id_of(peer) == right);
            CHECK(node_id_of(peer) == right);
        }
    }
}

TEST_CASE("ids are the hashes that the specification names", "[ids]") {
    CHECK(node_id_of(counting_key).hex() == "95c2abd3a0f8d89ac7aa87154cfa1b5e7f25bead454491e4974a908c1b0b06b3");
    CHECK(immutable_key(as_bytes("ns"), as_bytes("hello")).hex() ==
          "7eaf395e0836bff41bc5d0f1760c8abc5ff536af518f90ce9ef7f740d20961ce");
    CHECK(mutable_key(counting_key, as_bytes("salt")).hex() ==
          "af70e408ea5b81f229c4b1e7b4832064c1d7097687daece6c58884129ea25725");
    CHECK(set_key(as_bytes("ns"), as_bytes("name")).hex() ==
          "af89705769e1d18af6ef274e294aa00ceb5399f0f1ee27ff003af520de8331f9");
    CHECK(network_tag_of("main").hex() == "6d6a847e643cb129");
    CHECK(network_tag_of("main", bytes(32, 7)).hex() == "34e85dca00fd2d7e");
    CHECK(id_work(*node_id::from_hex(std::string(61, '0') + "4a9")) == 9);
}

TEST_CASE("a contact has the id of its key", "[ids]") {
    const auto where = address::ipv4(address_kind::tcp, {127, 0, 0, 1}, 4000);
    const auto made = contact_of(counting_key, 5, {where});
    CHECK(made.id == node_id_of(counting_key));
    CHECK(made.peer == counting_key);
    CHECK(made.capabilities == 5);
    CHECK(made.addresses == std::vector<address>{where});
}
