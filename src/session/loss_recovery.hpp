#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/wire/ack.hpp>
#include <mydht/wire/packet.hpp>

#include "session/congestion.hpp"
#include "session/pacer.hpp"
#include "session/packet_piece.hpp"
#include "session/queue_watch.hpp"
#include "session/ring.hpp"
#include "session/rtt_estimator.hpp"

namespace mydht::detail {

/// Packets of at most so many bytes pass every path (RFC 9000, 14): a first packet is as large, so a path that does not
/// carry it carries no session.
inline constexpr std::size_t base_packet_bytes = wire::initial_bytes_min;

enum class packet_purpose : std::uint8_t {
    untracked,   ///< asks for no ack: acks alone, or what is asked for again if it is lost
    tracked,     ///< asks for an ack
    path_probe,  ///< tracked, and larger than the path is known to carry: its loss says nothing else
};

/// What became of packets. The caller keeps one and hands it in again and again; each call adds to it.
struct recovery_outcome {
    std::vector<packet_piece>
        acknowledged;                    ///< the peer has it; may repeat, and may come after the same piece was lost
    std::vector<packet_piece> lost;      ///< to be said again, if it still matters
    std::size_t probe_acknowledged = 0;  ///< size of a path probe on the present path
    std::size_t probe_lost = 0;          ///< size of a path probe on the present path
    bool large_acknowledged = false;     ///< a packet of more than base_packet_bytes came through there
    std::size_t large_lost = 0;          ///< so many did not

    void clear() noexcept;
};

/// Numbers the packets of one session, remembers what each held until its fate is known, and says when to send: loss
/// detection of RFC 9002, 6, with its timers, congestion control and pacing; queue_watch bounds the window where
/// packets wait long on the way. No I/O:
///
///     while (there is something to say and recovery.can_send(bytes) and recovery.next_send_time() <= now) {
///         ...make a packet of number recovery.next_number()...
///         recovery.on_sent(bytes, purpose, pieces, now);   // also if the system did not take it: then it is lost
///     }
///     an ack came:                        recovery.on_ack(ack, now, outcome);
///     recovery.next_timer() is reached:   recovery.on_timer(now, outcome);
///     while (recovery.probes_wanted() > 0) ...send a tracked packet, a ping if there is nothing else to say...
///
/// Packets that hold nothing but acks leave whatever can_send says. Memory is bounded and follows the packets under
/// way. A loss that turns out to be none widens what counts as a late packet, and takes the congestion response back.
class loss_recovery {
public:
    /// `random` decides which numbers are left out, so that a peer cannot acknowledge what it has not seen (RFC 9000,
    /// 21.4). `first`: the number of the next packet, when there were some before.
    loss_recovery(std::size_t packet_bytes, std::uint64_t random, std::uint64_t first = 0) noexcept;

    /// Counts from 0 and goes on when the keys change.
    [[nodiscard]] std::uint64_t next_number() const noexcept { return next_; }
    /// The packet of number next_number() left, with all that goes over the wire.
    void on_sent(std::size_t bytes, packet_purpose purpose, std::span<const packet_piece> pieces, steady_time now);

    /// Errors: errc::protocol_violation for an ack of a packet that was not sent; nothing is changed then.
    [[nodiscard]] result<void> on_ack(const wire::ack& ack, steady_time now, recovery_outcome& out);

    /// When on_timer has work to do; nothing while nothing is under way.
    [[nodiscard]] std::optional<steady_time> next_timer() const noexcept;
    void on_timer(steady_time now, recovery_outcome& out);

    /// True when the window, or a probe that is due, has room for a tracked packet.
    [[nodiscard]] bool can_send(std::size_t bytes) const noexcept;
    /// The pace: from when on a tracked packet may leave. Maybe long past.
    [[nodiscard]] steady_time next_send_time() const noexcept;
    /// Tracked packets that have to leave now whatever the window is.
    [[nodiscard]] unsigned probes_wanted() const noexcept { return probes_; }
    /// How many times in a row the peer was asked for a sign in vain.
    [[nodiscard]] unsigned timeouts() const noexcept { return timeouts_; }
    [[nodiscard]] bool anything_in_flight() const noexcept { return under_way_ > 0; }

