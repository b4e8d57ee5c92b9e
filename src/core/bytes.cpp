#include <mydht/core/bytes.hpp>

#include <algorithm>
#include <array>

namespace mydht {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base32_digits = "abcdefghijklmnopqrstuvwxyz234567";

constexpr std::string_view base64url_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The value of each character in base64url; 255 for those that are none.
constexpr auto base64url_values = [] {
    std::array<std::uint8_t, 256> out{};
    out.fill(255);
    for (std::size_t i = 0; i < base64url_digits.size(); ++i) {
        out[static_cast<std::uint8_t>(base64url_digits[i])] = static_cast<std::uint8_t>(i);
    }
    return out;
}();

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

bytes_view as_bytes(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view as_text(bytes_view data) noexcept { return {reinterpret_cast<const char*>(data.data()), data.size()}; }

bytes to_bytes(bytes_view data) { return {data.begin(), data.end()}; }
bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }

std::string to_hex(bytes_view data) {
    std::string out;
    out.reserve(data.size() * 2);
    for (auto byte : data) {
        out.push_back(hex_digits[byte >> 4U]);
        out.push_back(hex_digits[byte & 15U]);
    }
    return out;
}

result<void> from_hex(std::string_view text, bytes_span out) {
    if (text.size() != out.size() * 2) return failure(errc::not_hex);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = hex_value(text[2 * i]);
        const int low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0) return failure(errc::not_hex);
        out[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return {};
}

std::string to_base32(bytes_view data) {
    std::string out;
    out.reserve((data.size() * 8 + 4) / 5);
    std::uint32_t buffer = 0;
    unsigned held = 0;
    for (auto byte : data) {
        buffer = (buffer << 8U) | byte;
        held += 8;
        while (held >= 5) {
            held -= 5;
            out.push_back(base32_digits[(buffer >> held) & 31U]);
        }
    }
    if (held > 0) out.push_back(base32_digits[(buffer << (5 - held)) & 31U]);
    return out;
}

result<bytes> from_base32(std::string_view text) {
    bytes out;
    out.reserve(text.size() * 5 / 8);
    std::uint32_t buffer = 0;
    unsigned held = 0;
    for (char c : text) {
        const char lower = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
        const auto value = base32_digits.find(lower);
        if (value == std::string_view::npos) return failure(errc::not_base32);
        buffer = (buffer << 5U) | static_cast<std::uint32_t>(value);
        held += 5;
        if (held >= 8) {
            held -= 8;
            out.push_back(static_cast<std::uint8_t>(buffer >> held));
        }
    }
    // Five or more bits left over are a character too many; set bits are data that a longer text would have had.
    if (held >= 5 || (buffer & ((1U << held) - 1U)) != 0) return failure(errc::not_base32);
    return out;
}

std::string to_base64url(bytes_view data) {
    std::string out((data.size() * 4 + 2) / 3, '\0');
    auto* to = out.data();
    std::size_t i = 0;
    for (; i + 3 <= data.size(); i += 3) {
        const auto three = std::uint32_t{data[i]} << 16U | std::uint32_t{data[i + 1]} << 8U | data[i + 2];
        for (unsigned shift = 24; shift > 0; shift -= 6) *to++ = base64url_digits[three >> (shift - 6) & 63U];
    }
    const auto rest = data.size() - i;
    if (rest == 0) return out;
    const auto last = std::uint32_t{data[i]} << 16U | (rest == 2 ? std::uint32_t{data[i + 1]} << 8U : 0U);
    *to++ = base64url_digits[last >> 18U];
    *to++ = base64url_digits[last >> 12U & 63U];
    if (rest == 2) *to = base64url_digits[last >> 6U & 63U];
    return out;
}

result<bytes> from_base64url(std::string_view text) {
    if (text.size() % 4 == 1) return failure(errc::malformed);
    bytes out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t buffer = 0;
    unsigned held = 0;
    for (const char c : text) {
        const auto value = base64url_values[static_cast<std::uint8_t>(c)];
        if (value == 255) return failure(errc::malformed);
        buffer = buffer << 6U | value;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out.push_back(static_cast<std::uint8_t>(buffer >> held));
    }
    if ((buffer & ((1U << held) - 1U)) != 0) return failure(errc::malformed);
    return out;
}

}  // namespace mydht
