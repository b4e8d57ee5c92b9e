#include "wire/utf8.hpp"

#include <cstddef>
#include <cstdint>

namespace mydht::wire {

namespace {

struct range {
    std::uint8_t low;
    std::uint8_t high;
};

/// How many bytes follow a first byte; above 3 for one that cannot be first.
std::size_t following(std::uint8_t first) noexcept {
    if (first < 0x80) return 0;
    if (first < 0xc2) return 4;
    if (first < 0xe0) return 1;
    if (first < 0xf0) return 2;
    if (first < 0xf5) return 3;
    return 4;
}

/// What the second byte may be: this is where overlong forms, surrogates and too large code points are told.
range second_byte(std::uint8_t first) noexcept {
    if (first == 0xe0) return {0xa0, 0xbf};
    if (first == 0xed) return {0x80, 0x9f};
    if (first == 0xf0) return {0x90, 0xbf};
    if (first == 0xf4) return {0x80, 0x8f};
    return {0x80, 0xbf};
}

}  // namespace

bool is_utf8(bytes_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const auto first = text[i];
        const auto more = following(first);
        if (more > 3 || text.size() - i - 1 < more) return false;
        const auto second = second_byte(first);
        for (std::size_t j = 1; j <= more; ++j) {
            const auto allowed = j == 1 ? second : range{0x80, 0xbf};
            if (text[i + j] < allowed.low || text[i + j] > allowed.high) return false;
        }
        i += 1 + more;
    }
    return true;
}

}  // namespace mydht::wire
