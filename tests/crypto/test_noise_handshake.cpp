#include <mydht/crypto/noise/handshake.hpp>

#include "crypto/noise_peers.hpp"
#include "support/catch.hpp"
#include "support/prng_source.hpp"
#include "support/seed.hpp"

using namespace mydht;
using noise::role;
using test::noise_exchange;
using test::noise_peers;

namespace {

const auto payload = as_bytes("payload");

noise::protocol pattern(const std::string& name) {
    return test::protocol_named("Noise_" + name + "_25519_ChaChaPoly_BLAKE2b");
}

/// Every choice of modifiers that the pattern has a place for.
std::vector<std::string> modifiers_of(const std::string& name) {
    std::vector<std::string> out;
    const auto places = pattern(name).messages() + 1;
    for (unsigned mask = 0; mask < (1U << places); ++mask) {
        std::string text;
        for (unsigned i = 0; i < places; ++i) {
            if (((mask >> i) & 1U) != 0) text += (text.empty() ? "psk" : "+psk") + std::to_string(i);
        }
        out.push_back(text);
    }
    return out;
}

/// Both sides share the hash and both directions (or the one that there is) carry messages.
bool agree(noise_exchange& exchange, bool one_way) {
    if (to_bytes(exchange.sides[0].handshake_hash()) != to_bytes(exchange.sides[1].handshake_hash())) return false;
    auto first = exchange.sides[0].split();
    auto second = exchange.sides[1].split();
    if (!first || !second) return false;
    if (!test::open(second->receive, test::seal(first->send, payload))) return false;
    return one_way || test::open(first->receive, test::seal(second->send, payload)).has_value();
}

/// Runs a handshake whose message `target` is changed on its way. True when the two sides end up agreeing all the same.
template <typename Change>
bool survives(const noise_peers& peers, std::size_t target, const Change& change) {
    noise_exchange exchange(peers);
    for (std::size_t i = 0; i < peers.protocol.messages(); ++i) {
        auto& writer = exchange.writer();
        auto& reader = exchange.reader();
        auto message = writer.write(payload);
        if (!message) return false;
        const auto original = *message;
        if (i == target) change(*message);
        if (!reader.read(*message)) {
            // Dead for good: not even the unchanged message is read now, and no key comes out.
            CHECK(reader.read(original).error() == errc::handshake_order);
            CHECK(reader.write(payload).error() == errc::handshake_order);
            CHECK(reader.split().error() == errc::handshake_order);
            return false;
        }
    }
    return agree(exchange, peers.protocol.one_way());
}

std::vector<std::size_t> message_sizes(const noise_peers& peers) {
    noise_exchange exchange(peers);
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < peers.protocol.messages(); ++i) out.push_back(exchange.step(payload).size());
    return out;
}

void tamper_everywhere(const noise_peers& peers) {
    const auto sizes = message_sizes(peers);
    for (std::size_t target = 0; target < sizes.size(); ++target) {
        for (std::size_t at = 0; at < sizes[target]; ++at) {
            // The top bit too: X25519 ignores that of the last byte of a key, only the hash sees it.
            for (const unsigned flip : {0x01U, 0x80U}) {
                const auto change = [&](bytes& message) { message[at] ^= static_cast<std::uint8_t>(flip); };
                if (survives(peers, target, change)) FAIL("message " << target << " byte " << at << " flip " << flip);
            }
        }
        for (std::size_t size = 0; size < sizes[target]; ++size) {
            if (survives(peers, target, [&](bytes& message) { message.resize(size); })) {
                FAIL("message " << target << " cut to " << size);
            }
        }
        CHECK_FALSE(survives(peers, target, [](bytes& message) { message.push_back(0); }));
    }
}

}  // namespace

TEST_CASE("every pattern with every choice of psks connects", "[noise]") {
    std::size_t count = 0;
    for (const auto& name : test::noise_patterns()) {
        for (const auto& modifiers : modifiers_of(name)) {
            CAPTURE(name, modifiers);
            const noise_peers peers(pattern(name + modifiers), noise::fast_dh());
            noise_exchange exchange(peers);
            for (std::size_t i = 0; i < peers.protocol.messages(); ++i) {
                REQUIRE_FALSE(exchange.sides[0].done());
                const auto overhead = exchange.writer().overhead();
                CHECK(exchange.step(payload).size() == overhead + payload.size());
            }
            REQUIRE((exchange.sides[0].done() && exchange.sides[1].done()));
            CHECK(exchange.sides[0].overhead() == 0);
            CHECK(exchange.sides[0].remote_static().has_value() == peers.protocol.needs_static(role::responder));
            CHECK(exchange.sides[1].remote_static().has_value() == peers.protocol.needs_static(role::initiator));
            CHECK(agree(exchange, peers.protocol.one_way()));
            ++count;
        }
    }
    CHECK(count == 3 * 4 + 12 * 8 + 18 * 16 + 5 * 32);  // by the number of messages
}

