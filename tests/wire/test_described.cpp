#include <cmath>
#include <limits>

#include <mydht/wire/codec.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "wire/drawing.hpp"

namespace mydht::test {

namespace {

/// As test::circle, without its rule.
struct any_circle {
    double radius = 0;
};

using any_figure = std::variant<std::monostate, any_circle>;

}  // namespace

}  // namespace mydht::test

namespace mydht::wire {

using test::any_circle;
using test::any_figure;

template <>
struct described<std::monostate> {
    static constexpr std::string_view name = "none";
    static constexpr std::tuple<> fields{};
};

template <>
struct described<any_circle> {
    static constexpr std::string_view name = "circle";
    static constexpr auto fields = std::tuple(retired<point>(1, "centre"), member<&any_circle::radius>(2, "radius"));
};

template <>
struct described<any_figure> {
    static constexpr std::string_view name = "figure";
    static constexpr auto fields =
        std::tuple(alternative<any_circle>(3, "circle"), alternative<std::monostate>(4, "none"));
};

}  // namespace mydht::wire

namespace mydht::test {

using namespace wire;

namespace {

template <typename T>
bytes encoded(const any_codec& codec, const T& what) {
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
        for (int round = 0; round < 30; ++round) {
            CAPTURE(codec.name(), round);
            const auto sent = random_drawing(random, 2);
            const auto got = codec.decode_value<drawing>(encoded(codec, sent));
            REQUIRE(got.has_value());
            REQUIRE(*got == sent);
            // What one has read another one writes.
            for (const auto& other : all_codecs()) {
                CAPTURE(other.name());
                REQUIRE(other.decode_value<drawing>(encoded(other, *got)).value() == sent);
            }
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
            // Whatever decodes is a struct like any other. What is no number equals nothing, so bytes are compared.
            if (const auto got = codec.decode_value<drawing>(damaged)) {
                const auto again = encoded(codec, *got);
                REQUIRE(encoded(codec, codec.decode_value<drawing>(again).value()) == again);
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
        // All lists together have so many, those in elements of lists too.
        drawing spread;
        spread.words.resize(18);
        spread.inner.resize(2);
        for (auto& one : spread.inner) one.numbers.resize(10);
        limits.elements = 40;
        CHECK(codec.decode_value<drawing>(encoded(codec, spread), limits).value() == spread);
        limits.elements = 39;
        CHECK(failure_of(codec, encoded(codec, spread), limits) == errc::too_large);

        // A circle whose radius is negative is none.
        any_figure wrong;
        wrong.emplace<any_circle>().radius = 1;
        CHECK(codec.decode_value<figure>(encoded(codec, wrong)).value() == figure(circle{{}, 1}));
        wrong.emplace<any_circle>().radius = -1;
        decode_error why;
        CHECK(codec.decode_value<figure>(encoded(codec, wrong), {}, &why).error() == errc::malformed);
        CHECK(why.field == "circle");

        bytes out = to_bytes("kept");
        drawing no_circle;
        no_circle.front = circle{{}, -1};
        CHECK(codec.encode_value(no_circle, out).error() == errc::bad_argument);
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
