#include <mydht/crypto/noise/protocol.hpp>

#include "crypto/noise_peers.hpp"
#include "support/catch.hpp"

using namespace mydht;
using noise::role;
using noise::token;

namespace {

std::error_code parse_error(std::string_view name) {
    const auto done = noise::protocol::parse(name);
    return done ? std::error_code{} : done.error();
}

std::vector<token> steps_of(const noise::protocol& protocol, std::size_t message) {
    const auto& steps = protocol.steps(message);
    return {steps.begin(), steps.end()};
}

}  // namespace

TEST_CASE("protocol names read and write the same", "[noise]") {
    std::size_t count = 0;
    for (const auto& pattern : test::noise_patterns()) {
        for (const std::string modifiers : {"", "psk0", "psk1", "psk0+psk1"}) {
            for (const std::string hash : {"BLAKE2b", "SHA256", "SHA512"}) {
                const auto name = "Noise_" + pattern + modifiers + "_25519_ChaChaPoly_" + hash;
                CHECK(test::protocol_named(name).name() == name);
                ++count;
            }
        }
    }
    CHECK(count == 38 * 12);
    CHECK(test::protocol_named("Noise_XX_25519_ChaChaPoly_BLAKE2b").name("other") ==
          "Noise_XX_other_ChaChaPoly_BLAKE2b");
}

TEST_CASE("a protocol has the steps of its pattern and modifiers", "[noise]") {
    const auto plain = test::protocol_named("Noise_XX_25519_ChaChaPoly_SHA256");
    CHECK(plain.messages() == 3);
    CHECK(plain.psks() == 0);
    CHECK(plain.hash() == noise::hash_kind::sha256);
    CHECK(steps_of(plain, 0) == std::vector{token::e});
    CHECK(steps_of(plain, 1) == std::vector{token::e, token::ee, token::s, token::es});
    CHECK(steps_of(plain, 2) == std::vector{token::s, token::se});

    const auto keyed = test::protocol_named("Noise_XXpsk0+psk3_25519_ChaChaPoly_BLAKE2b");
    CHECK(keyed.psks() == 2);
    CHECK(steps_of(keyed, 0) == std::vector{token::psk, token::e});
    CHECK(steps_of(keyed, 1) == steps_of(plain, 1));
    CHECK(steps_of(keyed, 2) == std::vector{token::s, token::se, token::psk});

    const auto one_way = test::protocol_named("Noise_Xpsk1_25519_ChaChaPoly_BLAKE2b");
    CHECK(one_way.one_way());
    CHECK(steps_of(one_way, 0) == std::vector{token::e, token::es, token::s, token::ss, token::psk});
}

TEST_CASE("a protocol says which keys its sides need", "[noise]") {
    const auto needs = [](const std::string& pattern) {
        const auto protocol = test::protocol_named("Noise_" + pattern + "_25519_ChaChaPoly_BLAKE2b");
        return std::vector<bool>{protocol.needs_static(role::initiator), protocol.needs_remote_static(role::initiator),
                                 protocol.needs_static(role::responder), protocol.needs_remote_static(role::responder)};
    };
    CHECK(needs("NN") == std::vector<bool>{false, false, false, false});
    CHECK(needs("XX") == std::vector<bool>{true, false, true, false});
    CHECK(needs("IK") == std::vector<bool>{true, true, true, false});
    CHECK(needs("KX") == std::vector<bool>{true, false, true, true});
    CHECK(needs("N") == std::vector<bool>{false, true, true, false});
    CHECK(needs("K") == std::vector<bool>{true, true, true, true});
    CHECK(needs("XN") == std::vector<bool>{true, false, false, false});
}

TEST_CASE("what is no protocol name is malformed", "[noise]") {
    for (const std::string name : {
             "",
             "Noise",
             "Noise_XX_25519_ChaChaPoly",
             "Noise_XX_25519_ChaChaPoly_BLAKE2b_",
             "noise_XX_25519_ChaChaPoly_BLAKE2b",
             "NoisePSK_XX_25519_ChaChaPoly_BLAKE2b",
             "Noise__25519_ChaChaPoly_BLAKE2b",
             "Noise_XX__ChaChaPoly_BLAKE2b",
             "Noise_XX_25519__BLAKE2b",
             "Noise_XX_25519_ChaChaPoly_",
             "Noise_xx_25519_ChaChaPoly_BLAKE2b",
             "Noise_XXpsk_25519_ChaChaPoly_BLAKE2b",
             "Noise_XXpsk4_25519_ChaChaPoly_BLAKE2b",
             "Noise_XXpsk9_25519_ChaChaPoly_BLAKE2b",
             "Noise_XXpskx_25519_ChaChaPoly_BLAKE2b",
             "Noise_Xpsk2_25519_ChaChaPoly_BLAKE2b",
             "Noise_XXpsk0+psk0_25519_ChaChaPoly_BLAKE2b",
             "Noise_XXpsk3+psk0_25519_ChaChaPoly_BLAKE2b",
             "Noise_XXpsk0+_25519_ChaChaPoly_BLAKE2b",
             "Noise_XX+psk0_25519_ChaChaPoly_BLAKE2b",
             "Noise_XXpsk0psk1_25519_ChaChaPoly_BLAKE2b",
             "Noise_XXpsk0++psk1_25519_ChaChaPoly_BLAKE2b",
             "Noise_XX!_25519_ChaChaPoly_BLAKE2b",
         }) {
        CAPTURE(name);
        CHECK(parse_error(name) == errc::malformed);
    }
    CHECK(parse_error("Noise_XX_25519_ChaChaPoly_" + std::string(229, 'x')) == errc::not_supported);
    CHECK(parse_error("Noise_XX_25519_ChaChaPoly_" + std::string(230, 'x')) == errc::malformed);
}

TEST_CASE("what this build has not is told apart", "[noise]") {
    for (const std::string name : {
             "Noise_XX_25519_ChaChaPoly_BLAKE2s",
             "Noise_XX_25519_AESGCM_BLAKE2b",
             "Noise_XX_448_ChaChaPoly_BLAKE2b",
             "Noise_XXfallback_25519_ChaChaPoly_BLAKE2b",
             "Noise_XXfallback+psk0_25519_ChaChaPoly_BLAKE2b",
             "Noise_XXpsk0+hfs_25519_ChaChaPoly_BLAKE2b",
             "Noise_QQ_25519_ChaChaPoly_BLAKE2b",
             "Noise_XX_25519+Kyber1024_ChaChaPoly_BLAKE2b",
         }) {
        CAPTURE(name);
        CHECK(parse_error(name) == errc::not_supported);
    }
}
