#include <mydht/query/query_engine.hpp>

#include <algorithm>
#include <exception>
#include <string>

#include <mydht/runtime/task_group.hpp>
#include <mydht/value/lifetime.hpp>

#include "query/fitting.hpp"
#include "query/hidden_walks.hpp"
#include "query/purposes.hpp"
#include "query/refusal.hpp"
#include "query/walk.hpp"

namespace mydht {

namespace {

/// Writes the report where the caller wants it.
void hand_over(lookup_report* into, const lookup_report& report) {
    if (into != nullptr) *into = report;
}

/// Nobody answered, of a query that travels nobody in its last round, and somebody has said why not.
bool was_refused(const lookup_report& report) {
    const bool unanswered = report.answered == 0 || (report.rounds > 0 && !report.exhausted);
    return unanswered && report.refusal;
}

/// Why a get found nothing: enough peers said no, or too few said anything.
std::error_code nothing_found(const lookup_report& report) {
    if (was_refused(report)) return report.refusal;
    // Enough is half of those that were asked: of few who answer among many who hang, nobody may be a holder.
    const bool enough = report.answered > 0 && report.answered * 2 >= report.asked;
    if (report.exhausted && enough) return errc::not_found;
    const bool nobody_there = report.exhausted && report.answered == 0 && report.timed_out == 0;
    const bool out_of_time = report.rounds > 0 && !report.exhausted;
    if ((report.asked == 0 && !out_of_time) || nobody_there) return errc::no_peers;
    return errc::timed_out;
}

/// Why a put stored nothing.
std::error_code nothing_stored(const put_report& report) {
    if (report.mismatched > 0) return errc::cas_mismatch;
    if (report.stale > 0) return errc::value_stale;
    if (report.refusal) return report.refusal;
    if (report.refused > 0) return errc::peer_error;
    if (was_refused(report.lookup)) return report.lookup.refusal;
    return report.lookup.answered == 0 ? errc::no_peers : errc::timed_out;
}

/// Asks one holder to keep the item. Shares the report, since a put that is cancelled ends before its requests do.
task<> store_on(std::shared_ptr<messenger> via, contact holder, wire::store order, steady_time deadline,
                std::shared_ptr<put_report> into) {
    const auto answer = co_await via->ask(std::move(holder), std::move(order), deadline);
    if (const auto why = detail::refusal_in(answer)) into->refusal = why;
    if (!answer) {
        ++into->failed;
    } else if (std::holds_alternative<wire::stored>(answer->what)) {
        ++into->stored;
    } else if (const auto* refusal = std::get_if<wire::error>(&answer->what)) {
        detail::count_refusal(*into, meaning_of(refusal->code));
    } else {
        ++into->refused;
    }
}

/// The best of at least one candidate.
get_report choose(const detail::find_copies& found, const namespaces& rules) {
    std::vector<value> values;
    values.reserve(found.candidates().size());
    std::size_t copies = 0;
    for (const auto& each : found.candidates()) {
        values.push_back(each.what);
        copies += each.copies;
    }
    const auto index = rules.select(values);
    get_report out(std::move(values[index]));
    out.copies = found.candidates()[index].copies;
    out.older = copies - out.copies + found.too_old();
    out.invalid = found.invalid();
    return out;
}

}  // namespace

result<void> query_engine::fits_mode(const request_options& options) const { return detail::fits_mode(env_, options); }

steady_time query_engine::deadline_of(std::optional<std::chrono::milliseconds> timeout) const {
    return env_.time->now() + timeout.value_or(config_.query_timeout);
}

task<result<lookup_report>> query_engine::lookup(id256 target, std::size_t paths, steady_time deadline) {
    auto found = co_await walk_to(target, paths, deadline);
    if (found && was_refused(*found)) co_return failure(found->refusal);
    co_return found;
}

task<result<lookup_report>> query_engine::walk_to(id256 target, std::size_t paths, steady_time deadline) {
    detail::walk_options options(target, origin_.id, deadline);
    options.paths = paths;
    options.exempt_local = config_.exempt_local && origin_.local_only;
    options.seeds = origin_.known(target, config_.k * paths);
    if (options.seeds.empty()) co_return failure(errc::no_peers);
    detail::find_peers purpose(target, origin_.kinds);
    auto report = co_await detail::walk(env_, config_, via_, std::move(options), purpose, peers_);
    co_return report;
}

task<result<lookup_report>> query_engine::lookup(id256 target, get_options options) {
    if (const auto fits = detail::fits_mode(env_, options); !fits) co_return failure(fits.error());
    if (options.mode() != iterative()) co_return co_await lookup_far(target, options);
    auto found = co_await walk_to(target, options.disjoint_paths().value_or(1), deadline_of(options.timeout()));
    if (found) hand_over(options.report(), *found);
    if (found && was_refused(*found)) co_return failure(found->refusal);
    co_return found;
}

task<result<get_report>> query_engine::get(id256 where, get_options options) {
    auto found = co_await newest(where, std::move(options));
    if (found && found->best.is_tombstone()) co_return failure(errc::not_found);
    co_return found;
}

task<result<get_report>> query_engine::newest(id256 where, get_options options) {
    const auto fits = detail::fits_mode(env_, options);
    const auto hides = detail::is_hidden(options, forwarding_.rules());
    if (!fits || !hides) co_return failure(errc::bad_argument);
    detail::find_copies purpose(where, origin_.kinds, rules_, *env_.time, options.results());
    purpose.tell(options.on_result());
    purpose.at_least(options.at_least());
    const auto travels_until = travel_deadline(options);
    auto own = co_await own_.items(where);
    for (auto& each : own) purpose.take(std::move(each));
    lookup_report report;
    const bool outside = !options.is_local() && !purpose.enough();
    // Everybody knows that who serves nobody passes nothing on: what it sends is its own.
    if (*hides && !origin_.keeps_values) co_return failure(errc::bad_argument);
    if (outside && *hides) {
        report = co_await detail::walk_hidden(env_, forwarding_, where, deadline_of(options.timeout()), purpose);
    } else if (outside && options.mode() != iterative()) {
        auto travelled = co_await get_far(where, options, purpose);
        if (!travelled) co_return failure(travelled.error());
        report = std::move(*travelled);
    } else if (outside) {
        detail::walk_options walk(where, origin_.id, deadline_of(options.timeout()));
        walk.paths = options.disjoint_paths().value_or(1);
        walk.exempt_local = config_.exempt_local && origin_.local_only;
        walk.seeds = origin_.known(where, config_.k * walk.paths);
        report = co_await detail::walk(env_, config_, via_, std::move(walk), purpose, peers_);
    }
    hand_over(options.report(), report);
    if (purpose.candidates().empty()) {
        if (purpose.too_old() > 0) co_return failure(errc::value_stale);
        if (options.is_local()) co_return failure(errc::not_found);
        const auto why = nothing_found(report);
        // A query that travels may end without an answer before its time is over.
        const bool early = report.rounds > 0 && env_.time->now() < travels_until;
        co_return failure(early && why == errc::timed_out ? make_error_code(errc::answer_lost) : why);
    }
    auto chosen = choose(purpose, rules_);
    chosen.lookup = std::move(report);
    co_return chosen;
}

task<> query_engine::replicate(const std::vector<contact>& holders, wire::store order, steady_time deadline,
                               std::shared_ptr<put_report> into) {
    task_group stores(env_.exec, [log = env_.log](std::string_view name, const std::exception_ptr&) {
        log.write(log_level::error, "query", std::string(name) + " failed with an exception");
    });
    const auto until = std::min(deadline, env_.time->now() + config_.hard_timeout);
    for (const auto& holder : holders) stores.spawn("a store on a holder", store_on(via_, holder, order, until, into));
    co_await stores.join();
}

result<void> query_engine::prepare(value& what, const put_options& options) const {
    const auto now = env_.time->wall_now();
    if (what.kind() == item_kind::immutable && what.deadline() <= wall_time{}) {
        const auto until = deadline_after(now, options.lifetime().value_or(config_.value_lifetime));
        if (!until) return failure(until.error());
        what = what.with_deadline(*until);
    }
    if (auto fits = what.check(); !fits) return fits;
    if (auto lives = check_deadline(what.deadline(), now); !lives) return lives;
    return rules_.validate(what);
}

task<result<put_report>> query_engine::put(value what, put_options options) {
    if (const auto fits = detail::fits_mode(env_, options); !fits) co_return failure(fits.error());
    if (const auto ready = prepare(what, options); !ready) co_return failure(ready.error());
    if (options.mode() != iterative() && !options.is_local()) {
        auto done = co_await put_far(std::move(what), std::move(options));
        co_return done;
    }
    const auto out = std::make_shared<put_report>();
    out->key = what.key();
    out->sequence = what.sequence();
    out->deadline = what.deadline();
    const auto now = env_.time->now();
    const auto deadline = deadline_of(options.timeout());
    std::vector<contact> holders;
    if (!options.is_local()) {
        // Peers that hang must not use up the time in which those that answer could store.
        auto found = co_await walk_to(what.key(), config_.disjoint_paths, now + (deadline - now) / 2);
        if (!found && !origin_.keeps_values) co_return failure(found.error());
        if (found) out->lookup = std::move(*found);
        holders = out->lookup.closest;
    }
    wire::store order;
    order.target = what.key();
    order.what = std::move(what).to_item();
    order.expected_sequence = options.expected_sequence();

    const bool among_nearest = holders.size() < config_.k || closer(out->key, origin_.id, holders.back().id);
    if (options.is_local() || (origin_.keeps_values && among_nearest)) {
        if (holders.size() == config_.k) holders.pop_back();
        const auto kept = co_await own_.keep(nullptr, order.target, order.what, order.expected_sequence);
        if (kept) {
            ++out->stored;
            out->own = true;
        } else {
            detail::count_refusal(*out, kept.error());
        }
    }
    co_await replicate(holders, std::move(order), deadline, out);
    if (out->stored == 0) co_return failure(nothing_stored(*out));
    co_return *out;
}

}  // namespace mydht
