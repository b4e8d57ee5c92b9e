#include <algorithm>
#include <functional>
#include <utility>

#include <mydht/runtime/deadline.hpp>
#include <mydht/runtime/race.hpp>

#include "session/datagram_dial.hpp"
#include "session/dial.hpp"
#include "session/pool_core.hpp"

namespace mydht::detail {

namespace {

/// How much later the next address joins a dial (RFC 8305 recommends 250 ms).
constexpr duration stagger = std::chrono::milliseconds(250);
/// Until a system sends the first packet of a connection again (RFC 6298, section 2.1), less what its clock may be off.
constexpr duration one_syn = std::chrono::milliseconds(900);

}  // namespace

/// One call that waits for a dial. The last one that gives up takes the dial with it.
class pool_core::dial_waiter {
public:
    dial_waiter(std::shared_ptr<pool_core> core, dial_key key, std::shared_ptr<dial> on)
        : core_(std::move(core)), key_(std::move(key)), on_(std::move(on)) {
        ++on_->waiting;
    }
    dial_waiter(const dial_waiter&) = delete;
    dial_waiter& operator=(const dial_waiter&) = delete;
    ~dial_waiter() {
        if (--on_->waiting == 0 && !on_->outcome) core_->finish_dial(key_, on_, failure(errc::cancelled));
    }

private:
    std::shared_ptr<pool_core> core_;
    dial_key key_;
    std::shared_ptr<dial> on_;
};

/// Makes sure that a dial has an outcome, also when its coroutine never begins.
class pool_core::dial_ticket {
public:
    dial_ticket(std::shared_ptr<pool_core> core, dial_key key, std::shared_ptr<dial> which)
        : core_(std::move(core)), key_(std::move(key)), which_(std::move(which)) {}
    dial_ticket(dial_ticket&&) noexcept = default;
    dial_ticket& operator=(dial_ticket&&) = delete;
    ~dial_ticket() {
        if (core_) core_->finish_dial(key_, which_, failure(errc::cancelled));
    }

