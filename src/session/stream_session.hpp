#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include <mydht/transport/connection.hpp>
#include <mydht/wire/record.hpp>

#include "session/outbox.hpp"
#include "session/packet_piece.hpp"
#include "session/record_layer.hpp"
#include "session/session_state.hpp"
#include "session/silence_watch.hpp"
#include "session/stream_handshake.hpp"

namespace mydht::detail {

/// A session over a connection. Its coroutines: a reader for as long as it lives, a writer until the session has been
/// at rest for a while, and one for each request of the peer.
class stream_session final : public session_state {
public:
    /// What a handshake leaves behind: `first` is still to be sent, `received` came behind its last byte.
    struct beginnings {
        any_connection connection;
        handshake_outcome outcome;
        bytes first;
        bytes received;
        bool outgoing = false;
    };

    stream_session(std::shared_ptr<session_context> context, beginnings from);

    void start() override;
    [[nodiscard]] std::size_t waiting() const noexcept override { return out_.waiting(); }
    [[nodiscard]] std::size_t memory() const noexcept override;

    /// For tests.
    [[nodiscard]] record_layer& layer() noexcept { return layer_; }

private:
    [[nodiscard]] result<void> say(wire::envelope what) override;
    [[nodiscard]] bool has_room() const noexcept override;
    [[nodiscard]] std::size_t answers_waiting() const noexcept override;
    void say_goodbye(wire::close_reason reason) override;
    void cut() override;
    [[nodiscard]] bool stalled() const noexcept override;
    void tick(steady_time at) override;
    [[nodiscard]] steady_time next_tick() const noexcept override;
    void rest() override;
    [[nodiscard]] result<void> repeated(std::uint64_t) override { return failure(errc::protocol_violation); }
    void settled(std::uint64_t, bool) noexcept override {}
    void streams_have_output() override;
    /// Something is to come from the peer, or this side does not listen: somebody has to be told that somebody is
    /// there.
    void begin_to_wait();
    void watch_silence(steady_time at);
    /// What began then, if it was not `max`, should have come on by now; and when that is so.
    [[nodiscard]] bool overdue(steady_time began, steady_time at) const noexcept;
    [[nodiscard]] steady_time due_after(steady_time began) const noexcept;

    // stream_reader.cpp
    using shared_connection = std::shared_ptr<any_connection>;
    [[nodiscard]] static task<> read_loop(std::shared_ptr<stream_session> self, shared_connection connection);
    [[nodiscard]] task<std::error_code> read_until_failure(any_connection& connection);
    [[nodiscard]] task<std::error_code> take_frames(bytes_view plain);
    /// Before a read: the peer has its time for what is left of a message.
    void watch_progress();
    /// The reader stops for a while; the peer hears now and then that this side is there.
    void hold_back();
    void adapt_reading(std::size_t got, std::size_t room);
    void give_back();
    void read_failed(std::error_code why);

    [[nodiscard]] static task<> write_loop(std::shared_ptr<stream_session> self, shared_connection connection);
    [[nodiscard]] task<std::error_code> write_until_rest(any_connection& connection);
    void wake_writer();
    /// Puts the next frames of streams into the empty outbox.
    void take_stream_output();
    void settle_stream_output();
    void drop_buffers() noexcept;
    [[nodiscard]] std::shared_ptr<stream_session> self() {
        return std::static_pointer_cast<stream_session>(shared_from_this());
    }

    shared_connection unread_;  // until start()
    /// Owned by the coroutines that use it, so that a handle that somebody keeps does not keep a socket.
    std::weak_ptr<any_connection> connection_;
    record_layer layer_;
    wire::record_decoder records_;
    wire::frame_decoder frames_;
    outbox out_;
    std::vector<packet_piece> streamed_;  // frames of streams in the outbox
    wait_queue to_write_;                 // the writer, while the outbox is empty

    silence_watch silence_;
    bool reading_ = false;
    bool held_back_ = false;                        // the reader waits for this side
    bool writing_ = false;                          // the writer is there
    bool resting_ = false;                          // it may leave when there is nothing to write
    std::size_t stream_batch_;                      // bytes of streams for the outbox
    steady_time write_began_ = steady_time::max();  // max: nothing is being written
    steady_time frame_began_ = steady_time::max();  // or has come on far enough; max: none is unfinished
    std::size_t progress_ = 0;                      // bytes that came since
};

}  // namespace mydht::detail
