#include "node/node_core.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include <mydht/crypto/ids.hpp>
#include <mydht/runtime/post.hpp>
#include <mydht/store/memory_store.hpp>
#include <mydht/transport/interfaces.hpp>
#include <mydht/transport/tcp.hpp>
#include <mydht/transport/udp.hpp>
#include <mydht/value/lifetime.hpp>

#include "node/operation.hpp"

namespace mydht::detail {

namespace {

/// Peers whose last address is remembered, to tell when one comes again from another.
constexpr std::size_t seen_at_max = 4096;

/// The messenger that walks keep: it outlives a cancelled walk, and must not keep the node alive.
class node_messenger final : public messenger {
public:
    explicit node_messenger(std::weak_ptr<node_core> core) : core_(std::move(core)) {}

    task<result<reply>> ask(contact to, wire::message what, steady_time deadline) override {
        auto core = core_.lock();
        if (core == nullptr) co_return failure(errc::not_running);
        auto answer = co_await node_core::ask(std::move(core), std::move(to), std::move(what), deadline);
        co_return answer;
    }

    task<result<reply>> hand(contact to, wire::deliver what, steady_time deadline, handing how) override {
        auto core = core_.lock();
        if (core == nullptr) co_return failure(errc::not_running);
        auto answer = co_await node_core::hand(std::move(core), std::move(to), std::move(what), deadline, how);
        co_return answer;
    }

private:
    std::weak_ptr<node_core> core_;
};

node_config checked(node_config config) {
    std::string field;
    if (!validate(config, &field)) {
        throw std::invalid_argument("mydht::node_config." + field + " has a value that can never work");
    }
    return config;
}

std::shared_ptr<const identity> self_or_new(const node_config& config, const environment& env) {
    if (config.self) return config.self;
    return std::make_shared<const identity>(identity::generate(*env.secure_random));
}

/// True when nobody outside this machine's own networks can reach what the node listens at. A node that listens nowhere
/// is reached by nobody.
bool listens_locally(const std::vector<address>& listen) {
    return std::ranges::all_of(listen, [](const address& bound) {
        return std::ranges::all_of(dialable(bound),
                                   [](const address& a) { return scope_of(a) != address_scope::global; });
    });
}

any_store store_of(node_config& config) {
    if (config.store) return std::move(config.store);
    return any_store(memory_store(config.store_bounds));
}

}  // namespace

/// Stops a node whose start did not come to run.
class node_core::starting_guard {
public:
    explicit starting_guard(node_core& core) : core_(core) {}
    starting_guard(const starting_guard&) = delete;
    starting_guard& operator=(const starting_guard&) = delete;
    ~starting_guard() {
        if (core_.phase_ == phase::starting) core_.begin_stop();
    }

private:
    node_core& core_;
};

node_core::node_core(environment env, node_config config)
    : env_(std::move(env)),
      config_(checked(std::move(config))),
      self_(self_or_new(config_, env_)),
      local_only_(listens_locally(config_.listen)),
      seen_at_(seen_at_max),
      values_(store_of(config_)),
      table_(config_.table.make(self_->id(), config_.queries.exempt_local && local_only_)),
      answers_(env_, table_, values_, config_.rules, config_.queries.k, !keeps_values()),
      pool_(
          env_, self_, config_.sessions,
          [this](peer_info from, wire::message what) {
              neighbours_.answered(from.who.id);
              return answer_peer(std::move(from), std::move(what));
          },
          pool_events()),
      forwarding_(env_, config_.forwarding, answers_, table_, config_.rules),
      queries_(env_, config_.queries, answers_, forwarding_, config_.rules),
      neighbours_(
          env_, table_, [this](const contact& who) { background_.spawn("a ping of a neighbour", check(who)); },
          [this](const peer_info& who, const address& where) {
              background_.spawn("a dial of a claimed address", verify(who, where));
          }),
      background_(env_.exec, [this](std::string_view name, const std::exception_ptr&) { log_escaped(name); }),
      last_words_(env_.exec, [this](std::string_view name, const std::exception_ptr&) { log_escaped(name); }) {
    if (config_.transports.empty() && config_.datagram_transports.empty()) {
        config_.transports.push_back(make_tcp(env_));
        config_.datagram_transports.push_back(make_udp(env_));
    }
    for (const auto& each : config_.transports) pool_.add_transport(each);
    for (const auto& each : config_.datagram_transports) pool_.add_transport(each);
}

void node_core::log_escaped(std::string_view name) const {
    log(log_level::error, std::string(name) + " ended with an exception");
}

contact node_core::as_contact() const {
    const auto server = static_cast<std::uint32_t>(capability::server);
    return contact_of(self_->key(), keeps_values() ? server : 0, addresses_);
}

bool node_core::keeps_values() const { return !config_.client_only && !config_.listen.empty(); }

query_origin node_core::origin() {
    query_origin out;
    out.id = self_->id();
    for (const auto& each : config_.transports) out.kinds |= wire::mask_of(each.kind());
    for (const auto& each : config_.datagram_transports) out.kinds |= wire::mask_of(each.kind());
    out.keeps_values = keeps_values();
    out.local_only = local_only_;
    out.known = [this](const id256& target, std::size_t count) { return table_.closest(target, count); };
    return out;
}

contact node_core::self_contact() const {
    const auto server = static_cast<std::uint32_t>(capability::server);
    return contact_of(self_->key(), keeps_values() ? server : 0, reachable_);
}

task<> node_core::check(contact who) {
    const auto id = who.id;
    const auto deadline = env_.time->now() + config_.queries.hard_timeout;
    wire::ping question;
    auto answer = co_await ask(shared_from_this(), std::move(who), question, deadline);
    if (!answer) neighbours_.ping_failed(id);
}

task<result<reply>> node_core::ask(std::shared_ptr<node_core> self, contact to, wire::message what,
                                   steady_time deadline) {
    const auto id = to.id;
    if (id == self->self_->id()) co_return failure(errc::self_connection);
    const auto begun = self->env_.time->now();
    // An asker in a hurry says nothing about the peer, and neither does a query that somebody behind it holds up.
    const bool travels = std::holds_alternative<wire::forward>(what);
    const auto counts = [&](std::error_code why) {
        if (travels && why == errc::timed_out) return false;
        return why != errc::timed_out || self->env_.time->now() - begun >= self->config_.queries.soft_timeout;
    };
    // What others ask may make this node send queries to everybody that it knows: those count like what was heard of.
    const auto* known = travels ? nullptr : self->table_.find(id);
    const bool found = known != nullptr && known->contact.addresses == to.addresses;
    const auto source = found ? address_source::found : address_source::heard;
    // Somebody waits behind one that travels, and others may take it instead: whoever is not there at once is passed
    // by.
    const auto reached_by = travels ? begun + 2 * self->config_.queries.soft_timeout : steady_time::max();
    // A link that was idle may be closed by the peer just when it is used; a second attempt then makes a new one.
    for (bool again : {true, false}) {
        const bool reused = !self->pool_.find(id).empty();
        auto asked = co_await self->pool_.ask(to, what, deadline, source, reached_by);
        if (asked) {
            self->neighbours_.answered(id);
            co_return reply(std::move(*asked->answer), asked->over.peer().observed);
        }
        const auto why = asked.error();
        if (why == errc::session_closed && reused && again) continue;
        if (!counts(why)) co_return failure(why);
        // Who was there and does not answer has failed; who was not found may be somewhere else.
        if (reused || !self->pool_.find(id).empty()) {
            self->neighbours_.failed(id, why);
        } else {
            self->neighbours_.unreachable(to, why);
        }
        co_return failure(why);
    }
    co_return failure(errc::session_closed);
}

task<result<put_report>> node_core::put(std::shared_ptr<node_core> self, value what, put_options options) {
    const operation running(*self);
    if (!running.admitted()) co_return failure(errc::not_running);
    auto done = co_await self->queries_.put(std::move(what), std::move(options));
    co_return done;
}

task<result<get_report>> node_core::get(std::shared_ptr<node_core> self, id256 where, get_options options) {
    const operation running(*self);
    if (!running.admitted()) co_return failure(errc::not_running);
    lookup_report report;
    auto* const wanted = options.report() != nullptr ? options.report() : &report;
    options.report_to(*wanted);
    auto found = co_await self->queries_.get(where, std::move(options));
    self->note_walk(where, *wanted);
    co_return found;
}

/// Only a walk of this node's own to which somebody has answered has shown the table who is there.
void node_core::note_walk(const id256& target, const lookup_report& what) {
    if (what.rounds == 0 && what.answered > 0) table_.note_lookup(target, env_.time->now());
}

task<result<std::uint64_t>> node_core::next_sequence(id256 where, std::chrono::milliseconds timeout) {
    get_options search;
    search.timeout(timeout);
    const auto found = co_await queries_.newest(where, std::move(search));
    if (found && found->best.sequence() == std::numeric_limits<std::uint64_t>::max())
        co_return failure(errc::bad_argument);
    if (found) co_return found->best.sequence() + 1;
    if (found.error() == errc::not_found) co_return std::uint64_t{1};
    co_return failure(found.error());
}

task<result<put_report>> node_core::publish(std::shared_ptr<node_core> self, std::shared_ptr<const identity> author,
                                            std::optional<bytes> content, publish_options options) {
    const operation running(*self);
    if (!running.admitted()) co_return failure(errc::not_running);
    auto left = options.timeout().value_or(self->config_.queries.query_timeout);
    auto sequence = options.sequence();
    if (!sequence) {
        const auto begun = self->env_.time->now();
        const auto next = co_await self->next_sequence(mutable_key(author->key(), options.salt()), left / 2);
        if (!next) co_return failure(next.error());
        sequence = *next;
        left -= std::chrono::duration_cast<std::chrono::milliseconds>(self->env_.time->now() - begun);
    }
    const auto now = self->env_.time->wall_now();
    const auto until = deadline_after(now, options.lifetime().value_or(self->config_.queries.value_lifetime));
    if (!until) co_return failure(until.error());
    auto chain = content ? value::signed_by(*author, *content) : value::tombstone_by(*author, now);
    chain.salt(options.salt()).sequence(*sequence).in_namespace(options.name_space()).deadline(*until);
    auto made = chain.sign();
    if (!made) co_return failure(made.error());

    put_options order;
    order.timeout(left);
    if (options.expected_sequence()) order.expect_sequence(*options.expected_sequence());
    auto done = co_await self->queries_.put(std::move(*made), std::move(order));
    co_return done;
}

task<result<lookup_report>> node_core::lookup(std::shared_ptr<node_core> self, id256 target, get_options options) {
    const operation running(*self);
    if (!running.admitted()) co_return failure(errc::not_running);
    auto found = co_await self->queries_.lookup(target, std::move(options));
    if (found) self->note_walk(target, *found);
    co_return found;
}

task<result<ping_report>> node_core::ping(std::shared_ptr<node_core> self, address where, std::optional<node_id> pinned,
                                          std::chrono::milliseconds timeout) {
    const operation running(*self);
    if (!running.admitted()) co_return failure(errc::not_running);
    const auto deadline = self->env_.time->now() + timeout;
    auto link = co_await self->pool_.connect_to(where, pinned, deadline);
    if (!link) co_return failure(link.error());
    const auto sent = self->env_.time->now();
    wire::ping question;
    auto answer = co_await link->request(question, deadline);
    if (!answer) co_return failure(answer.error());
    const auto* pong = std::get_if<wire::pong>(&*answer);
    if (pong == nullptr) co_return failure(errc::peer_error);
    ping_report out;
    out.who = link->peer().who;
    out.round_trip = self->env_.time->now() - sent;
    out.observed = pong->observed;
    co_return out;
}

task<std::vector<contact>> node_core::contacts(std::shared_ptr<node_core> self) {
    co_return self->table_.closest(self->self_->id(), self->table_.size());
}

task<node_status> node_core::status(std::shared_ptr<node_core> self) {
    node_status out;
    out.contacts = self->table_.size();
    out.sessions = self->pool_.size();
    out.traffic = self->pool_.counters();
    out.forwarded = self->forwarding_.counters();
    out.addresses = self->reachable_;
    const auto usage = co_await self->values_.usage();
    if (usage) out.stored = *usage;
    co_return out;
}

task<result<join_report>> node_core::start(std::shared_ptr<node_core> self) {
    const operation running(*self);
    if (self->phase_ != phase::idle) {
        co_return failure(self->phase_ == phase::running || self->phase_ == phase::starting ? errc::already_running
                                                                                            : errc::not_running);
    }
    self->phase_ = phase::starting;
    // Left before the end, by a cancellation too: a node that is half started is of no use.
    const starting_guard guard(*self);
    const auto via = std::make_shared<node_messenger>(self->weak_from_this());
    self->forwarding_.connect(via, self->travel_origin());
    self->queries_.connect(via, self->origin());
    auto saved = co_await self->saved_contacts();
    if (!saved) co_return failure(saved.error());
    const auto ready = co_await self->listen();
    if (!ready) co_return failure(ready.error());
    if (self->phase_ != phase::starting) co_return failure(errc::not_running);
    self->phase_ = phase::running;
    // They begin with a pause, and go on when the wait for the join is cancelled.
    self->background_.spawn("joining", self->keep_joining());
    self->background_.spawn("keeping neighbours", self->keep_neighbours());
    self->background_.spawn("upkeep", self->upkeep());
    self->background_.spawn("keeping ways in", self->keep_ways_in());
    auto report = co_await self->join(std::move(*saved));
    if (self->phase_ != phase::running) co_return failure(errc::not_running);
    co_return report;
}

task<result<void>> node_core::listen() {
    for (const auto& each : config_.listen) {
        auto bound = co_await pool_.listen(each);
        if (!bound) {
            listen_failed_at_ = each;
            co_return failure(bound.error());
        }
        listening_.push_back(*bound);
        for (const auto& reachable : dialable(*bound)) addresses_.push_back(reachable);
    }
    reachable_ = addresses_;
    tell_addresses();
    co_return result<void>();
}

void node_core::begin_stop() {
    if (phase_ == phase::stopping || phase_ == phase::stopped) return;
    const bool never_ran = phase_ == phase::idle;
    phase_ = never_ran ? phase::stopped : phase::stopping;
    if (never_ran) return events_.close();
    last_words_.spawn("the stop", shut_down(shared_from_this()));
}

task<> node_core::shut_down(std::shared_ptr<node_core> self) {
    self->background_.cancel();
    self->join_ended_.notify_all();
    co_await self->save_contacts();
    co_await self->pool_.stop(self->config_.stop_grace);
    co_await self->forwarding_.stop(self->config_.stop_grace);
    co_await self->background_.stop(*self->env_.time, self->config_.stop_grace);
    // Without links every query fails at its next step.
    while (self->operations_ > 0) co_await self->operations_ended_.wait();
    self->phase_ = phase::stopped;
    self->close_events();
    self->stop_ended_.notify_all();
}

task<> node_core::stop(std::shared_ptr<node_core> self) {
    self->begin_stop();
    while (self->phase_ != phase::stopped) co_await self->stop_ended_.wait();
}

void node_core::abandon(std::shared_ptr<node_core> self) {
    const auto exec = self->env_.exec;
    post(exec, [self = std::move(self)] { self->begin_stop(); });
}

}  // namespace mydht::detail
