// What only one encoding can get wrong.
#include <string>

#include <mydht/wire/codec.hpp>

#include "../bench/allocations.hpp"
#include "support/catch.hpp"
#include "wire/decode_memory.hpp"

namespace mydht::test {

using namespace wire;

namespace {

struct verdict {
    errc code{};
    std::string field;
    std::optional<std::size_t> offset;
};

verdict refusal(const any_codec& codec, std::string_view text) {
    decode_error why;
    const auto before = bench::allocated_bytes();
    const auto got = codec.decode(as_bytes(text), {}, &why);
    const auto taken = bench::allocated_bytes() - before;
    CAPTURE(std::string(text.substr(0, 500)));
    REQUIRE_FALSE(got.has_value());
    CHECK(taken <= decode_bytes_max(codec, text.size(), {}));
    return {why.code, why.field, why.offset};
}

std::string in_json(const envelope& what) {
    bytes out;
    REQUIRE(json_codec().encode(what, out).has_value());
    return std::string(as_text(out));
}

std::string in_bencode(const envelope& what) {
    bytes out;
    REQUIRE(bencode_codec().encode(what, out).has_value());
    return std::string(as_text(out));
}

}  // namespace

TEST_CASE("JSON is as people read it", "[codec]") {
    CHECK(in_json({7, ping()}) == R"({"id":7,"version":1,"role":0,"body":{"ping":{}}})");
    error said{error_code::busy, "a \"quoted\" line\n"};
    CHECK(in_json({0, said}) ==
          R"({"id":0,"version":1,"role":1,"body":{"error":{"code":3,"text":"a \"quoted\" line\n"}}})");
    pong seen;
    seen.observed = address::ipv4(address_kind::udp, {192, 0, 2, 1}, 4000);
    CHECK(in_json({1, seen}) == R"({"id":1,"version":1,"role":1,"body":{"pong":{"observed":"udp://192.0.2.1:4000"}}})");
    seen.observed = address::from_bytes(address_kind{77}, as_bytes("ab")).value();
    CHECK(in_json({1, seen}) == R"({"id":1,"version":1,"role":1,"body":{"pong":{"observed":"kind-77:YWI"}}})");
    // A name that would end its string.
    seen.observed = address::memory("a\"b").value();
    CHECK(in_json({1, seen}) == R"({"id":1,"version":1,"role":1,"body":{"pong":{"observed":"kind-5:YSJi"}}})");
    find_node ask;
    ask.target.data().fill(0xff);
    CHECK(
        in_json({1, ask}) ==
        R"({"id":1,"version":1,"role":0,"body":{"find_node":{"target":"__________________________________________8"}}})");
}

TEST_CASE("JSON may come in another order, with space and with what is not known", "[codec]") {
    const std::string_view text = R"( {
        "body": {"find_node": {"kinds": 6, "hint": [1, {"a": null, "b": -1.5e3}, "x"]}},
        "role": 0, "note": null, "version": 1, "id": 18446744073709551615 } )";
    find_node ask;
    ask.kinds = 6;
    CHECK(json_codec().decode(as_bytes(text)).value() == envelope{~std::uint64_t{0}, ask});
}

