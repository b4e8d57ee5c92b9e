#include <mydht/wire/preamble.hpp>

#include <algorithm>

namespace mydht::wire {

namespace {

/// Starts with a byte that no text protocol and no TLS record starts with.
constexpr std::array<std::uint8_t, 4> magic{0xd7, 'm', 'd', 'h'};
constexpr std::size_t version_min_at = 4;
constexpr std::size_t version_max_at = 5;
constexpr std::size_t mode_at = 6;
constexpr std::size_t network_at = 8;
constexpr std::uint8_t version_limit = 127;

}  // namespace

std::array<std::uint8_t, preamble::size> encode(const preamble& what) noexcept {
    std::array<std::uint8_t, preamble::size> out{};
    std::ranges::copy(magic, out.begin());
    out[version_min_at] = what.version_min;
    out[version_max_at] = what.version_max;
    out[mode_at] = static_cast<std::uint8_t>(what.mode);
    std::ranges::copy(what.network, out.begin() + network_at);
    return out;
}

result<preamble> decode_preamble(bytes_view data) {
    const auto known = std::min(data.size(), magic.size());
    if (!std::equal(magic.begin(), magic.begin() + static_cast<std::ptrdiff_t>(known), data.begin())) {
        return failure(errc::not_mydht);
    }
    if (data.size() < preamble::size) return failure(errc::truncated);
    if (data.size() > preamble::size) return failure(errc::trailing_bytes);
    preamble out;
    out.version_min = data[version_min_at];
    out.version_max = data[version_max_at];
    out.mode = static_cast<link_mode>(data[mode_at]);
    std::ranges::copy(data.subspan(network_at), out.network.begin());
    if (out.version_min == 0 || out.version_min > out.version_max || out.version_max > version_limit) {
        return failure(errc::malformed);
    }
    return out;
}

preamble_answer answer_to(const preamble& theirs, const preamble& own) noexcept {
    if (theirs.network != own.network) return preamble_answer::other_network;
    const auto highest = std::min(theirs.version_max, own.version_max);
    if (highest < theirs.version_min || highest < own.version_min) return preamble_answer::unknown_version;
    if (theirs.mode != own.mode) return preamble_answer::mode_refused;
    return accept_version(highest);
}

result<std::uint8_t> read_answer(std::uint8_t answer, const preamble& own) {
    if (answer >= 1 && answer <= version_limit) {
        // Nobody who read the preamble accepts what it does not offer; the banner of another protocol starts like this.
        if (answer < own.version_min || answer > own.version_max) return failure(errc::not_mydht);
        return answer;
    }
    switch (static_cast<preamble_answer>(answer)) {
        case preamble_answer::invalid: return failure(errc::not_mydht);
        case preamble_answer::other_network: return failure(errc::other_network);
        case preamble_answer::unknown_version: return failure(errc::unknown_version);
        case preamble_answer::mode_refused: return failure(errc::mode_refused);
        case preamble_answer::busy: return failure(errc::peer_busy);
        case preamble_answer::refused: break;
    }
    return failure(errc::connection_refused);
}

}  // namespace mydht::wire
