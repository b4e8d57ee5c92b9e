#include "session/datagram_responder.hpp"

#include <algorithm>
#include <utility>

#include <mydht/runtime/deadline.hpp>

#include "session/datagram_hub.hpp"
#include "session/datagram_session.hpp"
#include "session/packet_link.hpp"
#include "session/peer_addresses.hpp"

namespace mydht::detail {

namespace {

/// Requests in first packets that are answered at once; further ones are left to be asked again.
constexpr std::size_t early_requests_max = 64;
/// Final packets that are tried for one handshake.
constexpr std::uint8_t finals_max = 4;
/// How long the answer of a handshake waits for that of the request.
constexpr duration early_patience = std::chrono::milliseconds(50);

/// The request among the frames of a first packet, if there is one that may be there.
std::optional<wire::envelope> early_request(const accepted_initial& initial) {
    if (!initial.knows_peer() || initial.early().empty()) return std::nullopt;
    wire::frame_decoder decoder;
    auto frames = initial.early();
    const auto frame = decoder.next(frames);
    if (!frame || !*frame || (*frame)->kind != wire::frame_kind::message) return std::nullopt;
    auto envelope = wire::capnp_codec().decode((*frame)->payload, {}, nullptr);
    if (!envelope || !wire::may_travel_early(envelope->body)) return std::nullopt;
    return std::move(*envelope);
}

task<result<wire::message>> serve(std::shared_ptr<session_context> context, peer_info from, wire::message what,
                                  steady_time until) {
    auto answer = co_await ask_handler(context, from, std::move(what));
    // A handler that was cancelled for its slowness has not failed: it is asked again.
    if (context->env.time->now() >= until) co_return failure(errc::timed_out);
    co_return answer;
}

std::vector<contact>* contacts_in(wire::message& answer) {
    if (auto* nodes = std::get_if<wire::nodes>(&answer)) return &nodes->contacts;
    if (auto* values = std::get_if<wire::values>(&answer)) return &values->contacts;
    return nullptr;
}

/// The answer as a frame of at most `room` bytes; contacts are left out as it takes. Empty when it does not fit.
bytes fit(wire::envelope answer, std::size_t room) {
    for (;;) {
        bytes out;
        const auto place = wire::begin_frame(out, wire::frame_kind::message, wire::control_channel);
        if (!wire::capnp_codec().encode(answer, out) || !wire::end_frame(out, place)) return {};
        if (out.size() <= room) return out;
        auto* contacts = contacts_in(answer.body);
        if (contacts == nullptr || contacts->empty()) return {};
        contacts->pop_back();
    }
}

}  // namespace

/// The place of a request that is being answered. A parameter of the coroutine, so that it is given back also when the
/// coroutine never begins.
class datagram_responder::early_ticket {
public:
    explicit early_ticket(std::shared_ptr<datagram_hub> hub) : hub_(std::move(hub)) { ++owner().early_under_way_; }
    early_ticket(early_ticket&&) noexcept = default;
    early_ticket& operator=(early_ticket&&) = delete;
    ~early_ticket() {
        if (hub_) --owner().early_under_way_;
    }

