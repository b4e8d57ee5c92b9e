#include <algorithm>
#include <cmath>
#include <limits>

#include <mydht/wire/codec.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "wire/codec_conformance.hpp"
#include "wire/future_messages.hpp"
#include "wire/random_messages.hpp"

namespace mydht::test {

using namespace wire;

TEST_CASE("every codec keeps what codecs keep", "[codec]") {
    const auto all = all_codecs();
    const auto& codec = all[static_cast<std::size_t>(GENERATE(range(0, static_cast<int>(all_codecs().size()))))];
    conform(codec, messages_to_come(codec));
}

TEST_CASE("every codec of this build has a name and a number of its own", "[codec]") {
    for (const auto& one : all_codecs()) {
        CHECK(find_codec(one.name()).value() == one);
        CHECK(std::ranges::count(all_codecs(), one.id(), &any_codec::id) == 1);
        CHECK(one.id() < codec_id_private);
    }
    CHECK(all_codecs().front() == capnp_codec());
    CHECK(find_codec("morse").error() == errc::bad_argument);
}

TEST_CASE("an answer to what does not decode finds its request behind the body, too", "[codec]") {
    // {body: {ping: 5}, id: 7, version: 1, role: 1}
    const std::pair<std::string_view, std::string_view> messages[] = {
        {"json", "7b22626f6479223a7b2270696e67223a357d2c226964223a372c2276657273696f6e223a312c22726f6c65223a317d"},
        {"cbor", "a46164a1616105616107616201616301"},
        {"protobuf", "22020805080710011801"}};
    for (const auto& [name, hex] : messages) {
        const auto codec = find_codec(name);
        if (!codec) continue;  // not in this build
        CAPTURE(codec->name());
        bytes data(hex.size() / 2);
        REQUIRE(from_hex(hex, data).has_value());
        decode_error why;
        CHECK(codec->decode(data, {}, &why).error() == errc::malformed);
        CHECK(why.id == 7);
        CHECK(why.role == message_role::answer);
        CHECK(why.field == "body.ping");
    }
}

TEST_CASE("what one codec has read another one writes", "[codec]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (const auto& from : all_codecs()) {
        for (const auto& to : all_codecs()) {
            CAPTURE(from.name(), to.name());
            for (std::uint64_t kind = 0; kind < message_kinds; ++kind) {
                const auto sent = random_envelope(random, kind);
                bytes first;
                bytes second;
                if (!from.encode(sent, first)) continue;
                const auto got = from.decode(first);
                REQUIRE(got.has_value());
                if (!to.encode(*got, second)) continue;
                REQUIRE(to.decode(second).value() == sent);
            }
        }
    }
}

}  // namespace mydht::test
