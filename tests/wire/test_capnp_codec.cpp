#include <capnp/message.h>
#include <capnp/serialize.h>

#include <mydht/crypto/ids.hpp>
#include <mydht/wire/codec.hpp>

#include "support/catch.hpp"
#include "wire/future_capnp.hpp"

using namespace mydht;
using namespace mydht::wire;

namespace {

using namespace test;

decode_error why_not(bytes_view data, const decode_limits& limits = {}) {
    decode_error why;
    REQUIRE_FALSE(capnp_codec().decode(data, limits, &why).has_value());
    return why;
}

}  // namespace

TEST_CASE("what unpacks to more than a message is refused before there is memory for it", "[capnp]") {
    // A table of one segment of 2^24 - 1 words, packed: a bit for each byte that is not zero, and those bytes.
    const bytes data{0x70, 0xff, 0xff, 0xff};
    decode_error why;
    CHECK(capnp_packed_codec().decode(data, {}, &why).error() == errc::too_large);
    CHECK(why.field == "segments");
}

TEST_CASE("twenty contacts fit a datagram", "[capnp]") {
    const auto one = contact_of({}, 1, {address::ipv4(address_kind::udp, {1, 2, 3, 4}, 5)});
    bytes out;
    REQUIRE(capnp_codec().encode({1, nodes{std::vector<contact>(20, one)}}, out).has_value());
    // What IPv6 guarantees (RFC 8200 section 5), less the headers of IPv6 and UDP, the session's and the cipher's tag.
    CHECK(out.size() <= 1280 - 40 - 8 - 16 - 16);
}

TEST_CASE("a compare-and-swap condition of a newer kind is not taken for none", "[capnp]") {
    const auto data = from_the_future(test::future::Role::REQUEST, [](test::future::Envelope::Builder to) {
        auto body = to.getBody().initStore();
        fill_item(body.initItem());
        body.getExpected().initHash(32);
    });
    const auto why = why_not(data);
    CHECK(why.code == errc::not_supported);
    CHECK(why.field == "body.store.expected_sequence");
    CHECK(why.id == newer_messages::id);
}

TEST_CASE("a role that does not exist yet is refused without an id to answer to", "[capnp]") {
    const auto why = why_not(from_the_future(test::future::Role::RUMOUR,
                                             [](test::future::Envelope::Builder to) { to.getBody().setPing(); }));
    CHECK(why.code == errc::malformed);
    CHECK(why.field == "role");
    CHECK_FALSE(why.id.has_value());
}

TEST_CASE("a failure names the field, the place and the request", "[capnp]") {
    bytes data;
    REQUIRE(capnp_codec().encode({7, error{error_code::busy, "text"}}, data).has_value());
    auto why = why_not(bytes_view(data).first(data.size() - 8));
    CHECK(why.code == errc::truncated);
    CHECK(why.field == "segments");
    CHECK(why.offset == data.size() - 8);
    CHECK_FALSE(why.id.has_value());

    auto longer = data;
    longer.resize(data.size() + 3);
    why = why_not(longer);
    CHECK(why.code == errc::trailing_bytes);
    CHECK(why.offset == data.size());

    decode_limits limits;
    limits.text_bytes = 3;
    why = why_not(data, limits);
    CHECK(why.code == errc::too_large);
    CHECK(why.field == "body.error.text");
    CHECK(why.id == 7);
    CHECK(why.role == message_role::answer);
    // The struct's number, its pointer and the text are the last three words.
    CHECK(why.offset == data.size() - 24);
}

TEST_CASE("fields that nobody may send are refused where they are", "[capnp]") {
    using test::future::Envelope;
    using test::future::Role;
    const auto field_of = [](Role role, auto fill) {
        const auto why = why_not(from_the_future(role, fill));
        CHECK(why.code == errc::malformed);
        CHECK(why.id == newer_messages::id);
        return std::string(why.field);
    };
    CHECK(field_of(Role::REQUEST, [](Envelope::Builder to) { to.setVersion(0); }) == "version");
    CHECK(field_of(Role::REQUEST, [](Envelope::Builder to) { to.getBody().initStore().initItem(); }) ==
          "body.store.item");
    CHECK(field_of(Role::REQUEST, [](Envelope::Builder to) { to.getBody().initStore(); }) == "body.store.item");
    for (const unsigned size : {1U, 63U, 65U}) {
        CHECK(field_of(Role::ANSWER, [size](Envelope::Builder to) {
                  auto one = to.getBody().initValues().initItems(1)[0];
                  fill_item(one);
                  one.initSignature(size);
              }) == "body.values.items.signature");
    }
    CHECK(field_of(Role::ANSWER, [](Envelope::Builder to) { to.getBody().initError().setText("\xff"); }) ==
          "body.error.text");
    for (const unsigned size : {1U, 2U, 7U, 9U}) {
        // An address of kind tcp that ends too soon, too late, or is of a length that no such address has.
        CHECK(field_of(Role::ANSWER, [size](Envelope::Builder to) {
                  auto packed = to.getBody().initPong().initObserved(size);
                  packed[0] = 1;
                  if (size > 1) packed[1] = 6;
              }) == "body.pong.observed");
        CHECK(field_of(Role::ANSWER, [size](Envelope::Builder to) {
                  auto packed = to.getBody().initNodes().initContacts(2)[1].initAddresses(size);
                  packed[0] = 1;
                  if (size > 1) packed[1] = 6;
              }) == "body.nodes.contacts.addresses");
    }
}
