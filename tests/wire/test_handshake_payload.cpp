#include <array>

#include <mydht/core/random.hpp>
#include <mydht/wire/handshake_payload.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "wire/random_messages.hpp"

using namespace mydht;
using namespace mydht::wire;

namespace {

handshake_payload sample() {
    handshake_payload out;
    for (std::size_t i = 0; i < public_key::size; ++i) out.peer.data()[i] = static_cast<std::uint8_t>(i + 1);
    out.features = 0x01020304;
    out.capabilities = 1;
    out.codecs = {codec_id::capnp, codec_id::json};
    out.chosen = codec_id::capnp;
    out.addresses = {address::ipv4(address_kind::tcp, {127, 0, 0, 1}, 4000)};
    return out;
}

bytes encoded(const handshake_payload& what) {
    bytes out;
    REQUIRE(encode(what, out).has_value());
    return out;
}

std::error_code error_of(bytes_view data) {
    const auto got = decode_handshake_payload(data);
    return got ? std::error_code() : got.error();
}

std::error_code encode_error_of(const handshake_payload& what) {
    bytes out = to_bytes("kept");
    const auto done = encode(what, out);
    CHECK(out == to_bytes("kept"));
    return done ? std::error_code() : done.error();
}

/// Offsets of the parts in the sample's bytes.
constexpr std::size_t length_at = 2;
constexpr std::size_t codec_count_at = 4 + 32 + 4 + 4;
constexpr std::size_t addresses_at = codec_count_at + 1 + 2 + 1;

}  // namespace

TEST_CASE("a handshake payload has its written form", "[handshake_payload]") {
    CHECK(to_hex(encoded(sample())) ==
          "01013600"
          "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
          "04030201"
          "01000000"
          "020102"
          "01"
          "0800"
          "01067f0000010fa0");
    CHECK(decode_handshake_payload(encoded(sample())).value() == sample());
}

TEST_CASE("random handshake payloads come back", "[handshake_payload]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 1000; ++round) {
        handshake_payload out;
        out.version_max = static_cast<std::uint8_t>(1 + random.below(127));
        out.peer = test::random_array<public_key>(random);
        out.features = static_cast<std::uint32_t>(random());
        out.capabilities = static_cast<std::uint32_t>(random());
        out.codecs.resize(static_cast<std::size_t>(1 + random.below(codecs_per_payload)));
        for (auto& id : out.codecs) id = static_cast<codec_id>(1 + random.below(255));
        out.chosen = static_cast<codec_id>(random.below(256));
        out.addresses = test::random_addresses(random, limits::addresses_per_contact);
        const auto data = encoded(out);
        REQUIRE(data.size() <= handshake_payload_bytes);
        REQUIRE(decode_handshake_payload(data).value() == out);
    }
}

TEST_CASE("a handshake payload that ends too soon or too late is refused", "[handshake_payload]") {
    const auto data = encoded(sample());
    for (std::size_t size = 0; size < data.size(); ++size) {
        CAPTURE(size);
        CHECK(error_of(bytes_view(data).first(size)) == errc::truncated);
    }
    auto longer = data;
    longer.push_back(0);
    CHECK(error_of(longer) == errc::trailing_bytes);
}

TEST_CASE("a handshake payload whose own length cuts its fields is refused", "[handshake_payload]") {
    const auto whole = encoded(sample());
    for (std::size_t length = 0; length < whole[length_at]; ++length) {
        auto data = whole;
        data[length_at] = static_cast<std::uint8_t>(length);
        data.resize(4 + length);
        CAPTURE(length);
        CHECK(error_of(data) == errc::truncated);
    }
}

TEST_CASE("fields of a newer version inside the length are ignored", "[handshake_payload]") {
    auto data = encoded(sample());
    for (int i = 0; i < 100; ++i) data.push_back(static_cast<std::uint8_t>(i));
    data[length_at] = static_cast<std::uint8_t>(data[length_at] + 100);
    CHECK(decode_handshake_payload(data).value() == sample());
}

