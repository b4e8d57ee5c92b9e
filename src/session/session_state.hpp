#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <mydht/runtime/clock.hpp>
#include <mydht/runtime/task_group.hpp>
#include <mydht/runtime/wait_queue.hpp>
#include <mydht/session/session.hpp>
#include <mydht/wire/codec.hpp>
#include <mydht/wire/frame.hpp>

#include "session/eviction.hpp"
#include "session/request_table.hpp"
#include "session/served_requests.hpp"
#include "session/session_context.hpp"
#include "session/session_streams.hpp"

namespace mydht::detail {

/// One link to a proven peer, whatever carries it: requests and answers, and the phases of a session's life. How frames
/// travel is the carrier's part, which derives from this: stream_session over a connection, datagram_session in
/// packets. A carrier calls take_message() for each message that comes and read_failed() when no more can; the base
/// calls the carrier's functions below.
class session_state : public std::enable_shared_from_this<session_state>,
                      protected alarm,
                      protected streams_host,
                      protected serving_host {
public:
    session_state(const session_state&) = delete;
    session_state& operator=(const session_state&) = delete;
    ~session_state() override;

    /// What admission gave the peer. Before start().
    void give_priority(std::uint8_t priority) noexcept { peer_.priority = priority; }
    /// Starts to carry. Once.
    virtual void start() = 0;

    /// session::request; also goes to the link that took this one's place.
    [[nodiscard]] static task<result<wire::message>> request(std::shared_ptr<session_state> self, wire::message what,
                                                             steady_time deadline);

    /// session::open_stream; also goes to the link that took this one's place.
    [[nodiscard]] static result<stream> open_stream(std::shared_ptr<session_state> self, std::string service);

    /// Says goodbye and ends. Requests under way and streams fail. May be called in any phase.
    void close(wire::close_reason reason, std::error_code why, std::string_view detail = {});
    /// Lost a crossing: further requests and streams of ours go to `survivor`, now and later. Requests under way have
    /// the grace of the configuration; streams stay until they end, and the link with them.
    void retire(std::shared_ptr<session_state> survivor);
    /// No new requests of ours, and no streams; closes as soon as no request is under way.
    void wind_down(wire::close_reason reason);
    /// Ends without a goodbye. May be called in any phase.
    void end(std::error_code why, std::string_view detail = {});

    [[nodiscard]] bool open() const noexcept;
    /// Not ended, nor about to be once a goodbye has left.
    [[nodiscard]] bool lives() const noexcept { return phase_ < phase::closing; }
    /// The link that took this one's place when it lost a crossing; none for others.
    [[nodiscard]] const std::shared_ptr<session_state>& survivor() const noexcept { return survivor_; }
    [[nodiscard]] bool ended() const noexcept { return phase_ == phase::ended; }
    [[nodiscard]] const peer_info& peer() const noexcept { return peer_; }
    [[nodiscard]] steady_time opened_at() const noexcept { return opened_at_; }
    [[nodiscard]] bool quiet() const noexcept {
        return requests_.empty() && served_.empty() && streams_quiet() && answers_waiting() == 0;
    }
    [[nodiscard]] session_worth worth() const noexcept;
    /// Bytes that wait to be sent.
    [[nodiscard]] virtual std::size_t waiting() const noexcept = 0;

    /// Set by the pool: the owner's owner was told of this session.
    bool announced = false;
    /// The how-manieth link of the pool this is; given by the pool.
    std::uint64_t number = 0;

    /// For tests: bytes held, without what the peer's description takes.
    [[nodiscard]] virtual std::size_t memory() const noexcept = 0;

protected:
    enum class phase : std::uint8_t { open, retiring, closing, ended };

    session_state(std::shared_ptr<session_context> context, peer_info peer, wire::codec_id codec);

    // What a carrier does.

    /// Queues a message. Errors: those of the codec; nothing is queued then.
    [[nodiscard]] virtual result<void> say(wire::envelope what) = 0;
    /// Another request of ours may be said.
    [[nodiscard]] virtual bool has_room() const noexcept = 0;
    /// Bytes of answers that have not left, or over datagrams not arrived.
    [[nodiscard]] std::size_t answers_waiting() const noexcept override = 0;
    /// Sends a close frame as the last thing, and calls end() once it has left.
    virtual void say_goodbye(wire::close_reason reason) = 0;
    /// Stops to carry. The session has ended.
    virtual void cut() = 0;
    /// The peer has taken nothing of what waits for it for a while.
    [[nodiscard]] virtual bool stalled() const noexcept = 0;
    /// Looks after the carrier's own times; may end the session. Called when an alarm fires.
    virtual void tick(steady_time at) = 0;
    /// When tick() is due; steady_time::max() for never.
    [[nodiscard]] virtual steady_time next_tick() const noexcept = 0;
    /// Gives back the memory that a session at rest does not need.
    virtual void rest() = 0;
    /// A request with the id of one under way came. Errors: the peer broke the rules.
    [[nodiscard]] virtual result<void> repeated(std::uint64_t id) = 0;
    /// A request of ours was answered, or nobody waits for its answer any more; may come more than once.
    virtual void settled(std::uint64_t id, bool answered) noexcept = 0;

    void start_serving(task_handle& handle, task<> work) override;
    /// There are frames of streams to take and send.
    void streams_have_output() override = 0;

    // For carriers.

    /// A message of the peer. An answer is given to whoever waits, a notice is obeyed; a request comes back, to be
    /// given to begin_serving(). Errors: the peer broke the rules.
    [[nodiscard]] result<std::optional<incoming_request>> take_message(bytes_view payload);
    [[nodiscard]] bool can_serve(std::size_t size) const noexcept;
    void begin_serving(incoming_request request);
    /// A frame of a stream, or session_window; as stream_set::take.
    [[nodiscard]] result<frame_fate> take_stream_frame(const wire::frame& what, bool with_offsets);
    /// None while there never was a stream.
    [[nodiscard]] stream_set* streams() noexcept { return streams_ ? &streams_->set() : nullptr; }
    [[nodiscard]] bool streams_quiet() const noexcept { return !streams_ || streams_->quiet(); }
    /// The peer has something to say, now or later.
    [[nodiscard]] bool expects_answers() const noexcept { return !requests_.empty() || !streams_quiet(); }
    [[nodiscard]] std::size_t streams_memory() const noexcept { return streams_ ? streams_->memory() : 0; }
    /// The peer said goodbye.
    [[nodiscard]] std::error_code peer_closed(bytes_view payload);
    /// Something has left, or has arrived: there may be room for requests, or for answers, and nothing more to carry.
    void room_changed();
    /// Counts what waits in the sum of all sessions.
    void count_waiting();
    void arm_next();
    void arm_at_latest(steady_time when);
    void note_use();

    [[nodiscard]] steady_time now() const noexcept { return context_->env.time->now(); }
    [[nodiscard]] const session_config& config() const noexcept { return context_->config; }
    [[nodiscard]] std::string name() const;
    [[nodiscard]] std::shared_ptr<session_context>& context() noexcept { return context_; }
    [[nodiscard]] wire::any_codec codec() const noexcept { return codec_; }
    [[nodiscard]] phase current_phase() const noexcept { return phase_; }
    [[nodiscard]] std::error_code ending() const noexcept { return why_; }
    [[nodiscard]] const request_table& requests() const noexcept { return requests_; }
    [[nodiscard]] bool serves(std::uint64_t id) const { return served_.contains(id); }

    peer_info peer_;
    wait_queue room_;         ///< for requests of ours, and whatever else the carrier lets wait
    wait_queue served_less_;  ///< a request of the peer has ended

private:
    class waiting_request;

    // session_messages.cpp
    [[nodiscard]] result<std::optional<incoming_request>> take_undecodable(const wire::decode_error& why,
                                                                           std::size_t size);
    [[nodiscard]] result<std::optional<incoming_request>> take_request(incoming_request request);
    void send_answer(std::uint64_t id, wire::message answer) override;
    void served_one() noexcept override;
    [[nodiscard]] const peer_info& asker() const noexcept override { return peer_; }

    [[nodiscard]] session_streams& make_streams();
    void streams_ended() override;
    [[nodiscard]] std::shared_ptr<void> hold() override { return shared_from_this(); }
    /// Apart from request(), whose frame would hold one more message.
    [[nodiscard]] result<void> say_request(std::uint64_t id, wire::message what);
    void tell_cancelled(std::uint64_t id);
    void fire() noexcept override;
    void leave(std::error_code why, std::string_view detail);
    void close_if_done();
    /// What requests and streams hear when the session has ended: peers that go in order are no news to those who ask.
    [[nodiscard]] std::error_code what_users_hear() const noexcept;

    std::shared_ptr<session_context> context_;
    wire::any_codec codec_;
    request_table requests_;
    served_requests served_;
    std::size_t counted_ = 0;  // of what waits, in the sum of all sessions

    std::unique_ptr<session_streams> streams_;
    phase phase_ = phase::open;
    bool asked_ = false;
    bool used_since_rest_ = false;
    std::optional<wire::close_reason> winding_down_;
    std::shared_ptr<session_state> survivor_;
    std::error_code why_;
    steady_time opened_at_{};
    steady_time last_used_{};
    steady_time until_{};  // of the phases retiring and closing
};

}  // namespace mydht::detail