TEST_CASE("an answer to JSON that does not decode finds its request, in whatever order it came", "[codec]") {
    const auto id_of = [](std::string_view text, errc expected) {
        CAPTURE(std::string(text));
        decode_error why;
        CHECK(json_codec().decode(as_bytes(text), {}, &why).error() == expected);
        CHECK(why.code == expected);
        CHECK((!why.id || why.role == message_role::answer));
        return why.id;
    };
    CHECK(id_of(R"({"id":7,"role":1,"body":{"ping":5},"version":1})", errc::malformed) == 7);
    CHECK(id_of(R"({"body":{"pong":5},"version":1,"role":1,"id":7})", errc::malformed) == 7);
    CHECK(id_of(R"({"body":{"pong":{}},"role":1,"id":7})", errc::malformed) == 7);
    CHECK(id_of(R"({"body":[],"role":1,"id":7,"version":2})", errc::unknown_version) == 7);
    CHECK(id_of(R"({"body":{"tells":[1]},"role":1,"id":7,"version":1})", errc::not_supported) == 7);
    CHECK(id_of(R"({"body":null,"role":1,"id":7,"version":1})", errc::malformed) == 7);
    CHECK(id_of(R"({"id":7,"role":1,"version":1,"body":{"po)", errc::truncated) == 7);
    CHECK_FALSE(id_of(R"({"body":{"ping":5},"id":7,"version":1})", errc::malformed));
    CHECK_FALSE(id_of(R"({"body":{"ping":5},"role":1,"version":2})", errc::malformed));
    CHECK_FALSE(id_of(R"({"body":{"ping":5},"id":7,"role":3,"version":1})", errc::malformed));
    CHECK_FALSE(id_of(R"({"body":{"ping":5},,"id":7,"role":1,"version":1})", errc::malformed));
    CHECK_FALSE(id_of(R"({"role":1,"version":1,"body":{"po)", errc::truncated));
}

TEST_CASE("JSON that is no message is refused with its place", "[codec]") {
    const auto json = json_codec();
    CHECK(refusal(json, "").code == errc::truncated);
    CHECK(refusal(json, "{").code == errc::truncated);
    CHECK(refusal(json, "[]").code == errc::malformed);
    CHECK(refusal(json, "7").code == errc::malformed);
    CHECK(refusal(json, "null").code == errc::malformed);
    CHECK(refusal(json, "\xef\xbb\xbf").code == errc::truncated);
    CHECK(refusal(json, R"({"id":7,"version":1,"role":0,"body":{"ping":{}}}x)").code == errc::trailing_bytes);
    CHECK(refusal(json, R"({"id":7,"id":8,"version":1,"role":0,"body":{"ping":{}}})").field == "id");
    CHECK(refusal(json, R"({"id":7,"version":1,"role":0,"body":{"ping":{},"ping":{}}})").field == "body.ping");
    CHECK(refusal(json, R"({"id":7,"version":1,"role":0,"body":{}})").code == errc::malformed);
    CHECK(refusal(json, R"({"id":7,"version":1,"role":0})").code == errc::malformed);
    CHECK(refusal(json, R"({"id":7,"version":1,"role":0,"body":null})").field == "body");
    CHECK(refusal(json, R"({"id":-1,"version":1,"role":0,"body":{"ping":{}}})").field == "id");
    CHECK(refusal(json, R"({"id":1.5,"version":1,"role":0,"body":{"ping":{}}})").field == "id");
    CHECK(refusal(json, R"({"id":7.0,"version":1,"role":0,"body":{"ping":{}}})").field == "id");
    CHECK(refusal(json, R"({"id":1e1,"version":1,"role":0,"body":{"ping":{}}})").field == "id");
    CHECK(refusal(json, R"({"id":"7","version":1,"role":0,"body":{"ping":{}}})").field == "id");
    CHECK(refusal(json, R"({"id":7,"version":256,"role":0,"body":{"ping":{}}})").field == "version");
    CHECK(refusal(json, R"({"id":7,"version":1,"role":3,"body":{"ping":{}}})").field == "role");
    const auto at_target = [&](std::string_view target) {
        return refusal(json,
                       R"({"id":7,"version":1,"role":0,"body":{"find_node":{"target":)" + std::string(target) + "}}}");
    };
    CHECK(at_target("\"YQ\"").field == "body.find_node.target");
    CHECK(at_target("\"////\"").code == errc::malformed);
    CHECK(at_target("\"__________________________________________9\"").code == errc::malformed);
    CHECK(at_target("\"++++++++++++++++++++++++++++++++++++++++++8\"").code == errc::malformed);
    CHECK(at_target("null]").code == errc::malformed);
    const auto at_observed = [&](std::string_view place) {
        return refusal(json,
                       R"({"id":7,"version":1,"role":1,"body":{"pong":{"observed":")" + std::string(place) + "\"}}}");
    };
    for (const auto* place : {"", "udp://example.org:1", "udp://1.2.3.4", "kind-:YWI", "kind-256:YWI", "kind-7YWI",
                              "kind-1:YWI", "kind-0:YWI"}) {
        CHECK(at_observed(place).field == "body.pong.observed");
    }
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += R"({"x":)";
    CHECK(refusal(json, deep).code == errc::too_large);
    CHECK(refusal(json, R"({"id":7,"x":)" + std::string(100'000, '[')).code == errc::too_large);
}

TEST_CASE("bencode is canonical, or refused", "[codec]") {
    const auto bencode = bencode_codec();
    CHECK(in_bencode({7, ping()}) == "d1:ai7e1:bi1e1:ci0e1:dd1:adeee");
    CHECK(bencode.decode(as_bytes("d1:ai7e1:bi1e1:ci0e1:dd1:adee2:zzi1ee")).value() == envelope{7, ping()});
    for (const auto* text :
         {"d1:ai07e1:bi1e1:ci0e1:dd1:adeee", "d1:ai-0e1:bi1e1:ci0e1:dd1:adeee", "d1:ai-1e1:bi1e1:ci0e1:dd1:adeee",
          "d1:a1:71:bi1e1:ci0e1:dd1:adeee", "d01:ai7e1:bi1e1:ci0e1:dd1:adeee", "d1:bi1e1:ai7e1:ci0e1:dd1:adeee",
          "d1:ai7e1:ai7e1:bi1e1:ci0e1:dd1:adeee", "d1:ai7e1:bi1e1:ci0e1:dd1:ade2:zbi1e2:zai1eee",
          "d1:ai7e1:bi1e1:ci0e1:dd1:ade1:bdeee", "di1e1:ae", "d1:ai18446744073709551616e1:bi1e1:ci0e1:dd1:adeee",
          "d1:ai7e1:bi1e1:ci0e1:dd1:ali1eeeee", "d1:ai+7e1:bi1e1:ci0e1:dd1:adeee", "d1:ai7 e1:bi1e1:ci0e1:dd1:adeee"}) {
        CHECK(refusal(bencode, text).code == errc::malformed);
    }
    // What is not known may be longer than any number that is known.
    for (const auto* number : {"18446744073709551616", "-9223372036854775809", "99999999999999999999999999"}) {
        CHECK(bencode.decode(as_bytes("d1:ai7e1:bi1e1:ci0e1:dd1:adee2:zzi" + std::string(number) + "ee")).value() ==
              envelope{7, ping()});
    }
    for (const auto* number : {"-0", "00", "01", "", "-", "1-"}) {
        CHECK(refusal(bencode, "d1:ai7e1:bi1e1:ci0e1:dd1:adee2:zzi" + std::string(number) + "ee").code ==
              errc::malformed);
    }
    // A length that nothing stands behind reserves nothing.
    CHECK(refusal(bencode, "d1:a99999999999999999:").code == errc::truncated);
    CHECK(refusal(bencode, "d1:a99999999999999999999:").code == errc::malformed);
    CHECK(refusal(bencode, "d1:ai7e1:bi1e1:ci0e1:dd1:adeeee").code == errc::trailing_bytes);
    CHECK(refusal(bencode, "d1:zd" + std::string(100'000, 'l')).code == errc::malformed);
    CHECK(refusal(bencode, "d2:zz" + std::string(100'000, 'l')).code == errc::too_large);
    CHECK(refusal(bencode, "d1:ai7e1:bi1e1:ci0e1:dd1:ai5eee").offset == 26);
}

TEST_CASE("CBOR that is no message is refused", "[codec]") {
    const auto cbor = cbor_codec();
    bytes out;
    REQUIRE(cbor.encode({7, ping()}, out).has_value());
    CHECK(to_hex(out) ==
          "a4616107616201616300"
          "6164a1"
          "6161a0");
    const auto refused = [&](std::string_view hex) {
        bytes data(hex.size() / 2);
        REQUIRE(from_hex(hex, data).has_value());
        return refusal(cbor, as_text(data)).code;
    };
    // A map and strings of indefinite length are allowed.
    bytes open(17);
    REQUIRE(from_hex("bf6161076162016163006164a16161a0ff", open).has_value());
    CHECK(cbor.decode(open).value() == envelope{7, ping()});
    CHECK(refused("a40107616201616300"
                  "6164a16161a0") == errc::malformed);                        // a key that is a number
    CHECK(refused("a46161c1076162016163006164a16161a0") == errc::malformed);  // a tag
    CHECK(refused("a461610761610761630061"
                  "64a16161a0") == errc::malformed);                        // a field twice
    CHECK(refused("bbffffffffffffffff6161") == errc::truncated);            // so many entries
    CHECK(refused("a2616107617a5bffffffffffffffff00") == errc::truncated);  // so many bytes
    CHECK(refused("a2616107617a9bffffffffffffffff00") == errc::truncated);  // so many elements
    std::string deep = "a1617a";
    for (int i = 0; i < 50'000; ++i) deep += "81";
    CHECK(refused(deep) == errc::too_large);
    CHECK(refused("a4616107616201616300616481a0") == errc::malformed);  // a list for a body
    // Pieces of a string are not in pieces themselves, however many the sender would open.
    for (const std::string_view open_string : {"5f", "7f"}) {
        std::string strings;
        for (int i = 0; i < 500'000; ++i) strings += open_string;
        CHECK(refused("a161"
                      "7a" +
                      strings) == errc::malformed);
        CHECK(refused("a1" + strings) == errc::malformed);
    }
    CHECK(refused("a1617a5f61"
                  "61ff") == errc::malformed);                // a piece of another kind
    CHECK(refused("a1617a7f61c361a4ff") == errc::malformed);  // a letter that is spread over two pieces
    CHECK(refused("a1617a62ff41") == errc::malformed);        // no UTF-8, in what is passed over
    CHECK(refused("a1617aff") == errc::malformed);            // the end of nothing
    CHECK(refused("a1617a1c") == errc::malformed);            // a size that means nothing
    CHECK(refused("a1617af814") == errc::malformed);          // true, in two bytes
    CHECK(refused("a4616107616201616300ff") == errc::malformed);
    CHECK(refused("a46161"
                  "c2410761620161630061"
                  "64a16161a0") == errc::malformed);  // a tag
}

TEST_CASE("CBOR that is not known may be anything that is well formed", "[codec]") {
    // {id, "z": content, version, role, body}
    for (const std::string_view content :
         {"1bffffffffffffffff", "3bffffffffffffffff", "c249010000000000000000", "f97e00", "fa7f800000",
          "fbc010666666666666", "f7", "f0", "f8ff", "d9d9f7d74401020304", "5f42010243030405ff",
          "7f657374726561646d696e67ff", "9f018202039f0405ffff", "a201020304", "bf6161019fff9fffa0f6ff",
          "bf6346756ef563416d7421ff"}) {
        CAPTURE(content);
        const auto hex = "a5616107617a" + std::string(content) + "6162016163006164a16161a0";
        bytes data(hex.size() / 2);
        REQUIRE(from_hex(hex, data).has_value());
        CHECK(cbor_codec().decode(data).value() == envelope{7, ping()});
        // Cut off within it, it is not whole.
        for (std::size_t size = 6; size < 6 + content.size() / 2; ++size) {
            CHECK(refusal(cbor_codec(), as_text(bytes_view(data).first(size))).code == errc::truncated);
        }
    }
}

TEST_CASE("Protocol Buffers that are no message are refused", "[codec]") {
    const auto codec = find_codec("protobuf");
    if (!codec) return;  // not in this build
    const auto of_hex = [](std::string_view hex) {
        bytes out(hex.size() / 2);
        REQUIRE(from_hex(hex, out).has_value());
        return out;
    };
    const auto refused = [&](std::string_view hex) { return refusal(*codec, as_text(of_hex(hex))); };
    const std::string ping_7 = "08071001180022020a00";
    CHECK(codec->decode(of_hex(ping_7)).value() == envelope{7, ping()});
    // What is not known, of each kind that there is; numbers with bytes that they could do without.
    CHECK(codec
              ->decode(of_hex(ping_7 + "a0060a"
                                       "a1060102030405060708"
                                       "a50601020304"
                                       "a20603616263"))
              .value() == envelope{7, ping()});
    CHECK(codec
              ->decode(of_hex("08878000"
                              "1001180022020a00"))
              .value() == envelope{7, ping()});

    CHECK(refused(ping_7 + "fb03fc03").code == errc::malformed);  // a group
    CHECK(refused(ping_7 + "fc03").code == errc::malformed);      // the end of one
    CHECK(refused(ping_7 + "fe03").code == errc::malformed);      // kinds of values that there are not
    CHECK(refused("0201" + ping_7).code == errc::malformed);      // a field with the number 0
    CHECK(refused("0001" + ping_7).code == errc::malformed);
    CHECK(refused(ping_7 + "0000").code == errc::trailing_bytes);
    CHECK(refused("0807" + ping_7).field == "id");                       // a field twice
    CHECK(refused("08071001180022040a000a00").field == "body.ping");     // two kinds
    CHECK(refused("09070000000000000010011800220a0a00").field == "id");  // eight bytes for a number
    CHECK(refused("0807108002180022020a00").field == "version");         // a number that does not fit
    CHECK(refused("08ffffffffffffffffffff01").code == errc::malformed);  // more than ten bytes
    CHECK(refused("0807"
                  "fa07ffffffffffffffff7f")
              .code == errc::truncated);  // a huge length, of what is not known
    CHECK(refused("0807100118002"
                  "2ffffffff07")
              .code == errc::truncated);
    CHECK(refused("08071001180022020a05").code == errc::truncated);
    CHECK(refused("08071001180022020a0100").code == errc::malformed);  // reaches beyond what it is in
    CHECK(refused("0880").code == errc::truncated);
    CHECK(refused("0880").offset == 2);
}

}  // namespace mydht::test
