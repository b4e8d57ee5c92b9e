#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/random.hpp>
#include <mydht/core/time.hpp>
#include <mydht/crypto/secret.hpp>

#include "session/early_gate.hpp"

namespace mydht::detail {

/// Remembers the ephemeral keys of initial packets, so that one which is sent again is known as such. Two generations:
/// the older one is forgotten as a whole. Memory grows with what came, up to a limit.
class seen_ephemerals {
public:
    /// How long a key is remembered at least, unless too many came.
    static constexpr duration kept = early_gate::fresh_for;

    /// `keys_max`: of each generation.
    explicit seen_ephemerals(random_source& random, std::size_t keys_max = 8192);

    /// Remembers the key. False when it was seen before.
    [[nodiscard]] bool add(bytes_view ephemeral, steady_time now);

    /// True when every key of the last `kept` is remembered. While so many came that some were forgotten, what is only
    /// safe once must not be done.
    [[nodiscard]] bool complete(steady_time now) const noexcept;

    [[nodiscard]] std::size_t memory() const noexcept;

private:
    /// Digests in open addressing; 0 is a free place.
    struct generation {
        std::vector<std::uint64_t> places;
        std::size_t count = 0;
        steady_time newest{};

        [[nodiscard]] bool contains(std::uint64_t digest) const noexcept;
        void insert(std::uint64_t digest);
        void grow();
    };

    void turn(steady_time now);

    secret<16> digest_key_;
    std::size_t keys_max_;
    generation current_;
    generation previous_;
    steady_time began_{};  // the current generation
    steady_time lost_{};   // of the newest key that was forgotten early
    bool lost_any_ = false;
};

}  // namespace mydht::detail
