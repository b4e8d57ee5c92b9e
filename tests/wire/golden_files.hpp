#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <mydht/wire/codec.hpp>

#include "support/catch.hpp"
#include "wire/source_paths.hpp"

namespace mydht::test {

/// A line of a file in golden/: the message's id, its kind, and the bytes, in JSON as they are, else in hexadecimal.
struct golden_line {
    std::uint64_t id = 0;
    std::string kind;
    std::string text;
    bytes data;
};

inline std::vector<golden_line> golden_lines(const wire::any_codec& codec) {
    std::ifstream file(std::string(golden_folder) + "/" + std::string(codec.name()) + ".txt");
    std::vector<golden_line> out;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        auto& one = out.emplace_back();
        words >> one.id >> one.kind >> one.text;
        if (codec == wire::json_codec()) {
            one.data = to_bytes(one.text);
        } else {
            one.data.resize(one.text.size() / 2);
            REQUIRE(from_hex(one.text, one.data).has_value());
        }
    }
    return out;
}

}  // namespace mydht::test
