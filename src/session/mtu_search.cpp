#include "session/mtu_search.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

#include "session/loss_recovery.hpp"

namespace mydht::detail {

namespace {

/// What links carry, less the headers of IP and UDP: the least of IPv6, WireGuard, Ethernet under IPv6 and IPv4, jumbo
/// frames, the loopback interface.
constexpr std::uint16_t sizes[] = {1232, 1372, 1452, 1472, 8952, 16'336, 65'487};
/// RFC 8899, 5.1.2: MAX_PROBES and PMTU_RAISE_TIMER.
constexpr std::uint8_t attempts_max = 3;
constexpr duration raise_time = std::chrono::minutes(10);
/// So many large packets are not lost in a row by chance.
constexpr std::size_t black_hole = 8;

}  // namespace

mtu_search::mtu_search(std::size_t packet_bytes_max) noexcept
    : max_(static_cast<std::uint16_t>(
          std::min<std::size_t>(packet_bytes_max, std::numeric_limits<std::uint16_t>::max()))),
      current_(base_packet_bytes) {
    assert(packet_bytes_max >= base_packet_bytes);
}

std::size_t mtu_search::next_size() const noexcept {
    const auto* next = std::ranges::upper_bound(sizes, current_);
    return next == std::end(sizes) || *next > max_ ? max_ : *next;
}

std::optional<std::size_t> mtu_search::probe_due(steady_time now) const noexcept {
    if (under_way_ || current_ >= max_ || now < next_at_) return std::nullopt;
    return next_size();
}

void mtu_search::probe_acknowledged(std::size_t bytes, steady_time now) noexcept {
    under_way_ = false;
    if (bytes <= current_ || bytes > max_) return;
    current_ = static_cast<std::uint16_t>(bytes);
    attempts_ = 0;
    large_lost_ = 0;
    if (current_ == max_) rest(now);
}

void mtu_search::probe_lost(std::size_t bytes, steady_time now) noexcept {
    under_way_ = false;
    if (bytes != next_size()) return;
    if (++attempts_ == attempts_max) rest(now);
}

void mtu_search::rest(steady_time now) noexcept {
    attempts_ = 0;
    next_at_ = now + raise_time;
}

void mtu_search::large_lost(std::size_t count) noexcept {
    if (current_ == base_packet_bytes) return;
    large_lost_ = static_cast<std::uint8_t>(std::min(large_lost_ + count, black_hole));
    if (large_lost_ == black_hole) begin_anew();
}

void mtu_search::restart() noexcept {
    under_way_ = false;
    begin_anew();
}

void mtu_search::begin_anew() noexcept {
    current_ = base_packet_bytes;
    attempts_ = 0;
    large_lost_ = 0;
    next_at_ = steady_time{};
}

}  // namespace mydht::detail
