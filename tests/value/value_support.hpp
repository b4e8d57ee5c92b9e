#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include <mydht/core/time.hpp>
#include <mydht/crypto/identity.hpp>

namespace mydht::test {

inline identity make_identity(std::uint8_t number) {
    std::array<std::uint8_t, identity::seed_size> seed{};
    seed.fill(number);
    return *identity::from_seed(seed);
}

/// A moment in 2026, in whole milliseconds.
inline constexpr wall_time noon = wall_time(std::chrono::milliseconds(1'780'000'000'000));

}  // namespace mydht::test
