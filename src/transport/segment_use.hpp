#pragma once

#include <algorithm>
#include <cstddef>

namespace mydht::detail {

/// Whether the next batch is given to the system in one call. A device that cannot cut one says so with an error, but
/// so may a packet that somebody forged (RFC 792: "source route failed" arrives as EOPNOTSUPP), hence nothing is given
/// up for ever: after a refusal some batches go packet by packet, twice as many each time, up to a limit; one that is
/// taken begins anew.
class segment_use {
public:
    static constexpr std::size_t pause_min = 16;
    static constexpr std::size_t pause_max = 4096;

    /// Of a system that knows how to at all.
    void enable() noexcept { known_ = true; }

    /// Asked once for each batch.
    [[nodiscard]] bool next() noexcept {
        if (!known_) return false;
        if (left_ == 0) return true;
        --left_;
        return false;
    }
    void refused() noexcept {
        left_ = pause_;
        pause_ = std::min(2 * pause_, pause_max);
    }
    void taken() noexcept { pause_ = pause_min; }

private:
    bool known_ = false;
    std::size_t left_ = 0;
    std::size_t pause_ = pause_min;
};

}  // namespace mydht::detail
