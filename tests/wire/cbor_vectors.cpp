// cbor_vectors FILE: checks the CBOR codec against the examples of RFC 8949, appendix A, in the form that they have in
// the project cbor/test-vectors. Exit code: 0 when none failed, 1 when some did, 2 when the file cannot be read or has
// another form.

#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <mydht/core/file.hpp>
#include <mydht/wire/codec.hpp>
#include <mydht/wire/described.hpp>

namespace {

using mydht::bytes;
using nlohmann::json;

/// What an example may say, as the fields of a struct; each example is read as one of them.
struct sample {
    std::optional<std::uint64_t> natural;
    std::optional<std::int64_t> integer;
    std::optional<double> real;
    std::optional<bool> yes;
    std::optional<std::string> text;
    std::optional<bytes> binary;
    std::vector<std::int64_t> integers;
};

struct numbers {
    std::int64_t a = 0;
    std::vector<std::int64_t> b;
};

struct letters {
    std::string a;
    std::string b;
    std::string c;
    std::string d;
    std::string e;
};

}  // namespace

namespace mydht::wire {

template <>
struct described<sample> {
    static constexpr std::string_view name = "sample";
    static constexpr auto fields =
        std::tuple(member<&sample::natural>(1, "natural"), member<&sample::integer>(2, "integer"),
                   member<&sample::real>(3, "real"), member<&sample::yes>(4, "yes"), member<&sample::text>(5, "text"),
                   member<&sample::binary>(6, "binary"), member<&sample::integers>(7, "integers"));
};

template <>
struct described<numbers> {
    static constexpr std::string_view name = "numbers";
    static constexpr auto fields = std::tuple(member<&numbers::a>(1, "a"), member<&numbers::b>(2, "b"));
};

template <>
struct described<letters> {
    static constexpr std::string_view name = "letters";
    static constexpr auto fields =
        std::tuple(member<&letters::a>(1, "a"), member<&letters::b>(2, "b"), member<&letters::c>(3, "c"),
                   member<&letters::d>(4, "d"), member<&letters::e>(5, "e"));
};

}  // namespace mydht::wire

