#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "session/datagram_port.hpp"
#include "session/received_packets.hpp"
#include "session/session_ciphers.hpp"
#include "session/session_state.hpp"
#include "session/silence_watch.hpp"
#include "session/unanswered_requests.hpp"

namespace mydht::detail {

class datagram_hub;
struct recovery_outcome;

/// A session in packets. It has no coroutine, timer or buffer of its own while it is at rest: the port's loop hands it
/// what comes, and one alarm tells it the time.
class datagram_session final : public session_state, public packet_source {
public:
    /// What a handshake leaves behind.
    struct beginnings {
        explicit beginnings(session_ciphers keys) : ciphers(std::move(keys)) {}

        peer_info peer;
        wire::codec_id codec = wire::codec_id::none;
        std::shared_ptr<datagram_port> port;
        std::shared_ptr<datagram_hub> hub;
        session_ciphers ciphers;
        bytes last;          ///< dialled: the last packet of the handshake, if it has one of this side
        bytes first_packet;  ///< accepted: the packet that proved the peer
        bytes first_frames;  ///< or what came with the last packet of the handshake
        std::optional<duration> round_trip;
    };

    datagram_session(std::shared_ptr<session_context> context, beginnings from);
    ~datagram_session() override;

    void start() override;
    [[nodiscard]] std::size_t waiting() const noexcept override;
    [[nodiscard]] std::size_t memory() const noexcept override;

    /// A transport packet with an index of this session.
    void take_packet(const std::shared_ptr<datagram_port>& at, const address& from, bytes_span packet);
    /// A repeat of the handshake's last packet: this side's answer to it was lost.
    void take_final_again(const address& from, bytes_view packet);
    /// The peer says that it has no such session any more.
    void take_reset() { end(errc::connection_reset, "the peer does not know the session"); }
    /// The peer begins a handshake for new keys, that is authentic, in place of those with the own index `named`. False
    /// when it is not to be answered; otherwise expect_keys() follows, with what the answer makes.
    [[nodiscard]] bool lets_renew(std::uint32_t named, wall_time stamp);
    void expect_keys(datagram_keys fresh);
    /// Goes on through this socket of this side, since the one that it had broke.
    void move_to(std::shared_ptr<datagram_port> port);
    /// Its socket broke, and there is no other one. Ends when move_to() has not come a stall_timeout after `since`: a
    /// peer may be silent for as long.
    void wait_for_port(steady_time since);
    [[nodiscard]] bool waits_for_port() const noexcept { return port_by_ != steady_time::max() && !ended(); }
    /// That socket broke: the peer's new address, if it came there, has to be seen again.
    void forget_path(const datagram_port& through) noexcept;
    void writable() override;
    /// After packets that came together: sends what they have called for.
    void after_batch();
    /// A packet of frames that were gathered.
    void send_gathered(bytes& packet) { (void)send_packet(packet); }

    [[nodiscard]] session_ciphers& ciphers() noexcept { return ciphers_; }
    [[nodiscard]] const std::shared_ptr<datagram_port>& port() const noexcept { return port_; }

private:
    /// What large messages and streams need, and small ones do not.
    struct transfer;
    /// A new address of the peer that has not answered yet.
    struct path_check {
        address where;
        std::shared_ptr<datagram_port> port;
        std::array<std::uint8_t, wire::ping_bytes> challenge{};
        steady_time until{};
    };

    [[nodiscard]] result<void> say(wire::envelope what) override;
    [[nodiscard]] bool has_room() const noexcept override;
    [[nodiscard]] std::size_t answers_waiting() const noexcept override { return waiting(); }
    void say_goodbye(wire::close_reason reason) override;
    void cut() override;
    [[nodiscard]] bool stalled() const noexcept override;
    void tick(steady_time at) override;
    [[nodiscard]] steady_time next_tick() const noexcept override;
    void rest() override;
    [[nodiscard]] result<void> repeated(std::uint64_t id) override;
    void streams_have_output() override;
    void settled(std::uint64_t id, bool answered) noexcept override;
    void start_serving(task_handle& handle, task<> work) override;

