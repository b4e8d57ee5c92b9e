#include <algorithm>
#include <utility>

#include <mydht/runtime/deadline.hpp>
#include <mydht/runtime/race.hpp>

#include "session/dial.hpp"
#include "session/pool_core.hpp"

namespace mydht::detail {

namespace {

/// How much later the next address joins a dial (RFC 8305 recommends 250 ms).
constexpr duration stagger = std::chrono::milliseconds(250);

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

task<result<session>> pool_core::connect(std::shared_ptr<pool_core> core, dial_key key, std::vector<address> addresses,
                                         steady_time deadline) {
    if (core->stopping_) co_return failure(errc::session_closed);
    if (key.peer == core->party_.self->id()) co_return failure(errc::self_connection);
    if (key.peer) {
        auto open = core->find(*key.peer);
        if (!open.empty()) co_return open;
    }
    std::erase_if(addresses, [&](const address& a) { return !core->transports_.contains(a.kind()); });
    if (addresses.empty()) co_return failure(errc::unsupported_address);
    if (key.peer) {
        if (const auto allowed = core->may_dial(*key.peer, addresses); !allowed) co_return failure(allowed.error());
    }
    if (addresses.size() > limits::addresses_per_contact) addresses.resize(limits::addresses_per_contact);

    const auto on = core->join_dial(key, std::move(addresses));
    const dial_waiter waiting(core, std::move(key), on);
    auto& time = *core->context_->env.time;
    while (!on->outcome) {
        const bool woken = co_await on->arrived.wait_until(time, deadline);
        if (!woken && !on->outcome) co_return failure(errc::timed_out);
    }
    co_return *on->outcome;
}

std::shared_ptr<pool_core::dial> pool_core::join_dial(const dial_key& key, std::vector<address> addresses) {
    auto& on = dials_[key];
    if (!on) {
        on = std::make_shared<dial>();
        auto work = run_dial(dial_ticket(shared_from_this(), key, on), std::move(addresses));
        context_->group.spawn("dial", on->running, std::move(work));
    }
    return on;
}

task<> pool_core::run_dial(dial_ticket ticket, std::vector<address> addresses) {
    const auto core = ticket.core();
    auto& time = *core->context_->env.time;
    const auto deadline = time.now() + core->context_->config.handshake_timeout;
    auto tries = try_addresses(core, ticket.key(), std::move(addresses));
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
    ticket.finish(core->establish_dialled(std::move(*link), *priority));
}

task<result<proven_ptr>> pool_core::try_addresses(std::shared_ptr<pool_core> core, dial_key key,
                                                  std::vector<address> addresses) {
    auto turn = std::make_shared<turns>();
    turn->began = core->context_->env.time->now();
    std::vector<task<result<proven_ptr>>> attempts;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        attempts.push_back(attempt_in_turn(core, turn, i, addresses[i], key.peer));
    }
    auto won = co_await race(std::move(attempts));
    co_return std::move(won.value);
}

task<result<proven_ptr>> pool_core::attempt_in_turn(std::shared_ptr<pool_core> core, std::shared_ptr<turns> turn,
                                                    std::size_t index, address to, std::optional<node_id> pinned) {
    auto& time = *core->context_->env.time;
    const auto at = turn->began + static_cast<std::int64_t>(index) * stagger;
    while (turn->failed < index && time.now() < at) co_await turn->failure_seen.wait_until(time, at);
    auto made = co_await attempt(core, core->transport_for(to), to, pinned);
    if (!made) {
        ++turn->failed;
        turn->failure_seen.notify_all();
        core->context_->log(log_level::debug, "dial of " + to.text() + ": " + made.error().message());
    }
    co_return made;
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
