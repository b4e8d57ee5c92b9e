// New keys for a session that goes on: a handshake of its own beside the packets, which the side that dialled begins.

#include <optional>
#include <utility>

#include <mydht/runtime/wait_queue.hpp>

#include "session/datagram_dial.hpp"
#include "session/datagram_session.hpp"

namespace mydht::detail {

namespace {

/// Handshakes that are tried in a row, and how long the first one has; doubles.
constexpr int tries_max = 5;
constexpr duration first_patience = std::chrono::milliseconds(500);
/// When all were in vain.
constexpr duration renewal_pause = std::chrono::seconds(10);

}  // namespace

void datagram_session::begin_renewal() {
    if (!peer_.outgoing || renewing_ || now() < renew_at_ || !ciphers_.wants_rekey(now())) return;
    renewing_ = true;
    gave_way_ = false;
    context()->group.spawn("new keys", renewal_,
                           renew_keys(std::static_pointer_cast<datagram_session>(shared_from_this())));
}

task<> datagram_session::renew_keys(std::shared_ptr<datagram_session> self) {
    auto& time = *self->context()->env.time;
    auto patience = first_patience;
    for (int i = 0; i < tries_max && !self->ended(); ++i) {
        // One at a time (see session_ciphers).
        wait_queue changed;
        datagram_attempt attempt(self->hub_, self->port_, self->peer_.observed, changed);
        datagram_goal goal;
        goal.known = self->peer_.who.peer;
        goal.renews = self->ciphers_.peer_index();
        if (!attempt.begin(goal, self->ciphers_.stamp_rekey(time.wall_now()), {})) break;
        const auto until = time.now() + patience;
        patience *= 2;
        while (!attempt.proven() && time.now() < until) co_await changed.wait_until(time, until);
        if (self->ended()) co_return;
        if (self->gave_way_) break;
        if (!attempt.proven()) continue;
        auto outcome = attempt.finish();
        if (!outcome) continue;
        self->take_new_keys(std::move(outcome->keys));
        break;
    }
    self->renewing_ = false;
    self->renew_at_ = time.now() + renewal_pause;
}

void datagram_session::take_new_keys(datagram_keys fresh) {
    const auto token = ciphers_.peer_token();
    ciphers_.install(std::move(fresh), now());
    hub_->follow(*this, token);
    // The peer goes on with the old keys until it has heard something under the new ones.
    confirm_pause_ = unanswered_.first_pause();
    send_first();
    if (!ended()) arm_at_latest(confirm_at_);
}

bool datagram_session::lets_renew(std::uint32_t named, wall_time stamp) {
    // When both begin at once the handshake of the smaller id goes on. The other side answers it and drops its own, so
    // that not each of them uses keys that the other one does not expect any more.
    if (renewing_ && !gave_way_ && hub_->party().self->id() < peer_.who.id) return false;
    const auto token = ciphers_.peer_token();
    if (!ciphers_.note_rekey(named, stamp, now())) return false;
    hub_->follow(*this, token);
    return true;
}

void datagram_session::expect_keys(datagram_keys fresh) {
    gave_way_ = true;
    ciphers_.expect(std::move(fresh), now());
    hub_->follow(*this, ciphers_.peer_token());
}

void datagram_session::drop_old_keys(steady_time at) {
    if (ciphers_.indices().size() < 2) return;
    ciphers_.forget_old(at);
    hub_->follow(*this, ciphers_.peer_token());
}

}  // namespace mydht::detail
