#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <mydht/runtime/environment.hpp>
#include <mydht/runtime/task_group.hpp>
#include <mydht/session/session.hpp>
#include <mydht/session/session_config.hpp>
#include <mydht/session/session_pool.hpp>
#include <mydht/session/token_bucket.hpp>

#include "session/packet_faults.hpp"
#include "session/rate_limiter.hpp"
#include "session/service_registry.hpp"
#include "session/stream_memory.hpp"

namespace mydht::detail {

/// Who keeps the sessions and is told what becomes of them.
class session_owner {
public:
    session_owner() = default;
    session_owner(const session_owner&) = delete;
    session_owner& operator=(const session_owner&) = delete;

    /// The session takes no requests any more. Once for each session, before session_ended.
    virtual void session_left(session_state& which, std::error_code why) = 0;
    /// Its peer has another address than before.
    virtual void session_moved(session_state& which, const address& before) = 0;
    /// Nothing is left of it but its last coroutines. Once for each session.
    virtual void session_ended(session_state& which) = 0;
    /// More waits to be written on all sessions together than may. Ends nothing before it returns.
    virtual void too_much_waits() = 0;

protected:
    ~session_owner() = default;
};

/// What all sessions of a pool share. Outlives the pool as long as a session is held.
struct session_context {
    session_context(environment env_, session_config config_, request_handler handler_);

    environment env;
    session_config config;
    request_handler handler;
    service_registry services;
    std::shared_ptr<stream_memory> streams;
    session_counters counters;
    task_group group;
    std::optional<request_limiter> request_rate;
    std::optional<prefix_limiter> handshake_rate;
    /// The same for sources that are not proven: who sends packets in the name of a network must not use up what is the
    /// network's.
    std::optional<prefix_limiter> unproven_rate;
    std::size_t waiting = 0;         ///< bytes to be written on all sessions that have not ended
    session_owner* owner = nullptr;  ///< none once the pool has gone

    void log(log_level level, std::string_view line) const { env.log.write(level, "session", line); }
    /// A datagram is dropped: counts it, and tells the log now and then. `from` may be anybody's.
    void drop_packet(packet_fault why, const address& from);
    /// A line that peers cause as often as they like: beyond a rate such lines are left out, and the next one tells how
    /// many.
    template <typename Line>
    void log_of_peers(log_level level, Line line) {
        if (env.log.enabled(level) && may_log()) log(level, with_left_out(line()));
    }

private:
    [[nodiscard]] bool may_log() noexcept;
    [[nodiscard]] std::string with_left_out(std::string line);

    packet_faults faults_;
    token_bucket log_rate_;
    std::uint64_t left_out_ = 0;  // lines since the last one
};

/// The name of the tasks that serve the requests of peers.
inline constexpr std::string_view serving_name = "request of a peer";

/// What the handler of the node answers; an error when it throws. The handler is called at once, what it returns runs
/// when the task is awaited. No coroutine itself: frames of more than 1,020 bytes are not used again by Asio, so none
/// of those that serve a request keeps what another one has, too.
[[nodiscard]] task<wire::message> ask_handler(std::shared_ptr<session_context> context, const peer_info& from,
                                              wire::message what);

}  // namespace mydht::detail
