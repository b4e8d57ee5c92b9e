#include <algorithm>
#include <fstream>
#include <iterator>

#include <mydht/wire/codec.hpp>

#include "support/catch.hpp"
#include "wire/golden_files.hpp"
#include "wire/golden_messages.hpp"
#include "wire/message_fields.hpp"

namespace mydht::test {

using namespace wire;

namespace {

std::string kind_of(const envelope& what) {
    const auto& body = shape_of<message>();
    return std::string(body.fields[body.count(&what.body)].name);
}

}  // namespace

TEST_CASE("every message of the first version is understood, and still written like that", "[golden]") {
    const auto messages = golden_messages();
    for (const auto& codec : all_codecs()) {
        const auto lines = golden_lines(codec);
        for (const auto& what : messages) {
            bytes data;
            REQUIRE(codec.encode(what, data).has_value());
            const auto text = codec == json_codec() ? std::string(as_text(data)) : to_hex(data);
            INFO(codec.name() << ".txt: " << what.id << ' ' << kind_of(what) << ' ' << text);
            const auto line = std::ranges::find(lines, what.id, &golden_line::id);
            CHECK(line != lines.end());
            if (line == lines.end()) continue;
            CHECK(line->kind == kind_of(what));
            CHECK(codec.decode(line->data).value() == what);
            CHECK(line->text == text);
        }
        CHECK(lines.size() == messages.size());
    }
}

TEST_CASE("there is a golden message of each kind", "[golden]") {
    const auto messages = golden_messages();
    for (std::size_t kind = 0; kind < std::variant_size_v<message>; ++kind) {
        CAPTURE(kind);
        CHECK(std::ranges::any_of(messages, [kind](const envelope& one) { return one.body.index() == kind; }));
    }
}

TEST_CASE("the document of the format lists the same bytes", "[golden]") {
    std::ifstream file(wire_format_document);
    const std::string document{std::istreambuf_iterator<char>(file), {}};
    REQUIRE(document.size() > 1000);
    for (const auto& one : golden_lines(capnp_codec())) {
        CAPTURE(one.id, one.text);
        CHECK(document.find(one.text) != std::string::npos);
    }
}

}  // namespace mydht::test
