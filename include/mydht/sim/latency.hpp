#pragma once

#include <cstdint>

#include <mydht/core/time.hpp>

namespace mydht::sim {

/// How long a link takes to carry something one way. Integers only: floating point differs between machines, and with
/// it the trace. Never nothing, so that what a node does now cannot reach another node now.
class latency_model {
public:
    /// All of them throw std::invalid_argument for a time that is not longer than nothing, or limits in the wrong
    /// order.
    [[nodiscard]] static latency_model constant(duration always);
    [[nodiscard]] static latency_model uniform(duration least, duration most);
    /// Log-normal with sigma 0.6 above `least`, cut at its 1/256 quantiles: most links are near the median, few are
    /// very slow.
    [[nodiscard]] static latency_model long_tailed(duration least, duration median);

    /// The latency that belongs to 64 uniformly random bits.
    [[nodiscard]] duration sample(std::uint64_t random) const noexcept;

private:
    enum class shape : std::uint8_t { uniform, long_tailed };

    latency_model(shape form, duration least, duration spread) : form_(form), least_(least), spread_(spread) {}

    shape form_;
    duration least_;
    duration spread_;
};

}  // namespace mydht::sim
