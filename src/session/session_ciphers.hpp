#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include <mydht/core/bytes.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/crypto/noise/cipher.hpp>
#include <mydht/wire/packet.hpp>

namespace mydht::detail {

/// What ends each packet of a plain link, so that who does not see its packets cannot make any. It protects from
/// nothing else.
using plain_tag = std::array<std::uint8_t, 8>;

struct plain_tags {
    plain_tag send{};
    plain_tag receive{};
};

using datagram_link = std::variant<plain_tags, noise::cipher_pair>;

/// Opens what follows the header of a transport packet, in place. Errors: errc::truncated, errc::decrypt_failed.
[[nodiscard]] result<bytes_span> open_frames(const datagram_link& link, std::uint64_t counter, bytes_span sealed);

/// What one handshake of a datagram session agrees on.
struct datagram_keys {
    std::uint32_t own_index = 0;   ///< packets to this side name it
    std::uint32_t peer_index = 0;  ///< packets to the peer do
    /// What the peer says of the session once it has forgotten it.
    wire::reset_token peer_token{};
    datagram_link link;
};

/// When keys are old enough to be replaced.
struct rekey_limits {
    duration age = std::chrono::minutes(2);
    /// Packets that went out under them.
    std::uint64_t packets = std::uint64_t{1} << 48U;
};

/// The keys of one datagram session: makes transport packets and opens them. Each handshake has indices of its own, and
/// the index that a packet names says which keys open it; around a rekey there are up to three: those in use, those
/// before them, and those that this side has answered a handshake for. Numbers of packets go on through all keys.
///
/// What one side seals the other one opens, whatever packets are lost, repeated and late, because of these rules:
/// - The side that begins has one handshake under way at a time, and forgets it before it begins another. So what it
///   may still install is the last one that it has begun.
/// - Each is stamped later than those before. So what the other side expects is the last one that it has heard of.
/// - A handshake names the keys that its side uses. When those are the expected ones they are in use from then on, and
///   are not lost to the keys that come after them. One that names older keys is late, and not answered.
/// - Keys that were installed are not confirmed before something came under them. Until then the other side may seal
///   under those before, which stay.
///
/// Moves; a moved-from one may only be destroyed or assigned to. Sealing and opening allocate nothing (but the
/// tag's bytes, when the buffer has no room for them).
class session_ciphers {
public:
    /// Numbers of packets end here, and so does the session.
    static constexpr std::uint64_t counter_end = std::uint64_t{1} << 60U;
    /// Packets that were under way may come so long after the rekey.
    static constexpr duration old_keys_kept = std::chrono::seconds(30);

    session_ciphers(datagram_keys first, steady_time now, const rekey_limits& limits = {});

    /// What a packet has beyond its frames.
    [[nodiscard]] std::size_t overhead() const noexcept;

    /// Makes a packet of what lies in `buffer` from `place` on: transport_header_bytes of room, then frames. Its
    /// number. Errors: errc::nonce_exhausted, the session is over; errc::too_large.
    [[nodiscard]] result<std::uint64_t> seal(bytes& buffer, std::size_t place = 0);
    /// The number that seal() gives next.
    [[nodiscard]] std::uint64_t next_counter() const noexcept { return counter_; }
    /// Leaves numbers out: the next one is this, if it is larger.
    void advance_to(std::uint64_t counter) noexcept { counter_ = std::max(counter_, counter); }

    /// Opens a transport packet in its own memory: the frames. The caller has found its number to be new. The first
    /// packet under keys that this side expects puts them in use. Errors: errc::decrypt_failed when it is forged or
    /// names no keys that are left (its memory is then undefined), errc::truncated, errc::malformed.
    [[nodiscard]] result<bytes_span> open(bytes_span packet, steady_time now);

    /// The key is old enough. Ask when something is to be sent: a session at rest needs no new ones. Never on a plain
    /// link.
    [[nodiscard]] bool wants_rekey(steady_time now) const noexcept;
    /// The stamp of a handshake for new keys that this side begins: the time, or a little later than the one before
    /// when the clock was set back.
    [[nodiscard]] wall_time stamp_rekey(wall_time now) noexcept;
    /// The keys of a handshake that this side began and the peer has answered: used at once.
    void install(datagram_keys fresh, steady_time now);
    /// Whether a handshake of the peer for new keys is to be answered: it was begun after all others (by its stamp), so
    /// that it is no old one that somebody sends again, and `named`, the own index of the keys that it replaces, is of
    /// the newest that the peer has. Remembers it. Never on a plain link. Only for a handshake that is authentic.
    [[nodiscard]] bool note_rekey(std::uint32_t named, wall_time stamp, steady_time now);
    /// The keys of a handshake that this side has answered: used when the peer does.
    void expect(datagram_keys fresh, steady_time now);
    /// Something came under the keys that are in use, or they are the first ones.
    [[nodiscard]] bool confirmed() const noexcept { return confirmed_; }
    /// Drops keys that nothing can come under any more.
    void forget_old(steady_time now) noexcept;

    /// The own indices that packets may name, and those that were dropped since take_retired().
    [[nodiscard]] const std::vector<std::uint32_t>& indices() const noexcept { return indices_; }
    /// Own indices that nothing names any more. Whoever finds the session by its indices forgets them.
    [[nodiscard]] std::vector<std::uint32_t> take_retired();
    /// What packets under the newest keys that are in use name.
    [[nodiscard]] std::uint32_t own_index() const noexcept { return current_.keys.own_index; }
    /// What this side's packets name.
    [[nodiscard]] std::uint32_t peer_index() const noexcept { return current_.keys.peer_index; }

    [[nodiscard]] const wire::reset_token& peer_token() const noexcept { return current_.keys.peer_token; }
    /// True when it is the peer that says so: it knows the token.
    [[nodiscard]] bool is_reset(const wire::reset_packet& what) const noexcept;

private:
    struct slot {
        datagram_keys keys;
        steady_time made_at{};
        std::uint64_t first = 0;  // number of the first packet that was sealed
    };

    [[nodiscard]] const slot* find(std::uint32_t own_index) const noexcept;
    void replace_current(slot fresh, bool confirmed, steady_time now);
    void use_expected(steady_time now);

    rekey_limits limits_;
    slot current_;
    std::unique_ptr<slot> previous_;  // opens only
    std::unique_ptr<slot> next_;      // expected
    std::vector<std::uint32_t> indices_;
    std::uint64_t counter_ = 0;
    steady_time replaced_at_{};                  // the previous keys
    wall_time newest_stamp_ = wall_time::min();  // of the peer
    wall_time own_stamp_ = wall_time::min();
    bool confirmed_ = true;
};

}  // namespace mydht::detail
