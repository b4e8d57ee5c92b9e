#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <mydht/wire/described.hpp>

#include "random_messages.hpp"

/// A struct of an application that has a member of every kind there is.
namespace mydht::test {

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
        member<&drawing::made>(11, "made"), retired<std::uint32_t>(12, 14), member<&drawing::front>(15, "front"),
        member<&drawing::parent>(16, "parent"), retired<std::string>(17, 23), member<&drawing::anchor>(24, "anchor"),
        member<&drawing::numbers>(25, "numbers"), member<&drawing::words>(26, "words"),
        member<&drawing::places>(27, "places"), retired<bytes>(28, 49), member<&drawing::figures>(50, "figures"),
        member<&drawing::inner>(51, "inner"));
};

}  // namespace mydht::wire

namespace mydht::test {

inline std::string random_words(prng& random) {
    std::string out;
    for (auto left = random.below(9); left > 0; --left) {
        constexpr std::array<std::string_view, 6> parts{"a", "\"", "\\", "\n", "\xc3\xa4", "\xf0\x9f\x98\x80"};
        out += parts[random.below(parts.size())];
    }
    return out;
}

inline point random_point(prng& random) {
    point out;
    out.x = static_cast<std::int32_t>(random_number(random));
    out.y = static_cast<std::int32_t>(random_number(random));
    return out;
}

inline figure random_figure(prng& random) {
    switch (random.below(3)) {
        case 0: return random_words(random);
        case 1: return random_point(random);
        default: break;
    }
    circle out;
    out.centre = random_point(random);
    out.radius = static_cast<double>(random.below(1000)) / 8;
    return out;
}

inline drawing random_drawing(prng& random, int depth) {
    drawing out;
    out.visible = random.below(2) == 0;
    out.layer = static_cast<std::uint8_t>(random());
    out.offset = static_cast<std::int64_t>(random_number(random));
    out.scale = static_cast<float>(random.below(1000)) / 16 - 20;
    out.ink = static_cast<colour>(static_cast<int>(random.below(3)) - 1);
    out.title = random_words(random);
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
        out.words.push_back(random_words(random));
        out.figures.push_back(random_figure(random));
    }
    out.places = random_addresses(random, 3);
    if (depth > 0) {
        for (auto left = random.below(3); left > 0; --left) out.inner.push_back(random_drawing(random, depth - 1));
    }
    return out;
}

}  // namespace mydht::test
