#include <exception>
#include <utility>

#include <mydht/runtime/deadline.hpp>

#include "session/peer_addresses.hpp"
#include "session/pool_core.hpp"

namespace mydht::detail {

task<result<std::uint8_t>> pool_core::admit(std::shared_ptr<pool_core> core, const proven_link& link,
                                            steady_time deadline) {
    auto& context = *core->context_;
    auto& time = *context.env.time;
    const bool proven = context.config.mode == wire::link_mode::secured;
    auto who = make_peer(link.peer(), link.remote(), link.outgoing(), proven);
    result<std::uint8_t> out = failure(errc::not_admitted);
    switch (core->gate_.about(who.who.id, who.observed, time.now())) {
        case admission_gate::opinion::refuse: break;
        case admission_gate::opinion::blocked: out = failure(errc::peer_blocked); break;
        case admission_gate::opinion::ask: {
            if (!context.config.admission.decide) co_return std::uint8_t{0};
            auto asked = ask_application(core, std::move(who));
            out = co_await with_deadline(time, deadline, std::move(asked));
            break;
        }
    }
    if (out) co_return out;
    ++context.counters.not_admitted;
    if (out.error() == errc::timed_out) out = failure(errc::not_admitted);
    context.log(log_level::info, link.peer().id.hex() + " at " + link.remote().text() + ": " + out.error().message());
    co_return out;
}

task<result<std::uint8_t>> pool_core::ask_application(std::shared_ptr<pool_core> core, peer_info who) {
    auto verdict = admission_verdict::refuse();
    try {
        auto asked = core->context_->config.admission.decide(who);
        verdict = co_await std::move(asked);
    } catch (const std::exception& e) {
        core->context_->log(log_level::debug, std::string("the decision about a peer ended with: ") + e.what());
    } catch (...) {
        core->context_->log(log_level::debug, "the decision about a peer ended with an unknown exception");
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

void pool_core::proven(proven_ptr link) {
    if (stopping_) return;
    const auto deadline = context_->env.time->now() + context_->config.handshake_timeout;
    context_->group.spawn("admission", let_in(shared_from_this(), std::move(link), deadline));
}

void pool_core::turn_away(proven_ptr link, std::error_code why) {
    if (stopping_) return;
    // As a session that never opens: the goodbye needs its ciphers.
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

bool pool_core::may_begin_handshake(const address& from) {
    if (!context_->handshake_rate || context_->handshake_rate->take(from, context_->env.time->now())) return true;
    ++context_->counters.handshakes_throttled;
    context_->log(log_level::debug, "dropped " + from.text() + ": too many handshakes from its network");
    return false;
}

}  // namespace mydht::detail
