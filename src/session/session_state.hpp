#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

#include <mydht/runtime/clock.hpp>
#include <mydht/runtime/task_group.hpp>
#include <mydht/runtime/wait_queue.hpp>
#include <mydht/session/session.hpp>
#include <mydht/transport/connection.hpp>
#include <mydht/wire/codec.hpp>
#include <mydht/wire/frame.hpp>
#include <mydht/wire/record.hpp>

#include "session/eviction.hpp"
#include "session/outbox.hpp"
#include "session/record_layer.hpp"
#include "session/request_table.hpp"
#include "session/session_context.hpp"
#include "session/stream_handshake.hpp"

namespace mydht::detail {

/// One link to a proven peer, over a stream. Its coroutines: a reader for as long as it lives, a writer until the session has
/// been at rest for a while, and one for each request of the peer.
class session_state final : public std::enable_shared_from_this<session_state>, private alarm {
public:
    /// What a handshake leaves behind: `first` is still to be sent, `received` came behind its last byte.
    struct beginnings {
        any_connection connection;
        handshake_outcome outcome;
        bytes first;
        bytes received;
        bool outgoing = false;
    };

    session_state(std::shared_ptr<session_context> context, beginnings from);
    session_state(const session_state&) = delete;
    session_state& operator=(const session_state&) = delete;
    ~session_state();

    /// Starts to read, and to write what is to be sent. Once.
    void start();

    /// session::request; also goes to the link that took this one's place.
    [[nodiscard]] static task<result<wire::message>> request(std::shared_ptr<session_state> self, wire::message what,
                                                             steady_time deadline);

    /// Says goodbye and ends. Requests under way fail. May be called in any phase.
    void close(wire::close_reason reason, std::error_code why, std::string_view detail = {});
    /// Lost a crossing: no requests of ours but those under way and those of the peer, for the grace of the configuration.
    /// Further ones go to `survivor`, now and later.
    void retire(std::shared_ptr<session_state> survivor);
    /// No new requests of ours; closes as soon as none is under way.
    void wind_down(wire::close_reason reason);
    /// Ends without a goodbye. May be called in any phase.
    void end(std::error_code why, std::string_view detail = {});

    [[nodiscard]] bool open() const noexcept;
    [[nodiscard]] bool ended() const noexcept { return phase_ == phase::ended; }
    [[nodiscard]] const peer_info& peer() const noexcept { return peer_; }
    [[nodiscard]] steady_time opened_at() const noexcept { return opened_at_; }
    [[nodiscard]] bool quiet() const noexcept { return requests_.empty() && served_.empty(); }
    [[nodiscard]] session_worth worth() const noexcept;
    /// Bytes that wait to be written.
    [[nodiscard]] std::size_t waiting() const noexcept { return out_.waiting(); }

    /// Set by the pool: the owner's owner was told of this session.
    bool announced = false;
    /// The how-manieth link of the pool this is; given by the pool.
    std::uint64_t number = 0;

    /// For tests: bytes of buffers held, and the ciphers.
    [[nodiscard]] std::size_t memory() const noexcept;
    [[nodiscard]] record_layer& layer() noexcept { return layer_; }

private:
    enum class phase : std::uint8_t { open, retiring, closing, ended };

    class waiting_request;
    class served_ticket;
    struct served_request {
        task_handle running;
        std::size_t bytes = 0;
        bool answering = false;  ///< the handler has it
        bool wanted = true;      ///< the peer has not taken it back
    };
    using served_map = std::multimap<std::uint64_t, served_request>;

    /// A request of the peer, or why it cannot be served.
    struct incoming {
        std::uint64_t id = 0;
        std::size_t size = 0;
        std::optional<wire::message> what;
        wire::error refusal;
    };

    // The reading side (session_reader.cpp).
    using shared_connection = std::shared_ptr<any_connection>;
    [[nodiscard]] static task<> read_loop(std::shared_ptr<session_state> self, shared_connection connection);
    [[nodiscard]] task<std::error_code> read_until_failure(any_connection& connection);
    [[nodiscard]] task<std::error_code> take_frames(bytes_view plain);
    /// Before a read: the peer has its time for what is left of a message.
    void watch_progress();
    void adapt_reading(std::size_t got, std::size_t room);
    [[nodiscard]] result<std::optional<incoming>> take_message(bytes_view payload);
    [[nodiscard]] result<std::optional<incoming>> take_undecodable(const wire::decode_error& why, std::size_t size);
    [[nodiscard]] result<std::optional<incoming>> take_request(incoming request);
    void take_cancel(std::uint64_t id);
    [[nodiscard]] bool can_serve(std::size_t size) const noexcept;
    void read_failed(std::error_code why);

    // Serving the peer's requests (session_serving.cpp).
    void begin_serving(incoming request);
    [[nodiscard]] static task<> serve(served_ticket ticket, incoming request);
    [[nodiscard]] static task<wire::message> ask_handler(std::shared_ptr<session_state> self, wire::message what);
    [[nodiscard]] static task<> wait_for_room(std::shared_ptr<session_state> self);
    [[nodiscard]] bool may_answer() const noexcept;
    void send_answer(std::uint64_t id, wire::message answer);
    void end_serving(served_map::iterator which) noexcept;

    // The writing side.
    [[nodiscard]] static task<> write_loop(std::shared_ptr<session_state> self, shared_connection connection);
    [[nodiscard]] task<std::error_code> write_until_rest(any_connection& connection);
    [[nodiscard]] result<void> send(wire::envelope what);
    void count_waiting();
    void wake_writer();
    void tell_cancelled(std::uint64_t id);

    void fire() noexcept override;
    void arm_next();
    void arm_at_latest(steady_time when);
    void note_use();
    void leave(std::error_code why, std::string_view detail);
    void close_if_done();
    void rest();
    void drop_buffers() noexcept;
    [[nodiscard]] steady_time now() const noexcept { return context_->env.time->now(); }
    [[nodiscard]] const session_config& config() const noexcept { return context_->config; }
    [[nodiscard]] std::string name() const;

    std::shared_ptr<session_context> context_;
    shared_connection unread_;  // until start()
    /// Owned by the coroutines that use it, so that a handle that somebody keeps does not keep a socket.
    std::weak_ptr<any_connection> connection_;
    peer_info peer_;
    const wire::codec* codec_;
    record_layer layer_;
    wire::record_decoder records_;
    wire::frame_decoder frames_;
    outbox out_;

    request_table requests_;
    served_map served_;
    std::size_t served_bytes_ = 0;
    std::size_t answering_ = 0;  // requests of the peer that the handler has
    std::size_t counted_ = 0;    // of what waits, in the sum of all sessions
    wait_queue room_;            // in the outbox, for requests of ours and pongs
    wait_queue answer_room_;     // in the outbox, for answers
    wait_queue to_write_;        // the writer, while the outbox is empty
    wait_queue served_less_;     // the reader, while it holds a request back

    phase phase_ = phase::open;
    bool reading_ = false;
    bool writing_ = false;  // the writer is there
    bool resting_ = false;  // it may leave when there is nothing to write
    bool asked_ = false;
    bool used_since_rest_ = false;
    std::optional<wire::close_reason> winding_down_;
    std::shared_ptr<session_state> survivor_;
    std::error_code why_;
    steady_time opened_at_{};
    steady_time last_used_{};
    steady_time until_{};  // of the phases retiring and closing
    std::optional<steady_time> write_began_;
    std::optional<steady_time> frame_began_;  // or has come on far enough
    std::size_t progress_ = 0;                // bytes that came since
};

}  // namespace mydht::detail
