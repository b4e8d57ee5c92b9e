#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include <mydht/core/time.hpp>
#include <mydht/wire/packet.hpp>

#include "session/handshake_rules.hpp"
#include "session/session_ciphers.hpp"

/// The way to a proven peer in datagrams, for both sides, without I/O:
///
///     initiator                                        responder
///     initial: Noise e, es, s, ss; payload, early ->                                      the peer's key is known: IK
///                                                 <-   answer: Noise e, ee, se; payload, frames
///     transport packets                           <->
///
///     initial: Noise e                            ->                                      otherwise: XX
///                                                 <-   answer: Noise e, ee, s, es; payload
///     final: Noise s, se; payload, frames         ->
///     transport packets                           <->
///
/// A plain network exchanges the packets of IK without Noise. A responder under load first answers with a cookie, which
/// the initiator puts into the same initial packet. Packets may be forged: one that is not authentic changes nothing.
namespace mydht::detail {

/// What the initiator knows before it begins.
struct datagram_goal {
    std::optional<public_key> known;  ///< the peer's key; none: XX, and any identity will do unless one is pinned
    std::optional<node_id> pinned;    ///< the identity to insist on; that of the known key when that is given
    std::uint32_t own_index = 0;      ///< what packets to this side are to name
    wire::reset_token token{};        ///< of the own index
    std::uint32_t renews = 0;  ///< the peer's index of the session whose keys this is to replace; 0: a new session
};

/// What a handshake ends in.
struct datagram_outcome {
    contact peer;  ///< its addresses as the peer says them
    wire::codec_id codec = wire::codec_id::none;
    datagram_keys keys;
    bytes frames;        ///< what came with the peer's last packet of the handshake
    bytes final_packet;  ///< to be sent until the peer is heard; empty when nothing is
};

/// The side that begins. Call protocol: send packet(), again with a cookie when take_cookie() says true, until
/// take_answer() succeeds; then finish(), once. Until then the peer of an XX handshake knows nothing of this side,
/// which can be dropped for a better one. When no answer comes begin a new handshake: a responder takes each initial
/// packet once.
class datagram_initiator {
public:
    /// `early`: frames of idempotent requests in the first packet, encoded in Cap'n Proto; none in XX (asserted).
    /// `party` must outlive it. Errors: errc::too_large when the early frames do not fit, errc::self_connection,
    /// errc::bad_key for a known key that is none.
    [[nodiscard]] static result<datagram_initiator> begin(const local_party& party, const datagram_goal& goal,
                                                          wall_time now, bytes_view early = {});

    /// The initial packet. Lives as long as the initiator stays where it is.
    [[nodiscard]] bytes_view packet() const noexcept { return packet_; }

    /// Puts the cookie into the packet, which is to be sent again. False when it is not for this handshake, or one too
    /// many.
    [[nodiscard]] bool take_cookie(bytes_view cookie_packet);

    /// True once an answer was taken. Errors, which all leave it waiting for another answer: errc::truncated,
    /// errc::trailing_bytes, errc::malformed, errc::decrypt_failed and errc::bad_key (forged, or for another
    /// handshake); those of judge_payload and settle_codec, errc::too_large and errc::unknown_version, when the peer
    /// itself is not what it should be; errc::handshake_order when there were too many already.
    [[nodiscard]] result<void> take_answer(bytes_view answer_packet);

    /// Who the peer is; when an answer was taken.
    [[nodiscard]] const contact& peer() const noexcept { return outcome_.peer; }
    [[nodiscard]] bool sends_final() const noexcept { return noise_.has_value() && !noise_->done(); }

    /// `frames` leave with the final packet, where there is one (asserted). Errors: errc::handshake_order before an
    /// answer was taken and a second time, errc::too_large.
    [[nodiscard]] result<datagram_outcome> finish(bytes_view frames = {});

private:
    enum class step : std::uint8_t { waiting, proven, over };

    datagram_initiator(const local_party& party, const datagram_goal& goal);

    struct opened_answer {
        bytes payload;
        plain_tags tags;
        std::optional<noise::handshake> noise;  ///< none on a plain link
    };
    [[nodiscard]] noise::handshake_config noise_start(bytes_view prologue) const;
    [[nodiscard]] result<bytes> make_initial(bytes_view payload);
    [[nodiscard]] result<opened_answer> read_noise(bytes_view message) const;
    [[nodiscard]] result<opened_answer> read_plain(bytes_view packet, bytes_view message) const;
    [[nodiscard]] result<bytes> make_final(bytes_view frames);

    const local_party* party_;
    datagram_goal goal_;
    std::optional<noise::public_key> known_;  // the peer's key as Noise wants it
    wire::packet_pattern pattern_;
    std::uint8_t version_;
    step step_ = step::waiting;
    std::uint8_t cookies_ = 0;
    std::uint8_t answers_ = 0;
    bytes packet_;
    noise::saved_handshake saved_;           // behind the first message
    std::optional<noise::handshake> noise_;  // that read the answer
    datagram_outcome outcome_;
};

/// What a responder knows of an initiator that has said who it is.
struct half_open_peer {
    half_open_peer() = default;
    explicit half_open_peer(datagram_outcome from);
    [[nodiscard]] std::vector<address> unpacked() const;