TEST_CASE("handshake payload limits hold at n and n + 1", "[handshake_payload]") {
    auto payload = sample();
    payload.codecs.assign(codecs_per_payload, codec_id::capnp);
    payload.addresses.assign(limits::addresses_per_contact, address::memory("x").value());
    CHECK(decode_handshake_payload(encoded(payload)).value() == payload);
    payload.codecs.push_back(codec_id::capnp);
    CHECK(encode_error_of(payload) == errc::too_large);
    payload = sample();
    payload.addresses.assign(limits::addresses_per_contact + 1, address::memory("x").value());
    CHECK(encode_error_of(payload) == errc::too_large);

    auto data = encoded(sample());
    data[codec_count_at] = codecs_per_payload + 1;
    CHECK(error_of(data) == errc::too_large);

    // One address more than allowed, of the smallest size, in a payload that is otherwise well-formed.
    data = encoded(sample());
    data.resize(addresses_at + 2);
    for (std::size_t i = 0; i <= limits::addresses_per_contact; ++i) data.insert(data.end(), {5, 1, 'x'});
    data[addresses_at] = static_cast<std::uint8_t>(data.size() - addresses_at - 2);
    data[length_at] = static_cast<std::uint8_t>(data.size() - 4);
    CHECK(error_of(data) == errc::too_large);
    data.resize(data.size() - 3);
    data[addresses_at] = static_cast<std::uint8_t>(data[addresses_at] - 3);
    data[length_at] = static_cast<std::uint8_t>(data[length_at] - 3);
    CHECK(decode_handshake_payload(data).value().addresses.size() == limits::addresses_per_contact);

    bytes largest = encoded(sample());
    largest.resize(handshake_payload_bytes);
    largest[length_at] = static_cast<std::uint8_t>(handshake_payload_bytes - 4);
    largest[length_at + 1] = static_cast<std::uint8_t>((handshake_payload_bytes - 4) >> 8U);
    CHECK(decode_handshake_payload(largest).value() == sample());
    largest.push_back(0);
    CHECK(error_of(largest) == errc::too_large);
}

TEST_CASE("handshake payloads with impossible fields are refused", "[handshake_payload]") {
    auto data = encoded(sample());
    data[0] = 0;
    CHECK(error_of(data) == errc::malformed);
    data[0] = 2;
    CHECK(error_of(data) == errc::malformed);  // above its own highest version
    data[1] = 2;
    CHECK(error_of(data) == errc::unknown_version);
    data = encoded(sample());
    data[codec_count_at + 1] = 0;
    CHECK(error_of(data) == errc::malformed);
    data = encoded(sample());
    data[addresses_at + 2] = 0;
    CHECK(error_of(data) == errc::malformed);
    data = encoded(sample());
    data[addresses_at + 3] = 5;
    CHECK(error_of(data) == errc::malformed);

    auto payload = sample();
    payload.codecs.clear();
    CHECK(encode_error_of(payload) == errc::bad_argument);
    payload.codecs = {codec_id::none};
    CHECK(encode_error_of(payload) == errc::bad_argument);
    payload = sample();
    payload.addresses.emplace_back();
    CHECK(encode_error_of(payload) == errc::bad_argument);
    payload = sample();
    payload.version = 0;
    CHECK(encode_error_of(payload) == errc::bad_argument);
}

TEST_CASE("the first offered codec that both speak is chosen", "[handshake_payload]") {
    using enum codec_id;
    const std::array offered{codec_id{99}, json, capnp};
    CHECK(choose_codec(offered, std::array{capnp}) == capnp);
    CHECK(choose_codec(offered, std::array{capnp, json}) == json);
    CHECK(choose_codec(offered, std::array{cbor}) == none);
    CHECK(choose_codec({}, std::array{cbor}) == none);
}

TEST_CASE("a version lowered in the preambles shows in the payloads", "[handshake_payload]") {
    const auto speaks = [](std::uint8_t version, std::uint8_t max) {
        auto out = sample();
        out.version = version;
        out.version_max = max;
        return out;
    };
    CHECK_FALSE(downgraded(speaks(1, 1), speaks(1, 1)));
    CHECK_FALSE(downgraded(speaks(1, 1), speaks(1, 5)));
    CHECK_FALSE(downgraded(speaks(3, 3), speaks(3, 5)));
    CHECK(downgraded(speaks(1, 3), speaks(1, 5)));
    CHECK(downgraded(speaks(2, 2), speaks(1, 2)));
    CHECK(downgraded(speaks(1, 2), speaks(2, 2)));
}

TEST_CASE("a payload is taken off the front of a packet", "[handshake_payload]") {
    bytes packet;
    REQUIRE(encode(sample(), packet));
    const auto size = packet.size();
    packet.push_back(7);
    bytes_view rest = packet;
    CHECK(take_handshake_payload(rest).value() == sample());
    CHECK(to_bytes(rest) == bytes{7});
    for (std::size_t cut = 0; cut < size; ++cut) {
        CAPTURE(cut);
        rest = bytes_view(packet).first(cut);
        CHECK(take_handshake_payload(rest).error() == errc::truncated);
        CHECK(rest.size() == cut);
    }
    packet[3] = 0xff;
    rest = packet;
    CHECK(take_handshake_payload(rest).error() == errc::too_large);
}
