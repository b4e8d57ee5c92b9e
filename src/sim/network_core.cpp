#include "sim/network_core.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <stdexcept>

namespace mydht::sim::detail {

namespace {

constexpr std::uint32_t million = 1'000'000;
/// Headers of IP and TCP, which take bandwidth too.
constexpr std::uint64_t header_bytes = 40;
constexpr std::uint16_t first_free_port = 49'152;

/// First bytes of public IPv4 hosts, leaving out whole those in which anything is reserved.
constexpr bool is_public(unsigned first) {
    for (const unsigned reserved : {10U, 100U, 127U, 169U, 172U, 192U, 198U, 203U}) {
        if (first == reserved) return false;
    }
    return first >= 1 && first <= 223;
}

constexpr auto public_bytes = [] {
    std::array<std::uint8_t, 215> out{};
    std::size_t count = 0;
    for (unsigned first = 1; first <= 223; ++first) {
        if (is_public(first)) out[count++] = static_cast<std::uint8_t>(first);
    }
    return out;
}();
static_assert(public_bytes.back() == 223);

void check(const network_config& config) {
    const auto refuse = [](const char* why) { throw std::invalid_argument(std::string("network_config: ") + why); };
    if (config.jitter_max < duration(0)) refuse("jitter_max must not be negative");
    if (config.upload_bytes_per_second == 0U) refuse("upload_bytes_per_second must be at least 1");
    if (config.window_bytes == 0 || config.window_bytes > (1U << 30U)) refuse("window_bytes must be 1 byte to 1 GiB");
    if (config.backlog == 0) refuse("backlog must be at least 1");
    if (config.disconnects_per_million > million) refuse("disconnects_per_million must be at most a million");
    if (config.lost_dials_per_million > million) refuse("lost_dials_per_million must be at most a million");
    if (config.dial_timeout <= duration(0)) refuse("dial_timeout must be longer than nothing");
    if (config.retry_interval <= duration(0)) refuse("retry_interval must be longer than nothing");
    if (config.break_after <= duration(0)) refuse("break_after must be longer than nothing");
    if (config.nodes_per_prefix == 0 || config.nodes_per_prefix > 254) refuse("nodes_per_prefix must be 1 to 254");
}

}  // namespace

network_core::network_core(world_core& world, network_config config) : world_(&world), config_(config) {
    check(config_);
}

network_core::host& network_core::host_of(node_index node) {
    assert(node < world_->node_count());
    while (hosts_.size() <= node) {
        hosts_.emplace_back(prng(derive(world_->seed(), for_network, hosts_.size(), 0)));
    }
    return hosts_[node];
}

bool network_core::linked(node_index a, node_index b) { return host_of(a).island == host_of(b).island; }

// --- addresses --------------------------------------------------------------------------------------------------------

std::array<std::uint8_t, 4> network_core::ip_of(node_index node) const {
    const auto group = node / config_.nodes_per_prefix;
    const auto first = public_bytes[group % public_bytes.size()];
    const auto rest = group / static_cast<std::uint32_t>(public_bytes.size());
    return {first, static_cast<std::uint8_t>(rest & 0xff), static_cast<std::uint8_t>((rest >> 8U) & 0xff),
            static_cast<std::uint8_t>(1 + node % config_.nodes_per_prefix)};
}

address network_core::address_of(node_index node, std::uint16_t port) const {
    return address::ipv4(address_kind::tcp, ip_of(node), port);
}

std::optional<node_index> network_core::node_at(const address& where) const {
    if (where.kind() != address_kind::tcp || !where.is_ipv4()) return std::nullopt;
    const auto host = where.host();
    const auto found = std::lower_bound(public_bytes.begin(), public_bytes.end(), host[0]);
    if (found == public_bytes.end() || *found != host[0]) return std::nullopt;
    if (host[3] == 0 || host[3] > config_.nodes_per_prefix) return std::nullopt;
    const auto rest = std::uint64_t{host[1]} | (std::uint64_t{host[2]} << 8U);
    const auto group = rest * public_bytes.size() + static_cast<std::uint64_t>(found - public_bytes.begin());
    const auto node = group * config_.nodes_per_prefix + host[3] - 1;
    if (node >= world_->node_count()) return std::nullopt;
    return static_cast<node_index>(node);
}

duration network_core::latency(node_index a, node_index b) const {
    return config_.latency.sample(derive(world_->seed(), for_link, std::min(a, b), std::max(a, b)));
}

// --- listening and dialling --------------------------------------------------------------------------------------------

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
    auto& h = host_of(node);
    if (!h.up) return failure(errc::network_failed);
    if (at.with_port(0) != address_of(node, 0) && !(at.is_ipv4() && at.is_wildcard())) {
        return failure(errc::address_not_available);
    }
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
    made->local_host = ip_of(node);
    made->peer_host = ip_of(peer);
    made->send_room = static_cast<std::uint32_t>(config_.window_bytes);
    made->latency = latency(node, peer);
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
    auto& h = host_of(node);
    if (!h.up) return failure(errc::network_failed);
    if (to.is_wildcard() || to.port() == 0) return failure(errc::address_not_available);
    const auto target = node_at(to);
    auto made = make_end(node, target.value_or(node));
    made->local_port = free_port(h);
    made->peer_port = to.port();
    const bool lost = config_.lost_dials_per_million > 0 && h.random.below(million) < config_.lost_dials_per_million;
    if (!target || lost || !linked(node, *target)) {
        tell_self(*made, message_kind::no_answer, config_.dial_timeout);
    } else {
        transmit(*made, message_kind::dial, 0, {});
    }
    return made;
}

