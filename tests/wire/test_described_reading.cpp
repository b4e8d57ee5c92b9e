// What readers make of structs of applications: what is missing, what is null, what is too much.
#include <mydht/wire/codec.hpp>
#include <mydht/wire/described.hpp>

#include "support/catch.hpp"

namespace mydht::test {

namespace {

struct corner {
    std::uint32_t x = 3;
    std::string label = "none";
    friend bool operator==(const corner&, const corner&) = default;
};

/// A member of each kind that can be missing. None is zero or empty from the start.
struct eager {
    bool flag = true;
    std::uint32_t count = 7;
    std::int64_t offset = -1;
    double ratio = 0.5;
    std::string title = "untitled";
    bytes data{1, 2};
    std::array<std::uint8_t, 4> unused{};  // not described: no reader touches it
    node_id owner = [] {
        node_id out;
        out.data().fill(9);
        return out;
    }();
    address home = address::ipv4(address_kind::tcp, {127, 0, 0, 1}, 80);
    std::chrono::milliseconds lifetime{5};
    wall_time made{std::chrono::milliseconds(6)};
    std::optional<std::uint32_t> limit = 5;
    std::optional<corner> last = corner();
    std::vector<std::uint32_t> ports{80};
    std::vector<std::string> names{"a", "b"};
    std::vector<corner> corners{corner()};
    corner first;
    friend bool operator==(const eager&, const eager&) = default;
};

eager emptied() {
    eager out;
    out.flag = false;
    out.count = 0;
    out.offset = 0;
    out.ratio = 0;
    out.title.clear();
    out.data.clear();
    out.owner = {};
    out.home = {};
    out.lifetime = {};
    out.made = {};
    out.limit.reset();
    out.last.reset();
    out.ports.clear();
    out.names.clear();
    out.corners.clear();
    out.first = {0, ""};
    return out;
}

struct nothing_at_all {};
struct crowd {
    std::vector<nothing_at_all> members;
};

struct range {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
};
struct with_range {
    range between;
    std::uint32_t step = 0;
};
struct without_range {
    std::uint32_t step = 0;
};

using place_or_number = std::variant<address, std::uint32_t>;
struct with_choice {
    place_or_number where;
    std::optional<place_or_number> other;
    std::uint32_t step = 0;
};
struct around_choice {
    with_choice inside;
    std::uint32_t step = 0;
};

/// Two levels for each generation: the list and the struct.
struct tree {
    std::vector<tree> kids;
    std::vector<std::uint32_t> numbers;
};

/// Three of them: the list, the variant and the struct.
struct branch;
using twig = std::variant<std::uint32_t, branch>;
struct branch {
    std::vector<twig> twigs;
};

struct measured {
    std::chrono::milliseconds length{0};
    std::string text;
    bytes data;
    std::vector<std::uint32_t> numbers;
    std::vector<range> ranges;
    std::optional<address> place;
};

}  // namespace

}  // namespace mydht::test

