#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

#include "support/catch.hpp"

namespace mydht::test {

/// The seed of a property test: MYDHT_SEED when it is set, else a fresh one. Write `CAPTURE(seed)` behind it, so that a
/// failure prints what re-runs it.
inline std::uint64_t property_seed() {
    if (const char* given = std::getenv("MYDHT_SEED")) return std::strtoull(given, nullptr, 0);
    std::random_device device;
    const std::uint64_t high = device();
    const std::uint64_t low = device();
    return (high << 32U) | low;
}

/// The seed of a test over bad lines: MYDHT_SEED when it is set, else the same each time. What such a test asks for, that all comes
/// through in time, is likely on such lines and not certain.
inline std::uint64_t line_seed() {
    constexpr std::uint64_t usual = 20'261'122;
    const char* given = std::getenv("MYDHT_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 0) : usual;
}

}  // namespace mydht::test
