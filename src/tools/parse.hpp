#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <mydht/core/address.hpp>
#include <mydht/core/id.hpp>
#include <mydht/core/keys.hpp>
#include <mydht/core/log.hpp>
#include <mydht/wire/codec.hpp>

#include "tools/problem.hpp"

namespace mydht::tools {

// What users write, as values. Every problem names the text and says what would do.

/// A whole number and a unit: ms, s, m, h or d. Above zero.
[[nodiscard]] outcome<std::chrono::milliseconds> parse_duration(std::string_view text);

/// A duration that a value may live.
[[nodiscard]] outcome<std::chrono::milliseconds> parse_lifetime(std::string_view text);

[[nodiscard]] outcome<std::uint64_t> parse_number(std::string_view text);

/// 64 lower-case hexadecimal digits.
[[nodiscard]] outcome<id256> parse_id(std::string_view text);
[[nodiscard]] outcome<public_key> parse_public_key(std::string_view text);

/// Somewhere to dial: a name or number that can be dialled, perhaps with a pinned identity.
[[nodiscard]] outcome<location> parse_peer_address(std::string_view text);

/// Somewhere to listen: a name or number, wildcards and port 0 allowed, without an identity.
[[nodiscard]] outcome<location> parse_listen_address(std::string_view text);

[[nodiscard]] outcome<log_level> parse_log_level(std::string_view text);
[[nodiscard]] outcome<std::string> parse_network(std::string_view text);
[[nodiscard]] outcome<wire::any_codec> parse_codec(std::string_view text);
/// Those of this build, as in "capnp, json or cbor".
[[nodiscard]] std::string names_of_codecs();

/// Bits of work that an id can show.
[[nodiscard]] outcome<std::size_t> parse_work_bits(std::string_view text);

/// Any bytes that fit.
[[nodiscard]] outcome<std::string> parse_salt(std::string_view text);

/// The text in quotes, shortened, for messages.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace mydht::tools
