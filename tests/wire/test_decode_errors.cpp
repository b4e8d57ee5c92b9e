// What a codec says of a message that it refuses: the field, and where in the bytes it is.
#include <algorithm>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <mydht/wire/codec.hpp>

#include "support/catch.hpp"
#include "wire/message_fields.hpp"

namespace mydht::test::odd {

/// A contact that has something else for its capabilities.
template <typename T>
struct contact {
    public_key peer;
    T capabilities{};
    std::vector<address> addresses;
};

template <typename T>
struct nodes {
    std::vector<contact<T>> contacts;
};

struct forward {
    loop_tag tag;
    std::uint8_t hops = 0;
};

template <typename T>
using body = std::variant<wire::ping, nodes<T>, forward>;

/// Any of its fields may be missing.
template <typename T>
struct envelope {
    std::optional<std::uint64_t> id = 1;
    std::optional<std::uint8_t> version = 1;
    std::optional<wire::message_role> role = wire::message_role::answer;
    std::optional<odd::body<T>> body;
};

}  // namespace mydht::test::odd

namespace mydht::wire {

namespace odd = test::odd;

template <typename T>
struct described<odd::contact<T>> {
    static constexpr std::string_view name = "contact";
    static constexpr auto fields =
        std::tuple(member<&odd::contact<T>::peer>(1, "key"), member<&odd::contact<T>::capabilities>(2, "capabilities"),
                   member<&odd::contact<T>::addresses>(3, "addresses"));
};

template <typename T>
struct described<odd::nodes<T>> {
    static constexpr std::string_view name = "nodes";
    static constexpr auto fields = std::tuple(member<&odd::nodes<T>::contacts>(1, "contacts"));
};

template <>
struct described<odd::forward> {
    static constexpr std::string_view name = "forward";
    static constexpr auto fields =
        std::tuple(member<&odd::forward::tag>(1, "tag"), retired<bool>(2, 3), member<&odd::forward::hops>(4, "hops"));
};

template <typename T>
struct described<std::variant<ping, odd::nodes<T>, odd::forward>> {
    static constexpr std::string_view name = "body";
    static constexpr auto fields = std::tuple(alternative<ping>(1, "ping"), alternative<odd::nodes<T>>(7, "nodes"),
                                              alternative<odd::forward>(11, "forward"));
};

template <typename T>
struct described<odd::envelope<T>> {
    static constexpr std::string_view name = "envelope";
    static constexpr auto fields =
        std::tuple(member<&odd::envelope<T>::id>(1, "id"), member<&odd::envelope<T>::version>(2, "version"),
                   member<&odd::envelope<T>::role>(3, "role"), member<&odd::envelope<T>::body>(4, "body"));
};

}  // namespace mydht::wire

