#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <mydht/wire/message.hpp>

/// Hidden queries: walks on which asker and forwarder do the same and write the same, so that who gets one cannot tell
/// which of the two its sender is. They remember nothing of the way behind them: every peer draws for itself whether a
/// walk ends with it and whether the next step is one at random, each step has a tag of its own, and nothing in the
/// message counts down. The numbers are the protocol's; after Crowds (Reiter and Rubin, 1998), with steps towards the
/// key. docs/queries.md says what they do not hide.
namespace mydht::hidden {

/// What stands in every hidden query. A peer refuses those that say anything else.
inline constexpr std::uint8_t hops = 1;  ///< not counted
inline constexpr std::uint8_t wander = 0;
inline constexpr std::uint8_t fan_out = 4;  ///< that are tried in turn where peers refuse or are away
inline constexpr std::uint8_t spread = 1;
inline constexpr std::uint8_t results = 1;
inline constexpr std::uint8_t priority = 64;
inline constexpr std::chrono::milliseconds lifetime{10'000};  ///< that each peer waits for the next one

/// A walk ends at every peer with one in so many; so it has this many hops on average.
inline constexpr unsigned mean_hops = 16;
/// One step in so many goes to anybody, the others towards the key.
inline constexpr unsigned random_steps = 4;

/// Makes a query a hidden one.
void dress(wire::forward& query);

/// It looks as every hidden query does.
[[nodiscard]] bool is_dressed(const wire::forward& query);

}  // namespace mydht::hidden