    /// A round trip that was measured otherwise: by the handshake.
    void sample_round_trip(duration round_trip, steady_time now) noexcept { rtt_.sample(round_trip, {}, now); }
    [[nodiscard]] const rtt_estimator& round_trip() const noexcept { return rtt_; }
    [[nodiscard]] const congestion& window() const noexcept { return congestion_; }

    void set_packet_bytes(std::size_t bytes) noexcept { congestion_.set_packet_bytes(bytes); }
    /// The peer is at another address now: its path is measured anew (RFC 9000, 9.4). What is under way is still
    /// awaited.
    void path_changed() noexcept;

    /// Gives the memory back when nothing is under way.
    void release() noexcept;
    [[nodiscard]] std::size_t memory() const noexcept;

private:
    struct sent_packet {
        std::uint64_t number = 0;
        steady_time at{};
        std::uint32_t pieces_at = 0;  // counted from the first piece ever, modulo 2^32
        std::uint16_t bytes = 0;
        std::uint16_t pieces = 0;
        bool acknowledged = false;
        bool told_lost = false;  // its pieces were handed out to be said again, though it may come yet
        bool path_probe = false;
    };
    /// Kept for a while, in case it was only late.
    struct lost_packet {
        std::uint64_t number = 0;
        steady_time at{};
        std::uint32_t event = 0;
        std::uint32_t pieces_at = 0;
        std::uint16_t pieces = 0;
        bool came = false;
    };
    /// The pieces of a queue of packets.
    struct piece_queue {
        ring<packet_piece> pieces;
        std::uint32_t begin = 0;  // the place of the front

        std::uint32_t push(std::span<const packet_piece> all);
        void append_to(std::vector<packet_piece>& out, std::uint32_t at, std::size_t count) const;
        void pop(std::size_t count) noexcept;
    };
    [[nodiscard]] bool claims_unsent(const wire::ack& ack) const noexcept;
    void skip_numbers() noexcept;
    void watch_queue(duration round_trip, std::uint64_t number, steady_time now) noexcept;
    [[nodiscard]] const sent_packet* find(std::uint64_t number) const noexcept;
    bool take_range(const wire::packet_range& range, bool limited, recovery_outcome& out);
    void acknowledge(sent_packet& packet, bool limited, recovery_outcome& out);
    bool take_late(const wire::packet_range& range, recovery_outcome& out);
    void detect_lost(steady_time now, recovery_outcome& out);
    bool lose(const sent_packet& packet, steady_time now, recovery_outcome& out);
    void begin_event() noexcept;
    void remember_lost(const sent_packet& packet);
    void forget_lost(steady_time now) noexcept;
    void pop_sent() noexcept;
    void pop_lost() noexcept;
    void ask_again(recovery_outcome& out);
    [[nodiscard]] steady_time probe_at() const noexcept;
    [[nodiscard]] bool on_this_path(const sent_packet& packet) const noexcept { return packet.number >= path_from_; }
    [[nodiscard]] std::size_t queue_bound() const noexcept;
    [[nodiscard]] std::size_t pacing_window() const noexcept;

    std::uint64_t next_ = 0;
    std::uint64_t largest_acknowledged_ = 0;  // if a packet lies below, it was overtaken
    std::uint64_t path_from_ = 0;
    std::uint64_t skip_at_ = 0;
    std::uint64_t random_;
    std::array<std::uint64_t, 4> skipped_;
    rtt_estimator rtt_;
    congestion congestion_;
    pacer pacer_;
    queue_watch queue_;
    ring<sent_packet> sent_;  // in order; the front is not acknowledged
    piece_queue sent_pieces_;
    ring<lost_packet> lost_;
    piece_queue lost_pieces_;
    std::optional<steady_time> loss_at_;
    steady_time last_sent_at_{};
    std::optional<steady_time> run_from_;  // since then nothing came through
    std::uint32_t under_way_ = 0;          // tracked packets whose fate is open
    std::uint32_t event_ = 0;              // counts the times that the window shrank
    std::uint32_t event_lost_ = 0;         // packets that it shrank for last
    bool reorders_ = false;
    std::uint8_t time_threshold_;  // in eighths of a round trip
    std::uint8_t probes_ = 0;
    std::uint8_t timeouts_ = 0;
};

}  // namespace mydht::detail
