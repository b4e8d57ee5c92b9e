#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// How large packets may be on one path: begins with what every path carries and tries larger ones, since no word of
/// the network about it can be trusted (DPLPMTUD, RFC 8899). No I/O:
///
///     if (there is much to send) if (const auto size = search.probe_due(now)) {
///         ...send a packet of exactly that size and of packet_purpose::path_probe, filled by a frame that is skipped,
///            whatever the window is: in a full one there is never room for a larger packet...
///         search.probe_sent();
///     }
///     what loss_recovery says of it:      search.probe_acknowledged(size, now), search.probe_lost(size, now)
///     what it says of other packets:      search.large_acknowledged(), search.large_lost(count)
///     afterwards search.packet_bytes() is the size of full packets
class mtu_search {
public:
    /// `packet_bytes_max`: what both sockets can take, at least base_packet_bytes (asserted).
    explicit mtu_search(std::size_t packet_bytes_max) noexcept;

    [[nodiscard]] std::size_t packet_bytes() const noexcept { return current_; }

    /// The size of the probe to send now. One is under way at a time.
    [[nodiscard]] std::optional<std::size_t> probe_due(steady_time now) const noexcept;
    void probe_sent() noexcept { under_way_ = true; }
    void probe_acknowledged(std::size_t bytes, steady_time now) noexcept;
    void probe_lost(std::size_t bytes, steady_time now) noexcept;

    /// A packet of more than base_packet_bytes came through, or so many did not. When nothing but losses is heard of
    /// large packets, the path has changed, and the search begins anew.
    void large_acknowledged() noexcept { large_lost_ = 0; }
    void large_lost(std::size_t count) noexcept;

    /// The path is another one. Of a probe on the one before nothing is told any more.
    void restart() noexcept;

private:
    [[nodiscard]] std::size_t next_size() const noexcept;
    void rest(steady_time now) noexcept;
    void begin_anew() noexcept;

    std::uint16_t max_;
    std::uint16_t current_;
    std::uint8_t attempts_ = 0;
    std::uint8_t large_lost_ = 0;
    bool under_way_ = false;
    steady_time next_at_{};
};

}  // namespace mydht::detail
