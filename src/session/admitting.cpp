#include <exception>
#include <string>
#include <utility>

#include <mydht/runtime/deadline.hpp>

#include "session/peer_addresses.hpp"
#include "session/pool_core.hpp"

namespace mydht::detail {

/// One of the datagram links that wait for the application. Given back also when its coroutine never begins.
class pool_core::admission_ticket {
public:
    explicit admission_ticket(std::shared_ptr<pool_core> core) : core_(std::move(core)) { ++core_->admissions_; }
    admission_ticket(admission_ticket&&) noexcept = default;
    admission_ticket& operator=(admission_ticket&&) = delete;
    ~admission_ticket() {
        if (core_) --core_->admissions_;
    }

    [[nodiscard]] const std::shared_ptr<pool_core>& core() const noexcept { return core_; }

private:
    std::shared_ptr<pool_core> core_;
};

std::optional<result<std::uint8_t>> pool_core::known_verdict(const proven_link& link) const {
    switch (gate_.about(link.peer().id, link.remote(), context_->env.time->now())) {
        case admission_gate::opinion::refuse: return failure(errc::not_admitted);
        case admission_gate::opinion::blocked: return failure(errc::peer_blocked);
        case admission_gate::opinion::ask: break;
    }
    if (context_->config.admission.decide) return std::nullopt;
    return std::uint8_t{0};
}

task<result<std::uint8_t>> pool_core::admit(std::shared_ptr<pool_core> core, const proven_link& link,
                                            steady_time deadline) {
    if (const auto known = core->known_verdict(link)) {
        if (!*known) core->note_refusal(link, known->error());
        co_return *known;
    }
    auto& context = *core->context_;
    const bool proven = context.config.mode == wire::link_mode::secured;
    auto asked = ask_application(core, make_peer(link.peer(), link.remote(), link.outgoing(), proven));
    auto out = co_await with_deadline(*context.env.time, deadline, std::move(asked));
    if (out) co_return out;
    if (out.error() == errc::timed_out) out = failure(errc::not_admitted);
    core->note_refusal(link, out.error());
    co_return out;
}

void pool_core::note_refusal(const proven_link& link, std::error_code why) {
    ++context_->counters.not_admitted;
    context_->log_of_peers(log_level::info,
                           [&] { return link.peer().id.hex() + " at " + link.remote().text() + ": " + why.message(); });
}

task<result<std::uint8_t>> pool_core::ask_application(std::shared_ptr<pool_core> core, peer_info who) {
    auto verdict = admission_verdict::refuse();
    std::string failure_text;
    try {
        auto asked = core->context_->config.admission.decide(who);
        verdict = co_await std::move(asked);
    } catch (const std::exception& e) {
        failure_text = e.what();
    } catch (...) {
        failure_text = "an unknown exception";
    }
    if (!failure_text.empty()) {
        core->context_->log_of_peers(log_level::debug,
                                     [&] { return "the decision about a peer ended with: " + failure_text; });
    }
    switch (verdict.what()) {
        case admission_verdict::kind::accept: co_return verdict.priority();
        case admission_verdict::kind::block: core->block(who, verdict.time()); co_return failure(errc::peer_blocked);
        case admission_verdict::kind::refuse: break;
    }
    co_return failure(errc::not_admitted);
}

void pool_core::block(const peer_info& who, duration time) {
    const auto now = context_->env.time->now();
    const auto until = gate_.block(who.who.id, who.observed, time, now);
    for (const auto& one : links()) {
        if (one->peer().who.id == who.who.id) one->close(wire::close_reason::refused, errc::peer_blocked);
    }
    tell([who, left = until - now](const session_events& to) {
        if (to.blocked) to.blocked(who, left);
    });
}

task<> pool_core::let_in(std::shared_ptr<pool_core> core, proven_ptr link, steady_time deadline) {
    const auto priority = co_await admit(core, *link, deadline);
    if (priority) {
        core->establish_accepted(std::move(link), *priority);
    } else {
        core->turn_away(std::move(link), priority.error());
    }
}

bool pool_core::admits_early(const node_id& peer, const address& from) const {
    const auto opinion = gate_.about(peer, from, context_->env.time->now());
    return opinion == admission_gate::opinion::ask && !context_->config.admission.decide;
}

bool pool_core::awaits(const wire::deliver& what) const { return !events_.awaits || events_.awaits(what); }

void pool_core::proven(proven_ptr link) {
    if (stopping_) return;
    // At once where nobody has to be asked: packets that only the session understands may lie behind this one.
    if (const auto known = known_verdict(*link)) {
        if (*known) return establish_accepted(std::move(link), **known);
        note_refusal(*link, known->error());
        return turn_away(std::move(link), known->error());
    }
    // Those of streams are among the handshakes; for these the same bound.
    if (admissions_ >= context_->config.handshakes_max) return note_refusal(*link, errc::peer_busy);
    context_->group.spawn("admission", wait_for_verdict(admission_ticket(shared_from_this()), std::move(link)));
}

task<> pool_core::wait_for_verdict(admission_ticket ticket, proven_ptr link) {
    const auto& context = *ticket.core()->context_;
    co_await let_in(ticket.core(), std::move(link), context.env.time->now() + context.config.handshake_timeout);
}

void pool_core::turn_away(proven_ptr link, std::error_code why) {
    if (stopping_) return;
    // As a session that never opens: the goodbye needs its ciphers. What it said already is nobody's to read.
    link->drop_first_packets();
    const auto made = keep(std::move(link), 0);
    if (made) (*made)->close(wire::close_reason::refused, why);
}

result<void> pool_core::may_dial(const node_id& peer, std::vector<address>& addresses) const {
    const auto now = context_->env.time->now();
    const auto opinion = gate_.about(peer, addresses.front(), now);
    addresses = gate_.dialable_of(peer, std::move(addresses), now);
    if (!addresses.empty()) return {};
    return failure(opinion == admission_gate::opinion::refuse ? errc::not_admitted : errc::peer_blocked);
}

bool pool_core::may_begin_unproven(const address& from) {
    return !context_->unproven_rate || context_->unproven_rate->take(from, context_->env.time->now());
}

bool pool_core::may_begin_handshake(const address& from) {
    if (!context_->handshake_rate || context_->handshake_rate->take(from, context_->env.time->now())) return true;
    ++context_->counters.handshakes_throttled;
    context_->log_of_peers(log_level::debug,
                           [&] { return "dropped " + from.text() + ": too many handshakes from its network"; });
    return false;
}

}  // namespace mydht::detail
