#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <mydht/core/bytes.hpp>

namespace mydht::tools {

/// The text as a JSON string with its quotes (RFC 8259 section 7). Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

/// RFC 4648 section 4, with padding: how binary values stand in JSON.
[[nodiscard]] std::string to_base64(bytes_view data);

/// One JSON object on one line. Names are literals and are written as they are.
class json_object {
public:
    json_object& text(std::string_view name, std::string_view value);
    json_object& number(std::string_view name, std::uint64_t value);
    /// With three digits behind the point.
    json_object& decimal(std::string_view name, double value);
    json_object& base64(std::string_view name, bytes_view value);
    json_object& list(std::string_view name, const std::vector<std::string>& values);
    json_object& list(std::string_view name, const std::vector<json_object>& values);
    json_object& flag(std::string_view name, bool value);

    /// The object and the end of its line.
    [[nodiscard]] std::string line() const { return "{" + members_ + "}\n"; }

private:
    void begin(std::string_view name);

    std::string members_;
};

}  // namespace mydht::tools
