#pragma once

#include <chrono>
#include <cstddef>

/// The limits that are part of the protocol: peers rely on them, so they are no configuration. Limits that a node
/// chooses for itself are fields of the configuration structs.
namespace mydht::limits {

/// A message on a stream session, encoded.
inline constexpr std::size_t message_bytes = 1024 * 1024;
/// A value kept inline; larger objects are trees of chunks.
inline constexpr std::size_t inline_value_bytes = 64 * 1024;
/// The body of an item, encoded: an inline value with the fields around it, or a peer record.
inline constexpr std::size_t item_body_bytes = inline_value_bytes + 512;
inline constexpr std::size_t salt_bytes = 64;
inline constexpr std::size_t namespace_bytes = 32;
inline constexpr std::size_t peer_name_bytes = 64;
inline constexpr std::size_t addresses_per_contact = 8;
inline constexpr std::size_t contacts_per_message = 64;
inline constexpr std::size_t values_per_message = 16;
inline constexpr std::size_t error_text_bytes = 256;
/// Peers that a forwarded query names as visited.
inline constexpr std::size_t trace_per_message = 64;
/// The body of an asker's ticket.
inline constexpr std::size_t ticket_bytes = 640;
/// What an application says in a request that travels, and in the reply to one: sealed it is one Noise message. Ten
/// such replies fit into one answer.
inline constexpr std::size_t request_bytes = 60 * 1024;
/// The body of such a request as it travels: with what stands before it, and sealed.
inline constexpr std::size_t request_body_bytes = request_bytes + 512;
/// The name of a service.
inline constexpr std::size_t service_name_bytes = 255;

/// The longest time a holder keeps a value without a renewal; every deadline is capped at the receipt plus this.
inline constexpr std::chrono::hours value_lifetime_max{48};
/// How far the wall clocks of two honest nodes may be apart.
inline constexpr std::chrono::minutes clock_skew_max{10};

}  // namespace mydht::limits
