#pragma once

#include <memory>

#include <mydht/core/random.hpp>
#include <mydht/runtime/environment.hpp>

#include "runtime/fixture.hpp"

namespace mydht::test {

/// A random source that replays from its seed.
class seeded_random final : public random_source {
public:
    explicit seeded_random(std::uint64_t seed) : random_(seed) {}
    void fill(bytes_span out) override {
        for (auto& byte : out) byte = static_cast<std::uint8_t>(random_.below(256));
    }

private:
    prng random_;
};

/// A world in which time passes when the loop says so, and that replays from its seed. The loop outlives it.
inline environment environment_on(loop& on, std::uint64_t seed) {
    environment out;
    out.exec = on.context.get_executor();
    out.workers = out.exec;
    out.time = std::shared_ptr<time_source>(std::shared_ptr<void>(), &on.time);
    out.secure_random = std::make_shared<seeded_random>(seed);
    out.random = std::make_shared<prng>(seed);
    return out;
}

}  // namespace mydht::test
