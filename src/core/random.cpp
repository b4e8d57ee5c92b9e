#include <mydht/core/random.hpp>

#include <bit>

namespace mydht {

namespace {

std::uint64_t split_mix(std::uint64_t& state) noexcept {
    state += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
}

}  // namespace

std::uint64_t random_source::next() {
    std::array<std::uint8_t, 8> raw{};
    fill(raw);
    std::uint64_t value = 0;
    for (auto byte : raw) value = (value << 8U) | byte;
    return value;
}

prng::prng(std::uint64_t seed) noexcept {
    for (auto& word : state_) word = split_mix(seed);
}

prng::result_type prng::operator()() noexcept {
    const auto out = std::rotl(state_[1] * 5, 7) * 9;
    const auto shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return out;
}

std::uint64_t prng::below(std::uint64_t bound) noexcept {
    if (bound == 0) return 0;
    __extension__ using wide = unsigned __int128;
    auto product = static_cast<wide>((*this)()) * bound;
    auto low = static_cast<std::uint64_t>(product);
    if (low < bound) {
        const auto threshold = (0 - bound) % bound;
        while (low < threshold) {
            product = static_cast<wide>((*this)()) * bound;
            low = static_cast<std::uint64_t>(product);
        }
    }
    return static_cast<std::uint64_t>(product >> 64U);
}

double prng::unit() noexcept { return static_cast<double>((*this)() >> 11U) * 0x1.0p-53; }

prng prng::fork(std::uint64_t tag) const noexcept {
    std::uint64_t mixed = state_[0] ^ std::rotl(state_[3], 23);
    mixed = split_mix(mixed) ^ tag;
    return prng(split_mix(mixed));
}

}  // namespace mydht