TEST_CASE("every handshake goes on from a saved state", "[noise]") {
    for (const auto& name : test::noise_patterns()) {
        const auto all = modifiers_of(name);
        for (const auto& modifiers : {all.front(), all.back()}) {
            CAPTURE(name, modifiers);
            const noise_peers peers(pattern(name + modifiers), noise::fast_dh());
            noise_exchange kept(peers);
            noise_exchange resumed(peers);
            for (std::size_t i = 0; i < peers.protocol.messages(); ++i) {
                REQUIRE(kept.step(payload) == resumed.step(payload));
                for (const auto side : {role::initiator, role::responder}) {
                    auto& one = resumed.sides[side == role::initiator ? 0 : 1];
                    auto again = noise::handshake::resume(peers.config(side), one.save());
                    REQUIRE(again);
                    CHECK(again->my_turn() == one.my_turn());
                    CHECK(again->overhead() == one.overhead());
                    CHECK(again->remote_static() == one.remote_static());
                    one = std::move(*again);
                }
            }
            CHECK(to_bytes(kept.sides[0].handshake_hash()) == to_bytes(resumed.sides[0].handshake_hash()));
            CHECK(agree(resumed, peers.protocol.one_way()));
        }
    }
}

TEST_CASE("a forged message costs a saved handshake nothing", "[noise]") {
    const noise_peers peers(pattern("XXpsk0"));
    noise_exchange exchange(peers);
    (void)exchange.step(payload);
    const auto saved = exchange.sides[0].save();
    const auto message = exchange.sides[1].write(payload).value();
    for (std::size_t at = 0; at < message.size(); ++at) {
        auto forged = message;
        forged[at] ^= 1U;
        auto copy = noise::handshake::resume(peers.config(role::initiator), saved);
        CHECK_FALSE(copy->read(forged));
    }
    auto copy = noise::handshake::resume(peers.config(role::initiator), saved);
    CHECK(copy->read(message).value() == to_bytes(payload));
    auto incomplete = peers.config(role::initiator);
    incomplete.static_keys = nullptr;
    CHECK(noise::handshake::resume(incomplete, saved).error() == errc::bad_configuration);
}

TEST_CASE("payloads of any size come through with fresh keys", "[noise]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    test::prng_source keys(seed);
    for (int round = 0; round < 20; ++round) {
        const auto protocol = pattern("XXpsk3");
        noise_peers peers(protocol);
        peers.statics = {noise::x25519().generate(keys), noise::x25519().generate(keys)};
        auto first = peers.config(role::initiator);
        auto second = peers.config(role::responder);
        first.ephemeral = nullptr;
        first.random = &keys;
        second.ephemeral = nullptr;
        second.random = &keys;
        std::array sides{*noise::handshake::create(first), *noise::handshake::create(second)};
        for (std::size_t i = 0; i < protocol.messages(); ++i) {
            bytes sent(static_cast<std::size_t>(random.below(2000)));
            keys.fill(sent);
            const auto message = sides[i % 2].write(sent);
            REQUIRE(message);
            const auto read = sides[1 - i % 2].read(*message);
            REQUIRE(read);
            CHECK(*read == sent);
        }
        CHECK(*sides[0].remote_static() == peers.statics[1].public_part);
        CHECK(*sides[1].remote_static() == peers.statics[0].public_part);
    }
}

TEST_CASE("a handshake with a byte changed anywhere never connects", "[noise]") {
    for (const std::string name : {"XX", "IKpsk2"}) {
        CAPTURE(name);
        tamper_everywhere(noise_peers(pattern(name)));
    }
    for (const auto& name : test::noise_patterns()) {
        CAPTURE(name);
        tamper_everywhere(noise_peers(pattern(name), noise::fast_dh()));
        tamper_everywhere(noise_peers(pattern(name + "psk0"), noise::fast_dh()));
    }
}

TEST_CASE("different prologues, psks, hashes or agreements never connect", "[noise]") {
    const noise_peers peers(pattern("XXpsk0"));
    const noise_peers unkeyed(pattern("XX"));
    auto other = peers.config(role::responder);
    const auto fails = [&](const noise::handshake_config& config) {
        auto initiator = peers.start(role::initiator);
        auto responder = *noise::handshake::create(config);
        const auto message = initiator.write({});
        const auto read = responder.read(*message);
        return !read && read.error() == errc::decrypt_failed;
    };
    CHECK_FALSE(fails(other));
    other.prologue = as_bytes("mydht tesu");
    CHECK(fails(other));
    other = peers.config(role::responder);
    const std::array<secret<32>, 1> wrong{test::fixed_secret(0xd1)};
    other.psks = wrong;
    CHECK(fails(other));
    other = peers.config(role::responder);
    other.agreement = &noise::fast_dh();
    CHECK(fails(other));
    const noise_peers hashed(test::protocol_named("Noise_XXpsk0_25519_ChaChaPoly_SHA512"));
    CHECK(fails(hashed.config(role::responder)));
    CHECK_FALSE(fails(unkeyed.config(role::responder)));  // reads a longer payload, and fails at the second message
    noise_exchange mixed(peers);
    mixed.sides[1] = unkeyed.start(role::responder);
    REQUIRE(mixed.sides[1].read(*mixed.sides[0].write({})));
    CHECK(mixed.sides[0].read(*mixed.sides[1].write({})).error() == errc::decrypt_failed);
}

