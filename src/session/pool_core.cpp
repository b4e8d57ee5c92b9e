#include "session/pool_core.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include <mydht/runtime/post.hpp>

#include "session/crossing.hpp"
#include "session/dial.hpp"
#include "session/eviction.hpp"

namespace mydht::detail {

namespace {

session_config checked(session_config config) {
    std::string field;
    if (!validate(config, &field)) throw std::invalid_argument("session_config: " + field + " can never work");
    return config;
}

}  // namespace

pool_core::pool_core(environment env, std::shared_ptr<const identity> self, session_config config,
                     request_handler handler, session_events events)
    : context_(std::make_shared<session_context>(std::move(env), checked(std::move(config)), std::move(handler))),
      party_(std::move(self), context_->config, *context_->env.secure_random),
      events_(std::move(events)),
      gate_(context_->config.admission),
      probes_(context_->config.probes),
      heard_(context_->config.lookups),
      arrivals_(*context_) {
    context_->owner = this;
    datagrams_ = std::make_shared<datagram_hub>(context_, party_, *this);
}

void pool_core::add_transport(any_transport with) {
    if (!context_->config.agreement->secure() && !with.simulated()) {
        throw std::invalid_argument("session_config: agreement is for simulated transports only");
    }
    transports_[with.kind()] = std::move(with);
}

void pool_core::add_transport(any_datagram_transport with) {
    if (!context_->config.agreement->secure() && !with.simulated()) {
        throw std::invalid_argument("session_config: agreement is for simulated transports only");
    }
    datagrams_->add_transport(std::move(with));
}

void pool_core::describe(std::uint32_t capabilities, std::vector<address> addresses) {
    if (addresses.size() > limits::addresses_per_contact) addresses.resize(limits::addresses_per_contact);
    party_.capabilities = capabilities;
    party_.addresses = std::move(addresses);
}

session pool_core::find(const node_id& peer) const {
    auto at = current_.lower_bound({peer, address_kind::none});
    session out;
    for (; at != current_.end() && at->first.first == peer; ++at) {
        if (out.empty() || datagrams_->speaks(at->first.second)) out = session(at->second);
    }
    return out;
}

pool_core::session_ptr pool_core::find_current(const node_id& peer, address_kind kind) const {
    const auto at = current_.find({peer, kind});
    return at != current_.end() ? at->second : nullptr;
}

std::vector<pool_core::session_ptr> pool_core::links() const {
    std::vector<session_ptr> out;
    out.reserve(links_.size());
    for (const auto& [number, one] : links_) out.push_back(one);
    return out;
}

std::vector<session> pool_core::sessions() const {
    std::vector<session> out;
    for (const auto& [number, one] : links_) {
        if (find_current(one->peer().who.id, one->peer().kind) == one) out.emplace_back(one);
    }
    return out;
}

// --- links come ------------------------------------------------------------------------------------------------------

result<pool_core::session_ptr> pool_core::keep(proven_ptr link, std::uint8_t priority) {
    auto made = link->open(context_);
    if (!made) return made;
    const auto& one = *made;
    one->give_priority(priority);
    one->number = links_made_++;
    links_.emplace(one->number, one);
    one->start();
    return made;
}

void pool_core::make_current(const session_ptr& which) {
    const auto& peer = which->peer();
    current_[{peer.who.id, peer.kind}] = which;
    which->announced = true;
    tell([which](const session_events& to) {
        if (to.opened) to.opened(session(which));
    });
    answer_dials(which);
}

std::vector<pool_core::session_ptr> pool_core::living() const {
    auto out = links();
    std::erase_if(out, [](const session_ptr& one) { return !one->lives(); });
    return out;
}

bool pool_core::full() const {
    const auto max = context_->config.sessions_max;
    return links_.size() >= max && living().size() >= max;
}

std::optional<pool_core::session_ptr> pool_core::least_useful_session() const {
    const auto among = living();
    std::vector<session_worth> worth;
    worth.reserve(among.size());
    for (const auto& one : among) worth.push_back(one->worth());
    const auto found = least_useful(worth);
    return found ? std::optional(among[*found]) : std::nullopt;
}

bool pool_core::make_room(std::uint8_t priority) {
    if (!full()) return true;
    const auto victim = least_useful_session();
    if (!victim || (*victim)->peer().priority > priority) return false;
    ++context_->counters.evicted;
    (*victim)->close(wire::close_reason::overloaded, errc::session_closed, "given up for another");
    return true;
}

result<session> pool_core::establish_dialled(proven_ptr link, std::uint8_t priority) {
    if (stopping_) return failure(errc::session_closed);
    // It came in while this side dialled. The peer knows nothing of this dial yet, so it is dropped and nothing has
    // crossed.
    if (auto other = find_current(link->peer().id, link->remote().kind())) return session(std::move(other));
    // What this node wants comes before what it only has.
    if (!make_room(std::numeric_limits<std::uint8_t>::max())) return failure(errc::too_many_sessions);
    const auto made = keep(std::move(link), priority);
    if (!made) return failure(made.error());
    ++context_->counters.dialled;
    if (!(*made)->open()) return failure(errc::session_closed);
    make_current(*made);
    return session(*made);
}

void pool_core::establish_accepted(proven_ptr link, std::uint8_t priority) {
    if (stopping_) return;
    const auto older = find_current(link->peer().id, link->remote().kind());
    const bool room = older || make_room(priority);
    const auto made = keep(std::move(link), priority);
    if (!made) return;
    ++context_->counters.accepted;
    // What came with the handshake may have ended it.
    if (!(*made)->open()) return;
    if (!room) {
        (*made)->close(wire::close_reason::overloaded, errc::too_many_sessions, "all others are busy");
    } else if (older) {
        resolve_crossing(older, *made);
    } else {
        make_current(*made);
    }
}

void pool_core::close_retired(const peer_info& peer, const char* why) {
    for (const auto& one : links()) {
        const auto& other = one->peer();
        if (!one->survivor() || other.who.id != peer.who.id || other.kind != peer.kind) continue;
        one->close(wire::close_reason::replaced, errc::session_replaced, why);
    }
}

void pool_core::resolve_crossing(const session_ptr& older, const session_ptr& fresh) {
    crossing what;
    what.self = party_.self->id();
    what.peer = fresh->peer().who.id;
    what.older_dialled = older->peer().outgoing;
    what.fresh_dialled = fresh->peer().outgoing;
    what.older_age = context_->env.time->now() - older->opened_at();
    what.window = 2 * context_->config.handshake_timeout;
    close_retired(fresh->peer(), "another link of the peer");
    switch (judge(what)) {
        case crossing_verdict::older_stays:
            ++context_->counters.crossings;
            fresh->retire(older);
            break;
        case crossing_verdict::fresh_stays:
            ++context_->counters.crossings;
            make_current(fresh);
            older->retire(fresh);
            break;
        case crossing_verdict::older_is_gone:
            ++context_->counters.replaced;
            older->close(wire::close_reason::replaced, errc::session_replaced, "the same identity came again");
            make_current(fresh);
            break;
    }
}

// --- links go --------------------------------------------------------------------------------------------------------

void pool_core::session_left(session_state& which, std::error_code why) {
    const auto& peer = which.peer();
    const auto at = current_.find({peer.who.id, peer.kind});
    if (at != current_.end() && at->second.get() == &which) current_.erase(at);
    if (!which.announced) return;
    tell([who = peer, why](const session_events& to) {
        if (to.closed) to.closed(who, why);
    });
}

void pool_core::session_moved(session_state& which, const address& before) {
    if (!which.announced) return;
    tell([link = session(which.shared_from_this()), before](const session_events& to) {
        if (to.moved) to.moved(link, before);
    });
}

void pool_core::session_ended(session_state& which) {
    links_.erase(which.number);
    link_ended_.notify_all();
}

void pool_core::too_much_waits() {
    // Not at once: the caller is in the middle of a session that may be the one to go.
    if (std::exchange(shedding_, true)) return;
    post(context_->env.exec, [weak = weak_from_this()] {
        if (const auto core = weak.lock()) core->shed();
    });
}

void pool_core::shed() {
    shedding_ = false;
    const auto waits = [](const auto& link) { return link.second->waiting(); };
    while (context_->waiting > context_->config.send_bytes_total && !links_.empty()) {
        const auto most = std::ranges::max_element(links_, {}, waits)->second;
        most->end(errc::slow_peer, "most waits for it, and for all sessions together too much");
    }
}

void pool_core::tell(std::function<void(const session_events&)> what) {
    post(context_->env.exec, [weak = weak_from_this(), what = std::move(what)] {
        if (const auto core = weak.lock()) what(core->events_);
    });
}

void pool_core::socket_lost(const address& at, std::error_code why) {
    tell([at, why](const session_events& to) {
        if (to.socket_lost) to.socket_lost(at, why);
    });
}

void pool_core::socket_back(const address& at) {
    tell([at](const session_events& to) {
        if (to.socket_back) to.socket_back(at);
    });
}

// --- the end ---------------------------------------------------------------------------------------------------------

task<> pool_core::stop(std::shared_ptr<pool_core> core, duration grace) {
    auto& context = *core->context_;
    core->stopping_ = true;
    for (const auto& one : core->listeners_) one->close();
    core->datagrams_->refuse_new();
    core->fail_dials();
    for (const auto& one : core->links()) one->wind_down(wire::close_reason::stopping);
    const auto deadline = context.env.time->now() + grace;
    while (!core->links_.empty()) {
        const bool woken = co_await core->link_ended_.wait_until(*context.env.time, deadline);
        if (!woken) break;
    }
    for (const auto& one : core->links()) one->end(errc::session_closed, "stopped");
    core->datagrams_->stop();
    context.group.terminate();
    co_await context.group.join();
    // A handler may hold what holds the pool.
    context.services.clear();
}

void pool_core::fail_dials() {
    while (!dials_.empty()) {
        const auto first = *dials_.begin();
        finish_dial(first.first, first.second, failure(errc::session_closed));
    }
}

const session_counters& pool_core::counters() const noexcept {
    auto& out = context_->counters;
    out.message_bytes_unfinished = datagrams_->assembly().used();
    out.messages_cut_off = datagrams_->assembly().cut_off();
    out.stream_bytes_unread = context_->streams->used(stream_side_of::receiving);
    out.stream_bytes_unsent = context_->streams->used(stream_side_of::sending);
    return out;
}

void pool_core::abandon() {
    stopping_ = true;
    events_ = session_events();
    for (const auto& one : listeners_) one->close();
    fail_dials();
    for (const auto& one : links()) one->end(errc::session_closed);
    datagrams_->stop();
    context_->owner = nullptr;
    context_->group.terminate();
}

}  // namespace mydht::detail
