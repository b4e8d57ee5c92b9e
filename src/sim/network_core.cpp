#include "sim/network_core.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace mydht::sim::detail {

namespace {

/// Headers of IP and TCP, which take bandwidth too.
constexpr std::uint64_t header_bytes = 40;
constexpr std::uint16_t first_free_port = 49'152;

}  // namespace

network_core::network_core(world_core& world, std::shared_ptr<links> ways)
    : world_(&world), ways_(std::move(ways)), config_(ways_->config()) {}

network_core::host& network_core::host_of(node_index node) {
    assert(node < world_->node_count());
    while (hosts_.size() <= node) hosts_.emplace_back();
    return hosts_[node];
}

// --- listening and dialling ------------------------------------------------------------------------------------------

std::uint16_t network_core::free_port(host& h) const {
    const auto taken = [&h](std::uint16_t port) {
        return std::any_of(h.listeners.begin(), h.listeners.end(),
                           [port](const listener_ptr& l) { return l->local.port() == port; });
    };
    do {
        h.next_port = h.next_port < first_free_port ? first_free_port : static_cast<std::uint16_t>(h.next_port + 1);
    } while (h.next_port < first_free_port || taken(h.next_port));
    return h.next_port;
}

result<listener_ptr> network_core::listen(node_index node, const address& at) {
    if (at.kind() != address_kind::tcp) return failure(errc::unsupported_address);
    if (!ways_->is_up(node)) return failure(errc::network_failed);
    if (!ways_->is_host_of(node, at)) return failure(errc::address_not_available);
    auto& h = host_of(node);
    for (const auto& other : h.listeners) {
        if (at.port() != 0 && other->local.port() == at.port()) return failure(errc::address_in_use);
    }
    auto made = std::make_shared<listener>();
    made->core = this;
    made->self = node;
    made->local = at.port() == 0 ? at.with_port(free_port(h)) : at;
    h.listeners.push_back(made);
    return made;
}

void network_core::close(listener& l) {
    if (l.closed) return;
    l.closed = true;
    auto& listeners = host_of(l.self).listeners;
    std::erase_if(listeners, [&l](const listener_ptr& other) { return other.get() == &l; });
    for (const auto& waiting : l.waiting) close(*waiting);
    l.waiting.clear();
    l.arrived.notify_all();
}

endpoint_ptr network_core::make_end(node_index node, node_index peer) {
    auto& h = host_of(node);
    if (h.free_slots.empty()) {
        h.free_slots.push_back(static_cast<std::uint32_t>(h.slots.size()));
        h.slots.emplace_back();
    }
    auto made = std::make_shared<endpoint>();
    made->core = this;
    made->self = node;
    made->peer = peer;
    made->id.slot = h.free_slots.back();
    made->id.generation = ++h.slots[made->id.slot].generation;
    made->local_host = ways_->ip_of(node);
    made->peer_host = ways_->ip_of(peer);
    made->send_room = static_cast<std::uint32_t>(config_.window_bytes);
    made->latency = ways_->latency(node, peer);
    h.free_slots.pop_back();
    h.slots[made->id.slot].end = made;
    return made;
}

endpoint* network_core::find(node_index node, end_id id) {
    auto& slots = host_of(node).slots;
    if (id.slot >= slots.size() || slots[id.slot].generation != id.generation) return nullptr;
    return slots[id.slot].end.get();
}

void network_core::release(endpoint& e) {
    auto& h = host_of(e.self);
    auto& s = h.slots[e.id.slot];
    if (s.generation != e.id.generation || !s.end) return;
    h.free_slots.push_back(e.id.slot);
    // Last: it may be the end's last owner.
    const auto last = std::move(s.end);
}

result<endpoint_ptr> network_core::dial(node_index node, const address& to) {
    ++counts_.dials;
    if (to.kind() != address_kind::tcp) return failure(errc::unsupported_address);
    if (!ways_->is_up(node)) return failure(errc::network_failed);
    if (to.is_wildcard() || to.port() == 0) return failure(errc::address_not_available);
    const auto target = ways_->node_at(to);
    auto made = make_end(node, target.value_or(node));
    made->local_port = free_port(host_of(node));
    made->peer_port = to.port();
    const bool lost = ways_->happens(node, config_.lost_dials_per_million);
    if (!target || lost || !ways_->linked(node, *target) || !ways_->takes_dials(*target)) {
        tell_self(*made, message_kind::no_answer, config_.dial_timeout);
    } else {
        transmit(*made, message_kind::dial, 0, {});
    }
    return made;
}

// --- one end ---------------------------------------------------------------------------------------------------------

std::size_t network_core::send(endpoint& e, bytes_view data) {
    const auto allowed = data.first(std::min<std::size_t>(e.send_room, data.size()));
    const auto part = allowed.first(std::min(unsent_room(e), allowed.size()));
    if (!part.empty()) {
        e.send_room -= static_cast<std::uint32_t>(part.size());
        send_message(e, message_kind::data, part.size(), segment::make(part));
    }
    if (part.size() < allowed.size() && !std::exchange(e.waits_for_upload, true)) {
        const auto left = e.unsent.empty() ? world_->now() : e.unsent.front().leaves;
        tell_self(e, message_kind::left, left - world_->now());
    }
    return part.size();
}

