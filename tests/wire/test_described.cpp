#include <cmath>
#include <limits>

#include <mydht/wire/codec.hpp>
#include <mydht/wire/described.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "wire/random_messages.hpp"

namespace mydht::test {

namespace {

enum class colour : std::int16_t { none = 0, red = 1, blue = -1 };

struct point {
    std::int32_t x = 0;
    std::int32_t y = 0;
    friend bool operator==(const point&, const point&) = default;
};

struct circle {
    point centre;
    double radius = 1;  // not what a reader takes a missing one for
    friend bool operator==(const circle&, const circle&) = default;
};

using figure = std::variant<point, circle, std::string>;

/// All that a member can be.
struct drawing {
    bool visible = true;
    std::uint8_t layer = 7;
    std::int64_t offset = 0;
    float scale = 0;
    colour ink = colour::none;
    std::string title;
    bytes picture;
    node_id owner;
    address home;
    std::chrono::milliseconds shown{0};
    wall_time made;
    figure front;
    std::optional<std::uint64_t> parent;
    std::optional<point> anchor;
    std::vector<std::int64_t> numbers;
    std::vector<std::string> words;
    std::vector<address> places;
    std::vector<figure> figures;
    std::vector<drawing> inner;
    friend bool operator==(const drawing&, const drawing&) = default;
};

}  // namespace

}  // namespace mydht::test

namespace mydht::wire {

using test::circle;
using test::drawing;
using test::figure;
using test::point;

template <>
struct described<point> {
    static constexpr std::string_view name = "point";
    static constexpr auto fields = std::tuple(member<&point::x>(1, "x"), member<&point::y>(2, "y"));
};

template <>
struct described<circle> {
    static constexpr std::string_view name = "circle";
    static constexpr auto fields =
        std::tuple(member<&circle::centre>(1, "centre"), member<&circle::radius>(2, "radius"));
    static bool complete(const circle& what) { return what.radius >= 0; }
};

template <>
struct described<figure> {
    static constexpr std::string_view name = "figure";
    static constexpr auto fields = std::tuple(alternative<std::string>(1, "label"), alternative<point>(2, "point"),
                                              alternative<circle>(3, "circle"));
};

template <>
struct described<drawing> {
    static constexpr std::string_view name = "drawing";
    static constexpr auto fields = std::tuple(
        member<&drawing::visible>(1, "visible"), member<&drawing::layer>(2, "layer"),
        member<&drawing::offset>(3, "offset"), member<&drawing::scale>(4, "scale"), member<&drawing::ink>(5, "ink"),
        member<&drawing::title>(6, "title"), member<&drawing::picture>(7, "picture"),
        member<&drawing::owner>(8, "owner"), member<&drawing::home>(9, "home"), member<&drawing::shown>(10, "shown"),
        member<&drawing::made>(11, "made"), member<&drawing::front>(15, "front"),
        member<&drawing::parent>(16, "parent"), member<&drawing::anchor>(24, "anchor"),
        member<&drawing::numbers>(25, "numbers"), member<&drawing::words>(26, "words"),
        member<&drawing::places>(27, "places"), member<&drawing::figures>(50, "figures"),
        member<&drawing::inner>(51, "inner"));
};

}  // namespace mydht::wire

namespace mydht::test {

using namespace wire;

namespace {

std::string random_text(prng& random) {
    std::string out;
    for (auto left = random.below(9); left > 0; --left) {
        constexpr std::array<std::string_view, 6> parts{"a", "\"", "\\", "\n", "\xc3\xa4", "\xf0\x9f\x98\x80"};
        out += parts[random.below(parts.size())];
    }
    return out;
}

point random_point(prng& random) {
    point out;
    out.x = static_cast<std::int32_t>(random_number(random));
    out.y = static_cast<std::int32_t>(random_number(random));
    return out;
}

figure random_figure(prng& random) {
    switch (random.below(3)) {
        case 0: return random_text(random);
        case 1: return random_point(random);
        default: break;
    }
    circle out;
    out.centre = random_point(random);
    out.radius = static_cast<double>(random.below(1000)) / 8;
    return out;
}

drawing random_drawing(prng& random, int depth) {
    drawing out;
    out.visible = random.below(2) == 0;
    out.layer = static_cast<std::uint8_t>(random());
    out.offset = static_cast<std::int64_t>(random_number(random));
    out.scale = static_cast<float>(random.below(1000)) / 16 - 20;
    out.ink = static_cast<colour>(static_cast<int>(random.below(3)) - 1);
    out.title = random_text(random);
    out.picture = random_bytes(random, random_size(random, 40));
    if (random.below(2) == 0) out.owner = random_array<node_id>(random);
    if (random.below(2) == 0) out.home = random_address(random);
    out.shown = std::chrono::milliseconds(random.below(std::uint64_t{1} << 32U));
    out.made = random_time(random);
    out.front = random_figure(random);
    if (random.below(2) == 0) out.parent = random_number(random);
    if (random.below(2) == 0) out.anchor = random_point(random);
    for (auto left = random.below(4); left > 0; --left) {
        out.numbers.push_back(static_cast<std::int64_t>(random_number(random)));
        out.words.push_back(random_text(random));
        out.figures.push_back(random_figure(random));
    }
    out.places = random_addresses(random, 3);
    if (depth > 0) {
        for (auto left = random.below(3); left > 0; --left) out.inner.push_back(random_drawing(random, depth - 1));
    }
    return out;
}

bytes encoded(const any_codec& codec, const drawing& what) {
    bytes out;
    REQUIRE(codec.encode_value(what, out).has_value());
    return out;
}

errc failure_of(const any_codec& codec, bytes_view data, const decode_limits& limits = {}) {
    decode_error why;
    const auto got = codec.decode_value<drawing>(data, limits, &why);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error() == why.code);
    return why.code;
}

}  // namespace

