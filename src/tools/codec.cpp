#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <mydht/wire/codec.hpp>

#include "tools/codec_examples.hpp"
#include "tools/command.hpp"
#include "tools/json.hpp"
#include "tools/output.hpp"
#include "tools/parse.hpp"

namespace mydht::tools {

namespace {

constexpr std::size_t dump_columns = 16;

outcome<bytes> encoded(const codec_example& what, const wire::any_codec& codec) {
    bytes out;
    if (auto done = codec.encode(what.make(), out); !done) {
        problem why;
        why.text = "the example of " + std::string(what.kind) + " has no form in " + std::string(codec.name());
        return tl::unexpected<problem>(std::move(why));
    }
    return out;
}

std::string padded(std::string_view text, std::size_t width) {
    return std::string(width - std::min(width, text.size()), ' ').append(text);
}

/// Sixteen bytes a line: where they begin, what they are, and as ASCII.
std::string hex_dump(bytes_view data) {
    std::string out;
    for (std::size_t at = 0; at < data.size(); at += dump_columns) {
        const auto line = data.subspan(at, std::min(dump_columns, data.size() - at));
        const bytes place{static_cast<std::uint8_t>(at >> 8U), static_cast<std::uint8_t>(at)};
        std::string shown;
        out += to_hex(place) + " ";
        for (std::size_t i = 0; i < dump_columns; ++i) {
            if (i == dump_columns / 2) out += ' ';
            out += i < line.size() ? " " + to_hex(line.subspan(i, 1)) : "   ";
            if (i < line.size()) shown += line[i] >= 0x20 && line[i] < 0x7F ? static_cast<char>(line[i]) : '.';
        }
        out += "  |" + shown + "|\n";
    }
    return out;
}

outcome<void> show(const codec_example& what, std::span<const wire::any_codec> codecs, bool json) {
    for (const auto& codec : codecs) {
        const auto data = encoded(what, codec);
        if (!data) return problem_of(data);
        const bool is_text = codec.id() == wire::codec_id::json;
        std::string out;
        if (json) {
            json_object object;
            object.text("kind", what.kind).text("codec", codec.name()).number("bytes", data->size());
            object.text("hex", to_hex(*data));
            if (is_text) object.text("text", as_text(*data));
            out = object.line();
        } else {
            out.append(what.kind).append(" in ").append(codec.name());
            out += ", " + std::to_string(data->size()) + " bytes:\n";
            out += is_text ? std::string(as_text(*data)) + "\n" : hex_dump(*data);
        }
        if (auto written = write_result(out); !written) return written;
    }
    return {};
}

/// How many bytes each kind takes in each codec.
outcome<void> show_sizes(std::span<const wire::any_codec> codecs) {
    constexpr std::size_t kind_columns = 10;
    const auto columns = [](const wire::any_codec& codec) { return std::max<std::size_t>(codec.name().size(), 5) + 2; };
    std::string out = "bytes     ";
    for (const auto& codec : codecs) out += padded(codec.name(), columns(codec));
    out += '\n';
    for (const auto& what : codec_examples()) {
        out += std::string(what.kind).append(kind_columns - what.kind.size(), ' ');
        for (const auto& codec : codecs) {
            const auto data = encoded(what, codec);
            if (!data) return problem_of(data);
            out += padded(std::to_string(data->size()), columns(codec));
        }
        out += '\n';
    }
    return write_result(out);
}

outcome<const codec_example*> parse_kind(std::string_view text) {
    const auto all = codec_examples();
    const auto found = std::ranges::find(all, text, &codec_example::kind);
    if (found != all.end()) return &*found;
    std::string kinds;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i > 0) kinds += i + 1 == all.size() ? " or " : ", ";
        kinds += all[i].kind;
    }
    return unusable(in_quotes(text) + " is no kind of message; give " + kinds);
}

}  // namespace

outcome<void> codec_command(std::string_view name, arguments given) {
    command_line line(name, "Show how messages look on the wire: mydht codec show [KIND].",
                      "An example of the kind is printed in each encoding, or in that of --codec alone: JSON as it is, "
                      "others as hexadecimal digits. Without KIND the sizes of all examples are.\n\n"
                      "Example:\n"
                      "  mydht codec show find_node --codec cbor\n");
    common_options common;
    std::optional<std::string> what;
    const codec_example* kind = nullptr;
    line.positional("show", what, "What to do; there is nothing else yet");
    line.positional<const codec_example*>("KIND", kind, parse_kind, "A kind of message: ping, find_node, nodes, ...");
    line.common(common, "For likeness with the other commands: nothing here takes time");
    if (auto go = line.parse(given); !go) return go;
    if (!what) return unusable("nothing to do was given; give show, and perhaps a kind of message");
    if (*what != "show") return unusable(in_quotes(*what) + " is nothing that can be done with codecs; give show");

    const auto all = wire::all_codecs();
    const auto chosen = common.codec ? std::span(&*common.codec, 1) : all;
    if (kind != nullptr) return show(*kind, chosen, common.json);
    if (!common.json) return show_sizes(chosen);
    for (const auto& each : codec_examples()) {
        if (auto shown = show(each, chosen, true); !shown) return shown;
    }
    return {};
}

}  // namespace mydht::tools