/// How much may be put behind what waits for the upload. What waits for a cut link is not there yet.
std::size_t network_core::unsent_room(endpoint& e) {
    const auto most = config_.unsent_bytes_max;
    if (!config_.upload_bytes_per_second || e.held || !ways_->linked(e.self, e.peer)) return ~std::size_t{0};
    const auto now = world_->now();
    const auto waiting = std::ranges::find_if(e.unsent, [now](const unsent_segment& s) { return s.leaves > now; });
    e.unsent.erase(e.unsent.begin(), waiting);
    std::size_t bytes = 0;
    for (const auto& s : e.unsent) bytes += s.size;
    // Below the mark a whole piece is taken, as by a kernel: what just fits would cut the stream into crumbs, and their
    // headers fill the line.
    return bytes < most ? most : 0;
}

std::size_t network_core::take(endpoint& e, bytes_span into) {
    const auto count = e.received.take(into);
    e.consumed += static_cast<std::uint32_t>(count);
    // Half a window at a time: a message for every read would double the events.
    if (2 * std::size_t{e.consumed} >= config_.window_bytes && !e.peer_ended && !e.broken) {
        send_message(e, message_kind::window, e.consumed);
        e.consumed = 0;
    }
    return count;
}

void network_core::end_writing(endpoint& e) {
    e.write_ended = true;
    send_message(e, message_kind::end);
}

void network_core::close(endpoint& e) {
    if (e.closed) return;
    e.closed = true;
    e.readable.notify_all();
    e.writable.notify_all();
    if (e.established && !e.broken) {
        // As TCP does: unread bytes are bytes that the peer wrongly believes to have been of use.
        if (!e.received.empty()) {
            send_message(e, message_kind::reset);
        } else if (!e.write_ended) {
            send_message(e, message_kind::end);
        }
    }
    e.received.clear();
    // What waits for a cut link is still sent after a close.
    if (!e.held) release(e);
}

void network_core::break_end(endpoint& e, errc why) {
    if (!e.broken) e.broken = why;
    e.held.reset();
    e.readable.notify_all();
    e.writable.notify_all();
    release(e);
}

// --- links -----------------------------------------------------------------------------------------------------------

void network_core::send_message(endpoint& e, message_kind kind, std::uint64_t amount, segment_ptr data) {
    if (!e.held && ways_->linked(e.self, e.peer)) {
        transmit(e, kind, amount, std::move(data));
        return;
    }
    if (!e.held) {
        e.held = std::make_unique<held_messages>();
        e.held->since = world_->now();
        tell_self(e, message_kind::retry, config_.retry_interval);
    }
    e.held->queue.emplace_back(kind, amount, std::move(data));
}

void network_core::transmit(endpoint& e, message_kind kind, std::uint64_t amount, segment_ptr data) {
    if (e.doomed) return;
    const auto departure = ways_->leaves(e.self, header_bytes + (data ? data->size : 0));
    if (data && departure > world_->now()) e.unsent.push_back({departure, data->size});
    const auto arrival = std::max(departure + e.latency + ways_->jitter(e.self), e.last_arrival);
    e.last_arrival = arrival;
    if (data && ways_->happens(e.self, config_.disconnects_per_million)) {
        e.doomed = true;
        tell_self(e, message_kind::reset, arrival + e.latency - world_->now());
        kind = message_kind::reset;
        amount = 0;
        data.reset();
    }
    event_body body;
    body.sink = this;
    body.kind = static_cast<std::uint8_t>(kind);
    body.from_port = e.local_port;
    body.to_port = e.peer_port;
    body.from_end = e.id;
    body.to_end = e.peer_id;
    body.amount = amount;
    body.data = std::move(data);
    world_->push(e.self, e.peer, arrival, std::move(body));
}

void network_core::answer(const event& to, message_kind kind, duration after, end_id own) {
    event_body body;
    body.sink = this;
    body.kind = static_cast<std::uint8_t>(kind);
    body.from_port = to.body.to_port;
    body.to_port = to.body.from_port;
    body.from_end = own;
    body.to_end = to.body.from_end;
    world_->push(to.key.to, to.key.from, to.key.when + after, std::move(body));
}

void network_core::tell_self(endpoint& e, message_kind kind, duration after) {
    event_body body;
    body.sink = this;
    body.kind = static_cast<std::uint8_t>(kind);
    body.to_end = e.id;
    world_->push(e.self, e.self, world_->now() + after, std::move(body));
}

void network_core::retry(endpoint& e) {
    if (!e.held) return;
    if (!ways_->linked(e.self, e.peer)) {
        if (world_->now() - e.held->since >= config_.break_after) {
            break_end(e, errc::connection_reset);
        } else {
            tell_self(e, message_kind::retry, config_.retry_interval);
        }
        return;
    }
    const auto waiting = std::move(e.held);
    for (auto& m : waiting->queue) transmit(e, m.kind, m.amount, std::move(m.data));
    if (e.closed) release(e);
}

