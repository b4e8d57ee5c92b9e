#include <capnp/message.h>
#include <capnp/serialize-packed.h>
#include <capnp/serialize.h>

#include <mydht/crypto/ids.hpp>
#include <mydht/wire/codec.hpp>

#include "support/catch.hpp"
#include "wire/codec_conformance.hpp"
#include "wire/future.capnp.h"

using namespace mydht;
using namespace mydht::wire;

namespace {

using test::newer_messages;

bytes flat(capnp::MessageBuilder& message) {
    const auto words = capnp::messageToFlatArray(message);
    const auto data = words.asBytes();
    return {data.begin(), data.end()};
}

/// An envelope of the later schema whose body `fill` makes, with its new fields set.
template <typename Fill>
bytes from_the_future(test::future::Role role, Fill fill) {
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<test::future::Envelope>();
    root.setId(newer_messages::id);
    root.setVersion(1);
    root.setRole(role);
    root.setCookie(capnp::Data::Reader(reinterpret_cast<const kj::byte*>("cookie"), 6));
    root.setUrgency(~std::uint64_t{0});
    fill(root);
    return flat(message);
}

template <typename Builder>
void fill_target(Builder to) {
    to.setWord0(1);
    to.setWord1(2);
    to.setWord2(3);
    to.setWord3(0x0807060504030201);
}

id256 filled_target() {
    id256 out;
    out.data()[0] = 1;
    out.data()[8] = 2;
    out.data()[16] = 3;
    for (std::size_t i = 0; i < 8; ++i) out.data()[24 + i] = static_cast<std::uint8_t>(i + 1);
    return out;
}

void fill_item(test::future::Item::Builder to) {
    to.setKind(2);
    to.setDeadline(-5);
    to.setBody(capnp::Data::Reader(reinterpret_cast<const kj::byte*>("body"), 4));
    to.setPriority(9);
    to.initWitness(3);
}

item filled_item() {
    item out;
    out.kind = item_kind::mutable_value;
    out.deadline = wall_time(std::chrono::milliseconds(-5));
    out.body = to_bytes("body");
    return out;
}

void fill_contact(test::future::Contact::Builder to) {
    fill_target(to.getKey());
    to.setCapabilities(0x80000001);
    const kj::byte packed[] = {1, 6, 127, 0, 0, 1, 0x0f, 0xa0, 99, 1, 7};
    to.setAddresses(capnp::Data::Reader(packed, sizeof packed));
    to.setRoundTrip(1);
    to.setName("somebody");
}

contact filled_contact() {
    const auto unknown_kind = address::from_bytes(address_kind{99}, std::array<std::uint8_t, 1>{7}).value();
    return contact_of(public_key(filled_target().data()), 0x80000001,
                      {address::ipv4(address_kind::tcp, {127, 0, 0, 1}, 4000), unknown_kind});
}

std::vector<std::pair<bytes, envelope>> messages_with_unknown_fields() {
    using test::future::Envelope;
    using test::future::Role;
    std::vector<std::pair<bytes, envelope>> out;
    const auto add = [&](Role role, message expected, auto fill) {
        out.emplace_back(from_the_future(role, fill), envelope{newer_messages::id, std::move(expected)});
    };
    add(Role::REQUEST, ping{}, [](Envelope::Builder to) { to.getBody().setPing(); });
    add(Role::REQUEST, find_node{filled_target(), 5}, [](Envelope::Builder to) {
        auto body = to.getBody().initFindNode();
        fill_target(body.getTarget());
        body.setKinds(5);
        body.setWanted(7);
        body.initProof(100);
    });
    add(Role::REQUEST, store{filled_target(), filled_item(), 77}, [](Envelope::Builder to) {
        auto body = to.getBody().initStore();
        fill_target(body.getTarget());
        fill_item(body.initItem());
        body.getExpected().setSequence(77);
        body.setLease(1);
    });
    add(Role::NOTICE, cancel{}, [](Envelope::Builder to) { to.getBody().setCancel(); });
    add(Role::ANSWER, nodes{{filled_contact(), filled_contact()}}, [](Envelope::Builder to) {
        auto body = to.getBody().initNodes();
        body.setEstimate(1000);
        auto contacts = body.initContacts(2);
        fill_contact(contacts[0]);
        fill_contact(contacts[1]);
    });
    add(Role::ANSWER, values{{filled_item()}, {filled_contact()}}, [](Envelope::Builder to) {
        auto body = to.getBody().initValues();
        fill_item(body.initItems(1)[0]);
        fill_contact(body.initContacts(1)[0]);
        body.initNext(9);
    });
    add(Role::ANSWER, stored{wall_time(std::chrono::milliseconds(3))}, [](Envelope::Builder to) {
        auto body = to.getBody().initStored();
        body.setDeadline(3);
        body.setCopies(4);
    });
    return out;
}

newer_messages newer() {
    using test::future::Envelope;
    using test::future::Role;
    const auto dance = [](Envelope::Builder to) { to.getBody().initDance().initSteps(5).set(2, "left"); };
    newer_messages out;
    out.unknown_request = from_the_future(Role::REQUEST, dance);
    out.unknown_answer = from_the_future(Role::ANSWER, dance);
    out.unknown_notice = from_the_future(Role::NOTICE, dance);
    out.newer_version = from_the_future(Role::REQUEST, [](Envelope::Builder to) {
        to.setVersion(2);
        to.getBody().setPing();
    });
    out.unknown_error_code = from_the_future(Role::ANSWER, [](Envelope::Builder to) {
        auto body = to.getBody().initError();
        body.setCode(1000);
        body.setText("later");
        body.setRetryAfter(5);
    });
    out.wrong_role = from_the_future(Role::ANSWER, [](Envelope::Builder to) { to.getBody().setPing(); });
    out.unknown_fields = messages_with_unknown_fields();
    return out;
}

/// As capnp's own tools pack.
bytes pack(const bytes& flat) {
    kj::VectorOutputStream out;
    {
        capnp::_::PackedOutputStream to(out);
        to.write(flat.data(), flat.size());
    }
    return {out.getArray().begin(), out.getArray().end()};
}

decode_error why_not(bytes_view data, const decode_limits& limits = {}) {
    decode_error why;
    REQUIRE_FALSE(capnp_codec().decode(data, limits, &why).has_value());
    return why;
}

}  // namespace

TEST_CASE("the Cap'n Proto codec conforms", "[capnp]") {
    CHECK(capnp_codec().id() == codec_id::capnp);
    CHECK(capnp_codec().name() == "capnp");
    test::conform(capnp_codec(), newer());
}

TEST_CASE("the packed Cap'n Proto codec conforms", "[capnp]") {
    auto packed = newer();
    for (auto* one : {&packed.unknown_request, &packed.unknown_answer, &packed.unknown_notice, &packed.newer_version,
                      &packed.unknown_error_code, &packed.wrong_role}) {
        *one = pack(*one);
    }
    for (auto& [data, expected] : packed.unknown_fields) data = pack(data);
    test::conform(capnp_packed_codec(), packed);
}

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