    // Sending (datagram_session.cpp).
    [[nodiscard]] bytes& begin_packet();
    [[nodiscard]] std::size_t packet_room() const noexcept;
    /// Adds the ack that is owed, seals, sends. False when there was no room in the socket.
    bool send_packet(bytes& packet);
    /// The same without an ack, and to a certain address.
    bool send_packet(bytes& packet, datagram_port& through, const address& to);
    void send_frames(bytes_view frames);
    void send_ack();
    void send_first();
    void take_first();
    void repeat_requests(steady_time at);
    /// Something is to come from the peer, so that it must be there.
    [[nodiscard]] bool awaits() noexcept;
    void begin_to_wait();
    /// Something was sent that the peer answers if it is there.
    void expect_sign(steady_time at);
    void watch_silence(steady_time at);

    // New keys (datagram_renewal.cpp).
    [[nodiscard]] static task<> renew_keys(std::shared_ptr<datagram_session> self);
    void begin_renewal();
    void take_new_keys(datagram_keys fresh);
    void drop_old_keys(steady_time at);

    // Receiving (datagram_receiving.cpp).
    [[nodiscard]] result<void> take_frames(const std::shared_ptr<datagram_port>& at, const address& from,
                                           bytes_view plain);
    [[nodiscard]] result<void> take_frame(const std::shared_ptr<datagram_port>& at, const address& from,
                                          const wire::frame& frame);
    [[nodiscard]] result<void> take_message_frame(bytes_view payload, bool in_parts);
    void refuse_to_serve(std::uint64_t id);
    void check_path(const std::shared_ptr<datagram_port>& at, const address& from, std::size_t received);
    void take_ping(const std::shared_ptr<datagram_port>& at, const address& from, bytes_view payload);
    void begin_path(std::shared_ptr<datagram_port> through);
    void take_pong(const address& from, bytes_view payload);

    // Many packets (datagram_transfer.cpp).
    [[nodiscard]] transfer& bulk();
    [[nodiscard]] bool has_bulk();
    /// Makes a packet of what lies in the buffer from `place` on.
    [[nodiscard]] result<void> seal(bytes& buffer, std::size_t place);
    void note_untracked(std::size_t size);
    [[nodiscard]] result<void> say_in_parts(std::uint64_t id, wire::message_role role, bytes_view message);
    [[nodiscard]] bool was_asked_in_parts(std::uint64_t id);
    void note_asked_in_parts(std::uint64_t id);
    /// The answer is on its way in parts.
    [[nodiscard]] bool answers_in_parts(std::uint64_t id);
    /// When tick_transfer() is due.
    [[nodiscard]] steady_time next_transfer_tick() const noexcept;
    void drop_own_parts(std::uint64_t id) noexcept;
    void pump();
    [[nodiscard]] std::size_t append_bulk_packet(bytes& batch, bool probe, steady_time at);
    void send_batch(bytes& batch, std::size_t packet_bytes);
    void probe_path(steady_time at);
    void learn_path(const recovery_outcome& outcome);
    [[nodiscard]] result<void> take_ack(bytes_view payload);
    [[nodiscard]] result<void> take_part(bytes_view payload);
    void hand_back();
    void tick_transfer(steady_time at);
    /// after_batch() is to be called.
    void touch();

    std::shared_ptr<datagram_port> port_;
    std::shared_ptr<datagram_hub> hub_;
    session_ciphers ciphers_;
    received_packets received_;
    unanswered_requests unanswered_;
    std::unique_ptr<transfer> transfer_;
    std::unique_ptr<path_check> path_;
    std::vector<std::array<std::uint8_t, wire::ping_bytes>> pongs_;  // to be said
    bytes last_;                                                     // of the handshake, until the peer is heard
    bytes first_packet_;                                             // until start()
    bytes first_frames_;
    steady_time next_final_answer_{};
    steady_time confirm_at_ = steady_time::max();
    steady_time port_by_ = steady_time::max();  // it waits until then
    duration confirm_pause_{};
    std::uint64_t newest_ = 0;  // number of a packet that came
    bool touched_ = false;      // after_batch() comes
    bool elicits_ack_ = false;  // the packet that is being taken
    bool refused_ = false;      // something in it could not be kept
    bool acked_ = false;        // an ack was in it
    bool in_parts_ = false;     // the message that is being taken came so
    bool renewing_ = false;     // renew_keys() runs
    bool gave_way_ = false;     // and is to come to nothing, since the peer's own was answered
    std::size_t foreign_budget_ =
        0;  // what may still be sent to where the packet came from, if the peer is not known there
    task_handle renewal_;
    steady_time renew_at_{};  // not before
    silence_watch silence_;
    steady_time said_at_{};
};

}  // namespace mydht::detail
