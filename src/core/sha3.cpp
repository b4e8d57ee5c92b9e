#include "core/sha3.hpp"

#include <bit>
#include <cstddef>

namespace mydht::detail {

namespace {

constexpr std::size_t lanes = 25;
/// Bytes absorbed between two permutations: 1600 bits of state less twice the 256 bits of output.
constexpr std::size_t rate = 136;

using state = std::array<std::uint64_t, lanes>;

/// The iota constants, from the LFSR of FIPS 202 section 3.2.5.
constexpr std::array<std::uint64_t, 24> round_constants = [] {
    std::array<std::uint64_t, 24> out{};
    std::uint8_t lfsr = 1;
    for (auto& constant : out) {
        for (unsigned j = 0; j <= 6; ++j) {
            if ((lfsr & 1U) != 0) constant |= std::uint64_t{1} << ((1U << j) - 1U);
            const bool carry = (lfsr & 0x80U) != 0;
            lfsr = static_cast<std::uint8_t>((unsigned{lfsr} << 1U) ^ (carry ? 0x71U : 0U));
        }
    }
    return out;
}();

void permute(state& a) noexcept {
    for (const auto constant : round_constants) {
        // theta
        std::array<std::uint64_t, 5> column{};
        for (std::size_t i = 0; i < lanes; ++i) column[i % 5] ^= a[i];
        for (std::size_t i = 0; i < lanes; ++i) a[i] ^= column[(i + 4) % 5] ^ std::rotl(column[(i + 1) % 5], 1);
        // rho and pi: the lane moves along the orbit (x, y) -> (y, 2x + 3y), rotated by the triangular numbers
        std::size_t x = 1;
        std::size_t y = 0;
        std::uint64_t moving = a[1];
        for (int t = 1; t <= 24; ++t) {
            const std::size_t next = (2 * x + 3 * y) % 5;
            x = y;
            y = next;
            const auto rotated = std::rotl(moving, (t * (t + 1) / 2) % 64);
            moving = a[x + 5 * y];
            a[x + 5 * y] = rotated;
        }
        // chi
        for (std::size_t row = 0; row < lanes; row += 5) {
            const std::array<std::uint64_t, 5> r{a[row], a[row + 1], a[row + 2], a[row + 3], a[row + 4]};
            for (std::size_t i = 0; i < 5; ++i) a[row + i] = r[i] ^ (~r[(i + 1) % 5] & r[(i + 2) % 5]);
        }
        // iota
        a[0] ^= constant;
    }
}

void absorb(state& a, std::size_t at, std::uint8_t byte) noexcept {
    a[at / 8] ^= std::uint64_t{byte} << (8 * (at % 8));
}

}  // namespace

std::array<std::uint8_t, 32> sha3_256(bytes_view data) noexcept {
    state a{};
    std::size_t at = 0;
    for (const auto byte : data) {
        absorb(a, at, byte);
        if (++at == rate) {
            permute(a);
            at = 0;
        }
    }
    absorb(a, at, 0x06);
    absorb(a, rate - 1, 0x80);
    permute(a);
    std::array<std::uint8_t, 32> out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(a[i / 8] >> (8 * (i % 8)));
    return out;
}

}  // namespace mydht::detail
