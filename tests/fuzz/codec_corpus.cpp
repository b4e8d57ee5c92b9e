// codec_corpus FOLDER: writes the inputs that the fuzzers of the codecs begin with, one a file, into codec_NAME/ in
// FOLDER: every kind of message, structs of an application, and what somebody with bad intentions would send.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <mydht/wire/codec.hpp>

#include "../wire/drawing.hpp"
#include "../wire/golden_messages.hpp"
#include "wire/message_fields.hpp"

namespace {

using namespace mydht;
using wire::any_codec;

/// What the first byte of an input says of the rest.
enum class input : std::uint8_t { message = 0, structure = 1, message_with_tight_limits = 2 };

struct hostile {
    std::string_view codec;
    const char* name;
    input what;
    std::string data;
};

std::string repeated(std::string_view what, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += what;
    return out;
}

std::string hex(std::string_view text) {
    bytes out(text.size() / 2);
    if (!from_hex(text, out)) return {};
    return std::string(as_text(out));
}

std::string json_with(std::string_view more) {
    return R"({"id":7,"version":1,"role":0,)" + std::string(more) + R"("body":{"ping":{}}})";
}

std::vector<hostile> hostile_json() {
    std::vector<hostile> out;
    const auto add = [&out](const char* name, std::string data, input what = input::message) {
        out.push_back({"json", name, what, std::move(data)});
    };
    add("deep_lists", R"({"x":)" + repeated("[", 2000));
    add("deep_objects", repeated(R"({"x":)", 400));
    add("deep_in_struct", repeated(R"({"inner":[)", 200), input::structure);
    add("field_twice", json_with(R"("id":8,)"));
    add("kind_twice", R"({"id":7,"version":1,"role":0,"body":{"ping":{},"ping":{}}})");
    add("other_order",
        R"({"body":{"find_node":{"kinds":6,"hint":[1,{"a":null,"b":-1.5e3},"x"]}},"role":0,"version":1,"id":1})");
    add("huge_number", json_with(R"("x":1e999,)"));
    add("huge_exponent", json_with(R"("x":1e9223372036854775807,)"));
    add("tiny_exponent", json_with(R"("x":-1e-9223372036854775808,)"));
    add("number_too_large", json_with(R"("x":18446744073709551616,)") + "0");
    add("id_too_large", R"({"id":18446744073709551616,"version":1,"role":0,"body":{"ping":{}}})");
    add("id_negative", R"({"id":-1,"version":1,"role":0,"body":{"ping":{}}})");
    add("id_real", R"({"id":1.0,"version":1,"role":0,"body":{"ping":{}}})");
    add("minus_zero", R"({"id":-0,"version":1,"role":0,"body":{"ping":{}}})");
    add("invalid_utf8", R"({"id":1,"version":1,"role":1,"body":{"error":{"text":")"
                        "\xc3\x28"
                        R"("}}})");
    add("lone_surrogate", R"({"id":1,"version":1,"role":1,"body":{"error":{"text":"\ud800"}}})");
    add("escapes", R"({"id":1,"version":1,"role":1,"body":{"error":{"text":"\u0000\ud834\udd1e\/\b"}}})");
    add("nul", json_with("") + std::string(2, '\0'));
    add("byte_order_mark", "\xef\xbb\xbf" + json_with(""));
    add("padded_base64", R"({"id":1,"version":1,"role":0,"body":{"find_node":{"target":"AA=="}}})");
    add("loose_base64",
        R"({"id":1,"version":1,"role":0,"body":{"find_node":{"target":"__________________________________________9"}}})");
    add("odd_address", R"({"id":1,"version":1,"role":1,"body":{"pong":{"observed":"kind-77:YWI"}}})");
    add("reals", R"({"scale":-0.0,"front":{"circle":{"radius":18446744073709551615}}})", input::structure);
    return out;
}

