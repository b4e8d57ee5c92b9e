#include "session/session_streams.hpp"

#include <string>
#include <utility>

namespace mydht::detail {

namespace {

stream_settings settings_of(const session_config& config) {
    stream_settings out;
    out.streams_max = config.streams_max;
    out.stream_window_bytes = config.stream_window_bytes;
    out.session_window_bytes = config.session_window_bytes;
    out.stream_send_bytes = config.stream_send_bytes;
    return out;
}

std::shared_ptr<const stream_home> home_of(const session_context& context, const peer_info& peer) {
    auto out = std::make_shared<stream_home>();
    out->exec = context.env.exec;
    out->peer = peer;
    out->account = std::make_shared<stream_account>(context.streams);
    return out;
}

void refuse(stream_state& which, wire::stream_code code) { which.reset(static_cast<std::uint32_t>(code)); }

}  // namespace

/// The place of a running service. A parameter of the coroutine, so that it is given back also when the coroutine never
/// begins.
class session_streams::service_ticket {
public:
    service_ticket(session_streams& owner, running_services::iterator at)
        : host_(owner.host_.hold()), owner_(&owner), at_(at) {}
    service_ticket(service_ticket&&) noexcept = default;
    service_ticket& operator=(service_ticket&&) = delete;
    ~service_ticket() {
        if (!host_) return;
        owner_->services_.erase(at_);
        owner_->streams_quiet();
    }

private:
    std::shared_ptr<void> host_;
    session_streams* owner_;
    running_services::iterator at_;
};

session_streams::session_streams(streams_host& host, std::shared_ptr<session_context> context, const peer_info& peer)
    : host_(host),
      context_(std::move(context)),
      set_(*this, home_of(*context_, peer), settings_of(context_->config), peer.outgoing) {}

void session_streams::stream_opened(const std::shared_ptr<stream_state>& which) {
    if (!valid_service_name(which->service())) {
        // Nothing in it goes to a log.
        ++context_->counters.service_names_refused;
        return refuse(*which, wire::stream_code::no_service);
    }
    auto handler = context_->services.find(which->service());
    if (!handler) {
        count(stream_event::stream_refused);
        return refuse(*which, wire::stream_code::no_service);
    }
    // A service may go on when its stream has ended.
    if (services_.size() >= context_->config.streams_max) {
        count(stream_event::stream_refused);
        return refuse(*which, wire::stream_code::too_many_streams);
    }
    const auto at = services_.try_emplace(which->channel()).first;
    ++context_->counters.streams_served;
    which->accept();
    auto work = run_service(service_ticket(*this, at), std::move(handler), stream(which));
    context_->group.spawn("service", at->second, std::move(work));
}

task<> session_streams::run_service([[maybe_unused]] service_ticket ticket, service_registry::handler_ptr handler,
                                    stream with) {
    try {
        // A copy: the handle here outlives the handler's, so that the peer is told of an exception.
        auto work = (*handler)(with);
        co_await std::move(work);
    } catch (...) {
        with.reset(static_cast<std::uint32_t>(wire::stream_code::handler_failed));
        throw;
    }
}

void session_streams::stream_broken(stream_state& which) {
    const auto at = services_.find(which.channel());
    if (at != services_.end()) at->second.cancel();
}

void session_streams::streams_quiet() {
    if (quiet()) host_.streams_ended();
}

void session_streams::count(stream_event what) noexcept {
    auto& counters = context_->counters;
    switch (what) {
        case stream_event::frame_refused: ++counters.stream_frames_refused; return;
        case stream_event::frame_ignored: ++counters.stream_frames_ignored; return;
        case stream_event::stream_refused: ++counters.streams_refused; return;
        case stream_event::stream_dropped: ++counters.streams_dropped; return;
    }
}

void session_streams::fail_all(std::error_code why) {
    set_.fail_all(why);
    for (auto& [channel, running] : services_) running.cancel();
}

std::size_t session_streams::memory() const noexcept {
    constexpr std::size_t service_bytes = 512;
    return sizeof *this - sizeof set_ + set_.memory() + services_.size() * service_bytes;
}

}  // namespace mydht::detail
