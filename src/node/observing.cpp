// What a node sees of its sessions, and what others see of it.

#include <algorithm>
#include <string>
#include <utility>

#include <mydht/runtime/post.hpp>

#include "node/node_core.hpp"

namespace mydht::detail {

session_events node_core::pool_events() {
    session_events out;
    out.opened = [this](const session& link) { opened(link); };
    out.closed = [this](const peer_info& who, std::error_code why) { closed(who, why); };
    out.blocked = [this](const peer_info& who, duration time) { blocked(who, time); };
    out.socket_lost = [this](const address& at, std::error_code why) {
        socket_changed(node_event::kind::socket_lost, at, why);
    };
    out.socket_back = [this](const address& at) { socket_changed(node_event::kind::socket_back, at, {}); };
    out.awaits = [this](const wire::deliver& what) { return forwarding_.awaits(what.tag); };
    out.moved = [this](const session& link, const address& before) {
        moved(link.peer(), before);
        const auto& at = link.peer().observed;
        seen_at_.touch({link.peer().who.id, at.kind()}) = at;
    };
    return out;
}

event_stream node_core::events(std::shared_ptr<node_core> self, std::size_t capacity) {
    auto queue = std::make_shared<event_queue>(self->env_.exec, capacity);
    const auto exec = self->env_.exec;
    post(exec, [self = std::move(self), queue] { self->events_.subscribe(queue); });
    return event_stream(std::move(queue));
}

void node_core::opened(const session& link) {
    const auto& peer = link.peer();
    neighbours_.proved(peer);
    node_event what;
    what.what = node_event::kind::peer_up;
    what.who = peer;
    events_.tell(what);
    note_place(peer);
    // Only peers that this node chose have a vote, so that nobody gets a majority by coming in numbers.
    const auto learns = [&](const address& at) { return at.is_wildcard() && at.kind() == peer.kind; };
    if (!peer.outgoing || !keeps_values() || std::ranges::none_of(listening_, learns)) return;
    if (vote_.wants(peer.observed, env_.time->now())) background_.spawn("asking how it is seen", ask_how_seen(link));
}

void node_core::closed(const peer_info& who, std::error_code why) {
    // It will not answer, however often it is asked.
    if (why == errc::not_admitted || why == errc::peer_blocked) table_.remove(who.who.id);
    node_event what;
    what.what = node_event::kind::peer_down;
    what.who = who;
    what.why = why;
    events_.tell(what);
}

void node_core::blocked(const peer_info& who, duration time) {
    table_.remove(who.who.id);
    node_event what;
    what.what = node_event::kind::peer_blocked;
    what.who = who;
    what.time = time;
    events_.tell(what);
}

void node_core::socket_changed(node_event::kind what, const address& at, std::error_code why) {
    node_event out;
    out.what = what;
    out.why = why;
    out.addresses = {at};
    events_.tell(out);
}

void node_core::note_place(const peer_info& who) {
    // The port of an incoming connection is another one each time, and so are names in memory.
    if (!who.observed.is_ip()) return;
    auto& at = seen_at_.touch({who.who.id, who.observed.kind()});
    const auto before = std::exchange(at, who.observed);
    if (!before.empty() && !same_host(before, who.observed)) moved(who, before);
}

void node_core::moved(const peer_info& who, const address& before) {
    node_event what;
    what.what = node_event::kind::peer_moved;
    what.who = who;
    what.before = before;
    events_.tell(what);
}

task<> node_core::verify(peer_info who, address where) {
    const auto deadline = env_.time->now() + config_.queries.hard_timeout;
    const auto there = co_await pool_.probe(who.who.id, where, deadline, who.observed);
    if (there) neighbours_.found_at(who, where);
}

task<> node_core::ask_how_seen(session link) {
    wire::ping question;
    const auto answer = co_await link.request(question, env_.time->now() + config_.queries.hard_timeout);
    const auto* pong = answer ? std::get_if<wire::pong>(&*answer) : nullptr;
    if (pong == nullptr) co_return;
    if (vote_.add(link.peer().observed, pong->observed, env_.time->now())) tell_addresses();
}

void node_core::tell_addresses() {
    auto reachable = addresses_;
    auto listening = listening_;
    for (const auto& at : listening_) {
        const auto seen = vote_.seen_from_outside(at);
        if (!seen || std::ranges::find(reachable, *seen) != reachable.end()) continue;
        reachable.push_back(*seen);
        listening.push_back(*seen);
    }
    const auto server = static_cast<std::uint32_t>(capability::server);
    pool_.describe(keeps_values() ? server : 0, keeps_values() ? listening : std::vector<address>());
    if (reachable == reachable_) return;
    reachable_ = std::move(reachable);
    std::string text;
    for (const auto& at : reachable_) text.append(" ").append(at.text());
    log(log_level::info, "peers reach this node at" + text);
    node_event what;
    what.what = node_event::kind::address_changed;
    what.addresses = reachable_;
    events_.tell(what);
}

void node_core::close_events() {
    // Behind what the sessions have posted about their end.
    post(env_.exec, [self = shared_from_this()] { self->events_.close(); });
}

}  // namespace mydht::detail
