#pragma once

#include <cstdint>
#include <optional>

#include <mydht/wire/record.hpp>

#include "session/handshake_rules.hpp"

namespace mydht::detail {

/// The way from the first byte of a stream to a proven peer, for both sides, without I/O:
///
///     dialler                                  listener
///     preamble                          ->
///                                       <-     one byte: the version, or why not
///     record: Noise e                   ->
///                                       <-     record: Noise e, ee, s, es; payload
///     record: Noise s, se; payload      ->
///
/// A plain link exchanges the same records without Noise: an empty one, and the two payloads as they are.
///
/// Call protocol: send what start() and every advance() appended to `out`, also when advance() failed: the peer is told
/// why it was turned away. advance() says true when the peer is known; then finish(), once. The dialler's last record
/// leaves with finish() only: until then the peer knows nothing of this dial, and it can be dropped for a better one. A
/// failure is the end: every later call gives errc::handshake_order.
class stream_handshake {
public:
    /// `pinned`: the identity to insist on. `party` must outlive the handshake.
    [[nodiscard]] static stream_handshake dialler(const local_party& party, std::optional<node_id> pinned);
    /// `busy`: a peer of the own network is told that there is no room.
    [[nodiscard]] static stream_handshake listener(const local_party& party, bool busy = false);

    /// The dialler's first bytes; nothing for a listener.
    void start(bytes& out) const;

    /// Takes bytes off the front of `input`, as far as the handshake goes, and appends what is to be sent to `out`.
    /// True when the peer is known; what is left of `input` then belongs to the session.
    /// Errors: errc::not_mydht, errc::other_network, errc::mode_refused, errc::unknown_version, errc::peer_busy,
    /// errc::connection_refused, errc::identity_mismatch (another identity than the pinned one, or the key in the
    /// payload is not the one of the handshake), errc::self_connection, errc::bad_key, errc::decrypt_failed,
    /// errc::not_supported (no codec in common), errc::protocol_violation, errc::malformed, errc::truncated,
    /// errc::trailing_bytes, errc::too_large.
    [[nodiscard]] result<bool> advance(bytes_view& input, bytes& out);

    /// The preamble was taken; for a listener.
    [[nodiscard]] bool greeted() const noexcept { return step_ > step::preamble; }

    /// Who the peer is; when advance() said true.
    [[nodiscard]] const contact& peer() const noexcept { return outcome_.peer; }

    /// Errors: errc::handshake_order, errc::too_large for an own payload that does not fit.
    [[nodiscard]] result<handshake_outcome> finish(bytes& out);

private:
    enum class step : std::uint8_t { preamble, answer, first, second, third, proven, over };

    stream_handshake(const local_party& party, bool dials);

    /// How many bytes the step needs in sum; grows once a record's length is known.
    [[nodiscard]] result<std::size_t> wanted() const;
    [[nodiscard]] result<void> take(bytes_view& input, bytes& out);
    [[nodiscard]] result<void> take_preamble(bytes_view whole, bytes& out);
    [[nodiscard]] result<void> take_answer(std::uint8_t answer, bytes& out);
    [[nodiscard]] result<void> take_first(bytes_view record, bytes& out);
    [[nodiscard]] result<void> take_payload(bytes_view record);

    [[nodiscard]] result<void> begin_noise();
    [[nodiscard]] result<void> write_record(bytes_view payload, bytes& out);
    [[nodiscard]] result<bytes> read_record(bytes_view record);
    [[nodiscard]] result<bytes> encoded_payload() const;

    const local_party* party_;
    bool dials_;
    bool busy_ = false;
    std::optional<node_id> pinned_;
    step step_;
    std::uint8_t version_ = 0;
    bytes held_;  // of the step that is not complete yet
    std::optional<noise::handshake> noise_;
    handshake_outcome outcome_;
};

}  // namespace mydht::detail
