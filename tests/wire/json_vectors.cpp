// json_vectors FILE...: checks the JSON codec against the files of a published suite. Their names say what a parser has
// to do: it takes y_, refuses n_, and may do either with i_, of which the list below says what this one does. The exit
// code is 0 when none failed, 1 when some did, 2 when a file cannot be read.

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <mydht/core/file.hpp>
#include <mydht/wire/codec.hpp>

#include "drawing.hpp"

namespace {

using namespace mydht;

constexpr std::size_t file_bytes_max = limits::message_bytes / 2;

struct own_choice {
    std::string_view file;
    bool is_taken;
};

constexpr std::array own_choices{
    // Numbers that a double has no exact form for are rounded; those beyond all doubles are refused.
    own_choice{"i_number_double_huge_neg_exp.json", true},
    own_choice{"i_number_huge_exp.json", false},
    own_choice{"i_number_neg_int_huge_exp.json", false},
    own_choice{"i_number_pos_double_huge_exp.json", false},
    own_choice{"i_number_real_neg_overflow.json", false},
    own_choice{"i_number_real_pos_overflow.json", false},
    own_choice{"i_number_real_underflow.json", true},
    own_choice{"i_number_too_big_neg_int.json", true},
    own_choice{"i_number_too_big_pos_int.json", true},
    own_choice{"i_number_very_big_negative_int.json", true},
    // Half of a surrogate pair is no character.
    own_choice{"i_object_key_lone_2nd_surrogate.json", false},
    own_choice{"i_string_1st_surrogate_but_2nd_missing.json", false},
    own_choice{"i_string_1st_valid_surrogate_2nd_invalid.json", false},
    own_choice{"i_string_incomplete_surrogate_and_escape_valid.json", false},
    own_choice{"i_string_incomplete_surrogate_pair.json", false},
    own_choice{"i_string_incomplete_surrogates_escape_valid.json", false},
    own_choice{"i_string_invalid_lonely_surrogate.json", false},
    own_choice{"i_string_invalid_surrogate.json", false},
    own_choice{"i_string_inverted_surrogates_U+1D11E.json", false},
    own_choice{"i_string_lone_second_surrogate.json", false},
    // JSON is UTF-8.
    own_choice{"i_string_UTF-16LE_with_BOM.json", false},
    own_choice{"i_string_UTF-8_invalid_sequence.json", false},
    own_choice{"i_string_UTF8_surrogate_U+D800.json", false},
    own_choice{"i_string_invalid_utf-8.json", false},
    own_choice{"i_string_iso_latin_1.json", false},
    own_choice{"i_string_lone_utf8_continuation_byte.json", false},
    own_choice{"i_string_not_in_unicode_range.json", false},
    own_choice{"i_string_overlong_sequence_2_bytes.json", false},
    own_choice{"i_string_overlong_sequence_6_bytes.json", false},
    own_choice{"i_string_overlong_sequence_6_bytes_null.json", false},
    own_choice{"i_string_truncated-utf-8.json", false},
    own_choice{"i_string_utf16BE_no_BOM.json", false},
    own_choice{"i_string_utf16LE_no_BOM.json", false},
    // Deeper than messages are.
    own_choice{"i_structure_500_nested_arrays.json", false},
    // A byte order mark may stand before a message, and only there.
    own_choice{"i_structure_UTF-8_BOM_empty_object.json", false},
};

/// Nothing when nobody has said.
std::optional<bool> has_to_be_taken(std::string_view file) {
    if (file.starts_with("y_")) return true;
    if (file.starts_with("n_")) return false;
    const auto found = std::ranges::find(own_choices, file, &own_choice::file);
    if (found == own_choices.end()) return std::nullopt;
    return found->is_taken;
}

/// Whether the text may be the value of a field that a message does not have: all of it is then read, and passed over.
bool is_passed_over(std::string_view text) {
    const auto whole = R"({"id":7,"version":1,"role":0,"later":)" + std::string(text) + R"(,"body":{"ping":{}}})";
    const auto got = wire::json_codec().decode(as_bytes(whole));
    return got && *got == wire::envelope{7, wire::ping()};
}

/// A list of strings is also read as what a struct has; it has to come back from another encoding, too.
bool is_list_of_texts(std::string_view text) {
    const auto whole = R"({"front":{"label":""},"words":)" + std::string(text) + '}';
    const auto got = wire::json_codec().decode_value<test::drawing>(as_bytes(whole));
    if (!got) return false;
    bytes again;
    return wire::cbor_codec().encode_value(*got, again) &&
           wire::cbor_codec().decode_value<test::drawing>(again) == got && got->words.size() == 1;
}

/// What is wrong; empty when nothing is.
std::string fault_of(std::string_view file, std::string_view text) {
    const auto expected = has_to_be_taken(file);
    if (!expected) return "it is not said whether it is to be taken";
    if (is_passed_over(text) != *expected) return *expected ? "it is refused" : "it is taken";
    // In files about strings these are in a list, but for a few.
    const bool is_listed = file.substr(1).starts_with("_string_") && text.starts_with("[\"") && text.ends_with("\"]");
    if (is_listed && is_list_of_texts(text) != *expected) {
        return *expected ? "it is refused as a list of texts" : "it is taken for a list of texts";
    }
    // None is a message by itself.
    if (wire::json_codec().decode(as_bytes(text))) return "it is taken for a message";
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: json_vectors FILE...\n");
        return 2;
    }
    std::size_t failed = 0;
    for (int i = 1; i < argc; ++i) {
        const auto content = read_file(argv[i], file_bytes_max);
        if (!content) {
            std::fprintf(stderr, "json_vectors: %s: %s\n", argv[i], content.error().message().c_str());
            return 2;
        }
        const auto name = std::filesystem::path(argv[i]).filename().string();
        const auto fault = fault_of(name, as_text(*content));
        if (fault.empty()) continue;
        std::printf("%s: %s\n", name.c_str(), fault.c_str());
        ++failed;
    }
    std::printf("%zu passed, %zu failed\n", static_cast<std::size_t>(argc - 1) - failed, failed);
    return failed == 0 ? 0 : 1;
}