TEST_CASE("a struct of an application comes back from every codec", "[codec]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (const auto& codec : all_codecs()) {
        for (int round = 0; round < 50; ++round) {
            CAPTURE(codec.name(), round);
            const auto sent = random_drawing(random, 2);
            const auto got = codec.decode_value<drawing>(encoded(codec, sent));
            REQUIRE(got.has_value());
            REQUIRE(*got == sent);
        }
        // What is missing is zero or empty, not what C++ initialises it with.
        drawing bare;
        bare.visible = false;
        bare.layer = 0;
        CHECK(codec.decode_value<drawing>(encoded(codec, bare)).value() == bare);
    }
}

TEST_CASE("no damage to a struct of an application is more than an error", "[codec]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (const auto& codec : all_codecs()) {
        const auto data = encoded(codec, random_drawing(random, 1));
        CAPTURE(codec.name(), data.size());
        // Protocol Buffers have no end: fields that are cut off are fields that were not sent.
        for (std::size_t size = 0; size < data.size(); ++size) {
            const bytes cut(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size));
            const auto got = codec.decode_value<drawing>(cut);
            if (codec.id() != codec_id::protobuf) REQUIRE_FALSE(got.has_value());
        }
        for (int round = 0; round < 2000; ++round) {
            auto damaged = data;
            for (auto left = 1 + random.below(4); left > 0; --left) {
                damaged[random.below(damaged.size())] = static_cast<std::uint8_t>(random());
            }
            if (const auto got = codec.decode_value<drawing>(damaged)) {
                bytes again;
                REQUIRE(codec.encode_value(*got, again).has_value());
            }
        }
    }
}

TEST_CASE("a struct of an application keeps to the limits and rules of its fields", "[codec]") {
    for (const auto& codec : all_codecs()) {
        CAPTURE(codec.name());
        drawing full;
        full.words.resize(40);
        decode_limits limits;
        limits.elements = 40;
        CHECK(codec.decode_value<drawing>(encoded(codec, full), limits).value().words.size() == 40);
        limits.elements = 39;
        CHECK(failure_of(codec, encoded(codec, full), limits) == errc::too_large);

        // Deeper than any reader goes.
        drawing deep;
        for (std::size_t i = 0; i < nesting_max; ++i) {
            drawing outer;
            outer.inner.push_back(std::move(deep));
            deep = std::move(outer);
        }
        CHECK_FALSE(codec.decode_value<drawing>(encoded(codec, deep)).has_value());

        // A circle whose radius is negative is none.
        drawing wrong;
        circle inverted;
        inverted.radius = -1;
        wrong.front = inverted;
        CHECK(failure_of(codec, encoded(codec, wrong)) == errc::malformed);

        bytes out = to_bytes("kept");
        drawing no_text;
        no_text.title = "\xff";
        CHECK(codec.encode_value(no_text, out).error() == errc::bad_argument);
        drawing no_place;
        no_place.places.emplace_back();
        CHECK(codec.encode_value(no_place, out).error() == errc::bad_argument);
        CHECK(out == to_bytes("kept"));
    }
}

TEST_CASE("JSON has no number that is not finite", "[codec]") {
    drawing what;
    what.scale = std::numeric_limits<float>::infinity();
    bytes out;
    CHECK(json_codec().encode_value(what, out).error() == errc::bad_argument);
    CHECK(out.empty());
    CHECK(std::isinf(cbor_codec().decode_value<drawing>(encoded(cbor_codec(), what)).value().scale));
}

TEST_CASE("short names sort as numbers do and lead back to them", "[codec]") {
    field one;
    std::string last;
    for (unsigned number = 1; number <= field_number_max; ++number) {
        one.number = static_cast<std::uint8_t>(number);
        CHECK(std::string(one.short_name()) > last);
        CHECK(number_of_short_name(one.short_name()) == number);
        last = one.short_name();
    }
    for (const auto* none : {"", "A", "z", "zA", "ab", "zaa", "{", "`"}) CHECK(number_of_short_name(none) == 0);
}

}  // namespace mydht::test