namespace mydht::wire {

using namespace mydht::test;

template <>
struct described<corner> {
    static constexpr std::string_view name = "corner";
    static constexpr auto fields = std::tuple(member<&corner::x>(1, "x"), member<&corner::label>(2, "label"));
};
template <>
struct described<eager> {
    static constexpr std::string_view name = "eager";
    static constexpr auto fields = std::tuple(
        member<&eager::flag>(1, "flag"), member<&eager::count>(2, "count"), member<&eager::offset>(3, "offset"),
        member<&eager::ratio>(4, "ratio"), member<&eager::title>(5, "title"), member<&eager::data>(6, "data"),
        member<&eager::owner>(7, "owner"), member<&eager::home>(8, "home"), member<&eager::lifetime>(9, "lifetime"),
        member<&eager::made>(10, "made"), member<&eager::limit>(11, "limit"), member<&eager::last>(12, "last"),
        member<&eager::ports>(13, "ports"), member<&eager::names>(14, "names"), member<&eager::corners>(15, "corners"),
        member<&eager::first>(16, "first"));
};
template <>
struct described<nothing_at_all> {
    static constexpr std::string_view name = "nothing_at_all";
    static constexpr std::tuple<> fields{};
};
template <>
struct described<crowd> {
    static constexpr std::string_view name = "crowd";
    static constexpr auto fields = std::tuple(member<&crowd::members>(1, "members"));
};
template <>
struct described<range> {
    static constexpr std::string_view name = "range";
    static constexpr auto fields = std::tuple(member<&range::low>(1, "low"), member<&range::high>(2, "high"));
    static bool complete(const range& what) { return what.low < what.high; }
};
template <>
struct described<with_range> {
    static constexpr std::string_view name = "with_range";
    static constexpr auto fields =
        std::tuple(member<&with_range::between>(1, "between"), member<&with_range::step>(2, "step"));
};
template <>
struct described<without_range> {
    static constexpr std::string_view name = "with_range";
    static constexpr auto fields = std::tuple(retired<range>(1, "between"), member<&without_range::step>(2, "step"));
};
template <>
struct described<place_or_number> {
    static constexpr std::string_view name = "place_or_number";
    static constexpr auto fields =
        std::tuple(alternative<address>(1, "place"), alternative<std::uint32_t>(2, "number"));
};
template <>
struct described<with_choice> {
    static constexpr std::string_view name = "with_choice";
    static constexpr auto fields =
        std::tuple(member<&with_choice::where>(1, "where"), member<&with_choice::step>(2, "step"),
                   member<&with_choice::other>(3, "other"));
};
template <>
struct described<around_choice> {
    static constexpr std::string_view name = "around_choice";
    static constexpr auto fields =
        std::tuple(member<&around_choice::inside>(1, "inside"), member<&around_choice::step>(2, "step"));
};
template <>
struct described<tree> {
    static constexpr std::string_view name = "tree";
    static constexpr auto fields = std::tuple(member<&tree::kids>(1, "kids"), member<&tree::numbers>(2, "numbers"));
};
template <>
struct described<twig> {
    static constexpr std::string_view name = "twig";
    static constexpr auto fields =
        std::tuple(alternative<std::uint32_t>(1, "number"), alternative<branch>(2, "branch"));
};
template <>
struct described<branch> {
    static constexpr std::string_view name = "branch";
    static constexpr auto fields = std::tuple(member<&branch::twigs>(1, "twigs"));
};
template <>
struct described<measured> {
    static constexpr std::string_view name = "measured";
    static constexpr auto fields = std::tuple(
        member<&measured::length>(1, "length"), member<&measured::text>(2, "text", &decode_limits::text_bytes),
        member<&measured::data>(3, "data", &decode_limits::ticket_bytes),
        member<&measured::numbers>(4, "numbers", &decode_limits::contacts), member<&measured::ranges>(5, "ranges"),
        member<&measured::place>(6, "place"));
};

}  // namespace mydht::wire