std::vector<hostile> hostile_cbor() {
    std::vector<hostile> out;
    const auto add = [&out](const char* name, const std::string& data, input what = input::message) {
        out.push_back({"cbor", name, what, hex(data)});
    };
    const std::string rest = "6162016163006164a16161a0";
    add("strings_in_strings", "a1617a" + repeated("5f", 2000));
    add("texts_in_texts", "a1" + repeated("7f", 2000));
    add("deep_lists", "a1617a" + repeated("9f", 2000));
    add("deep_maps", "a1617a" + repeated("a1a0", 1000));
    add("deep_tags", "a1617a" + repeated("c1", 2000));
    add("deep_in_struct", repeated("a1627a7a81", 200), input::structure);
    add("huge_bytes",
        "a261610761"
        "7a5bffffffffffffffff00");
    add("huge_list",
        "a261610761"
        "7a9bffffffffffffffff00");
    add("huge_map", "bbffffffffffffffff6161");
    add("huge_list_in_struct", "a1627a619b0000000100000000" + repeated("60", 50), input::structure);
    add("open_map", "bf6161076162016163006164a16161a0ff");
    add("open_strings", "a5616107617a5f42010243030405ff" + rest);
    add("long_heads",
        "b90004"
        "78016161"
        "1b0000000000000007"
        "616218016163190000"
        "6164a16161a0");
    add("field_twice", "a5616107616107" + rest);
    add("tag", "a46161c107" + rest);
    add("numbers_as_keys", "a5616107617aa201020304" + rest);
    add("anything_unknown",
        "a5616107617a8af7f0f8fff97e00fa7f800000c249010000000000000000d7423bff3bffffffffffffffff00f61a00000000" + rest);
    add("invalid_utf8", "a46161016162016163016164a1616aa2616103616262c328");
    add("half_numbers", "a4616104f93c00" + rest);
    add("reals",
        "a2"
        "6164"
        "f98000"
        "616f"
        "a16163a16162fb7ff8000000000000",
        input::structure);
    add("not_finite",
        "a2"
        "6164"
        "fa7f800000"
        "616f"
        "a16161a0",
        input::structure);
    return out;
}

std::vector<hostile> hostile_bencode() {
    std::vector<hostile> out;
    const auto add = [&out](const char* name, std::string data, input what = input::message) {
        out.push_back({"bencode", name, what, std::move(data)});
    };
    const std::string rest = "1:bi1e1:ci0e1:dd1:adee";
    add("deep_lists", "d2:zz" + repeated("l", 2000));
    add("deep_dictionaries", "d2:zz" + repeated("d1:a", 500));
    add("deep_in_struct", repeated("d2:zzl", 200), input::structure);
    add("huge_string", "d1:a99999999999999999:");
    add("huger_string", "d1:a99999999999999999999:");
    add("huge_number", "d1:ai18446744073709551616e" + rest + "e");
    add("largest_number", "d1:ai18446744073709551615e" + rest + "e");
    add("lowest_number", "d1:ai1e" + rest + "2:zzi-9223372036854775808ee");
    add("leading_zero", "d1:ai07e" + rest + "e");
    add("minus_zero", "d1:ai-0e" + rest + "e");
    add("long_length", "d01:ai7e" + rest + "e");
    add("unsorted", "d1:bi1e1:ai7e1:ci0e1:dd1:adeee");
    add("field_twice", "d1:ai7e1:ai7e" + rest + "e");
    add("unsorted_unknown", "d1:ai7e" + rest + "2:zbi1e2:zai1ee");
    add("anything_unknown", "d1:ai7e" + rest + "2:zzd0:de1:xli1el1:yeeee");
    add("explicit_zero", "d1:ai7e1:bi1e1:ci0e1:dd1:bd1:bi0eeee");
    add("invalid_utf8",
        "d1:ai7e1:bi1e1:ci1e1:dd1:jd1:ai1e1:b2:\xc3\x28"
        "eee");
    add("real", "d1:d8:\x80" + std::string(7, '\0') + "1:od1:a0:ee", input::structure);
    return out;
}

std::vector<hostile> hostile_protobuf() {
    std::vector<hostile> out;
    const auto add = [&out](const char* name, const std::string& data, input what = input::message) {
        out.push_back({"protobuf", name, what, hex(data)});
    };
    const std::string ping = "08011001180022020a00";
    add("groups", ping + repeated("fb03", 500));
    add("deep_in_struct", repeated("9a03ff01", 200), input::structure);
    add("huge_length", "0801fa07ffffffffffffffffff01");
    add("length_behind_the_end", "08011001180022ff010a00");
    add("length_behind_the_record", "08011001180022020a05");
    add("long_varints",
        "888000"
        "818080808080808080"
        "00"
        "100118002202"
        "0a00");
    add("too_long_varint", "08ffffffffffffffffffff01");
    add("field_0", "000108011001180022020a00");
    add("field_twice", "080108011001180022020a00");
    add("kind_twice", "08011001180022040a000a00");
    add("anything_unknown", ping +
                                "a0060a"
                                "a106"
                                "0102030405060708"
                                "a50601020304"
                                "a20603616263");
    add("invalid_utf8", "0801100118012208520608031202c328");
    add("numbers_one_by_one",
        "7a020a00"
        "c80101"
        "c80102"
        "ca01020304",
        input::structure);
    add("real",
        "210000000000000080"
        "7a020a00",
        input::structure);
    return out;
}

