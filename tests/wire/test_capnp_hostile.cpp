#include <capnp/message.h>
#include <capnp/serialize.h>

#include <initializer_list>
#include <vector>

#include <mydht/wire/codec.hpp>

#include "support/catch.hpp"
#include "wire/future.capnp.h"
#include "wire/little_endian.hpp"

// Messages that no encoder writes, put together pointer by pointer (capnproto.org/encoding.html).

using namespace mydht;
using namespace mydht::wire;

namespace {

using word = std::uint64_t;

word struct_pointer(std::int32_t offset, word data_words, word pointers) {
    return (static_cast<word>(static_cast<std::uint32_t>(offset) << 2U) & 0xffffffffU) | data_words << 32U |
           pointers << 48U;
}

/// `size`: 0 void, 2 bytes, 5 eight bytes, 6 pointers, 7 structs (then `count` is in words, and a tag precedes them).
word list_pointer(std::int32_t offset, word size, word count) {
    return 1 | (static_cast<word>(static_cast<std::uint32_t>(offset) << 2U) & 0xffffffffU) | size << 32U | count << 35U;
}

word far_pointer(word segment, word offset, bool two_words = false) {
    return 2 | (two_words ? 4U : 0U) | offset << 3U | segment << 32U;
}

word struct_tag(word count, word data_words, word pointers) {
    return count << 2U | data_words << 32U | pointers << 48U;
}

/// The word of Envelope behind the id: version 1, the role and the number of the body.
word envelope_head(message_role role, word body) { return 1 | static_cast<word>(role) << 16U | body << 32U; }

constexpr word body_nodes = 6;
constexpr word body_values = 7;
constexpr word body_error = 9;

bytes framed(const std::vector<std::vector<word>>& segments) {
    bytes out((4 + 4 * segments.size() + 7) / 8 * 8);
    store_little_endian(out.data(), 4, segments.size() - 1);
    for (std::size_t i = 0; i < segments.size(); ++i) {
        store_little_endian(out.data() + 4 + 4 * i, 4, segments[i].size());
        for (const auto one : segments[i]) {
            out.resize(out.size() + 8);
            store_little_endian(out.data() + out.size() - 8, 8, one);
        }
    }
    return out;
}

decode_error why_not(bytes_view data, const decode_limits& limits = {}) {
    decode_error why;
    const auto got = capnp_codec().decode(data, limits, &why);
    REQUIRE_FALSE(got.has_value());
    return why;
}

void check_malformed(const std::vector<std::vector<word>>& segments) {
    CHECK(why_not(framed(segments)).code == errc::malformed);
}

/// An answer whose body is behind the root, in one segment.
std::vector<word> answer(word body, std::initializer_list<word> rest) {
    std::vector<word> out{struct_pointer(0, 2, 1), 7, envelope_head(message_role::answer, body)};
    out.insert(out.end(), rest);
    return out;
}

/// The contacts message that the tests below bend: `count` contacts whose addresses all lie in the same place.
std::vector<word> contacts_sharing_addresses(word count, word address_words) {
    auto out = answer(body_nodes, {struct_pointer(0, 0, 1), list_pointer(0, 7, count * 6), struct_tag(count, 5, 1)});
    const auto end = static_cast<std::int32_t>(out.size() + count * 6);
    for (word i = 0; i < count; ++i) {
        out.insert(out.end(), {i, 0, 0, 0, 1});
        out.push_back(list_pointer(end - static_cast<std::int32_t>(out.size()) - 1, 2, address_words * 8));
    }
    // Addresses of an unknown kind, 8 bytes each with their header.
    for (word i = 0; i < address_words; ++i) out.push_back(0x0101010101010600 + 99);
    return out;
}

}  // namespace

TEST_CASE("a message put together by hand decodes", "[capnp][hostile]") {
    const auto got = capnp_codec().decode(framed({contacts_sharing_addresses(1, 2)})).value();
    const auto& contacts = std::get<nodes>(got.body).contacts;
    REQUIRE(contacts.size() == 1);
    CHECK(contacts[0].addresses.size() == 2);
}

TEST_CASE("messages without a root are refused", "[capnp][hostile]") {
    check_malformed({{}});
    check_malformed({{0}});
    check_malformed({{}, {struct_pointer(0, 2, 1), 0, 0, 0}});
    check_malformed({{list_pointer(0, 5, 3), 1, 1, 0}});
    check_malformed({{3}});
}

TEST_CASE("pointers out of their segment are refused", "[capnp][hostile]") {
    check_malformed({{struct_pointer(0, 2, 1), 0, 0}});
    check_malformed({{struct_pointer(-2, 2, 1), 0, 0, 0}});
    check_malformed({{struct_pointer(0x1fffffff, 2, 1), 0, 0, 0}});
    check_malformed({{struct_pointer(-0x20000000, 2, 1), 0, 0, 0}});
    check_malformed({{struct_pointer(0, 0xffff, 0xffff), 0, 0, 0}});
    check_malformed({answer(body_error, {struct_pointer(0, 1, 1), 1, list_pointer(0, 2, 9), 0})});
    check_malformed({answer(body_error, {struct_pointer(0, 1, 1), 1, list_pointer(0, 2, 0x1fffffff), 0})});
}

