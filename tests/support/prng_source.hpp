#pragma once

#include <mydht/core/random.hpp>

namespace mydht::test {

/// Predictable "secure" bytes, so that a failing test can be run again.
class prng_source final : public random_source {
public:
    explicit prng_source(std::uint64_t seed) : random_(seed) {}

    void fill(bytes_span out) override {
        for (auto& byte : out) byte = static_cast<std::uint8_t>(random_.below(256));
    }

private:
    prng random_;
};

}  // namespace mydht::test
