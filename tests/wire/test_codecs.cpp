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

namespace {

bytes to_come(const any_codec& codec, message_role role, future::body body, std::uint8_t version = 1) {
    future::envelope from;
    from.id = newer_messages::id;
    from.version = version;
    from.role = role;
    from.body = std::move(body);
    from.sent_at = -7;
    bytes out;
    REQUIRE(codec.encode_value(from, out).has_value());
    return out;
}

future::nodes nodes_to_come() {
    future::contact one;
    one.peer.data()[0] = 9;
    one.capabilities = 1;
    one.addresses = {address::ipv4(address_kind::udp, {127, 0, 0, 1}, 4000)};
    one.motto = "to be passed over";
    one.extras.resize(2);
    one.extras[0].weight = 0.5;
    one.extras[1].numbers = {1, 2, 3};
    future::nodes out;
    out.contacts = {one};
    out.summary.emplace().weight = 1e300;
    return out;
}

}  // namespace

newer_messages messages_to_come(const any_codec& codec) {
    newer_messages out;
    const future::gossip unknown{"they say"};
    out.unknown_request = to_come(codec, message_role::request, unknown);
    out.unknown_answer = to_come(codec, message_role::answer, unknown);
    out.unknown_notice = to_come(codec, message_role::notice, unknown);
    out.newer_version = to_come(codec, message_role::request, unknown, 2);
    out.unknown_error_code = to_come(codec, message_role::answer, future::error{60'000, "later", true});
    out.wrong_role = to_come(codec, message_role::answer, ping());
    const auto from = nodes_to_come();
    nodes known;
    known.contacts = {contact_of(from.contacts[0].peer, 1, from.contacts[0].addresses)};
    out.unknown_fields.emplace_back(to_come(codec, message_role::answer, from), envelope{newer_messages::id, known});
    return out;
}

TEST_CASE("JSON keeps what codecs keep", "[codec]") { conform(json_codec(), messages_to_come(json_codec())); }

TEST_CASE("CBOR keeps what codecs keep", "[codec]") { conform(cbor_codec(), messages_to_come(cbor_codec())); }

TEST_CASE("every codec of this build has a name and a number of its own", "[codec]") {
    for (const auto& one : all_codecs()) {
        CHECK(find_codec(one.name()).value() == one);
        CHECK(std::ranges::count(all_codecs(), one.id(), &any_codec::id) == 1);
        CHECK(one.id() < codec_id_private);
    }
    CHECK(all_codecs().front() == capnp_codec());
    CHECK(find_codec("morse").error() == errc::bad_argument);
}

TEST_CASE("Protocol Buffers keep what codecs keep", "[codec]") {
    const auto codec = find_codec("protobuf");
    if (!codec) return;  // not in this build
    conform(*codec, messages_to_come(*codec));
}

TEST_CASE("bencode keeps what codecs keep", "[codec]") { conform(bencode_codec(), messages_to_come(bencode_codec())); }

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
