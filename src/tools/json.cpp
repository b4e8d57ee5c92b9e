#include "tools/json.hpp"

#include <cstddef>

#include "tools/output.hpp"

namespace mydht::tools {

namespace {

/// The length of the UTF-8 sequence that `text` begins with; 0 when it begins with none (RFC 3629 section 4).
std::size_t utf8_length(std::string_view text) {
    const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto continues = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
    const unsigned first = at(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const bool shorter_exists = first == 0xE0 && at(1) < 0xA0;
        const bool surrogate = first == 0xED && at(1) > 0x9F;
        return continues(1) && continues(2) && !shorter_exists && !surrogate ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const bool shorter_exists = first == 0xF0 && at(1) < 0x90;
        const bool beyond_unicode = first == 0xF4 && at(1) > 0x8F;
        return continues(1) && continues(2) && continues(3) && !shorter_exists && !beyond_unicode ? 4 : 0;
    }
    return 0;
}

}  // namespace

std::string json_string(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    while (!text.empty()) {
        const auto length = utf8_length(text);
        const auto first = static_cast<unsigned char>(text[0]);
        if (length == 0) {
            out += "\\ufffd";
        } else if (first == '"' || first == '\\') {
            out += '\\';
            out += text[0];
        } else if (first < 0x20 || first == 0x7F) {
            out += "\\u00";
            out += digits[first >> 4U];
            out += digits[first & 0xFU];
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    out += '"';
    return out;
}

std::string to_base64(bytes_view data) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((data.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < data.size(); i += 3) {
        const auto left = data.size() - i;
        const std::uint32_t group = static_cast<std::uint32_t>(data[i]) << 16U |
                                    (left > 1 ? static_cast<std::uint32_t>(data[i + 1]) << 8U : 0U) |
                                    (left > 2 ? static_cast<std::uint32_t>(data[i + 2]) : 0U);
        out += digits[group >> 18U];
        out += digits[group >> 12U & 63U];
        out += left > 1 ? digits[group >> 6U & 63U] : '=';
        out += left > 2 ? digits[group & 63U] : '=';
    }
    return out;
}

void json_object::begin(std::string_view name) {
    if (!members_.empty()) members_ += ", ";
    members_.append("\"").append(name).append("\": ");
}

json_object& json_object::text(std::string_view name, std::string_view value) {
    begin(name);
    members_ += json_string(value);
    return *this;
}

json_object& json_object::number(std::string_view name, std::uint64_t value) {
    begin(name);
    members_ += std::to_string(value);
    return *this;
}

json_object& json_object::decimal(std::string_view name, double value) {
    begin(name);
    members_ += fixed(value, 3);
    return *this;
}

json_object& json_object::base64(std::string_view name, bytes_view value) {
    begin(name);
    members_.append("\"").append(to_base64(value)).append("\"");
    return *this;
}

json_object& json_object::list(std::string_view name, const std::vector<std::string>& values) {
    begin(name);
    members_ += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i > 0) members_ += ", ";
        members_ += json_string(values[i]);
    }
    members_ += ']';
    return *this;
}

json_object& json_object::list(std::string_view name, const std::vector<json_object>& values) {
    begin(name);
    members_ += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i > 0) members_ += ", ";
        members_.append("{").append(values[i].members_).append("}");
    }
    members_ += ']';
    return *this;
}

json_object& json_object::flag(std::string_view name, bool value) {
    begin(name);
    members_ += value ? "true" : "false";
    return *this;
}

}  // namespace mydht::tools
