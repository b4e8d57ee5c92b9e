#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include <mydht/runtime/task_group.hpp>
#include <mydht/runtime/wait_queue.hpp>
#include <mydht/session/session.hpp>
#include <mydht/wire/message.hpp>

#include "session/session_context.hpp"

namespace mydht::detail {

/// A request of the peer, or why it cannot be served.
struct incoming_request {
    std::uint64_t id = 0;
    std::size_t size = 0;
    std::optional<wire::message> what;
    wire::error refusal;
};

/// What serving requests needs of the session.
class serving_host {
public:
    serving_host() = default;
    serving_host(const serving_host&) = delete;
    serving_host& operator=(const serving_host&) = delete;

    /// Bytes of answers that the peer has not taken.
    [[nodiscard]] virtual std::size_t answers_waiting() const noexcept = 0;
    /// Starts to serve a request: soon, or when the carrier is done with what has come.
    virtual void start_serving(task_handle& handle, task<> work) = 0;
    /// Takes what the handler has answered.
    virtual void send_answer(std::uint64_t id, wire::message answer) = 0;
    /// A request has ended.
    virtual void served_one() noexcept = 0;
    [[nodiscard]] virtual const peer_info& asker() const noexcept = 0;
    /// Keeps the host.
    [[nodiscard]] virtual std::shared_ptr<void> hold() = 0;

protected:
    ~serving_host() = default;
};

/// The requests of the peer that are under way on one session. Each is a coroutine that waits until the peer takes its
/// answers, asks the handler, and hands over what that says unless the peer has taken the request back.
class served_requests {
public:
    explicit served_requests(serving_host& host) : host_(host) {}
    served_requests(const served_requests&) = delete;
    served_requests& operator=(const served_requests&) = delete;

    void begin(const std::shared_ptr<session_context>& context, incoming_request request);
    /// The peer takes it back.
    void cancel(std::uint64_t id);
    /// The session has ended.
    void cancel_all();
    /// The peer may have taken answers.
    void room_changed() { room_.notify_all(); }

    [[nodiscard]] bool empty() const noexcept { return under_way_.empty(); }
    [[nodiscard]] bool contains(std::uint64_t id) const { return under_way_.contains(id); }
    /// It is there, and the peer has not taken it back.
    [[nodiscard]] bool wanted(std::uint64_t id) const;
    /// Another one of so many bytes is within the limits.
    [[nodiscard]] bool has_room(const session_config& limits, std::size_t size) const noexcept;
    /// Those that the handler has.
    [[nodiscard]] std::size_t answering() const noexcept { return answering_; }
    /// Gives back the memory that is not needed while nothing is under way.
    void release() noexcept { spare_place_ = map_type::node_type(); }

private:
    class ticket;
    struct place {
        task_handle running;
        std::size_t bytes = 0;
        bool answering = false;  ///< the handler has it
        bool wanted = true;      ///< the peer has not taken it back
    };
    using map_type = std::multimap<std::uint64_t, place>;

    [[nodiscard]] static task<> serve(ticket mine, std::shared_ptr<session_context> context, incoming_request request);
    [[nodiscard]] static task<> wait_for_room(served_requests& self, const session_config& limits);
    /// Another request may be given to the handler: the peer takes the answers that it has asked for.
    [[nodiscard]] bool may_answer(const session_config& limits) const noexcept;
    [[nodiscard]] map_type::iterator add(std::uint64_t id, std::size_t size);
    void end(map_type::iterator which) noexcept;

    serving_host& host_;
    map_type under_way_;
    map_type::node_type spare_place_;  // of a request that has ended, for the next one
    std::size_t bytes_ = 0;
    std::size_t answering_ = 0;
    bool over_ = false;  // cancel_all() was called
    wait_queue room_;    // in the carrier, for answers
};

}  // namespace mydht::detail