namespace {

using namespace mydht;

constexpr std::size_t file_bytes_max = 1024 * 1024;

/// The numbers of sample's fields, which the names in CBOR are made of.
enum class as : char { natural = 'a', integer = 'b', real = 'c', yes = 'd', text = 'e', binary = 'f', integers = 'g' };
constexpr as all_kinds[] = {as::natural, as::integer, as::real, as::yes, as::text, as::binary, as::integers};

struct example {
    bytes data;
    json said;               ///< as JSON has it; discarded when JSON cannot say it
    std::string diagnostic;  ///< as the RFC writes it then
    bool round_trip = false;
};

bytes of_hex(std::string_view hex) {
    bytes out(hex.size() / 2);
    if (!from_hex(hex, out)) out.clear();
    return out;
}

/// {name: data}
bytes as_field(as kind, bytes_view data) {
    auto out = of_hex("a161");
    out.push_back(static_cast<std::uint8_t>(kind));
    out.insert(out.end(), data.begin(), data.end());
    return out;
}

result<sample> read_as(as kind, bytes_view data) {
    return wire::cbor_codec().decode_value<sample>(as_field(kind, data));
}

/// True when writing what was read makes the same bytes.
bool comes_back(as kind, const example& of) {
    const auto got = read_as(kind, of.data);
    bytes again;
    return got && wire::cbor_codec().encode_value(*got, again) && again == as_field(kind, of.data);
}

// --- what an example has to be read as -------------------------------------------------------------------------------

bool is_float(const example& of) { return of.data.front() >= 0xf9 && of.data.front() <= 0xfb; }

std::string check_float(const example& of) {
    static const std::map<std::string, double> named{{"Infinity", std::numeric_limits<double>::infinity()},
                                                     {"-Infinity", -std::numeric_limits<double>::infinity()},
                                                     {"NaN", std::numeric_limits<double>::quiet_NaN()}};
    const auto expected = of.diagnostic.empty() ? of.said.get<double>() : named.at(of.diagnostic);
    const auto got = read_as(as::real, of.data);
    if (!got || !got->real) return "is no real";
    const bool same = std::isnan(expected)
                          ? std::isnan(*got->real)
                          : *got->real == expected && std::signbit(*got->real) == std::signbit(expected);
    if (!same) return "is another real";
    // Doubles are written as doubles.
    return of.data.front() != 0xfb || comes_back(as::real, of) ? "" : "is written otherwise";
}

std::string check_integer(const example& of) {
    if (of.said.is_number_unsigned()) {
        const auto got = read_as(as::natural, of.data);
        if (!got || got->natural != of.said.get<std::uint64_t>()) return "is another number";
        if (!comes_back(as::natural, of)) return "is written otherwise";
    }
    const bool fits = !of.said.is_number_float() &&
                      (of.said.is_number_integer() &&
                       (!of.said.is_number_unsigned() || of.said.get<std::uint64_t>() <= std::uint64_t{1} << 62U));
    const auto got = read_as(as::integer, of.data);
    if (!fits) return got ? "does not fit, and is taken" : "";
    if (!got || got->integer != of.said.get<std::int64_t>()) return "is another number";
    return comes_back(as::integer, of) ? "" : "is written otherwise";
}

std::string check_text(const example& of) {
    const auto got = read_as(as::text, of.data);
    if (!got || got->text != of.said.get<std::string>()) return "is another text";
    return !of.round_trip || comes_back(as::text, of) ? "" : "is written otherwise";
}

/// h'0102', or (_ h'0102', h'03') for a string in pieces.
std::string check_binary(const example& of) {
    std::string hex;
    for (std::size_t at = 0; (at = of.diagnostic.find("h'", at)) != std::string::npos;) {
        at += 2;
        hex += of.diagnostic.substr(at, of.diagnostic.find('\'', at) - at);
    }
    const auto got = read_as(as::binary, of.data);
    if (!got || !got->binary || to_hex(*got->binary) != hex) return "is another string";
    return !of.round_trip || comes_back(as::binary, of) ? "" : "is written otherwise";
}

std::string check_list(const example& of) {
    const auto got = read_as(as::integers, of.data);
    for (const auto& one : of.said) {
        if (!one.is_number_integer()) return got ? "is taken for a list of numbers" : "";
    }
    if (!got || got->integers != of.said.get<std::vector<std::int64_t>>()) return "is another list";
    // An empty list is left out.
    return !of.round_trip || of.said.empty() || comes_back(as::integers, of) ? "" : "is written otherwise";
}

std::string check_map(const example& of) {
    const auto codec = wire::cbor_codec();
    bytes again;
    if (of.said.contains("e")) {
        const auto got = codec.decode_value<letters>(of.data);
        const bool same =
            got && of.said == json{{"a", got->a}, {"b", got->b}, {"c", got->c}, {"d", got->d}, {"e", got->e}};
        if (!same) return "is another map";
        return codec.encode_value(*got, again) && again == of.data ? "" : "is written otherwise";
    }
    // Names that a struct does not have are passed over.
    const auto got = codec.decode_value<numbers>(of.data);
    if (!got) return "is no map";
    if (!of.said.contains("a")) return got->a == 0 && got->b.empty() ? "" : "is another map";
    if (got->a != of.said["a"].get<std::int64_t>() || got->b != of.said["b"].get<std::vector<std::int64_t>>()) {
        return "is another map";
    }
    return !of.round_trip || (codec.encode_value(*got, again) && again == of.data) ? "" : "is written otherwise";
}

std::string check_null(const example& of) {
    for (const auto kind : all_kinds) {
        const auto got = read_as(kind, of.data);
        if (!got || got->natural || got->text || !got->integers.empty()) return "is not nothing";
    }
    return {};
}

/// Tags, undefined, simple values, numbers of any size, other keys than text: nothing that a struct has.
std::string check_foreign(const example& of) {
    for (const auto kind : all_kinds) {
        if (read_as(kind, of.data)) return "is taken for what it is not";
    }
    return {};
}

std::string check_value(const example& of) {
    const auto kind = of.data.front() >> 5U;
    if (is_float(of)) return check_float(of);
    if (kind == 0 || kind == 1) return check_integer(of);
    if (kind == 2) return check_binary(of);
    if (kind == 6 || of.said.is_discarded()) return check_foreign(of);
    if (of.said.is_string()) return check_text(of);
    if (of.said.is_array()) return check_list(of);
    if (of.said.is_object()) return of.said.empty() ? "" : check_map(of);
    if (of.said.is_null()) return check_null(of);
    const auto got = read_as(as::yes, of.data);
    return got && got->yes == of.said.get<bool>() && comes_back(as::yes, of) ? "" : "is no boolean";
}

/// As the value of a field that a message does not have, an example is passed over; cut off within it, nothing is
/// whole.
std::string check_unknown(const example& of) {
    const auto before = of_hex("a5616107627a7a");
    auto whole = before;
    for (const auto& part : {of.data, of_hex("6162016163006164a16161a0")}) {
        whole.insert(whole.end(), part.begin(), part.end());
    }
    const auto got = wire::cbor_codec().decode(whole);
    // An example of RFC 7049 that its successor took out: what says less than 32 in two bytes is not well formed.
    if (to_hex(of.data) == "f818") return got.has_value() ? "is taken" : "";
    if (!got || !(*got == wire::envelope{7, wire::ping()})) return "is not passed over";
    for (std::size_t size = before.size(); size < before.size() + of.data.size(); ++size) {
        if (wire::cbor_codec().decode(bytes_view(whole).first(size)).error() != errc::truncated) {
            return "is not missed when it is cut off";
        }
    }
    return {};
}

// --- the file --------------------------------------------------------------------------------------------------------

std::optional<example> read_example(const json& from) {
    if (!from.is_object() || !from.contains("hex") || !from["hex"].is_string()) return std::nullopt;
    example out;
    out.data = of_hex(from["hex"].get<std::string>());
    if (out.data.empty()) return std::nullopt;
    out.round_trip = from.value("roundtrip", false);
    out.diagnostic = from.value("diagnostic", std::string());
    out.said = from.contains("decoded") ? from["decoded"] : json(json::value_t::discarded);
    if (out.diagnostic.empty() && out.said.is_discarded()) return std::nullopt;
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: cbor_vectors FILE\n");
        return 2;
    }
    const auto content = read_file(argv[1], file_bytes_max);
    const auto document = content ? json::parse(content->begin(), content->end(), nullptr, false) : json();
    if (!document.is_array()) {
        std::fprintf(stderr, "cbor_vectors: %s has no list of examples\n", argv[1]);
        return 2;
    }
    std::size_t failed = 0;
    for (const auto& one : document) {
        const auto read = read_example(one);
        if (!read) {
            std::fprintf(stderr, "cbor_vectors: %s: an example has another form\n", argv[1]);
            return 2;
        }
        auto fault = check_unknown(*read);
        if (fault.empty()) fault = check_value(*read);
        if (fault.empty()) continue;
        std::printf("%s %s\n", to_hex(read->data).c_str(), fault.c_str());
        ++failed;
    }
    std::printf("%zu passed, %zu failed\n", document.size() - failed, failed);
    return failed == 0 ? 0 : 1;
}
