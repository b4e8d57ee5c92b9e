#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <mydht/core/time.hpp>

namespace mydht::detail {

/// Why a datagram is dropped.
enum class packet_fault : std::uint8_t {
    unreadable,  ///< cut off, or no packet of this protocol
    unknown,     ///< for a session or a handshake that is not here
    forged,      ///< damaged, or made by somebody else
    repeated,    ///< it came before
    early,       ///< it came before the session that it is for
    unwanted,    ///< of another network, late, or more than is taken
};
inline constexpr std::size_t packet_fault_count = 6;

/// What the log says of such packets.
[[nodiscard]] constexpr std::string_view text_of(packet_fault what) noexcept {
    switch (what) {
        case packet_fault::unreadable: return "cannot be read";
        case packet_fault::unknown: return "are for no session or handshake here";
        case packet_fault::forged: return "are not authentic";
        case packet_fault::repeated: return "came before";
        case packet_fault::early: return "are too early for their session";
        case packet_fault::unwanted: return "are not wanted";
    }
    return "";
}

/// When the log is to tell of packets that are dropped: whoever sends them, and however many, it is one line of each
/// kind in a while.
class packet_faults {
public:
    /// Between lines of one kind.
    static constexpr duration pause = std::chrono::minutes(1);

    /// One more. Zero, or when the log is to tell, how many have come since it last did; this one is among them.
    [[nodiscard]] std::uint64_t note(packet_fault what, steady_time now) noexcept {
        auto& kind = kinds_[static_cast<std::size_t>(what)];
        ++kind.untold;
        if (now < kind.next_line) return 0;
        kind.next_line = now + pause;
        const auto out = kind.untold;
        kind.untold = 0;
        return out;
    }

private:
    struct kind {
        steady_time next_line = steady_time::min();
        std::uint64_t untold = 0;
    };

    std::array<kind, packet_fault_count> kinds_{};
};

}  // namespace mydht::detail