namespace mydht::test {

using namespace wire;

namespace {

/// Those that write messages as they write other structs: Cap'n Proto has a schema, which a struct cannot get around.
std::vector<any_codec> codecs_without_schema() {
    std::vector<any_codec> out;
    for (const auto& one : all_codecs()) {
        if (one != capnp_codec() && one != capnp_packed_codec()) out.push_back(one);
    }
    return out;
}

template <typename T>
bytes in(const any_codec& codec, const odd::envelope<T>& what) {
    bytes out;
    REQUIRE(codec.encode_value(what, out).has_value());
    return out;
}

template <typename T>
bytes with_capabilities(const any_codec& codec, T value) {
    odd::contact<T> one;
    one.peer.data()[0] = 9;
    one.capabilities = std::move(value);
    one.addresses = {address::ipv4(address_kind::udp, {127, 0, 0, 1}, 4000)};
    odd::nodes<T> said;
    said.contacts = {one, one};
    odd::envelope<T> out;
    out.body = said;
    return in(codec, out);
}

decode_error refusal(const any_codec& codec, const bytes& data) {
    decode_error why;
    REQUIRE_FALSE(codec.decode(data, {}, &why).has_value());
    return why;
}

/// Of a value that begins at `place`, or up to three bytes before: behind its head, or behind the field's number.
void check_place(const decode_error& why, std::ptrdiff_t place) {
    REQUIRE(why.offset.has_value());
    CAPTURE(*why.offset, place);
    CHECK(static_cast<std::ptrdiff_t>(*why.offset) <= place);
    CHECK(static_cast<std::ptrdiff_t>(*why.offset) >= place - 3);
}

using any_body = odd::envelope<std::uint64_t>;

}  // namespace

TEST_CASE("a value of another type is refused in its place", "[codec][errors]") {
    for (const auto& codec : codecs_without_schema()) {
        CAPTURE(codec.name());
        const auto data = with_capabilities(codec, std::string("WRONG"));
        const auto why = refusal(codec, data);
        CHECK(why.code == errc::malformed);
        CHECK(why.field == "body.nodes.contacts.capabilities");
        CHECK(why.id == 1);
        CHECK(why.role == message_role::answer);
        const std::string_view wrong = "WRONG";
        check_place(why, std::search(data.begin(), data.end(), wrong.begin(), wrong.end()) - data.begin());

        const auto list = refusal(codec, with_capabilities(codec, std::vector<std::uint64_t>{5, 6}));
        CHECK(list.code == errc::malformed);
        CHECK(list.field == "body.nodes.contacts.capabilities");
        CHECK(list.offset.has_value());
        const auto record = refusal(codec, with_capabilities(codec, odd::forward()));
        CHECK(record.code == errc::malformed);
        CHECK(record.field == "body.nodes.contacts.capabilities");
        CHECK(record.offset.has_value());
    }
}

TEST_CASE("a number that does not fit is refused in its place", "[codec][errors]") {
    for (const auto& codec : codecs_without_schema()) {
        CAPTURE(codec.name());
        // The largest one, and one that takes as many bytes, so that the first byte that differs is its first.
        const auto fits = with_capabilities<std::uint64_t>(codec, 0xffffffff);
        const auto data = with_capabilities<std::uint64_t>(codec, 9'999'999'999);
        CHECK(codec.decode(fits).has_value());
        const auto why = refusal(codec, data);
        CHECK(why.code == errc::malformed);
        CHECK(why.field == "body.nodes.contacts.capabilities");
        CHECK(why.id == 1);
        check_place(why, std::mismatch(fits.begin(), fits.end(), data.begin()).first - fits.begin());
        CHECK(refusal(codec, with_capabilities<std::uint64_t>(codec, 0x100000000)).code == errc::malformed);
        CHECK(refusal(codec, with_capabilities<std::int64_t>(codec, -1)).code == errc::malformed);
    }
}

TEST_CASE("a field that has to be there is missed by its name", "[codec][errors]") {
    for (const auto& codec : codecs_without_schema()) {
        CAPTURE(codec.name());
        const auto missed = [&](auto change) {
            any_body what;
            what.role = message_role::request;
            what.body = ping();
            change(what);
            const auto why = refusal(codec, in(codec, what));
            CHECK(why.code == errc::malformed);
            return why;
        };
        CHECK(missed([](any_body& what) { what.id.reset(); }).field == "id");
        CHECK(missed([](any_body& what) { what.role.reset(); }).field == "role");
        CHECK(missed([](any_body& what) { what.version.reset(); }).field == "version");
        CHECK(missed([](any_body& what) { what.body.reset(); }).field == "body");
        const auto why = missed([](any_body& what) { what.body = odd::forward(); });
        CHECK(why.field == "body.forward.goal");
        CHECK(why.offset.has_value());
        CHECK(why.id == 1);
    }
}

TEST_CASE("fields that cannot stand together are refused by the name of one", "[codec][errors]") {
    // No encoder of ours writes them, so they are put together in JSON; what is said of them is said for every codec.
    const auto field_of = [](std::string_view body) {
        const auto text = R"({"id":7,"version":1,"role":0,"body":{"forward":{)" + std::string(body) + "}}}";
        decode_error why;
        const auto got = json_codec().decode(as_bytes(text), {}, &why);
        REQUIRE_FALSE(got.has_value());
        CHECK(why.id == 7);
        return why.field;
    };
    const std::string goal = R"("goal":{"find_node":{}})";
    const std::string id = R"("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA")";
    CHECK(field_of(goal + R"(,"trace":[)" + id + "]") == "body.forward.trace");
    CHECK(field_of(goal + R"(,"trace_max":65)") == "body.forward.trace");
    CHECK(field_of(goal + R"(,"asker":{})") == "body.forward.asker");
    CHECK(field_of(R"("goal":{"request":{"service":"no/name at all"}})") == "body.forward.goal.request.service");
    CHECK(field_of(R"("goal":{"store":{"item":{}}})") == "body.forward.goal.store.item");
}

}  // namespace mydht::test
