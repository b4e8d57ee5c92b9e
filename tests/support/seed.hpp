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

}  // namespace mydht::test
