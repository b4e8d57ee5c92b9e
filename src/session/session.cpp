#include <mydht/session/session.hpp>

#include <cassert>
#include <utility>

#include <mydht/session/stream.hpp>

#include "session/session_state.hpp"

namespace mydht {

namespace {

task<result<wire::message>> closed() { co_return failure(errc::session_closed); }

}  // namespace

bool session::open() const noexcept { return state_ && state_->open(); }

const peer_info& session::peer() const noexcept {
    assert(state_);
    return state_->peer();
}

task<result<wire::message>> session::request(wire::message what, steady_time deadline) {
    return state_ ? detail::session_state::request(state_, std::move(what), deadline) : closed();
}

result<stream> session::open_stream(std::string service) {
    if (!state_) return failure(errc::session_closed);
    return detail::session_state::open_stream(state_, std::move(service));
}

void session::close(wire::close_reason reason) {
    // To its holder a link that lost a crossing and the one that stayed are one.
    for (auto each = state_; each; each = each->survivor()) {
        each->close(reason, errc::session_closed, "closed by this side");
    }
}

}  // namespace mydht
