#include <mydht/core/bytes.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace mydht {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base32_digits = "abcdefghijklmnopqrstuvwxyz234567";

constexpr std::string_view base64url_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Two characters for each number of twelve bits: three bytes are two of them.
constexpr auto base64url_pairs = [] {
    std::array<std::array<char, 2>, 4096> out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = {base64url_digits[i / 64], base64url_digits[i % 64]};
    return out;
}();

/// Above all that four characters can stand for.
constexpr std::uint32_t base64url_wrong = 1U << 24U;

/// What each character stands for at the first to the fourth place of four; base64url_wrong when it is none.
constexpr auto base64url_values = [] {
    std::array<std::array<std::uint32_t, 256>, 4> out{};
    for (std::size_t place = 0; place < out.size(); ++place) {
        out[place].fill(base64url_wrong);
        for (std::size_t i = 0; i < base64url_digits.size(); ++i) {
            out[place][static_cast<std::uint8_t>(base64url_digits[i])] = static_cast<std::uint32_t>(i)
                                                                         << (18 - 6 * place);
        }
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
    std::string out(base64url_size(data.size()), '\0');
    write_base64url(data, {reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
    return out;
}

void write_base64url(bytes_view data, bytes_span out) noexcept {
    assert(out.size() == base64url_size(data.size()));
    auto* to = out.data();
    std::size_t i = 0;
    for (; i + 3 <= data.size(); i += 3) {
        const auto three = std::uint32_t{data[i]} << 16U | std::uint32_t{data[i + 1]} << 8U | data[i + 2];
        std::memcpy(to, base64url_pairs[three >> 12U].data(), 2);
        std::memcpy(to + 2, base64url_pairs[three & 4095U].data(), 2);
        to += 4;
    }
    const auto rest = data.size() - i;
    if (rest == 0) return;
    const auto last = std::uint32_t{data[i]} << 16U | (rest == 2 ? std::uint32_t{data[i + 1]} << 8U : 0U);
    std::memcpy(to, base64url_pairs[last >> 12U].data(), 2);
    if (rest == 2) to[2] = static_cast<std::uint8_t>(base64url_pairs[last & 4095U][0]);
}

result<bytes> from_base64url(std::string_view text) {
    bytes out(base64url_bytes(text.size()));
    if (!read_base64url(text, out)) return failure(errc::malformed);
    return out;
}

bool read_base64url(std::string_view text, bytes_span out) noexcept {
    assert(out.size() == base64url_bytes(text.size()));
    const auto value = [text](std::size_t i, std::size_t place) {
        return base64url_values[place][static_cast<std::uint8_t>(text[i])];
    };
    auto* to = out.data();
    std::uint32_t all = 0;
    std::size_t i = 0;
    for (; i + 4 <= text.size(); i += 4) {
        const auto three = value(i, 0) | value(i + 1, 1) | value(i + 2, 2) | value(i + 3, 3);
        all |= three;
        to[0] = static_cast<std::uint8_t>(three >> 16U);
        to[1] = static_cast<std::uint8_t>(three >> 8U);
        to[2] = static_cast<std::uint8_t>(three);
        to += 3;
    }
    const auto rest = text.size() - i;
    if (rest == 0) return all < base64url_wrong;
    if (rest == 1) return false;
    const auto last = value(i, 0) | value(i + 1, 1) | (rest == 3 ? value(i + 2, 2) : 0U);
    to[0] = static_cast<std::uint8_t>(last >> 16U);
    if (rest == 3) to[1] = static_cast<std::uint8_t>(last >> 8U);
    const auto surplus = rest == 3 ? last & 0xffU : last & 0xffffU;
    return (all | last) < base64url_wrong && surplus == 0;
}

}  // namespace mydht
