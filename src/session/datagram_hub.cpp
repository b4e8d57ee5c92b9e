#include "session/datagram_hub.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <mydht/runtime/post.hpp>

#include "session/datagram_dial.hpp"
#include "session/datagram_responder.hpp"
#include "session/datagram_session.hpp"

namespace mydht::detail {

namespace {

/// Resets a second: after a restart there are as many peers to be told as there were sessions, and they ask again.
constexpr double resets_max = 100;

/// True when packets to `to` can leave from a socket that is bound at `from`.
bool leads_to(const address& from, const address& to) {
    if (from.kind() != to.kind() || from.is_ipv4() != to.is_ipv4()) return false;
    if (!from.is_ip() || from.is_wildcard()) return true;
    // A socket at loopback reaches nothing else, and what is bound elsewhere is not seen from there as what it is.
    return (scope_of(from) == address_scope::loopback) == (scope_of(to) == address_scope::loopback);
}

}  // namespace

datagram_hub::datagram_hub(std::shared_ptr<session_context> context, const local_party& party, datagram_owner& owner)
    : context_(std::move(context)),
      party_(&party),
      owner_(&owner),
      tokens_(*party.self),
      assembly_(context_->config.assembly_bytes_total),
      responder_(std::make_unique<datagram_responder>(*this)) {}

datagram_hub::~datagram_hub() = default;

void datagram_hub::add_transport(any_datagram_transport with) { transports_[with.kind()] = std::move(with); }

task<result<address>> datagram_hub::listen(std::shared_ptr<datagram_hub> self, address at) {
    auto with = self->transports_.find(at.kind());
    if (with == self->transports_.end()) co_return failure(errc::unsupported_address);
    auto transport = with->second;
    auto opened = co_await transport.open(at);
    if (!opened) co_return failure(opened.error());
    if (self->refuses_) co_return failure(errc::session_closed);
    const auto port = std::make_shared<datagram_port>(self->context_, std::move(transport), std::move(*opened),
                                                      after_failure::reopen);
    self->listening_.push_back(port);
    port->start(*self);
    self->port_works(port);
    co_return port->local();
}

task<result<std::shared_ptr<datagram_port>>> datagram_hub::port_towards(std::shared_ptr<datagram_hub> self,
                                                                        address to) {
    if (auto known = self->working_port(to)) co_return known;
    const auto with = self->transports_.find(to.kind());
    if (with == self->transports_.end()) co_return failure(errc::unsupported_address);
    auto transport = with->second;
    auto opened = co_await transport.open(transport.anywhere(to));
    if (!opened) co_return failure(opened.error());
    if (self->refuses_) co_return failure(errc::session_closed);
    auto port =
        std::make_shared<datagram_port>(self->context_, std::move(transport), std::move(*opened), after_failure::stop);
    self->dialling_.push_back(port);
    port->start(*self);
    self->port_works(port);
    co_return port;
}

std::shared_ptr<datagram_port> datagram_hub::working_port(const address& towards) const {
    for (const auto* ports : {&listening_, &dialling_}) {
        for (const auto& port : *ports) {
            if (port->works() && leads_to(port->local(), towards)) return port;
        }
    }
    return nullptr;
}

bool datagram_hub::listens(const datagram_port& at) const noexcept {
    return std::ranges::any_of(listening_, [&](const auto& each) { return each.get() == &at; });
}

void datagram_hub::stop() {
    refuses_ = true;
    for (const auto* ports : {&listening_, &dialling_}) {
        for (const auto& port : *ports) port->close();
    }
    // They hold this, and nothing flushes them any more when it is a packet of a batch that stops all.
    touched_.clear();
    ready_.clear();
}

// --- who packets are for ---------------------------------------------------------------------------------------------

std::uint32_t datagram_hub::unused_index() {
    for (;;) {
        std::array<std::uint8_t, 4> drawn{};
        context_->env.secure_random->fill(drawn);
        std::uint32_t index = 0;
        for (const auto byte : drawn) index = (index << 8U) | byte;
        if (index != 0 && !sessions_.contains(index) && !attempts_.contains(index) && !responder_->knows(index)) {
            return index;
        }
    }
}

void datagram_hub::add(datagram_session& which) {
    for (const auto index : which.ciphers().indices()) sessions_[index] = &which;
    by_token_[which.ciphers().peer_token()] = &which;
}

void datagram_hub::forget(datagram_session& which) noexcept {
    for (const auto index : which.ciphers().indices()) {
        const auto at = sessions_.find(index);
        if (at != sessions_.end() && at->second == &which) sessions_.erase(at);
    }
    const auto token = by_token_.find(which.ciphers().peer_token());
    if (token != by_token_.end() && token->second == &which) by_token_.erase(token);
    if (gathered_of_ == &which) {
        gathered_of_ = nullptr;
        gathered_.clear();
    }
}

void datagram_hub::follow(datagram_session& which, const wire::reset_token& old_token) {
    const auto token = by_token_.find(old_token);
    if (token != by_token_.end() && token->second == &which) by_token_.erase(token);
    for (const auto index : which.ciphers().take_retired()) {
        const auto at = sessions_.find(index);
        if (at != sessions_.end() && at->second == &which) sessions_.erase(at);
    }
    add(which);
}

std::uint32_t datagram_hub::add(datagram_attempt& which) {
    const auto index = unused_index();
    attempts_[index] = &which;
    return index;
}

void datagram_hub::forget(datagram_attempt& which) noexcept {
    std::erase_if(attempts_, [&](const auto& each) { return each.second == &which; });
}

bool datagram_hub::attempts(const address& with) const {
    return std::ranges::any_of(attempts_, [&](const auto& each) { return each.second->remote() == with; });
}

datagram_session* datagram_hub::find(std::uint32_t index) const {
    const auto at = sessions_.find(index);
    return at != sessions_.end() ? at->second : nullptr;
}

// --- packets come ----------------------------------------------------------------------------------------------------

void datagram_hub::take_packet(const std::shared_ptr<datagram_port>& at, const address& from, bytes_span packet) {
    in_batch_ = true;
    gathers_ = true;
    const auto type = wire::type_of(packet);
    if (!type) return context_->drop_packet(packet_fault::unreadable, from);
    switch (*type) {
        case wire::packet_type::transport: return take_transport(at, from, packet);
        case wire::packet_type::initial:
            if (!refuses_) responder_->take_initial(at, from, packet);
            return;
        case wire::packet_type::final_answer: {
            if (auto* known = find(wire::receiver_of(packet)); known != nullptr) {
                return known->take_final_again(from, packet);
            }
            return responder_->take_final(at, from, packet);
        }
        case wire::packet_type::answer:
        case wire::packet_type::cookie: {
            const auto found = attempts_.find(wire::receiver_of(packet));
            if (found == attempts_.end()) return context_->drop_packet(packet_fault::unknown, from);
            if (!found->second->take_packet(from, packet)) context_->drop_packet(packet_fault::forged, from);
            return;
        }
        case wire::packet_type::reset: return take_reset(from, packet);
    }
}

void datagram_hub::take_transport(const std::shared_ptr<datagram_port>& at, const address& from, bytes_span packet) {
    const auto index = wire::receiver_of(packet);
    if (auto* known = find(index); known != nullptr) {
        known->take_packet(at, from, packet);
    } else if (!responder_->take_transport(at, from, packet)) {
        tell_reset(at, from, packet);
    }
}

void datagram_hub::take_reset(const address& from, bytes_view packet) {
    const auto reset = wire::decode_reset(packet);
    if (!reset) return context_->drop_packet(packet_fault::unreadable, from);
    const auto at = by_token_.find(reset->token);
    if (at == by_token_.end()) return context_->drop_packet(packet_fault::unknown, from);
    if (!at->second->ciphers().is_reset(*reset)) return context_->drop_packet(packet_fault::forged, from);
    at->second->take_reset();
}

void datagram_hub::tell_reset(const std::shared_ptr<datagram_port>& at, const address& from, bytes_view packet) {
    context_->drop_packet(packet_fault::unknown, from);
    if (refuses_ || !reset_tokens::may_answer(packet.size())) return;
    wire::reset_packet out;
    out.index = wire::receiver_of(packet);
    // The token of an index that a handshake of this side uses would end the session that comes of it. And tokens of
    // all indices are not for who asks for one after the other.
    const auto now = context_->env.time->now();
    if (attempts_.contains(out.index) || resets_.per_second(now) >= resets_max) return;
    resets_.add(now);
    out.token = tokens_.token_for(out.index);
    (void)at->send(from, wire::encode(out));
}

void datagram_hub::touch(datagram_session& which) {
    touched_.push_back(std::static_pointer_cast<datagram_session>(which.shared_from_this()));
    if (in_batch_ || std::exchange(flush_comes_, true)) return;
    post(context_->env.exec, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->flush();
    });
}

