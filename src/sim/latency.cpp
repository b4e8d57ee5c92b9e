#include <mydht/sim/latency.hpp>

#include <array>
#include <stdexcept>

namespace mydht::sim {

namespace {

/// Quantiles i/32 of the log-normal distribution with median 1 and sigma 0.6, times 65,536; the outer two are 1/256 and
/// 255/256.
constexpr std::array<std::int64_t, 33> quantiles = {
    13284, 21434, 26105, 29719,  32864,  35752,  38487,  41130,  43724,  46299,  48878,
    51483, 54131, 56842, 59633,  62524,  65536,  68693,  72023,  75560,  79343,  83425,
    87871, 92766, 98228, 104423, 111596, 120132, 130688, 144518, 164527, 200385, 323319};

void check(duration least, duration spread) {
    if (least <= duration(0)) throw std::invalid_argument("latency_model: a latency must be longer than nothing");
    if (spread < duration(0)) throw std::invalid_argument("latency_model: the limits are in the wrong order");
    // The quantiles are applied in 64 bits.
    if (spread > std::chrono::hours(1)) throw std::invalid_argument("latency_model: a spread must be at most an hour");
}

}  // namespace

latency_model latency_model::constant(duration always) { return uniform(always, always); }

latency_model latency_model::uniform(duration least, duration most) {
    check(least, most - least);
    return {shape::uniform, least, most - least};
}

latency_model latency_model::long_tailed(duration least, duration median) {
    check(least, median - least);
    return {shape::long_tailed, least, median - least};
}

duration latency_model::sample(std::uint64_t random) const noexcept {
    if (form_ == shape::uniform) {
        __extension__ using wide = unsigned __int128;
        const auto range = static_cast<wide>(spread_.count()) + 1;
        return least_ + duration(static_cast<duration::rep>((static_cast<wide>(random) * range) >> 64U));
    }
    const auto index = static_cast<std::size_t>(random >> 59U);
    const auto fraction = static_cast<std::int64_t>((random >> 43U) & 0xffff);
    const auto low = quantiles[index];
    const auto factor = low + (((quantiles[index + 1] - low) * fraction) >> 16);
    return least_ + duration((spread_.count() >> 16) * factor + (((spread_.count() & 0xffff) * factor) >> 16));
}

}  // namespace mydht::sim