// --- one end ------------------------------------------------------------------------------------------------------------

std::size_t network_core::send(endpoint& e, bytes_view data) {
    const auto part = data.first(std::min<std::size_t>(e.send_room, data.size()));
    if (part.empty()) return 0;
    e.send_room -= static_cast<std::uint32_t>(part.size());
    send_message(e, message_kind::data, part.size(), segment::make(part));
    return part.size();
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

// --- links ---------------------------------------------------------------------------------------------------------------

void network_core::send_message(endpoint& e, message_kind kind, std::uint64_t amount, segment_ptr data) {
    if (!e.held && linked(e.self, e.peer)) {
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
    auto& h = host_of(e.self);
    auto departure = world_->now();
    if (config_.upload_bytes_per_second) {
        const auto size = header_bytes + (data ? data->size : 0);
        const auto takes =
            duration(static_cast<duration::rep>(size * 1'000'000'000ULL / *config_.upload_bytes_per_second));
        h.upload_free = std::max(h.upload_free, departure) + takes;
        departure = h.upload_free;
    }
    auto arrival = departure + e.latency;
    if (config_.jitter_max > duration(0)) {
        const auto range = static_cast<std::uint64_t>(config_.jitter_max.count()) + 1;
        arrival += duration(static_cast<duration::rep>(h.random.below(range)));
    }
    arrival = std::max(arrival, e.last_arrival);
    e.last_arrival = arrival;
    if (data && config_.disconnects_per_million > 0 && h.random.below(million) < config_.disconnects_per_million) {
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
    if (!linked(e.self, e.peer)) {
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

// --- deliveries ------------------------------------------------------------------------------------------------------------

void network_core::deliver(event& e) {
    if (!host_of(e.key.to).up) {
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
        answer(e, message_kind::reset, latency(e.key.to, e.key.from));
    }
}

void network_core::deliver_to_nobody(const event& e) {
    const auto after =
        std::max(latency(e.key.to, e.key.from), static_cast<message_kind>(e.body.kind) == message_kind::dial
                                                    ? config_.dial_timeout - latency(e.key.to, e.key.from)
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
        case message_kind::retry: break;
    }
}

void network_core::deliver_dial(const event& e) {
    const auto back = latency(e.key.to, e.key.from);
    auto& h = host_of(e.key.to);
    const auto found = std::find_if(h.listeners.begin(), h.listeners.end(),
                                    [&e](const listener_ptr& l) { return l->local.port() == e.body.to_port; });
    // The link was cut behind the dial: the answer cannot come back.
    if (!linked(e.key.to, e.key.from)) {
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
        case message_kind::dial: break;
    }
}

// --- faults ------------------------------------------------------------------------------------------------------------------

void network_core::partition(const std::vector<node_index>& island) {
    ++islands_;
    for (const auto node : island) host_of(node).island = islands_;
}

void network_core::heal() {
    for (auto& h : hosts_) h.island = 0;
}

void network_core::crash(node_index node, crash_kind kind) {
    auto& h = host_of(node);
    if (!h.up) return;
    for (const auto& l : h.listeners) {
        l->closed = true;
        l->waiting.clear();
        l->arrived.notify_all();
    }
    h.listeners.clear();
    for (std::size_t i = 0; i < h.slots.size(); ++i) {
        const auto end = h.slots[i].end;
        if (!end) continue;
        const bool told = kind == crash_kind::reset && end->established && !end->broken && linked(node, end->peer);
        if (told) transmit(*end, message_kind::reset, 0, {});
        end->closed = true;
        break_end(*end, errc::closed);
    }
    h.up = false;
}

void network_core::restart(node_index node) { host_of(node).up = true; }

bool network_core::is_up(node_index node) { return host_of(node).up; }

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