    void keep_answer(std::optional<wire::message> early) { which_->early_answer = std::move(early); }
    void finish(result<session> outcome) { core_->finish_dial(key_, which_, std::move(outcome)); }
    [[nodiscard]] const std::shared_ptr<pool_core>& core() const noexcept { return core_; }
    [[nodiscard]] const dial_key& key() const noexcept { return key_; }
    [[nodiscard]] bool finished() const noexcept { return which_->outcome.has_value(); }

private:
    std::shared_ptr<pool_core> core_;
    dial_key key_;
    std::shared_ptr<dial> which_;
};

any_transport pool_core::transport_for(const address& where) const {
    const auto at = transports_.find(where.kind());
    return at != transports_.end() ? at->second : any_transport();
}

bool pool_core::can_dial(const address& where) const {
    return transports_.contains(where.kind()) || datagrams_->speaks(where.kind());
}

bool pool_core::dials(const node_id& peer, address_kind kind) const {
    dial_key first;
    first.peer = peer;
    for (auto at = dials_.lower_bound(first); at != dials_.end() && at->first.peer == peer; ++at) {
        const auto is_kind = [kind](const address& a) { return a.kind() == kind; };
        if (std::ranges::any_of(at->first.where, is_kind)) return true;
    }
    return false;
}

task<result<session>> pool_core::connect(std::shared_ptr<pool_core> core, dial_target to, steady_time deadline) {
    auto dialled = co_await reach(std::move(core), std::move(to), deadline);
    if (!dialled) co_return failure(dialled.error());
    co_return std::move(dialled->over);
}

task<result<asked_peer>> pool_core::ask(std::shared_ptr<pool_core> core, dial_target to, wire::message what,
                                        steady_time deadline) {
    if (wire::may_travel_early(what)) to.first = what;
    auto reached = co_await reach(core, std::move(to), deadline);
    if (!reached) co_return failure(reached.error());
    if (reached->answer) co_return std::move(*reached);
    auto over = reached->over;
    auto answer = co_await over.request(std::move(what), deadline);
    if (!answer) co_return failure(answer.error());
    reached->answer.emplace(std::move(*answer));
    co_return std::move(*reached);
}

/// A session that is there or is made now, and the answer to the first request when it came with it.
task<result<asked_peer>> pool_core::reach(std::shared_ptr<pool_core> core, dial_target to, steady_time deadline) {
    if (core->stopping_) co_return failure(errc::session_closed);
    if (to.key.peer == core->party_.self->id()) co_return failure(errc::self_connection);
    asked_peer out;
    if (to.key.peer) {
        out.over = core->find(*to.key.peer);
        out.reused = !out.over.empty();
        if (out.reused) co_return out;
    }
    std::erase_if(to.addresses, [&](const address& a) { return !core->can_dial(a); });
    if (to.addresses.empty()) co_return failure(errc::unsupported_address);
    if (to.key.peer) {
        if (const auto allowed = core->may_dial(*to.key.peer, to.addresses); !allowed)
            co_return failure(allowed.error());
    }
    // A packet is there sooner than a connection.
    std::stable_partition(to.addresses.begin(), to.addresses.end(),
                          [&](const address& a) { return core->datagrams_->speaks(a.kind()); });
    const std::size_t most = to.source == address_source::named ? 1 : limits::addresses_per_contact;
    if (to.addresses.size() > most) to.addresses.resize(most);

    const auto until = std::min(deadline, to.reached_by);
    auto key = to.key;
    const bool first = !core->dials_.contains(key);
    const auto on = core->join_dial(std::move(to));
    const dial_waiter waiting(core, std::move(key), on);
    auto& time = *core->context_->env.time;
    while (!on->outcome) {
        const bool woken = co_await on->arrived.wait_until(time, until);
        if (!woken && !on->outcome) co_return failure(until < deadline ? errc::unreachable : errc::timed_out);
    }
    if (!*on->outcome) co_return failure(on->outcome->error());
    out.over = **on->outcome;
    if (first) out.answer = std::exchange(on->early_answer, std::nullopt);
    if (out.answer) ++core->context_->counters.requests_sent;
    co_return out;
}

std::shared_ptr<pool_core::dial> pool_core::join_dial(dial_target to) {
    auto& on = dials_[to.key];
    if (!on) {
        on = std::make_shared<dial>();
        dial_ticket ticket(shared_from_this(), to.key, on);
        context_->group.spawn("dial", on->running, run_dial(std::move(ticket), std::move(to)));
    }
    return on;
}

task<> pool_core::run_dial(dial_ticket ticket, dial_target to) {
    const auto core = ticket.core();
    auto& time = *core->context_->env.time;
    const auto deadline = time.now() + core->context_->config.handshake_timeout;
    auto tries = try_addresses(core, std::make_shared<const dial_target>(std::move(to)));
    auto link = co_await with_deadline(time, deadline, std::move(tries));
    if (ticket.finished()) co_return;
    if (!link) {
        ++core->context_->counters.handshakes_failed;
        ticket.finish(failure(link.error()));
        co_return;
    }
    const auto priority = co_await admit(core, **link, deadline);
    if (ticket.finished()) co_return;
    if (!priority) {
        ticket.finish(failure(priority.error()));
        co_return;
    }
    ticket.keep_answer((*link)->take_early_answer());
    ticket.finish(core->establish_dialled(std::move(*link), *priority));
}

task<result<proven_ptr>> pool_core::try_addresses(std::shared_ptr<pool_core> core,
                                                  std::shared_ptr<const dial_target> to) {
    auto turn = std::make_shared<turns>(core->context_->env.time->now(), to->addresses.size());
    std::vector<task<result<proven_ptr>>> attempts;
    for (std::size_t i = 0; i < to->addresses.size(); ++i) attempts.push_back(attempt_in_turn(core, turn, i, to));
    auto won = co_await race(std::move(attempts));
    co_return std::move(won.value);
}

dial_budget* pool_core::budget_for(const dial_target& to, const address& where) {
    if (to.source == address_source::found) return nullptr;
    const bool local = is_own_machine(where) || (where.is_ip() && scope_of(where) != address_scope::global);
    if (local && context_->config.exempt_loopback) return nullptr;
    return to.source == address_source::named ? &probes_ : &heard_;
}

task<result<proven_ptr>> pool_core::attempt_in_turn(std::shared_ptr<pool_core> core, std::shared_ptr<turns> turn,
                                                    std::size_t index, std::shared_ptr<const dial_target> to) {
    auto& time = *core->context_->env.time;
    const auto where = to->addresses[index];
    const auto at = turn->began + static_cast<std::int64_t>(index) * stagger;
    while (turn->count < index && time.now() < at) co_await turn->changed.wait_until(time, at);
    std::function<void()> doubtful = [turn, index] { turn->give_way(index); };
    std::optional<budgeted_dial> counted;
    if (auto* const budget = core->budget_for(*to, where)) counted.emplace(*budget, where, to->cause, time.now());
    result<proven_ptr> made = failure(errc::throttled);
    if (!counted || counted->began()) made = co_await attempt_at(core, where, std::move(to), std::move(doubtful));
    if (!made) {
        turn->give_way(index);
        core->context_->log(log_level::debug, "dial of " + where.text() + ": " + made.error().message());
    }
    co_return made;
}

task<result<proven_ptr>> pool_core::attempt_at(std::shared_ptr<pool_core> core, address where,
                                               std::shared_ptr<const dial_target> to, std::function<void()> doubtful) {
    const bool is_short = to->source == address_source::named && where.is_ip();
    const bool packets = core->datagrams_->speaks(where.kind());
    const auto pinned = to->key.peer;
    auto made = packets ? dial_datagrams(core->datagrams_, where, std::move(to), std::move(doubtful))
                        : attempt(core, core->transport_for(where), where, pinned);
    if (!is_short) return made;
    auto& time = *core->context_->env.time;
    return with_deadline(time, time.now() + (packets ? dial_patience : one_syn), std::move(made));
}

void pool_core::finish_dial(const dial_key& key, const std::shared_ptr<dial>& which, result<session> outcome) {
    if (which->outcome) return;
    // The map's node may be where `key` lies.
    const auto kept = which;
    const auto at = dials_.find(key);
    if (at != dials_.end() && at->second == kept) dials_.erase(at);
    kept->outcome.emplace(std::move(outcome));
    kept->running.cancel();
    kept->arrived.notify_all();
}

void pool_core::answer_dials(const session_ptr& which) {
    // All dials of the peer, wherever they go: somebody may have named it where it is not.
    dial_key first;
    first.peer = which->peer().who.id;
    for (auto at = dials_.lower_bound(first); at != dials_.end() && at->first.peer == first.peer;) {
        const auto [key, one] = *at++;
        finish_dial(key, one, session(which));
    }
}

}  // namespace mydht::detail
