#pragma once

#include <array>
#include <cstdint>

#include <mydht/core/bytes.hpp>

namespace mydht {

/// Unpredictable bytes: keys, ids, nonces, tokens. Injected, so that a simulation replays (mydht/crypto/random.hpp has
/// the operating system's).
class random_source {
public:
    random_source() = default;
    random_source(const random_source&) = delete;
    random_source& operator=(const random_source&) = delete;
    virtual ~random_source() = default;

    virtual void fill(bytes_span out) = 0;

    [[nodiscard]] std::uint64_t next();
};

/// Fast, predictable numbers for sampling and jitter: xoshiro256** 1.0 (Blackman and Vigna 2018), seeded by SplitMix64.
/// The same seed gives the same numbers on every platform. Draw once per statement: compilers order arguments
/// differently.
class prng {
public:
    using result_type = std::uint64_t;

    explicit prng(std::uint64_t seed) noexcept;

    result_type operator()() noexcept;

    /// Uniform in [0, bound); 0 for a bound of 0. Without modulo bias (Lemire 2019).
    [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept;

    /// Uniform in [0, 1).
    [[nodiscard]] double unit() noexcept;

    /// A generator of its own for a part of the world, the same for the same (state, tag). Leaves this one as it is.
    [[nodiscard]] prng fork(std::uint64_t tag) const noexcept;

    static constexpr result_type min() noexcept { return 0; }
    static constexpr result_type max() noexcept { return ~result_type{0}; }

private:
    std::array<std::uint64_t, 4> state_{};
};

/// Fisher-Yates with one draw an element: std::shuffle differs between libraries.
template <typename Range>
void shuffle(Range& items, prng& random) {
    for (std::size_t left = items.size(); left > 1; --left) {
        const auto pick = static_cast<std::size_t>(random.below(left));
        using std::swap;
        swap(items[left - 1], items[pick]);
    }
}

}  // namespace mydht