    public_key key;
    std::uint32_t capabilities = 0;
    wire::codec_id codec = wire::codec_id::none;
    std::uint8_t used = 0;
    std::array<std::uint8_t, 160> addresses{};  // each: kind, size, bytes
    wire::reset_token token{};
    datagram_link link;
};

/// What a responder keeps between its answer and the initiator's next packet: a fixed record without memory of its own.
class half_open_handshake {
public:
    half_open_handshake() = default;

    [[nodiscard]] std::uint32_t own_index() const noexcept { return own_index_; }
    /// The initiator has said who it is: the next packet is a transport packet. Otherwise it is a final one.
    [[nodiscard]] bool knows_peer() const noexcept { return std::holds_alternative<half_open_peer>(state_); }

    /// The transport packet is authentic: the initiator is there, and has what was sent to it. When knows_peer().
    [[nodiscard]] bool proves(bytes_view transport_packet) const;
    /// What the handshake has ended in; once, when proves() said true. Addresses that did not fit the record are left
    /// out.
    [[nodiscard]] datagram_outcome finish();

    /// Takes the final packet; when not knows_peer(). A packet that is not authentic changes nothing. Errors as
    /// datagram_initiator::take_answer.
    [[nodiscard]] result<datagram_outcome> take_final(const local_party& party, bytes_view final_packet) const;

private:
    friend class accepted_initial;

    std::variant<half_open_peer, noise::saved_handshake> state_;
    std::uint32_t own_index_ = 0;
    std::uint32_t peer_index_ = 0;
    std::uint8_t version_ = 0;
};

/// The other side's half: an initial packet that was found good. Call protocol: judge_initial(); then the cookie and
/// the repeated ephemeral key, which are the caller's; accept(), the first public-key work; answer(), once; then
/// half_open() or finish().
class accepted_initial {
public:
    /// `party` must outlive it. Errors: errc::decrypt_failed, errc::bad_key, errc::truncated, errc::malformed,
    /// errc::trailing_bytes, errc::too_large, errc::unknown_version, errc::protocol_violation, those of judge_payload
    /// and settle_codec.
    [[nodiscard]] static result<accepted_initial> accept(const local_party& party, const wire::initial_packet& initial);

    /// The initiator has said who it is: not in XX. It has proven it, but the packet may be an old one that was sent
    /// again.
    [[nodiscard]] bool knows_peer() const noexcept { return pattern_ != wire::packet_pattern::xx; }
    [[nodiscard]] const contact& peer() const noexcept { return outcome_.peer; }
    /// When the initiator sent it, by its own clock.
    [[nodiscard]] wall_time stamp() const noexcept { return stamp_; }
    /// Frames that came with it.
    [[nodiscard]] bytes_view early() const noexcept { return early_; }
    /// The own index of the session that is to get new keys; 0: a new session.
    [[nodiscard]] std::uint32_t renews() const noexcept { return renews_; }

    /// How many bytes of frames fit an answer of at most `budget` bytes.
    [[nodiscard]] std::size_t answer_room(std::size_t budget) const;

    /// The answer, of at most `budget` bytes. Errors: errc::too_large, nothing has changed then; errc::handshake_order
    /// a second time; errc::bad_key.
    [[nodiscard]] result<bytes> answer(std::uint32_t own_index, const wire::reset_token& token, bytes_view frames,
                                       std::size_t budget);

    /// What to keep until the initiator's next packet; once, when an answer was made.
    [[nodiscard]] half_open_handshake half_open();
    /// The end of it when there is nothing left to wait for: keys that replace others, or a source that a cookie has
    /// proven. Once, when an answer was made, and knows_peer().
    [[nodiscard]] datagram_outcome finish();

private:
    accepted_initial(const local_party& party, const wire::initial_packet& initial);

    [[nodiscard]] result<bytes> read_message(const wire::initial_packet& initial);
    [[nodiscard]] result<void> take_payload(bytes_view data);
    [[nodiscard]] std::size_t overhead() const;
    [[nodiscard]] result<bytes> plain_answer(wire::answer_packet packet, bytes_view payload);

    const local_party* party_;
    wire::packet_pattern pattern_;
    std::uint8_t version_;
    wall_time stamp_{};
    std::uint32_t renews_ = 0;
    bool answered_ = false;
    id256 transcript_;  // of a plain initial packet
    bytes early_;
    std::optional<noise::handshake> noise_;
    datagram_outcome outcome_;
};

/// What can be told without public-key work. Errors: errc::other_network, errc::unknown_version, errc::mode_refused.
[[nodiscard]] result<void> judge_initial(const local_party& party, const wire::initial_packet& initial);

}  // namespace mydht::detail