TEST_CASE("a wrong remote static key is noticed", "[noise]") {
    const noise_peers peers(pattern("IK"));
    auto config = peers.config(role::initiator);
    config.remote_static = peers.ephemerals[1].public_part;
    auto initiator = *noise::handshake::create(config);
    auto responder = peers.start(role::responder);
    CHECK(responder.read(*initiator.write({})).error() == errc::decrypt_failed);
    CHECK_FALSE(responder.remote_static().has_value());
}

TEST_CASE("a key of low order ends the handshake", "[noise]") {
    const bytes zeros(32);
    const noise_peers open_pattern(pattern("NN"));
    auto responder = open_pattern.start(role::responder);
    REQUIRE(responder.read(zeros));
    CHECK(responder.write({}).error() == errc::bad_key);
    CHECK(responder.write({}).error() == errc::handshake_order);

    const noise_peers known(pattern("NK"));
    auto knowing = known.start(role::responder);
    CHECK(knowing.read(bytes(48)).error() == errc::bad_key);
    CHECK(knowing.read(bytes(48)).error() == errc::handshake_order);

    auto config = known.config(role::initiator);
    config.remote_static = noise::public_key{};
    auto initiator = *noise::handshake::create(config);
    CHECK(initiator.write({}).error() == errc::bad_key);
}

TEST_CASE("calls out of turn are refused and change nothing", "[noise]") {
    const noise_peers peers(pattern("XX"));
    noise_exchange exchange(peers);
    auto& initiator = exchange.sides[0];
    auto& responder = exchange.sides[1];
    CHECK(initiator.my_turn());
    CHECK_FALSE(responder.my_turn());
    CHECK(initiator.read(bytes(100)).error() == errc::handshake_order);
    CHECK(responder.write({}).error() == errc::handshake_order);
    CHECK(initiator.split().error() == errc::handshake_order);
    for (int i = 0; i < 3; ++i) exchange.step(payload);
    CHECK(initiator.write({}).error() == errc::handshake_order);
    CHECK(initiator.read(bytes(100)).error() == errc::handshake_order);
    CHECK(responder.write({}).error() == errc::handshake_order);
    const auto hash = to_bytes(initiator.handshake_hash());
    CHECK(hash.size() == 64);
    CHECK(agree(exchange, false));
    // The same keys a second time would use the same nonces again.
    CHECK(initiator.split().error() == errc::handshake_order);
    CHECK(to_bytes(initiator.handshake_hash()) == hash);
}

TEST_CASE("a one-way pattern gives one direction", "[noise]") {
    const noise_peers peers(pattern("X"));
    noise_exchange exchange(peers);
    exchange.step(payload);
    const auto first = *exchange.sides[0].split();
    const auto second = *exchange.sides[1].split();
    CHECK(first.send.usable());
    CHECK_FALSE(first.receive.usable());
    CHECK_FALSE(second.send.usable());
    CHECK(second.receive.usable());
}

TEST_CASE("a handshake message is at most 65,535 bytes", "[noise]") {
    const noise_peers peers(pattern("XXpsk0"));
    noise_exchange exchange(peers);
    for (int i = 0; i < 3; ++i) {
        const bytes fits(noise::message_bytes_max - exchange.writer().overhead());
        const bytes over(fits.size() + 1);
        CHECK(exchange.writer().write(over).error() == errc::too_large);
        CHECK(exchange.step(fits).size() == noise::message_bytes_max);
    }
    CHECK(agree(exchange, false));

    auto responder = peers.start(role::responder);
    CHECK(responder.read(bytes(noise::message_bytes_max + 1)).error() == errc::too_large);
    CHECK(responder.read(bytes(100)).error() == errc::handshake_order);
    auto another = peers.start(role::responder);
    CHECK(another.read(bytes(47)).error() == errc::truncated);
}

TEST_CASE("a handshake is not begun with keys missing", "[noise]") {
    const noise_peers peers(pattern("IKpsk0+psk2"));
    const auto error_of = [](const noise::handshake_config& config) {
        const auto done = noise::handshake::create(config);
        return done ? std::error_code{} : done.error();
    };
    auto config = peers.config(role::initiator);
    CHECK_FALSE(error_of(config));
    config.static_keys = nullptr;
    CHECK(error_of(config) == errc::bad_configuration);
    config = peers.config(role::initiator);
    config.remote_static.reset();
    CHECK(error_of(config) == errc::bad_configuration);
    config = peers.config(role::initiator);
    config.psks = config.psks.first(1);
    CHECK(error_of(config) == errc::bad_configuration);
    config = peers.config(role::initiator);
    config.ephemeral = nullptr;
    CHECK(error_of(config) == errc::bad_configuration);
    config = peers.config(role::initiator);
    config.agreement = nullptr;
    CHECK(error_of(config) == errc::bad_configuration);
    // A remote key that the protocol would not use is no pin.
    config = peers.config(role::responder);
    config.remote_static = peers.statics[0].public_part;
    CHECK(error_of(config) == errc::bad_configuration);
}
