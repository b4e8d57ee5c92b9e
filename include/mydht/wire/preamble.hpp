#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>

/// What a stream starts with, before any cryptography: the dialler sends a preamble, the other side answers with one
/// byte. The layout is the same in all versions for ever. docs/wire-format.md, "Preamble".
namespace mydht::wire {

/// The version of everything behind the preamble that this build speaks.
inline constexpr std::uint8_t protocol_version = 1;

/// Whether what follows is encrypted. The numbers travel on the wire.
enum class link_mode : std::uint8_t {
    secured = 1,  ///< Noise
    plain = 2,    ///< the same frames without encryption; identities are unproven
};

struct preamble {
    static constexpr std::size_t size = 16;

    std::uint8_t version_min = protocol_version;  ///< the lowest version that the sender speaks
    std::uint8_t version_max = protocol_version;  ///< the highest; at least version_min, at most 127
    link_mode mode = link_mode::secured;
    std::array<std::uint8_t, 8> network{};  ///< the tag of the network (mydht/crypto)

    friend bool operator==(const preamble&, const preamble&) = default;
};

[[nodiscard]] std::array<std::uint8_t, preamble::size> encode(const preamble& what) noexcept;

/// Reads exactly preamble::size bytes. A mode that this build does not know is kept, and answer_to refuses it.
/// Errors: errc::not_mydht when the bytes do not start as a preamble (also on fewer bytes, so a stranger can be turned
/// away at its first byte), errc::truncated, errc::trailing_bytes, errc::malformed for a version range that is empty or
/// starts at 0.
[[nodiscard]] result<preamble> decode_preamble(bytes_view data);

/// The byte that answers a preamble: 1 to 127 accept, and are the version to be spoken; the rest refuse, and the stream
/// ends behind them. Refusals that a dialler does not know count as `refused`.
enum class preamble_answer : std::uint8_t {
    invalid = 0,             ///< never sent
    refused = 0x80,          ///< no reason is given
    other_network = 0x81,    ///< the network's name or pre-shared key differs
    unknown_version = 0x82,  ///< the version ranges do not meet
    mode_refused = 0x83,     ///< one side is secured, the other plain
    busy = 0x84,             ///< no room for a session now; later may work
};

[[nodiscard]] constexpr preamble_answer accept_version(std::uint8_t version) noexcept {
    return static_cast<preamble_answer>(version);
}

/// What the listening side answers: the highest common version when networks and modes agree. `busy` and `refused` are
/// the caller's to give. The network is judged first: a stranger learns nothing about the rest.
[[nodiscard]] preamble_answer answer_to(const preamble& theirs, const preamble& own) noexcept;

/// What the dialling side makes of the answer: the version to be spoken.
/// Errors: errc::other_network, errc::unknown_version, errc::mode_refused, errc::peer_busy, errc::connection_refused
/// for another refusal, errc::not_mydht for 0 and for an accepted version that was not offered.
[[nodiscard]] result<std::uint8_t> read_answer(std::uint8_t answer, const preamble& own);

}  // namespace mydht::wire