void datagram_hub::batch_ended() {
    const auto self = shared_from_this();
    serve_all();
    in_batch_ = false;
    flush();
}

void datagram_hub::turn_ended() {
    // What is asked next by those who were woken shares packets too; they go on before what is posted here. For a
    // single one that is not worth coming back.
    if (std::exchange(woken_, 0) < 2) return end_gathering();
    if (std::exchange(end_comes_, true)) return;
    post(context_->env.exec, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->end_comes_ = false;
        self->end_gathering();
    });
}

// --- what leaves together --------------------------------------------------------------------------------------------

void datagram_hub::serve(task_handle& handle, task<> work) {
    if (!in_batch_) return context_->group.spawn(serving_name, handle, std::move(work));
    ready_.push_back({&handle, std::move(work)});
}

void datagram_hub::serve_all() {
    // The memory is used again, but not while a handler may add to it.
    auto ready = std::exchange(ready_, {});
    for (auto& each : ready) context_->group.begin(serving_name, *each.handle, std::move(each.work));
    ready.clear();
    if (ready_.empty()) ready_.swap(ready);
}

void datagram_hub::gather(datagram_session& of, bytes_view frame) {
    constexpr auto room = wire::initial_bytes_min - noise::tag_bytes;
    if (gathered_of_ != &of || gathered_.size() + frame.size() > room) send_gathered();
    if (gathered_.empty()) gathered_.resize(wire::transport_header_bytes);
    gathered_of_ = &of;
    gathered_.insert(gathered_.end(), frame.begin(), frame.end());
}