    [[nodiscard]] datagram_responder& owner() const noexcept { return hub_->responder(); }
    [[nodiscard]] datagram_hub& hub() const noexcept { return *hub_; }

private:
    std::shared_ptr<datagram_hub> hub_;
};

datagram_responder::datagram_responder(datagram_hub& hub)
    : hub_(hub),
      half_open_({}, *hub.context()->env.secure_random),
      cookies_(*hub.context()->env.secure_random, hub.context()->env.time->now()),
      seen_(*hub.context()->env.secure_random),
      early_(hub.context()->env.time->wall_now(), hub.context()->env.time->now()) {}

datagram_responder::~datagram_responder() = default;

bool datagram_responder::knows(std::uint32_t index) const {
    return half_open_.contains(index) || proven_.contains(index);
}

void datagram_responder::drop(packet_fault why, const address& from) { hub_.context()->drop_packet(why, from); }

// --- the first packet ------------------------------------------------------------------------------------------------

void datagram_responder::take_initial(const std::shared_ptr<datagram_port>& at, const address& from,
                                      bytes_view packet) {
    origin where{at, from, packet.size()};
    const auto initial = wire::decode_initial(packet);
    if (!initial) return drop(packet_fault::unreadable, from);
    if (!judge_initial(hub_.party(), *initial)) return drop(packet_fault::unwanted, from);
    if (!may_begin(where, *initial)) return;
    auto accepted = accepted_initial::accept(hub_.party(), *initial);
    if (!accepted) return drop(packet_fault::forged, from);
    const auto& self = hub_.party().self->id();
    if (accepted->knows_peer()) {
        if (accepted->renews() != 0) return renew(*accepted, where);
        // Both dial each other: the handshake whose initiator has the smaller id is the one that goes on. Not when this
        // side dials where the peer may not be: then both go on, and the sessions cross.
        const auto& peer = accepted->peer().id;
        if (self < peer && hub_.attempts(from) && hub_.owner().dials(peer, from.kind())) return;
    }
    auto request = early_request(*accepted);
    if (request) {
        // Somebody may have been told to bring here what nobody asked for.
        const auto* brought = std::get_if<wire::deliver>(&request->body);
        if (brought != nullptr && !hub_.owner().awaits(*brought)) {
            return drop(packet_fault::unwanted, from);
        }
    }
    if (request && may_answer_early(*accepted, where)) {
        early_ticket ticket(hub_.shared_from_this());
        hub_.context()->group.spawn("request in a first packet",
                                    answer_early(std::move(ticket), std::move(*accepted), std::move(*request), where));
        return;
    }
    answer(*accepted, where, {});
}

bool datagram_responder::may_begin(origin& where, const wire::initial_packet& initial) {
    const auto now = hub_.context()->env.time->now();
    where.proven = initial.has_cookie() && cookies_.check(initial.cookie, where.from, initial.ephemeral(), now);
    if (where.proven) {
        if (!hub_.owner().may_begin_handshake(where.from)) return false;
    } else {
        constexpr cookie_policy policy;
        const bool plain = initial.pattern == wire::packet_pattern::plain;
        const bool busy =
            policy.needed(half_open_.size(now), half_open_.of_prefix(where.from, now), begun_.per_second(now));
        if (plain || busy || !hub_.owner().may_begin_unproven(where.from)) {
            ask_for_cookie(where, initial);
            return false;
        }
    }
    if (!seen_.add(initial.ephemeral(), now)) {
        drop(packet_fault::repeated, where.from);
        return false;
    }
    begun_.add(now);
    return true;
}

void datagram_responder::ask_for_cookie(const origin& where, const wire::initial_packet& initial) {
    wire::cookie_packet out;
    out.receiver = initial.sender;
    out.cookie = cookies_.make(where.from, initial.ephemeral(), hub_.context()->env.time->now());
    ++hub_.context()->counters.cookies_sent;
    (void)where.port->send(where.from, wire::encode(out));
}

void datagram_responder::renew(accepted_initial& initial, const origin& where) {
    // No answer when the session is not known: with keys of a new one the initiator would go on as if it were the old.
    // It hears by a reset packet that the session has gone.
    auto* const known = hub_.find(initial.renews());
    if (known == nullptr || known->ended() || known->peer().who.id != initial.peer().id) {
        return drop(packet_fault::unknown, where.from);
    }
    if (!known->lets_renew(initial.renews(), initial.stamp())) return drop(packet_fault::unwanted, where.from);
    const auto index = hub_.unused_index();
    const auto packet = initial.answer(index, hub_.token_for(index), {}, where.size);
    if (!packet) return drop(packet_fault::unwanted, where.from);
    known->expect_keys(initial.finish().keys);
    (void)where.port->send(where.from, *packet);
}

bool datagram_responder::may_answer_early(const accepted_initial& initial, const origin& where) const {
    const auto& env = hub_.context()->env;
    return early_under_way_ < early_requests_max && seen_.complete(env.time->now()) &&
           hub_.owner().admits_early(initial.peer().id, where.from);
}

task<> datagram_responder::answer_early(early_ticket ticket, accepted_initial initial, wire::envelope request,
                                        origin where) {
    auto& self = ticket.owner();
    const auto context = ticket.hub().context();
    bytes frames;
    const bool in_time = !context->request_rate ||
                         context->request_rate->take(where.from, 0, context->env.time->now()) == rate_verdict::serve;
    if (in_time && self.early_.lets_in(initial.stamp(), context->env.time->wall_now(), context->env.time->now())) {
        auto peer = make_peer(initial.peer(), where.from, false, context->config.mode == wire::link_mode::secured);
        auto& time = *context->env.time;
        const auto until = time.now() + early_patience;
        auto work = serve(context, std::move(peer), std::move(request.body), until);
        auto done = co_await with_deadline(time, until, std::move(work));
        if (done) {
            ++context->counters.requests_served;
            wire::envelope answer;
            answer.id = request.id;
            answer.body = std::move(*done);
            frames = fit(std::move(answer), initial.answer_room(where.size));
        }
    }
    // The pool may have gone meanwhile, and with it whoever this node is.
    if (!ticket.hub().stopped()) self.answer(initial, where, frames);
}

void datagram_responder::answer(accepted_initial& initial, const origin& where, bytes_view frames) {
    const auto now = hub_.context()->env.time->now();
    const auto index = hub_.unused_index();
    half_open_record record;
    record.from = where.from;
    record.proven = where.proven;
    record.account.note_received(where.size);
    const auto packet = initial.answer(index, hub_.token_for(index), frames, record.account.budget());
    if (!packet) return drop(packet_fault::unwanted, where.from);
    record.handshake = initial.half_open();
    if (!record.account.may_send(packet->size())) return drop(packet_fault::unwanted, where.from);
    if (!half_open_.add(std::move(record), now)) return drop(packet_fault::unwanted, where.from);
    (void)where.port->send(where.from, *packet);
}

// --- the packet that proves the peer ---------------------------------------------------------------------------------

bool datagram_responder::take_transport(const std::shared_ptr<datagram_port>& at, const address& from,
                                        bytes_view packet) {
    const auto index = wire::receiver_of(packet);
    if (proven_.contains(index)) {
        drop(packet_fault::early, from);
        return true;
    }
    auto* const record = half_open_.find(index, hub_.context()->env.time->now());
    if (record == nullptr) return false;
    // It may have overtaken the final packet, which comes again.
    const bool early = !record->handshake.knows_peer();
    // From elsewhere it proves who the peer is, but not that it is there: anybody can write any source.
    if (early || from != record->from || !record->handshake.proves(packet)) {
        drop(early ? packet_fault::early : packet_fault::forged, from);
        return true;
    }
    auto outcome = record->handshake.finish();
    half_open_.remove(index);
    tell_proven(std::move(outcome), {at, from, packet.size()}, to_bytes(packet));
    return true;
}

void datagram_responder::take_final(const std::shared_ptr<datagram_port>& at, const address& from, bytes_view packet) {
    const auto index = wire::receiver_of(packet);
    auto* const record = half_open_.find(index, hub_.context()->env.time->now());
    if (record == nullptr || record->handshake.knows_peer()) return drop(packet_fault::unknown, from);
    if (from != record->from) return drop(packet_fault::forged, from);
    auto outcome = record->handshake.take_final(hub_.party(), packet);
    if (!outcome) {
        // Each costs public-key work.
        if (++record->failures == finals_max) half_open_.remove(index);
        return drop(packet_fault::forged, from);
    }
    half_open_.remove(index);
    tell_proven(std::move(*outcome), {at, from, packet.size()}, {});
}

void datagram_responder::tell_proven(datagram_outcome outcome, const origin& where, bytes first_packet) {
    const auto index = outcome.keys.own_index;
    const bool secured = !std::holds_alternative<plain_tags>(outcome.keys.link);
    packet_link::parts parts(session_ciphers(std::move(outcome.keys), hub_.context()->env.time->now()));
    parts.peer = std::move(outcome.peer);
    parts.codec = outcome.codec;
    parts.proven = secured;
    parts.remote = where.from;
    parts.hub = hub_.shared_from_this();
    parts.port = where.port;
    parts.first_packet = std::move(first_packet);
    parts.first_frames = std::move(outcome.frames);
    parts.waiting = index_claim(hub_.shared_from_this(), index);
    hub_.owner().proven(std::make_unique<packet_link>(std::move(parts)));
}

}  // namespace mydht::detail