/// Tables and pointers of capnproto.org/encoding.html.
std::vector<hostile> hostile_capnp() {
    std::vector<hostile> out;
    const auto add = [&out](const char* name, const std::string& data, input what = input::message) {
        out.push_back({"capnp", name, what, hex(data)});
    };
    const std::string head =
        "0000000004000000"
        "0000000002000100"
        "0700000000000000"
        "0100010006000000";
    add("root_beyond_the_end",
        "0000000001000000"
        "00000000ffffffff");
    add("root_in_itself",
        "0000000001000000"
        "fcffffff00000100");
    add("far_in_circles",
        "0000000002000000"
        "0a00000000000000"
        "0200000000000000");
    add("segments_missing", "ffffffff00000000");
    add("segment_huge",
        "00000000ffffffff"
        "0000000000000000");
    add("contacts_of_nothing", head + "01000000f8ffffff");
    add("contacts_huge", head + "0500000007ffffff");
    add("list_of_voids_in_struct",
        "0000000003000000"
        "0000000000000200"
        "0400000000000100"
        "01000000f8ffffff",
        input::structure);
    out.push_back({"capnp-packed", "zeros", input::message, hex("1100ffffff01") + repeated(hex("00ff"), 600)});
    out.push_back({"capnp-packed", "unpacks_to_the_limit", input::message,
                   hex("10"
                       "06"
                       "00ff") +
                       repeated(hex("00ff"), 511)});
    out.push_back({"capnp-packed", "run_without_end", input::message, hex("1004500200ff")});
    out.push_back({"capnp-packed", "literal_without_end", input::message, hex("100450ffaaaaaaaaaaaaaaaa20")});
    return out;
}

bool write_file(const std::filesystem::path& folder, const std::string& name, input what, bytes_view data) {
    std::filesystem::create_directories(folder);
    std::ofstream file(folder / name, std::ios::binary);
    file.put(static_cast<char>(what));
    file.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
    return file.good();
}

test::drawing full_drawing() {
    prng random(5);
    auto out = test::random_drawing(random, 1);
    out.inner.resize(2);
    out.anchor.emplace().x = -1;
    out.parent = 0;
    out.home = address::memory("a").value();
    return out;
}

bool write_all(const std::filesystem::path& to, const any_codec& codec) {
    const auto folder = to / ("codec_" + std::string(codec.name()));
    bool fine = true;
    const auto& body = wire::shape_of<wire::message>();
    for (const auto& one : test::golden_messages()) {
        bytes data;
        const auto name = std::string(body.fields[body.count(&one.body)].name) + "_" + std::to_string(one.id);
        fine = codec.encode(one, data) && write_file(folder, name, input::message, data) && fine;
        if (one.id % 4 == 0) {
            fine = write_file(folder, name + "_tight", input::message_with_tight_limits, data) && fine;
        }
    }
    for (const bool full : {false, true}) {
        bytes data;
        const auto what = full ? full_drawing() : test::drawing();
        fine = codec.encode_value(what, data) && fine;
        fine = write_file(folder, full ? "drawing_full" : "drawing_empty", input::structure, data) && fine;
    }
    return fine;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: codec_corpus FOLDER\n");
        return 2;
    }
    const std::filesystem::path to(argv[1]);
    bool fine = true;
    for (const auto& codec : wire::all_codecs()) fine = write_all(to, codec) && fine;
    for (const auto& some : {hostile_json(), hostile_cbor(), hostile_bencode(), hostile_protobuf(), hostile_capnp()}) {
        for (const auto& one : some) {
            const auto folder = to / ("codec_" + std::string(one.codec));
            if (one.data.empty()) std::fprintf(stderr, "%s has no data\n", one.name);
            fine = !one.data.empty() && write_file(folder, one.name, one.what, as_bytes(one.data)) && fine;
        }
    }
    if (!fine) std::fprintf(stderr, "codec_corpus: not everything could be written\n");
    return fine ? 0 : 1;
}