void datagram_hub::send_gathered() {
    if (auto* of = std::exchange(gathered_of_, nullptr); of != nullptr) of->send_gathered(gathered_);
    gathered_.clear();
}

void datagram_hub::send_gathered(const datagram_session& of) {
    if (gathered_of_ == &of) send_gathered();
}

void datagram_hub::end_gathering() {
    gathers_ = false;
    send_gathered();
}

void datagram_hub::flush() {
    flush_comes_ = false;
    auto touched = std::exchange(touched_, {});
    for (const auto& each : touched) each->after_batch();
    touched.clear();
    if (touched_.empty()) touched_.swap(touched);
}

void datagram_hub::refused(const address& by) {
    // A hint that others can forge, so only who has nothing to lose follows it.
    std::vector<datagram_attempt*> those;
    for (const auto& [index, one] : attempts_) {
        if (one->remote() == by) those.push_back(one);
    }
    for (auto* one : those) one->refused();
}

// --- sockets go and come ---------------------------------------------------------------------------------------------

datagram_hub::sessions_by_age datagram_hub::sessions_that(
    const std::function<bool(const datagram_session&)>& wanted) const {
    sessions_by_age out;
    for (const auto& [index, one] : sessions_) {
        if (wanted(*one)) out.push_back(std::static_pointer_cast<datagram_session>(one->shared_from_this()));
    }
    // In an order that is the same each time, and each once: a session has several indices.
    std::ranges::sort(out, {}, [](const auto& each) { return each->number; });
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

void datagram_hub::port_lost(const std::shared_ptr<datagram_port>& at, steady_time since, std::error_code why) {
    std::vector<datagram_attempt*> dials;
    for (const auto& [index, one] : attempts_) {
        if (one->port() == at) dials.push_back(one);
    }
    for (auto* one : dials) one->port_lost();
    for (const auto& [index, one] : sessions_) one->forget_path(*at);
    const bool comes_back = listens(*at);
    if (!comes_back) dialling_.remove(at);
    find_ways(sessions_that([&](const datagram_session& one) { return one.port() == at; }), since);
    if (comes_back) owner_->socket_lost(at->local(), why);
}

void datagram_hub::port_back(const std::shared_ptr<datagram_port>& at) {
    port_works(at);
    owner_->socket_back(at->local());
}

void datagram_hub::port_works(const std::shared_ptr<datagram_port>& at) {
    for (const auto& one : sessions_that([](const datagram_session& each) { return each.waits_for_port(); })) {
        const bool fits = one->port() == at || leads_to(at->local(), one->peer().observed);
        if (fits && one->waits_for_port()) one->move_to(at);
    }
}

void datagram_hub::find_way(datagram_session& which) {
    find_ways({std::static_pointer_cast<datagram_session>(which.shared_from_this())}, context_->env.time->now());
}

void datagram_hub::find_ways(const sessions_by_age& of, steady_time since) {
    sessions_by_age left;
    for (const auto& one : of) {
        if (one->ended()) continue;
        if (auto other = working_port(one->peer().observed)) {
            one->move_to(std::move(other));
            continue;
        }
        one->wait_for_port(since);
        // A port that listens comes back.
        if (!listens(*one->port())) left.push_back(one);
    }
    if (!left.empty()) context_->group.spawn("sockets for sessions", open_ways(shared_from_this(), std::move(left)));
}

task<> datagram_hub::open_ways(std::shared_ptr<datagram_hub> self, sessions_by_age of) {
    for (const auto& one : of) {
        if (!one->waits_for_port()) continue;
        const auto opened = co_await port_towards(self, one->peer().observed);
        if (opened || self->refuses_) continue;
        self->context_->log(log_level::debug, "no other socket for a session: " + opened.error().message());
    }
}

}  // namespace mydht::detail
