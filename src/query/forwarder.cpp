#include <mydht/query/forwarder.hpp>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include <mydht/crypto/hash.hpp>

#include "query/forwarding_state.hpp"
#include "query/hop.hpp"
#include "query/tickets.hpp"
#include "query/usable.hpp"

namespace mydht {

namespace {

using detail::forwarding_state;

/// A tag is remembered for this long beyond its query's time: clocks differ, and answers are late.
constexpr auto tag_margin = std::chrono::seconds(10);

/// Time that a hop keeps for the way back, out of what is left: so that each of those that may still follow keeps about
/// as much, and half is for the way itself.
duration way_back(duration left, std::uint8_t hops) { return left / (2 * (static_cast<int>(hops) + 2)); }

wire::message error_answer(wire::error_code code, std::string_view text) {
    wire::error out;
    out.code = code;
    out.text = text;
    return out;
}

/// Bytes that a query keeps here, with the copies that leave: no more at once than it has paths.
std::size_t weight_of(const wire::forward& query) {
    return detail::value_bytes(query) * (std::size_t{std::min(query.fan_out, query.paths)} + 1);
}

/// What is too much now.
bool is_too_much(const forwarding_state& in, const wire::forward& query, const detail::payer& whose) {
    const auto& rules = in.book.rules();
    const auto queries = in.load.queries();
    const bool crowded = queries >= rules.under_way_max / 2 && query.priority < rules.busy_priority;
    const auto share = std::max<std::size_t>(rules.under_way_max / detail::relay_load::parts_of_prefix, 1);
    const bool greedy =
        in.load.queries_of(whose.neighbour) >= rules.under_way_peer || in.load.queries_of_prefix(whose.prefix) >= share;
    return queries >= rules.under_way_max || crowded || greedy || !in.load.has_room(whose, weight_of(query), 0);
}

std::optional<wire::message> refuse(forwarding_state& in, const wire::forward& query, const peer_info& from) {
    // Before anything else, so that what is refused is paid, too.
    if (!in.meter.take(from, detail::value_bytes(query), in.env.time->now())) {
        ++in.counts.throttled;
        return error_answer(wire::error_code::throttled, "you send more than this node passes on for one neighbour");
    }
    const bool sent_round = detail::rulebook::has_false_trace(query, from.who.id, in.origin.self->id());
    if (sent_round || in.book.is_absurd(query)) {
        ++in.counts.absurd;
        return error_answer(wire::error_code::refused, "the query asks for more than this node forwards");
    }
    if (is_too_much(in, query, in.meter.payer_of(from))) {
        ++in.counts.busy;
        return error_answer(wire::error_code::busy, "too many queries are on their way through this node");
    }
    return {};
}

wire::message refuse_ticket(forwarding_state& in, std::error_code why) {
    if (why == errc::unreachable) {
        ++in.counts.unseen_askers;
        return error_answer(wire::error_code::refused, "the asker was not seen at the addresses that it names");
    }
    if (why == errc::bad_address) {
        ++in.counts.private_askers;
        return error_answer(wire::error_code::refused, "the asker's addresses are of a network that you are not in");
    }
    ++in.counts.forged_askers;
    return error_answer(wire::error_code::refused, "the asker's ticket does not hold: " + why.message());
}

/// How long the query has to be known again. A ticket counts for longer than its query.
steady_time known_until(const forwarding_state& in, const wire::forward& query,
                        const std::optional<asker_ticket>& ticket) {
    const auto now = in.env.time->now();
    const auto until = now + query.lifetime + tag_margin;
    if (!ticket) return until;
    return std::max<steady_time>(until, now + (ticket->deadline - in.env.time->wall_now()) + limits::clock_skew_max);
}

wire::message seen_before() {
    wire::gathered out;
    out.outcome = wire::gathered_outcome::duplicate;
    return out;
}

/// What is here is brought to an asker once, and tried once for each neighbour that sends the query: one that wants the
/// asker to hear nothing may have been the first.
bool may_bring(forwarding_state& in, const id256& visit, const node_id& from, steady_time until) {
    const auto now = in.env.time->now();
    const auto tried = hash_id("mydht.tried", {visit.view(), from.view()});
    const bool fresh = in.tags.note(tried, now, until);
    return fresh && !in.bringing.contains(visit) && !in.tags.knows(detail::brought_name(visit), now);
}

/// Peers of this node's own that others have asked, too: there is less reason to go by them.
void note_trace(forwarding_state& in, const wire::forward& query, const node_id& from) {
    for (const auto& each : query.trace) {
        if (each != from && in.table.find(each) != nullptr) in.ways.known(each);
    }
}

/// A query of this node's own. Both must live until it has ended.
task<wire::gathered> run(detail::hop& here, forward_report& report) {
    auto out = co_await here.run();
    report.complete = out.outcome != wire::gathered_outcome::partial && here.complete();
    report.lies = here.found().lies();
    report.unfit = here.found().unfit();
    report.own = here.found().own();
    report.not_kept = here.not_kept();
    report.refusal = here.found().refusal();
    report.turned_down = here.found().turned_down();
    co_return out;
}

}  // namespace

forwarder::forwarder(environment env, travel_rules rules, responder& own, any_routing_table& table,
                     const namespaces& spaces)
    : state_(std::make_shared<forwarding_state>(std::move(env), std::move(rules), own, table, spaces)) {}

forwarder::~forwarder() = default;

void forwarder::connect(std::shared_ptr<messenger> via, forward_origin origin) {
    state_->via = std::move(via);
    state_->origin = std::move(origin);
    state_->meter.exempt_loopback(state_->origin.exempt_loopback);
}

const travel_rules& forwarder::rules() const noexcept { return state_->book.rules(); }
const forward_counters& forwarder::counters() const noexcept { return state_->counts; }
std::size_t forwarder::bytes_under_way() const noexcept { return state_->load.bytes_under_way(); }

task<wire::message> forwarder::answer(peer_info from, wire::forward query) {
    const auto in = state_;
    // Hidden ones all have the same.
    if (!query.hidden) query.priority = in->book.priority(from, query.priority);
    if (auto no = refuse(*in, query, from)) co_return std::move(*no);
    const auto now = in->env.time->now();
    const auto visit = detail::visit_of(query);
    const bool again = in->tags.knows(visit, now);
    if (again) {
        ++in->counts.duplicates;
        in->going_on.note(visit, from.who.id);
    }
    std::optional<asker_ticket> ticket;
    if (query.asker) {
        auto checked = detail::check_ticket(*in, query, from);
        if (!checked) co_return refuse_ticket(*in, checked.error());
        ticket = std::move(*checked);
        const bool tries = may_bring(*in, visit, from.who.id, known_until(*in, query, ticket));
        if (again && !tries) co_return seen_before();
    }
    detail::query_place place(in, in->meter.payer_of(from), weight_of(query));
    if (again) {
        detail::hop here(in, std::move(query), std::move(from), now + query.lifetime);
        here.counts_in(place);
        if (ticket) here.answers_go_to(std::move(*ticket));
        co_return co_await here.look_again();
    }
    // One that goes no farther must not keep the same query out that does.
    const auto known_for = known_until(*in, query, ticket);
    if (query.hops > 0) in->tags.note(visit, now, known_for);
    note_trace(*in, query, from.who.id);
    ++in->counts.served;
    // A hidden query's time does not shrink on its way: whoever gives up tells the others.
    const auto kept_back = query.hidden ? duration() : way_back(query.lifetime, query.hops);
    const auto back_at = now + query.lifetime - kept_back;
    detail::hop here(in, std::move(query), std::move(from), back_at);
    here.counts_in(place);
    here.serves(visit, known_for);
    if (ticket) here.answers_go_to(std::move(*ticket));
    auto out = co_await here.run();
    co_await here.cache(out);
    co_return out;
}

task<wire::gathered> forwarder::ask(wire::forward query, steady_time deadline, forward_report& report,
                                    std::function<void(item)> on_item) {
    const auto in = state_;
    ++in->counts.begun;
    // A hidden walk begins as one that came here and goes on.
    do {
        in->env.secure_random->fill(query.tag.data());
    } while (query.hidden && in->book.walk_ends(detail::visit_of(query)));
    const auto now = in->env.time->now();
    // Hidden ones leave under other tags.
    if (!query.hidden) in->tags.note(detail::visit_of(query), now, deadline + tag_margin);
    query.stream = on_item != nullptr;
    report.begun = now;
    detail::hop here(in, std::move(query), std::nullopt, deadline);
    here.write_down(detail::step_log(report.steps, now), report.peers);
    here.tell(std::move(on_item));
    co_return co_await run(here, report);
}

task<wire::gathered> forwarder::request(wire::forward query, steady_time deadline, forward_report& report,
                                        std::function<void(wire::forward&)> tagged,
                                        std::function<bool(const signed_reply&)> opens) {
    const auto in = state_;
    ++in->counts.begun;
    in->env.secure_random->fill(query.tag.data());
    tagged(query);
    in->tags.note(detail::visit_of(query), in->env.time->now(), deadline + tag_margin);
    report.begun = in->env.time->now();
    detail::hop here(in, std::move(query), std::nullopt, deadline);
    here.write_down(detail::step_log(report.steps, report.begun), report.peers);
    here.opens_replies_with(std::move(opens));
    co_return co_await run(here, report);
}

task<> forwarder::stop(duration grace) {
    const auto in = state_;
    co_await in->answering.stop(*in->env.time, grace);
}

bool forwarder::awaits(const loop_tag& tag) const { return state_->waiting.awaits(tag); }

bool forwarder::can_be_reached() const { return !state_->origin.contact().addresses.empty(); }

wire::message forwarder::take(const peer_info& from, wire::deliver what) {
    detail::keep_knowable(what.what.contacts, from.observed);
    switch (state_->waiting.take(from.who.id, std::move(what))) {
        case detail::collection::verdict::taken: ++state_->counts.collected; return wire::delivered();
        case detail::collection::verdict::known: return wire::delivered();
        case detail::collection::verdict::refused:
        case detail::collection::verdict::lie: break;
    }
    // It may be only late, and is paid all the same.
    ++state_->counts.unasked;
    state_->meter.charge(from.who.id, from.observed, state_->env.time->now());
    return error_answer(wire::error_code::refused, "nobody waits for this");
}

}  // namespace mydht