TEST_CASE("far pointers in circles, to nowhere and to each other are refused", "[capnp][hostile]") {
    check_malformed({{far_pointer(0, 0)}});
    check_malformed({{far_pointer(0, 1), far_pointer(0, 0)}});
    check_malformed({{far_pointer(1, 0)}, {far_pointer(0, 0)}});
    check_malformed({{far_pointer(5, 0)}});
    check_malformed({{far_pointer(0xffffffff, 0)}});
    check_malformed({{far_pointer(1, 9)}, {0}});
    check_malformed({{far_pointer(1, 0, true)}, {far_pointer(1, 0, true), struct_pointer(0, 2, 1)}});
    check_malformed({{far_pointer(1, 0, true)}, {far_pointer(0, 0), far_pointer(0, 0)}});
    check_malformed({{far_pointer(1, 0, true)}, {struct_pointer(0, 2, 1), struct_pointer(0, 2, 1)}});
}

TEST_CASE("a struct that contains itself ends", "[capnp][hostile]") {
    // The body's pointer leads back to the root, so that the root is also its own body and the list in it.
    check_malformed({answer(body_nodes, {struct_pointer(-4, 2, 1)})});
    check_malformed({answer(body_values, {struct_pointer(-1, 0, 1)})});
    check_malformed({answer(body_nodes, {struct_pointer(-2, 0, 2)})});
}

TEST_CASE("lists that say they are huge cost nothing", "[capnp][hostile]") {
    const auto huge = [](word size, word count, word tag) {
        return framed({answer(body_nodes, {struct_pointer(0, 0, 1), list_pointer(0, size, count), tag, 0})});
    };
    // 2^29 - 1 elements without size, which take no room in the message; as void, and as structs without fields.
    CHECK(why_not(huge(0, 0x1fffffff, 0)).code == errc::malformed);
    CHECK(why_not(huge(7, 0, struct_tag(0x1fffffff, 0, 0))).code == errc::malformed);
    // One more than allowed, still without room.
    CHECK(why_not(huge(7, 0, struct_tag(65, 0, 0))).code == errc::malformed);
    CHECK(why_not(huge(7, 1, struct_tag(0x3fffffff, 1, 0))).code == errc::malformed);
    CHECK(why_not(huge(7, 0x1fffffff, struct_tag(1, 1, 0))).code == errc::malformed);
    CHECK(why_not(huge(5, 0x1fffffff, 0)).code == errc::malformed);
    CHECK(why_not(huge(6, 0x1fffffff, 0)).code == errc::malformed);
    CHECK(why_not(huge(1, 1, 0)).code == errc::malformed);
}

TEST_CASE("one part used many times does not make a small message large", "[capnp][hostile]") {
    REQUIRE(capnp_codec().decode(framed({contacts_sharing_addresses(1, 8)})).has_value());
    check_malformed({contacts_sharing_addresses(64, 8)});
    check_malformed({contacts_sharing_addresses(2, 8)});
}

TEST_CASE("what may be visited is limited at n and n + 1", "[capnp][hostile]") {
    bytes data;
    item large;
    large.body.resize(1000);
    REQUIRE(capnp_codec().encode({1, values{{large}, {}}}, data).has_value());
    decode_limits limits;
    limits.visited_bytes = data.size();
    CHECK(capnp_codec().decode(data, limits).has_value());
    limits.visited_bytes = data.size() - 8;
    CHECK(why_not(data, limits).code == errc::malformed);
}

TEST_CASE("nesting is limited at n and n + 1", "[capnp][hostile]") {
    const auto data = framed({contacts_sharing_addresses(1, 2)});
    decode_limits limits;
    // The envelope, the body, the list of contacts, the addresses in one of them.
    limits.nesting = 4;
    CHECK(capnp_codec().decode(data, limits).has_value());
    limits.nesting = 3;
    CHECK(why_not(data, limits).code == errc::malformed);
}

TEST_CASE("text without its end is refused", "[capnp][hostile]") {
    const auto text = [](word size, word content) {
        return framed({answer(body_error, {struct_pointer(0, 1, 1), 3, list_pointer(0, 2, size), content})});
    };
    CHECK(std::get<error>(capnp_codec().decode(text(2, 'x')).value().body).text == "x");
    CHECK(why_not(text(1, 'x')).code == errc::malformed);
    CHECK(why_not(text(0, 0)).code == errc::malformed);
}

TEST_CASE("messages of several segments decode, up to the limit of segments", "[capnp][hostile]") {
    // A builder that starts a segment for every object.
    for (const unsigned contacts : {1U, 12U, 13U}) {
        capnp::MallocMessageBuilder message(1, capnp::AllocationStrategy::FIXED_SIZE);
        auto root = message.initRoot<test::future::Envelope>();
        root.setId(3);
        root.setVersion(1);
        root.setRole(test::future::Role::ANSWER);
        auto list = root.getBody().initNodes().initContacts(contacts);
        for (auto one : list) {
            auto packed = one.initAddresses(3);
            packed[0] = 5;
            packed[1] = 1;
            packed[2] = 'm';
        }
        const auto words = capnp::messageToFlatArray(message);
        const auto flat = words.asBytes();
        const bytes_view data(flat.begin(), flat.size());
        const auto segments = load_little_endian(data.first(4)) + 1;
        CAPTURE(contacts, segments);
        const auto got = capnp_codec().decode(data);
        if (segments <= 16) {
            CHECK(std::get<nodes>(got.value().body).contacts.size() == contacts);
        } else {
            CHECK(got.error() == errc::too_large);
        }
        CHECK((segments > 16) == (contacts == 13));
    }
}
