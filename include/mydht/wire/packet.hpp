#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>

/// The packets of datagram sessions: what stands before the ciphertext. Decoding allocates nothing and judges form
/// only; all else is a view of the packet. Bytes that mean nothing must be zero. docs/wire-format.md, "Datagram
/// sessions".
namespace mydht::wire {

/// The first byte of a packet. The numbers travel on the wire.
enum class packet_type : std::uint8_t {
    initial = 1,       ///< opens a handshake, padded
    answer = 2,        ///< the responder's handshake message
    cookie = 3,        ///< say it again with this cookie; in the clear
    final_answer = 4,  ///< the initiator's second handshake message, in XX
    transport = 5,     ///< frames
    reset = 6,         ///< there is no such session; in the clear
};

/// How the two sides prove themselves.
enum class packet_pattern : std::uint8_t {
    plain = 0,  ///< not at all, in closed networks
    ik = 1,     ///< Noise IK: the initiator knows the responder's key
    xx = 2,     ///< Noise XX
};

/// The least size of an initial packet, and what every way between two nodes must carry.
inline constexpr std::size_t initial_bytes_min = 1200;
inline constexpr std::size_t cookie_bytes = 16;
inline constexpr std::size_t reset_token_bytes = 16;
/// Before the Noise message of an initial packet.
inline constexpr std::size_t initial_header_bytes = 34;
/// What the handshake authenticates of it: all before the cookie, which comes later than the message.
inline constexpr std::size_t initial_bound_bytes = 16;
/// Before the Noise message of an answer and of a final one.
inline constexpr std::size_t answer_header_bytes = 14;
inline constexpr std::size_t transport_header_bytes = 16;
inline constexpr std::size_t cookie_packet_bytes = 24;
inline constexpr std::size_t reset_packet_bytes = 24;
/// A handshake message starts with the sender's ephemeral key, or with so many random bytes on plain links.
inline constexpr std::size_t ephemeral_bytes = 32;

using packet_cookie = std::array<std::uint8_t, cookie_bytes>;
using reset_token = std::array<std::uint8_t, reset_token_bytes>;
using packet_network = std::array<std::uint8_t, 8>;

struct initial_packet {
    std::uint8_t version = 0;
    packet_pattern pattern = packet_pattern::ik;
    std::uint32_t sender = 0;  ///< the initiator's index: answers name it
    packet_network network{};  ///< the tag of the network
    packet_cookie cookie{};    ///< zeros: none
    bytes_view message;        ///< at least ephemeral_bytes

    [[nodiscard]] bytes_view ephemeral() const noexcept { return message.first(ephemeral_bytes); }
    [[nodiscard]] bool has_cookie() const noexcept { return cookie != packet_cookie{}; }
};

/// An answer, and a final one: they differ in their type only.
struct answer_packet {
    std::uint8_t version = 0;
    std::uint32_t receiver = 0;
    std::uint32_t sender = 0;
    bytes_view message;
};

struct cookie_packet {
    std::uint32_t receiver = 0;
    packet_cookie cookie{};
};

struct transport_packet {
    std::uint32_t receiver = 0;
    std::uint64_t counter = 0;
    bytes_view sealed;
};

struct reset_packet {
    std::uint32_t index = 0;  ///< what the answered packet named
    reset_token token{};
};

/// Nothing for an empty packet and for a type that this build does not know.
[[nodiscard]] std::optional<packet_type> type_of(bytes_view packet) noexcept;

/// What the second to the fourth type and transport packets name: whom they are for. 0 for a packet that is too short.
[[nodiscard]] std::uint32_t receiver_of(bytes_view packet) noexcept;

// Decoders take the whole packet. Errors: errc::truncated, errc::trailing_bytes, errc::malformed (the type, a byte that
// must be zero, a pattern that is not known, a version of 0).

/// The first initial_bound_bytes are the same in all versions. Errors also: errc::truncated below initial_bytes_min.
[[nodiscard]] result<initial_packet> decode_initial(bytes_view packet);
[[nodiscard]] result<answer_packet> decode_answer(bytes_view packet);
[[nodiscard]] result<answer_packet> decode_final_answer(bytes_view packet);
[[nodiscard]] result<cookie_packet> decode_cookie(bytes_view packet);
[[nodiscard]] result<transport_packet> decode_transport(bytes_view packet);
[[nodiscard]] result<reset_packet> decode_reset(bytes_view packet);

/// Padded with zeros to `size`. Errors: errc::too_large when it does not fit; `size` is at least initial_bytes_min and
/// the message at least ephemeral_bytes (asserted).
[[nodiscard]] result<bytes> encode(const initial_packet& what, std::size_t size = initial_bytes_min);
/// The part of it that the handshake authenticates.
[[nodiscard]] std::array<std::uint8_t, initial_bound_bytes> encode_bound(const initial_packet& what) noexcept;
/// Writes another cookie into an encoded initial packet.
void put_cookie(bytes_span packet, const packet_cookie& cookie) noexcept;

/// `type` is answer or final_answer (asserted). Errors: errc::too_large for a message over 65,535 bytes.
[[nodiscard]] result<bytes> encode(const answer_packet& what, packet_type type);
[[nodiscard]] std::array<std::uint8_t, cookie_packet_bytes> encode(const cookie_packet& what) noexcept;
[[nodiscard]] std::array<std::uint8_t, reset_packet_bytes> encode(const reset_packet& what) noexcept;
/// Fills exactly transport_header_bytes (asserted); the ciphertext follows.
void write_transport_header(bytes_span out, std::uint32_t receiver, std::uint64_t counter) noexcept;

}  // namespace mydht::wire
