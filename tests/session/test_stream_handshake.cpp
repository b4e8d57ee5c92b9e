#include "session/stream_handshake.hpp"

#include <algorithm>

#include "fixture.hpp"

namespace mydht::test {

namespace {

using detail::handshake_outcome;
using detail::local_party;
using detail::stream_handshake;

/// One node's side of handshakes.
struct side {
    explicit side(std::uint64_t seed, session_config config = {})
        : random(seed), party(std::make_shared<const identity>(identity::generate(random)), config, random) {}

    prng_source random;
    local_party party;
};

/// The five messages of a handshake, and what came out of it.
struct transcript {
    std::vector<bytes> messages;
    std::error_code dialler;  ///< why it failed
    std::error_code listener;
    std::optional<handshake_outcome> dialled;
    std::optional<handshake_outcome> accepted;
};

/// Changes message `n` on its way.
using tamper = std::function<void(std::size_t n, bytes& message)>;

/// Carries messages between the two until both are done or one has failed.
transcript shake(stream_handshake a, stream_handshake b, const tamper& change = {}) {
    transcript out;
    bytes message;
    a.start(message);
    stream_handshake* to = &b;
    for (std::size_t n = 0; n < 5; ++n) {
        out.messages.push_back(message);
        if (change) change(n, message);
        bytes_view input = message;
        bytes answer;
        const auto done = to->advance(input, answer);
        auto& error = to == &a ? out.dialler : out.listener;
        if (!done) error = done.error();
        if (done && !input.empty()) error = errc::trailing_bytes;
        if (done && *done) {
            auto finished = to->finish(answer);
            if (finished) (to == &a ? out.dialled : out.accepted).emplace(std::move(*finished));
        }
        if (answer.empty()) break;
        message = answer;
        to = to == &a ? &b : &a;
    }
    return out;
}

transcript shake(const side& a, const side& b, std::optional<node_id> pinned = {}, const tamper& change = {}) {
    return shake(stream_handshake::dialler(a.party, pinned), stream_handshake::listener(b.party), change);
}

session_config plain() {
    session_config out;
    out.mode = wire::link_mode::plain;
    return out;
}

session_config with_psk(std::uint8_t filling) {
    session_config out;
    out.psk = bytes(32, filling);
    return out;
}

}  // namespace

TEST_CASE("both sides of a handshake prove each other and agree on keys", "[handshake]") {
    const bool psk = GENERATE(false, true);
    side a(1, psk ? with_psk(7) : session_config());
    side b(2, psk ? with_psk(7) : session_config());
    a.party.capabilities = 5;
    b.party.addresses = {mem("b")};
    const auto id = b.party.self->id();
    const auto done = shake(a, b, id);
    CHECK_FALSE(done.dialler);
    CHECK_FALSE(done.listener);
    REQUIRE(done.dialled);
    REQUIRE(done.accepted);
    CHECK(done.dialled->peer.id == id);
    CHECK(done.dialled->peer.addresses == std::vector{mem("b")});
    CHECK(done.accepted->peer.id == a.party.self->id());
    CHECK(done.accepted->peer.capabilities == 5);
    CHECK(done.accepted->codec == wire::codec_id::capnp);

    CHECK(done.dialled->ciphers);
    CHECK(done.accepted->ciphers);
}

TEST_CASE("the ciphers of the two sides fit", "[handshake]") {
    side a(1);
    side b(2);
    auto done = shake(a, b);
    const auto text = to_bytes("over and out");
    bytes sealed(text.size() + noise::tag_bytes);
    bytes opened(text.size());
    REQUIRE(done.dialled->ciphers->send.seal({}, text, sealed));
    REQUIRE(done.accepted->ciphers->receive.open({}, sealed, opened));
    CHECK(opened == text);
}

TEST_CASE("a plain handshake has the same messages without keys", "[handshake]") {
    side a(1, plain());
    side b(2, plain());
    const auto done = shake(a, b, b.party.self->id());
    REQUIRE(done.dialled);
    REQUIRE(done.accepted);
    CHECK_FALSE(done.dialled->ciphers);
    CHECK(done.messages.size() == 5);
    CHECK(done.messages[2] == bytes{0, 0});
    CHECK(done.accepted->peer.id == a.party.self->id());
}

TEST_CASE("the dialler is told why it is turned away", "[handshake]") {
    session_config other;
    other.network = "another";
    const auto refused = [](session_config a, session_config b) {
        side x(1, std::move(a));
        side y(2, std::move(b));
        return shake(x, y);
    };
    const auto network = refused(session_config(), other);
    CHECK(network.dialler == errc::other_network);
    CHECK(network.listener == errc::other_network);
    CHECK(network.messages.size() == 2);
    CHECK(network.messages[1].size() == 1);
    CHECK(refused(with_psk(1), session_config()).dialler == errc::other_network);
    CHECK(refused(with_psk(1), with_psk(2)).dialler == errc::other_network);
    CHECK(refused(session_config(), plain()).dialler == errc::mode_refused);
    CHECK(refused(plain(), session_config()).dialler == errc::mode_refused);
}

TEST_CASE("a busy listener tells peers of its own network only", "[handshake]") {
    side a(1);
    side b(2);
    session_config config;
    config.network = "another";
    side stranger(3, config);
    CHECK(shake(stream_handshake::dialler(a.party, {}), stream_handshake::listener(b.party, true)).dialler ==
          errc::peer_busy);
    CHECK(shake(stream_handshake::dialler(stranger.party, {}), stream_handshake::listener(b.party, true)).dialler ==
          errc::other_network);
}

TEST_CASE("version ranges that do not meet are refused, and meeting ones agree on the highest", "[handshake]") {
    side a(1);
    side b(2);
    a.party.hello.version_min = 2;
    a.party.hello.version_max = 3;
    CHECK(shake(a, b).dialler == errc::unknown_version);
    a.party.hello.version_min = 1;
    const auto done = shake(a, b);
    CHECK(done.dialled);
    CHECK(done.accepted);
}

TEST_CASE("a version range that was narrowed on the way is noticed", "[handshake]") {
    side a(1);
    side b(2);
    a.party.hello.version_max = 2;
    b.party.hello.version_max = 2;
    // Both could speak 2; the listener is made to believe in 1, and the dialler gets its answer.
    const auto done = shake(a, b, {}, [](std::size_t n, bytes& message) {
        if (n == 0) message[5] = 1;
    });
    CHECK(done.dialler == errc::protocol_violation);
    CHECK_FALSE(done.accepted);
}

TEST_CASE("a pinned identity is insisted on", "[handshake]") {
    const bool secured = GENERATE(true, false);
    side a(1, secured ? session_config() : plain());
    side b(2, secured ? session_config() : plain());
    const auto done = shake(a, b, a.party.self->id());
    CHECK(done.dialler == errc::identity_mismatch);
    CHECK_FALSE(done.accepted);
}

TEST_CASE("a node notices that it talks to itself", "[handshake]") {
    side a(1);
    CHECK(shake(a, a).dialler == errc::self_connection);
}

TEST_CASE("a payload that claims another's key is refused on both sides", "[handshake]") {
    side honest(1);
    side liar(2);
    side victim(3);
    liar.party.self = victim.party.self;  // keeps its own static key
    CHECK(shake(honest, liar).dialler == errc::identity_mismatch);
    const auto dials = shake(liar, honest);
    CHECK(dials.listener == errc::identity_mismatch);
    CHECK_FALSE(dials.accepted);
}

TEST_CASE("different agreements never complete", "[handshake]") {
    session_config fast;
    fast.agreement = &noise::fast_dh();
    side a(1, fast);
    side b(2);
    const auto done = shake(a, b);
    CHECK_FALSE(done.dialled);
    CHECK_FALSE(done.accepted);
    side c(3, fast);
    CHECK(shake(a, c).accepted);
}

TEST_CASE("any byte that is changed on the way ends the handshake", "[handshake]") {
    side a(1);
    side b(2);
    const auto good = shake(a, b);
    REQUIRE(good.messages.size() == 5);
    std::size_t noticed = 0;
    std::size_t tried = 0;
    for (std::size_t n = 0; n < good.messages.size(); ++n) {
        for (std::size_t at = 0; at < good.messages[n].size(); ++at) {
            const auto done = shake(a, b, {}, [&](std::size_t m, bytes& message) {
                if (m == n) message[at] ^= 1U;
            });
            ++tried;
            // One byte of the preamble means nothing yet.
            const bool reserved = n == 0 && at == 7;
            noticed += reserved || !done.accepted ? 1 : 0;
        }
    }
    CHECK(tried > 300);
    CHECK(noticed == tried);
}

TEST_CASE("a handshake waits at every byte, and takes no more than its own", "[handshake]") {
    side a(1);
    side b(2);
    auto dialler = stream_handshake::dialler(a.party, {});
    auto listener = stream_handshake::listener(b.party);
    bytes message;
    dialler.start(message);
    bool finished = false;
    for (std::size_t n = 0; n < 5 && !finished; ++n) {
        auto& to = n % 2 == 0 ? listener : dialler;
        if (n == 4) message.push_back(42);  // the first byte of the session
        bytes answer;
        for (std::size_t i = 0; i < message.size(); ++i) {
            bytes_view one(&message[i], 1);
            const auto done = to.advance(one, answer);
            REQUIRE(done);
            const bool last = i + 1 == message.size() - (n == 4 ? 1 : 0);
            if (!last && i + 1 < message.size()) CHECK(answer.empty());
            finished = n == 4 && *done;
            if (finished) CHECK(one.size() == (last ? 0 : 1));
        }
        if (n == 3) REQUIRE(dialler.finish(answer));
        message = answer;
    }
    CHECK(finished);
    CHECK(listener.finish(message));
    CHECK(listener.finish(message).error() == errc::handshake_order);
}

TEST_CASE("garbage is refused at once and without memory", "[handshake]") {
    side b(2);
    SECTION("another protocol, at its first byte") {
        auto listener = stream_handshake::listener(b.party);
        const auto text = to_bytes("GET / HTTP/1.1");
        bytes_view input = text;
        bytes out;
        CHECK(listener.advance(input, out).error() == errc::not_mydht);
        CHECK(out.empty());
        CHECK(listener.advance(input, out).error() == errc::handshake_order);
    }
    SECTION("a record that is too long, at its length") {
        auto listener = stream_handshake::listener(b.party);
        auto hello = to_bytes(wire::encode(b.party.hello));
        hello.push_back(0xff);
        hello.push_back(0xff);
        bytes_view input = hello;
        bytes out;
        CHECK(listener.advance(input, out).error() == errc::too_large);
    }
    SECTION("any bytes behind the preamble") {
        const auto seed = property_seed();
        CAPTURE(seed);
        prng numbers(seed);
        for (int round = 0; round < 200; ++round) {
            auto listener = stream_handshake::listener(b.party);
            auto noise = to_bytes(wire::encode(b.party.hello));
            const auto length = numbers.below(400);
            for (std::uint64_t i = 0; i < length; ++i) noise.push_back(static_cast<std::uint8_t>(numbers()));
            bytes_view input = noise;
            bytes out;
            const auto done = listener.advance(input, out);
            CHECK_FALSE((done && *done));
        }
    }
}

TEST_CASE("a listener's payload without a codec in common is refused", "[handshake]") {
    side a(1);
    side b(2);
    b.party.codecs = {wire::codec_id{200}};
    CHECK(shake(a, b).dialler == errc::not_supported);
    b.party.codecs = {wire::codec_id{200}, wire::codec_id::capnp};
    CHECK(shake(a, b).dialled->codec == wire::codec_id::capnp);
    a.party.codecs = {wire::codec_id::cbor, wire::codec_id::capnp};
    b.party.codecs = {wire::codec_id::cbor, wire::codec_id::capnp};
    CHECK(shake(a, b).dialled->codec == wire::codec_id::cbor);
}

TEST_CASE("a choice that does not follow from what was offered is a breach", "[handshake][codec]") {
    using wire::codec_id;
    side a(1);
    a.party.codecs = {codec_id::cbor, codec_id::json, codec_id::capnp};
    wire::handshake_payload theirs;
    theirs.codecs = {codec_id::json, codec_id::cbor, codec_id::capnp};
    for (const auto chosen : {codec_id::none, codec_id::json, codec_id::capnp, codec_id::bencode, codec_id{200}}) {
        theirs.chosen = chosen;
        CHECK(detail::settle_codec(a.party, theirs, false).error() == errc::protocol_violation);
    }
    theirs.chosen = codec_id::cbor;
    CHECK(detail::settle_codec(a.party, theirs, false) == codec_id::cbor);
    // What was offered comes in the order of who offers, and what is not known is passed over.
    theirs.codecs = {codec_id{200}, codec_id::bencode, codec_id::json, codec_id::cbor};
    CHECK(detail::settle_codec(a.party, theirs, true) == codec_id::json);
    theirs.codecs = {codec_id{200}, codec_id::bencode};
    CHECK(detail::settle_codec(a.party, theirs, true).error() == errc::not_supported);
    theirs.chosen = codec_id::none;
    CHECK(detail::settle_codec(a.party, theirs, false).error() == errc::protocol_violation);
}

TEST_CASE("nobody on the way changes which codec two nodes settle on", "[handshake][codec]") {
    const bool secured = GENERATE(true, false);
    CAPTURE(secured);
    auto config = secured ? session_config() : plain();
    config.codecs = wire::codecs_preferring(wire::json_codec());
    side a(1, config);
    side b(2, config);
    const auto good = shake(a, b);
    REQUIRE((good.dialled && good.accepted));
    REQUIRE(good.accepted->codec == wire::codec_id::json);
    // What makes JSON of Cap'n Proto and the other way round, at one place, and at two so that the first two of a list
    // change places. Who sits there does not know where the lists are; so everywhere.
    constexpr auto other =
        static_cast<std::uint8_t>(wire::codec_id::json) ^ static_cast<std::uint8_t>(wire::codec_id::capnp);
    std::size_t settled = 0;
    std::size_t breaches = 0;
    for (std::size_t n = 0; n < good.messages.size(); ++n) {
        for (std::size_t at = 0; at + 1 < good.messages[n].size(); ++at) {
            for (std::size_t count = 1; count <= 2; ++count) {
                const auto done = shake(a, b, {}, [&](std::size_t m, bytes& message) {
                    for (std::size_t i = 0; m == n && i < count; ++i) message[at + i] ^= other;
                });
                breaches += done.dialler == errc::protocol_violation || done.listener == errc::protocol_violation;
                if (!done.dialled || !done.accepted) continue;
                if (n > 0) ++settled;
                CHECK(done.dialled->codec == wire::codec_id::json);
                CHECK(done.accepted->codec == wire::codec_id::json);
            }
        }
    }
    // The preamble, which comes first, names no codecs. Without encryption what stands there is seen, and does not fit.
    if (secured) CHECK(settled == 0);
    if (!secured) CHECK(breaches >= 3);
}

}  // namespace mydht::test
