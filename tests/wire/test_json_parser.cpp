// Beside another parser of JSON, on texts that are right, nearly right and wrong.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <mydht/wire/codec.hpp>
#include <mydht/wire/described.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"

namespace mydht::test {

namespace {

/// What a text says of these; everything else in it is passed over.
struct sample {
    std::string text;
    double real = 0;
    std::uint64_t natural = 0;
    std::int64_t integer = 0;
};

std::string random_string(prng& random) {
    static const std::vector<std::string> parts = {"a",
                                                   "plain ascii text",
                                                   " ",
                                                   "\\n",
                                                   "\\\"",
                                                   "\\\\",
                                                   "\\/",
                                                   "\\u0041",
                                                   "\\u00e4",
                                                   "\\u20AC",
                                                   "\\ud83d\\ude00",
                                                   "\xc3\xa4",
                                                   "\xe2\x82\xac",
                                                   "\xf0\x9f\x98\x80",
                                                   "\\b\\f\\r\\t",
                                                   "\x7f",
                                                   "\\u0000",
                                                   "",
                                                   "01234567",
                                                   "\\uD800",
                                                   "\\udc00",
                                                   "\xff",
                                                   "\xc3",
                                                   "\\x",
                                                   "\x01",
                                                   "\\u12g4",
                                                   "\\ud800\\u0041"};
    std::string out = "\"";
    const auto count = random.below(5);
    // The last ones are wrong, and stand in few texts.
    const auto choice = random.below(20) == 0 ? parts.size() : parts.size() - 8;
    for (std::uint64_t i = 0; i < count; ++i) out += parts[random.below(choice)];
    return out + "\"";
}

std::string random_number(prng& random) {
    static const std::vector<std::string> samples = {"0",
                                                     "-0",
                                                     "7",
                                                     "-1",
                                                     "18446744073709551615",
                                                     "18446744073709551616",
                                                     "-9223372036854775808",
                                                     "-9223372036854775809",
                                                     "0.1",
                                                     "-1.5e3",
                                                     "1E+2",
                                                     "1e-2",
                                                     "5e-324",
                                                     "1e-400",
                                                     "0.0000001e-400",
                                                     "1e308",
                                                     "1e400",
                                                     "-1e400",
                                                     "123456789012345678901234567890",
                                                     "1.7976931348623157e308",
                                                     "2.2250738585072011e-308",
                                                     "1e-99999999999999999999",
                                                     "1e99999999999999999999",
                                                     "1e9223372036854775807",
                                                     "-1e-9223372036854775808",
                                                     "0e999",
                                                     "00",
                                                     "01",
                                                     "1.",
                                                     ".5",
                                                     "+1",
                                                     "1e",
                                                     "1e+",
                                                     "-",
                                                     "--1",
                                                     "0x10",
                                                     "NaN",
                                                     "Infinity",
                                                     "1.e5"};
    const auto choice = random.below(10) == 0 ? samples.size() : samples.size() - 13;
    return samples[random.below(choice)];
}

std::string random_value(prng& random, int depth);

std::string random_members(prng& random, int depth) {
    static const std::vector<std::string> spaces = {"", "", "", " ", "\n\t\r "};
    const auto space = [&] { return spaces[random.below(spaces.size())]; };
    std::string out;
    const auto count = random.below(4);
    for (std::uint64_t i = 0; i < count; ++i) {
        if (i > 0) out += "," + space();
        out += random_string(random) + space() + ":" + space();
        out += random_value(random, depth + 1) + space();
    }
    return out;
}

std::string random_value(prng& random, int depth) {
    const auto kind = random.below(depth < 5 ? 7 : 5);
    switch (kind) {
        case 0: return random_string(random);
        case 1: return random_number(random);
        case 2: return "true";
        case 3: return "false";
        case 4: return "null";
        case 5: return "{" + random_members(random, depth) + "}";
        default: {
            std::string out = "[ ";
            const auto count = random.below(4);
            for (std::uint64_t i = 0; i < count; ++i) out += (i > 0 ? "," : "") + random_value(random, depth + 1);
            return out + "]";
        }
    }
}

/// One character changed, gone, or doubled; or the end cut off.
std::string spoiled(std::string text, prng& random) {
    const auto at = random.below(text.size());
    switch (random.below(5)) {
        case 0: text[at] = static_cast<char>(1 + random.below(255)); break;
        case 1: text.erase(at, 1); break;
        case 2: text.insert(at, 1, text[at]); break;
        case 3: text.resize(at); break;
        default: text[at] = "{}[]\",:\\0-e. tfnu"[random.below(17)]; break;
    }
    return text;
}

}  // namespace

}  // namespace mydht::test