namespace mydht::test {

using namespace wire;

namespace {

template <typename T>
bytes encoded(const any_codec& codec, const T& what, const decode_limits& limits = {}) {
    bytes out;
    REQUIRE(codec.encode_value(what, out, limits).has_value());
    return out;
}

template <typename T>
std::error_code not_written(const any_codec& codec, const T& what, const decode_limits& limits = {}) {
    bytes out = to_bytes("kept");
    const auto done = codec.encode_value(what, out, limits);
    REQUIRE_FALSE(done.has_value());
    CHECK(out == to_bytes("kept"));
    return done.error();
}

template <typename T>
decode_error not_read(const any_codec& codec, bytes_view data, const decode_limits& limits = {}) {
    decode_error why;
    REQUIRE_FALSE(codec.decode_value<T>(data, limits, &why).has_value());
    return why;
}

template <typename T>
result<T> from_json(std::string_view text) {
    return json_codec().decode_value<T>(as_bytes(text));
}

/// A struct in CBOR whose field with this number is null.
bytes null_in_cbor(const field& one) {
    bytes out{0xa1, static_cast<std::uint8_t>(0x60 + one.short_name().size())};
    const auto name = as_bytes(one.short_name());
    out.insert(out.end(), name.begin(), name.end());
    out.push_back(0xf6);
    return out;
}

tree tree_of(std::size_t generations, bool with_numbers) {
    tree out;
    if (with_numbers) out.numbers = {1, 2};
    for (; generations > 0; --generations) {
        tree parent;
        parent.kids.push_back(std::move(out));
        out = std::move(parent);
    }
    return out;
}

branch branch_of(std::size_t generations) {
    branch out;
    for (; generations > 0; --generations) {
        branch parent;
        parent.twigs.emplace_back(std::move(out));
        out = std::move(parent);
    }
    return out;
}

decode_limits with_nesting(std::size_t nesting) {
    decode_limits out;
    out.nesting = nesting;
    return out;
}

decode_limits with_elements(std::size_t elements) {
    decode_limits out;
    out.elements = elements;
    return out;
}

}  // namespace

TEST_CASE("what is missing is zero or empty, whatever C++ initialises it with", "[codec]") {
    for (const auto& codec : all_codecs()) {
        CAPTURE(codec.name());
        CHECK(codec.decode_value<eager>(encoded(codec, eager())).value() == eager());
        CHECK(codec.decode_value<eager>(encoded(codec, emptied())).value() == emptied());
        // A list has what came, not that behind what was there.
        auto one = emptied();
        one.ports = {443};
        one.names = {"c"};
        one.corners = {{0, ""}, {4, ""}};
        one.last = corner{0, "z"};
        CHECK(codec.decode_value<eager>(encoded(codec, one)).value() == one);
    }
}

TEST_CASE("null is as what is missing", "[codec]") {
    for (const auto& one : shape_of<eager>().fields) {
        CAPTURE(std::string(one.name));
        const auto text = "\"" + std::string(one.name) + "\":null";
        CHECK(from_json<eager>("{" + text + "}").value() == emptied());
        CHECK_FALSE(from_json<eager>("{" + text + "," + text + "}").has_value());
        CHECK(cbor_codec().decode_value<eager>(null_in_cbor(one)).value() == emptied());
    }
    // A variant has to be there, unless it is optional.
    CHECK(not_read<with_choice>(json_codec(), as_bytes(R"({"where":null})")).field == "where");
    CHECK(not_read<with_choice>(json_codec(), as_bytes(R"({"where":{"number":null}})")).code == errc::malformed);
    CHECK_FALSE(from_json<with_choice>(R"({"where":null,"where":{"number":1}})").has_value());
    CHECK(from_json<with_choice>(R"({"where":{"number":1},"other":null})").has_value());
    CHECK_FALSE(cbor_codec().decode_value<with_choice>(null_in_cbor(shape_of<with_choice>().fields[0])).has_value());
    CHECK_FALSE(from_json<eager>(R"({"ports":[null]})").has_value());
}

TEST_CASE("a struct that is missing keeps to its rules", "[codec]") {
    CHECK(from_json<with_range>(R"({"between":{"high":1}})").has_value());
    for (const auto* text : {R"({"between":{}})", R"({"step":1})", R"({"between":null,"step":1})"}) {
        CAPTURE(text);
        const auto why = not_read<with_range>(json_codec(), as_bytes(std::string_view(text)));
        CHECK(why.code == errc::malformed);
        CHECK(why.field == "between");
    }
    // One with a variant inside has to be there, too.
    CHECK(from_json<around_choice>(R"({"inside":{"where":{"number":1}}})").has_value());
    CHECK(not_read<around_choice>(json_codec(), as_bytes(R"({"step":1})")).field == "inside");
    CHECK(not_read<around_choice>(json_codec(), as_bytes(R"({"inside":null})")).field == "inside");
    for (const auto& codec : all_codecs()) {
        CAPTURE(codec.name());
        const auto data = encoded(codec, without_range{1});
        CHECK(not_read<with_range>(codec, data).code == errc::malformed);
        CHECK(not_read<around_choice>(codec, data).code == errc::malformed);
        CHECK(not_written(codec, with_range()) == errc::bad_argument);
        CHECK(codec.decode_value<with_range>(encoded(codec, with_range{{1, 2}, 0})).value().between.high == 2);
    }
}

TEST_CASE("the elements of all lists together have a limit", "[codec]") {
    measured lists;
    lists.numbers.resize(20);
    lists.ranges.resize(20, range{0, 1});
    auto two = tree_of(3, true);
    two.kids.resize(30);
    for (const auto& codec : all_codecs()) {
        CAPTURE(codec.name());
        const auto data = encoded(codec, lists);
        CHECK(codec.decode_value<measured>(data, with_elements(40)).value().ranges.size() == 20);
        CHECK(not_read<measured>(codec, data, with_elements(39)).code == errc::too_large);
        CHECK(codec.decode_value<measured>(encoded(codec, lists, with_elements(40))).has_value());
        CHECK(not_written(codec, lists, with_elements(39)) == errc::too_large);

        // 30 kids, two younger ones and two numbers.
        CHECK(codec.decode_value<tree>(encoded(codec, two), with_elements(34)).has_value());
        CHECK(not_read<tree>(codec, encoded(codec, two), with_elements(33)).code == errc::too_large);
        CHECK(not_written(codec, two, with_elements(33)) == errc::too_large);
    }
}

TEST_CASE("every encoding counts the levels of a struct alike", "[codec]") {
    for (const auto& codec : all_codecs()) {
        CAPTURE(codec.name());
        // Generation n is at level 2n + 1, its list of numbers one below.
        CHECK(codec.decode_value<tree>(encoded(codec, tree_of(7, true))).has_value());
        CHECK(not_read<tree>(codec, encoded(codec, tree_of(7, true)), with_nesting(15)).code == errc::too_large);
        CHECK(codec.decode_value<tree>(encoded(codec, tree_of(7, false)), with_nesting(15)).has_value());
        CHECK(not_read<tree>(codec, encoded(codec, tree_of(7, false)), with_nesting(14)).code == errc::too_large);
        CHECK(not_written(codec, tree_of(7, true), with_nesting(15)) == errc::too_large);
        CHECK(not_written(codec, tree_of(8, false)) == errc::too_large);
        CHECK(not_written(codec, tree_of(7, false), with_nesting(14)) == errc::too_large);

        CHECK(codec.decode_value<branch>(encoded(codec, branch_of(5))).has_value());
        CHECK(not_written(codec, branch_of(6)) == errc::too_large);
        const auto most = with_nesting(nesting_max);
        CHECK(codec.decode_value<branch>(encoded(codec, branch_of(10), most), most).has_value());
        CHECK(not_read<branch>(codec, encoded(codec, branch_of(10), most), with_nesting(30)).code == errc::too_large);
        // Nobody may allow more.
        CHECK(not_written(codec, branch_of(11), with_nesting(100)) == errc::too_large);
    }
}

TEST_CASE("what no reader takes is not written", "[codec]") {
    using std::chrono::milliseconds;
    constexpr auto longest = milliseconds(std::numeric_limits<std::uint32_t>::max());
    const auto varied = [](auto change) {
        measured out;
        change(out);
        return out;
    };
    const address nowhere;
    for (const auto& codec : all_codecs()) {
        CAPTURE(codec.name());
        const auto fits = [&](auto change) {
            return codec.decode_value<measured>(encoded(codec, varied(change))).has_value();
        };
        const auto refusal = [&](auto change) { return not_written(codec, varied(change)); };
        CHECK(fits([&](measured& it) { it.length = longest; }));
        CHECK(refusal([&](measured& it) { it.length = longest + milliseconds(1); }) == errc::bad_argument);
        CHECK(refusal([](measured& it) { it.length = milliseconds(-1); }) == errc::bad_argument);
        CHECK(fits([](measured& it) { it.text.assign(limits::error_text_bytes, 'x'); }));
        CHECK(refusal([](measured& it) { it.text.assign(limits::error_text_bytes + 1, 'x'); }) == errc::too_large);
        CHECK(fits([](measured& it) { it.data.resize(limits::ticket_bytes); }));
        CHECK(refusal([](measured& it) { it.data.resize(limits::ticket_bytes + 1); }) == errc::too_large);
        CHECK(fits([](measured& it) { it.numbers.resize(limits::contacts_per_message); }));
        CHECK(refusal([](measured& it) { it.numbers.resize(limits::contacts_per_message + 1); }) == errc::too_large);
        CHECK(fits([](measured& it) { it.ranges.resize(16384, range{0, 1}); }));
        CHECK(refusal([](measured& it) { it.ranges.resize(16385, range{0, 1}); }) == errc::too_large);
        CHECK(refusal([](measured& it) { it.ranges.resize(1); }) == errc::bad_argument);
        CHECK(refusal([&](measured& it) { it.place = nowhere; }) == errc::bad_argument);

        with_choice chosen;
        CHECK(not_written(codec, chosen) == errc::bad_argument);  // the empty address
        chosen.where = std::uint32_t{0};
        CHECK(codec.decode_value<with_choice>(encoded(codec, chosen)).value().where == chosen.where);
        chosen.other = nowhere;
        CHECK(not_written(codec, chosen) == errc::bad_argument);
    }
}

TEST_CASE("a list of structs without fields keeps its length", "[codec]") {
    for (const auto& codec : all_codecs()) {
        CAPTURE(codec.name());
        for (const std::size_t size : {0U, 1U, 5U, 1000U}) {
            crowd sent;
            sent.members.resize(size);
            CHECK(codec.decode_value<crowd>(encoded(codec, sent)).value().members.size() == size);
        }
    }
}

}  // namespace mydht::test
