#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <system_error>

#include <mydht/runtime/task_group.hpp>

#include "session/service_registry.hpp"
#include "session/session_context.hpp"
#include "session/stream_set.hpp"

namespace mydht::detail {

/// What the streams of a session need of it.
class streams_host {
public:
    streams_host() = default;
    streams_host(const streams_host&) = delete;
    streams_host& operator=(const streams_host&) = delete;

    /// There are frames to take from the set and send.
    virtual void streams_have_output() = 0;
    /// Neither a stream is open nor a service running any more.
    virtual void streams_ended() = 0;
    /// Keeps the host.
    [[nodiscard]] virtual std::shared_ptr<void> hold() = 0;

protected:
    ~streams_host() = default;
};

/// The streams of one session, and the services that run on those that the peer opens. Made with the first stream, so
/// that sessions without any stay small.
class session_streams final : private stream_owner {
public:
    session_streams(streams_host& host, std::shared_ptr<session_context> context, const peer_info& peer);

    [[nodiscard]] stream_set& set() noexcept { return set_; }
    [[nodiscard]] const stream_set& set() const noexcept { return set_; }
    /// The session has ended.
    void fail_all(std::error_code why);

    [[nodiscard]] bool quiet() const noexcept { return set_.quiet() && services_.empty(); }
    [[nodiscard]] std::size_t memory() const noexcept;

private:
    class service_ticket;
    /// By channel.
    using running_services = std::map<std::uint32_t, task_handle>;

    void streams_have_output() override { host_.streams_have_output(); }
    void stream_opened(const std::shared_ptr<stream_state>& which) override;
    void stream_broken(stream_state& which) override;
    void streams_quiet() override;
    void count(stream_event what) noexcept override;
    [[nodiscard]] std::shared_ptr<void> hold() override { return host_.hold(); }
    [[nodiscard]] static task<> run_service(service_ticket ticket, service_registry::handler_ptr handler, stream with);

    streams_host& host_;
    std::shared_ptr<session_context> context_;
    running_services services_;
    stream_set set_;
};

}  // namespace mydht::detail