template <>
struct mydht::wire::described<mydht::test::sample> {
    static constexpr std::string_view name = "sample";
    static constexpr auto fields = std::tuple(
        member<&mydht::test::sample::text>(1, "text"), member<&mydht::test::sample::real>(2, "real"),
        member<&mydht::test::sample::natural>(3, "natural"), member<&mydht::test::sample::integer>(4, "integer"));
};

namespace mydht::test {

namespace {

bool is_accepted(std::string_view text) { return wire::json_codec().decode_value<sample>(as_bytes(text)).has_value(); }

}  // namespace

TEST_CASE("JSON is accepted where another parser accepts it", "[codec][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    std::size_t accepted = 0;
    std::size_t refused = 0;
    for (int round = 0; round < 20'000; ++round) {
        // Of objects alone: no other value is a struct.
        auto text = "{" + random_members(random, 0) + "}";
        if (round % 2 == 1) text = spoiled(text, random);
        if (!text.starts_with('{')) continue;
        const bool theirs = nlohmann::json::accept(text);
        CAPTURE(text);
        REQUIRE(is_accepted(text) == theirs);
        ++(theirs ? accepted : refused);
    }
    CHECK(accepted > 2000);
    CHECK(refused > 2000);
}

TEST_CASE("JSON's strings and numbers are what another parser reads", "[codec][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    std::size_t compared = 0;
    for (int round = 0; round < 5'000; ++round) {
        const auto text = random_string(random);
        const auto number = random_number(random);
        const auto theirs = nlohmann::json::parse(text, nullptr, false);
        const auto their_number = nlohmann::json::parse(number, nullptr, false);
        CAPTURE(text, number);
        const auto whole = R"({"text":)" + text + R"(,"real":)" + number + "}";
        const auto ours = wire::json_codec().decode_value<sample>(as_bytes(whole));
        REQUIRE(ours.has_value() == !(theirs.is_discarded() || their_number.is_discarded()));
        if (!ours) continue;
        REQUIRE(ours->text == theirs.get<std::string>());
        REQUIRE(ours->real == their_number.get<double>());
        const auto as = [&](std::string_view field) {
            return wire::json_codec().decode_value<sample>(as_bytes("{\"" + std::string(field) + "\":" + number + "}"));
        };
        const auto natural = as("natural");
        REQUIRE(natural.has_value() == (their_number.is_number_unsigned() || number == "-0"));
        if (natural) REQUIRE(natural->natural == their_number.get<std::uint64_t>());
        const auto integer = as("integer");
        const auto fits = [](const nlohmann::json& value) {
            return value.is_number_integer() &&
                   (!value.is_number_unsigned() ||
                    value.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max());
        };
        REQUIRE(integer.has_value() == fits(their_number));
        if (integer) REQUIRE(integer->integer == their_number.get<std::int64_t>());
        ++compared;
    }
    CHECK(compared > 1000);
}

TEST_CASE("JSON's text comes back as it was", "[codec][property]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 2'000; ++round) {
        sample from;
        const auto length = random.below(40);
        for (std::uint64_t i = 0; i < length; ++i) {
            const auto letter = random.below(140);
            if (letter < 128)
                from.text += static_cast<char>(letter);
            else
                from.text += letter % 2 == 0 ? "\xc3\xa4" : "\xf0\x9f\x98\x80";
        }
        bytes data;
        REQUIRE(wire::json_codec().encode_value(from, data).has_value());
        const auto back = wire::json_codec().decode_value<sample>(data);
        REQUIRE(back.has_value());
        REQUIRE(back->text == from.text);
        REQUIRE((nlohmann::json::parse(data)["text"] == from.text || from.text.empty()));
    }
}

}  // namespace mydht::test
