#include "session/datagram_dial.hpp"

#include <algorithm>
#include <list>
#include <utility>

#include "session/packet_link.hpp"

namespace mydht::detail {

namespace {

/// Until the next handshake begins beside those that are not answered; doubles.
constexpr duration first_pause = std::chrono::milliseconds(500);
constexpr std::size_t attempts_max = 5;
/// What the request in a first packet is called.
constexpr std::uint64_t early_id = 1;

/// Errors of packets that anybody can make: the right answer may still come.
bool may_be_forged(std::error_code why) {
    return why == errc::decrypt_failed || why == errc::bad_key || why == errc::truncated || why == errc::malformed ||
           why == errc::trailing_bytes || why == errc::handshake_order;
}

bytes early_frames(const std::optional<wire::message>& first) {
    bytes out;
    if (!first) return out;
    wire::envelope envelope;
    envelope.id = early_id;
    envelope.body = *first;
    const auto place = wire::begin_frame(out, wire::frame_kind::message, wire::control_channel);
    if (!wire::capnp_codec().encode(envelope, out) || !wire::end_frame(out, place)) out.clear();
    return out;
}

std::optional<wire::message> read_early_answer(bytes_view frames) {
    wire::frame_decoder decoder;
    const auto frame = decoder.next(frames);
    if (!frame || !*frame || (*frame)->kind != wire::frame_kind::message) return std::nullopt;
    auto envelope = wire::capnp_codec().decode((*frame)->payload, {}, nullptr);
    if (!envelope || envelope->id != early_id || !wire::is_answer(envelope->body)) return std::nullopt;
    return std::move(envelope->body);
}

}  // namespace

datagram_attempt::datagram_attempt(std::shared_ptr<datagram_hub> hub, std::shared_ptr<datagram_port> port,
                                   const address& to, wait_queue& changed)
    : hub_(std::move(hub)), port_(std::move(port)), to_(to), changed_(changed) {}

result<void> datagram_attempt::begin(datagram_goal goal, wall_time stamp, bytes_view early) {
    auto& env = hub_->context()->env;
    hub_->forget(*this);
    goal.own_index = hub_->add(*this);
    goal.token = hub_->token_for(goal.own_index);
    auto begun = datagram_initiator::begin(hub_->party(), goal, stamp, early);
    if (!begun) return failure(begun.error());
    initiator_.emplace(std::move(*begun));
    sent_at_ = env.time->now();
    // Without room in the socket it is as good as lost, and the next attempt comes.
    (void)port_->send(to_, initiator_->packet());
    return {};
}

bool datagram_attempt::take_packet(const address& from, bytes_view packet) {
    if (from != to_ || proven_ || failed_ || !initiator_) return false;
    if (wire::type_of(packet) == wire::packet_type::cookie) {
        if (!initiator_->take_cookie(packet)) return false;
        (void)port_->send(to_, initiator_->packet());
        return true;
    }
    if (const auto taken = initiator_->take_answer(packet); taken) {
        proven_ = true;
        round_trip_ = hub_->context()->env.time->now() - sent_at_;
    } else if (!may_be_forged(taken.error())) {
        failed_ = taken.error();
    } else {
        return false;
    }
    changed_.notify_all();
    return true;
}

void datagram_attempt::refused() {
    if (proven_ || failed_ || refused_at_) return;
    refused_at_ = hub_->context()->env.time->now();
    changed_.notify_all();
}

void datagram_attempt::port_lost() {
    if (proven_ || failed_) return;
    failed_ = errc::network_failed;
    changed_.notify_all();
}

namespace {

/// What is behind the first attempt that was answered.
result<proven_ptr> make_link(datagram_attempt& from, const std::shared_ptr<datagram_hub>& hub,
                             const std::shared_ptr<datagram_port>& port) {
    auto outcome = from.finish();
    if (!outcome) return failure(outcome.error());
    auto early_answer = read_early_answer(outcome->frames);
    const bool proven = !std::holds_alternative<plain_tags>(outcome->keys.link);
    packet_link::parts parts(session_ciphers(std::move(outcome->keys), hub->context()->env.time->now()));
    parts.peer = std::move(outcome->peer);
    parts.codec = outcome->codec;
    parts.proven = proven;
    parts.outgoing = true;
    parts.remote = from.remote();
    parts.hub = hub;
    parts.port = port;
    parts.last = std::move(outcome->final_packet);
    parts.round_trip = from.round_trip();
    parts.early_answer = std::move(early_answer);
    return std::make_unique<packet_link>(std::move(parts));
}

}  // namespace

task<result<proven_ptr>> dial_datagrams(std::shared_ptr<datagram_hub> hub, address to,
                                        std::shared_ptr<const dial_target> target, std::function<void()> doubtful) {
    auto port = co_await datagram_hub::port_towards(hub, to);
    if (!port) co_return failure(port.error());
    auto& time = *hub->context()->env.time;
    wait_queue changed;
    std::list<datagram_attempt> attempts;
    const auto early = target->known ? early_frames(target->first) : bytes();
    auto pause = first_pause;
    auto next = time.now();
    auto give_up = steady_time::max();
    // Where nobody seems to be nothing more is sent.
    const std::size_t most = target->source == address_source::named ? 1 : attempts_max;
    const auto may_begin = [&] { return attempts.size() < most && give_up == steady_time::max(); };
    for (;;) {
        if (time.now() >= give_up) co_return failure(errc::connection_refused);
        if (may_begin() && time.now() >= next) {
            auto& fresh = attempts.emplace_back(hub, *port, to, changed);
            datagram_goal goal;
            goal.known = target->known;
            goal.pinned = target->key.peer;
            auto begun = fresh.begin(goal, time.wall_now(), early);
            // A request that does not fit into the first packet is asked afterwards.
            if (!begun && begun.error() == errc::too_large) begun = fresh.begin(goal, time.wall_now(), {});
            if (!begun) co_return failure(begun.error());
            next = time.now() + pause;
            pause *= 2;
        }
        const auto until = may_begin() ? next : give_up;
        co_await changed.wait_until(time, until);
        for (auto& each : attempts) {
            if (each.failed()) co_return failure(each.failed());
            if (each.proven()) co_return make_link(each, hub, *port);
            if (!each.refused_at() || give_up != steady_time::max()) continue;
            give_up = *each.refused_at() + first_pause;
            if (doubtful) doubtful();
        }
    }
}

}  // namespace mydht::detail