// --- deliveries ------------------------------------------------------------------------------------------------------

void network_core::deliver(event& e) {
    if (!ways_->is_up(e.key.to)) {
        deliver_to_nobody(e);
        return;
    }
    const auto kind = static_cast<message_kind>(e.body.kind);
    if (kind == message_kind::dial) {
        deliver_dial(e);
        return;
    }
    auto* end = find(e.key.to, e.body.to_end);
    const bool of_peer = e.key.to != e.key.from;
    const bool wants_reader = kind == message_kind::data || kind == message_kind::established;
    if (end != nullptr && !(end->closed && wants_reader)) {
        deliver_to_end(*end, e);
    } else if (wants_reader || (of_peer && kind == message_kind::end)) {
        answer(e, message_kind::reset, ways_->latency(e.key.to, e.key.from));
    }
}

void network_core::deliver_to_nobody(const event& e) {
    const auto after =
        std::max(ways_->latency(e.key.to, e.key.from), static_cast<message_kind>(e.body.kind) == message_kind::dial
                                                           ? config_.dial_timeout - ways_->latency(e.key.to, e.key.from)
                                                           : config_.break_after);
    switch (static_cast<message_kind>(e.body.kind)) {
        case message_kind::dial:
        case message_kind::established:
        case message_kind::data:
        case message_kind::window:
        case message_kind::end: answer(e, message_kind::no_answer, after); break;
        case message_kind::refused:
        case message_kind::reset:
        case message_kind::no_answer:
        case message_kind::retry:
        case message_kind::left: break;
    }
}

void network_core::deliver_dial(const event& e) {
    const auto back = ways_->latency(e.key.to, e.key.from);
    auto& h = host_of(e.key.to);
    const auto found = std::find_if(h.listeners.begin(), h.listeners.end(),
                                    [&e](const listener_ptr& l) { return l->local.port() == e.body.to_port; });
    // The link was cut behind the dial: the answer cannot come back.
    if (!ways_->linked(e.key.to, e.key.from)) {
        answer(e, message_kind::no_answer, std::max(back, config_.dial_timeout - back));
        return;
    }
    if (found == h.listeners.end() || (*found)->waiting.size() >= config_.backlog) {
        answer(e, message_kind::refused, back);
        return;
    }
    auto made = make_end(e.key.to, e.key.from);
    made->peer_id = e.body.from_end;
    made->local_port = e.body.to_port;
    made->peer_port = e.body.from_port;
    made->established = true;
    ++counts_.connections;
    transmit(*made, message_kind::established, 0, {});
    (*found)->waiting.push_back(std::move(made));
    (*found)->arrived.notify_all();
}

void network_core::deliver_to_end(endpoint& e, event& what) {
    switch (static_cast<message_kind>(what.body.kind)) {
        case message_kind::established:
            e.established = true;
            e.peer_id = what.body.from_end;
            e.readable.notify_all();
            break;
        case message_kind::refused: break_end(e, errc::connection_refused); break;
        case message_kind::data:
            ++counts_.segments;
            counts_.bytes += what.body.amount;
            e.received.push(std::move(what.body.data));
            e.readable.notify_all();
            break;
        case message_kind::window:
            e.send_room += static_cast<std::uint32_t>(what.body.amount);
            e.writable.notify_all();
            break;
        case message_kind::end:
            e.peer_ended = true;
            e.readable.notify_all();
            break;
        case message_kind::reset: break_end(e, errc::connection_reset); break;
        case message_kind::no_answer: break_end(e, e.established ? errc::connection_reset : errc::unreachable); break;
        case message_kind::retry: retry(e); break;
        case message_kind::left:
            e.waits_for_upload = false;
            e.writable.notify_all();
            break;
        case message_kind::dial: break;
    }
}

// --- faults ----------------------------------------------------------------------------------------------------------

void network_core::crash(node_index node, crash_kind kind) {
    auto& h = host_of(node);
    for (const auto& l : h.listeners) {
        l->closed = true;
        l->waiting.clear();
        l->arrived.notify_all();
    }
    h.listeners.clear();
    for (std::size_t i = 0; i < h.slots.size(); ++i) {
        const auto end = h.slots[i].end;
        if (!end) continue;
        const bool told =
            kind == crash_kind::reset && end->established && !end->broken && ways_->linked(node, end->peer);
        if (told) transmit(*end, message_kind::reset, 0, {});
        end->closed = true;
        break_end(*end, errc::closed);
    }
}

std::size_t network_core::open_connections(node_index node) {
    const auto& h = host_of(node);
    return h.slots.size() - h.free_slots.size();
}

void network_core::shut_down() noexcept {
    world_ = nullptr;
    for (auto& h : hosts_) {
        for (const auto& l : h.listeners) l->closed = true;
        for (auto& s : h.slots) {
            if (s.end) s.end->closed = true;
        }
    }
    hosts_.clear();
}

}  // namespace mydht::sim::detail
