// The queries of a node that travel: from options to a query, and from what came back to a report.

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <mydht/core/application_error.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/core/service_name.hpp>
#include <mydht/crypto/service_request.hpp>
#include <mydht/query/query_engine.hpp>

#include "query/purposes.hpp"
#include "query/refusal.hpp"
#include "query/step_log.hpp"

namespace mydht {

namespace {

/// Copies of a mutable value that a query which travels goes on for when its options say nothing: more than the first,
/// which may be an old one. The first copy of an immutable value is enough all the same.
constexpr std::size_t usual_results = limits::values_per_message;

/// How often a request to a peer goes out while all of its paths end without that peer: where everybody knows few
/// others, one of some thirty times they do.
constexpr std::size_t request_rounds = 3;

/// Paths and fan-out of a round are so many times those of the one before, and it goes so many hops more, at random.
constexpr int wider = 2;
constexpr std::uint8_t farther = 4;

std::uint8_t up_to(int wanted, std::uint8_t most) { return static_cast<std::uint8_t>(std::min<int>(wanted, most)); }

/// The next round of a query that came to nothing: what its options leave open grows.
void widen(wire::forward& query, const get_options& options, const travel_band& most) {
    if (!options.fan_out()) query.fan_out = up_to(query.fan_out * wider, most.fan_out_max);
    if (!options.spread()) query.paths = up_to(query.paths * wider, most.spread_max);
    if (!options.hops()) query.hops = up_to(query.hops + farther, most.hops_max);
    query.wander = up_to(query.wander + farther, query.hops);
}

/// A further round of the query that began then.
void add(lookup_report& into, const forward_report& round, steady_time begun) {
    detail::add_round(into, begun, into.rounds, round);
    ++into.rounds;
    into.exhausted = round.complete;
    into.refusal = round.refusal;
}

/// Why nobody keeps the value of a put. What the stores of others say stays with them: of why each of them did not keep
/// it, only this node's own has told.
/// `late`: the time of the put is over.
std::error_code nothing_kept(const forward_report& travelled, bool late) {
    const auto own = travelled.not_kept;
    if (own == errc::cas_mismatch || own == errc::value_stale) return own;
    if (travelled.refusal) return travelled.refusal;
    if (!travelled.complete) return late ? errc::timed_out : errc::answer_lost;
    if (own) return own;
    return travelled.peers.asked == 0 ? errc::no_peers : errc::peer_error;
}

/// At how many peers on the way the query of this mode still has to come before somebody collects its answers.
std::uint8_t proxy_hops_of(query_mode mode) {
    switch (mode.what()) {
        case query_mode::kind::direct: return 1;
        case query_mode::kind::mixed: return static_cast<std::uint8_t>(mode.proxies() + 1);
        default: return 0;
    }
}

/// What an asker is told of how a service ended.
std::error_code error_of(const service_reply& said) {
    switch (said.outcome) {
        case reply_outcome::done: return {};
        case reply_outcome::failed: return application_error(said.code);
        case reply_outcome::no_service: return errc::no_service;
        case reply_outcome::busy: return errc::peer_busy;
        case reply_outcome::late: return errc::timed_out;
    }
    return errc::peer_error;
}

/// The replies to one request, as they come.
struct told {
    std::optional<sealed_request> seal;
    std::error_code wrong;  // nothing can be sent
    std::error_code failed;
    std::vector<request_answer> answers;

    bool take(const signed_reply& reply) {
        auto plain = seal ? seal->open_reply(reply.payload) : result<bytes>(reply.payload);
        auto said = plain ? decode_reply(*plain) : result<service_reply>(failure(plain.error()));
        if (!said) return false;
        if (const auto why = error_of(*said)) {
            failed = why;
        } else {
            answers.emplace_back(reply.answerer, std::move(said->body));
        }
        return true;
    }
};

}  // namespace

/// The option that no peer would take, if there is one.
result<void> query_engine::check(const wire::forward& query, query_mode mode) const {
    const auto& rules = forwarding_.rules();
    const auto& most = rules.band(query.priority);
    const auto bad = [this](std::string_view option) -> result<void> {
        env_.log.write(log_level::warning, "query", "the option " + std::string(option) + " can never work");
        return failure(errc::bad_argument);
    };
    if (query.hops > most.hops_max) return bad("hops: peers forward no query so far");
    if (query.fan_out == 0 || query.fan_out > most.fan_out_max) return bad("fan_out: peers send no query to so many");
    if (query.paths == 0 || query.paths > most.spread_max)
        return bad("spread: peers split no query into so many paths");
    if (query.results == 0 || query.results > rules.results_max) return bad("results: no query can ask for so many");
    const bool is_mixed = mode.what() == query_mode::kind::mixed;
    if (is_mixed && (mode.proxies() == 0 || mode.proxies() > query.hops)) return bad("mode: as many proxies as hops");
    const bool is_direct = mode.what() == query_mode::kind::direct;
    if (is_direct && query.storing == wire::storage_mode::cache) return bad("cached: direct answers pass nobody");
    const bool collected = is_direct || is_mixed;
    const auto* asked = std::get_if<wire::request>(&query.goal);
    if (asked != nullptr && !most.forwards_requests) return bad("priority: peers pass no requests of it on");
    if (collected && query.storing == wire::storage_mode::path) return bad("along_the_path: only for proxied puts");
    if (is_direct && !forwarding_.can_be_reached()) return failure(errc::unsupported_address);
    return {};
}

template <typename Goal, typename Options>
wire::forward query_engine::travelling(Goal goal, const Options& options, std::optional<std::size_t> results) const {
    const auto& rules = forwarding_.rules();
    const bool put = std::is_same_v<Goal, wire::store>;
    wire::forward out;
    out.goal = std::move(goal);
    out.priority = options.priority().value_or(rules.priority);
    out.trace_max = rules.trace_max;
    const auto& usual = rules.band(out.priority);
    out.hops = options.hops().value_or(usual.hops);
    out.wander = std::min(usual.wander, out.hops);
    out.fan_out = options.fan_out().value_or(usual.fan_out);
    out.paths = options.spread().value_or(put ? usual.put_spread : usual.spread);
    out.proxy_hops = proxy_hops_of(options.mode());
    // Answers that are brought: as many as there are paths.
    const bool collected = options.mode().what() != query_mode::kind::proxied;
    const std::size_t enough = collected ? std::size_t{out.paths} : put ? 1 : usual_results;
    out.results = static_cast<std::uint8_t>(results ? std::min<std::size_t>(*results, 255)
                                                    : std::min<std::size_t>(enough, rules.results_max));
    return out;
}

const travel_band& query_engine::usual_for(const wire::forward& query) const {
    return forwarding_.rules().band(query.priority);
}

/// Of a get or lookup.
steady_time query_engine::travel_deadline(const get_options& options) const {
    const auto& rules = forwarding_.rules();
    const auto& usual = rules.band(options.priority().value_or(rules.priority));
    return deadline_of(options.timeout() ? options.timeout() : usual.lifetime);
}

/// Asks until something is found, in rounds that are each wider than the one before. Each but the last leaves half of
/// the time to the others: somebody silent holds up a round until its time is over. `turned_down`: as in
/// forward_report, of the last one. `into`: where the values of a get go; null for a lookup.
task<wire::gathered> query_engine::ask_in_rounds(wire::forward query, get_options options, lookup_report& report,
                                                 bool& turned_down, detail::find_copies* into) {
    const auto& usual = usual_for(query);
    const auto begun = env_.time->now();
    const auto deadline = travel_deadline(options);
    const std::size_t rounds = options.rounds().value_or(usual.rounds);
    const auto before = into != nullptr ? into->copies() : 0;
    std::function<void(item)> heard;
    if (into != nullptr && options.on_result()) heard = [into](item each) { into->take(std::move(each)); };
    for (;;) {
        const auto now = env_.time->now();
        const bool last = report.rounds + 1 >= rounds;
        forward_report round;
        const auto until = last ? deadline : now + (deadline - now) / 2;
        auto found = co_await forwarding_.ask(query, until, round, heard);
        add(report, round, begun);
        report.took = env_.time->now() - begun;
        turned_down = round.turned_down;
        for (auto each = found.items.begin(); into != nullptr && each != found.items.end(); ++each) into->take(*each);
        const bool any = into != nullptr ? into->copies() > before : found.outcome == wire::gathered_outcome::found;
        // Whoever could not bring what they have will not do better for being asked again, and who refuses is left
        // alone.
        const bool brings = options.mode() != direct() || (into != nullptr && into->too_old() > 0);
        const bool again = round.peers.asked > 0 && !round.refusal && brings;
        if (any || last || !again || env_.time->now() >= deadline) co_return found;
        widen(query, options, usual);
    }
}

task<result<lookup_report>> query_engine::get_far(id256 where, const get_options& options, detail::find_copies& into) {
    wire::find_value goal;
    goal.target = where;
    auto query = travelling(goal, options, options.results());
    // What the rules say where nothing can be cached is no mistake.
    const bool straight = options.mode() == direct();
    if (options.is_cached().value_or(usual_for(query).cached && !straight)) query.storing = wire::storage_mode::cache;
    if (auto fine = check(query, options.mode()); !fine) co_return failure(fine.error());
    lookup_report out;
    bool turned_down = false;
    (void)co_await ask_in_rounds(std::move(query), options, out, turned_down, &into);
    const bool unseen = straight && turned_down && into.candidates().empty();
    if (unseen && options.report() != nullptr) *options.report() = out;
    if (unseen) co_return failure(errc::unreachable);
    co_return out;
}

task<result<put_report>> query_engine::put_far(value what, put_options options) {
    put_report out;
    wire::store order;
    order.target = what.key();
    order.expected_sequence = options.expected_sequence();
    out.key = what.key();
    out.sequence = what.sequence();
    out.deadline = what.deadline();
    order.what = std::move(what).to_item();
    auto query = travelling(std::move(order), options, {});
    const bool along = usual_for(query).along_the_path && options.mode() == proxied();
    query.storing =
        options.is_along_the_path().value_or(along) ? wire::storage_mode::path : wire::storage_mode::answerer;
    // Copies on the way, beside those where its paths end.
    if (query.storing == wire::storage_mode::path) query.results = forwarding_.rules().results_max;
    if (auto fine = check(query, options.mode()); !fine) co_return failure(fine.error());
    const auto begun = env_.time->now();
    const auto deadline = deadline_of(options.timeout() ? options.timeout() : usual_for(query).lifetime);
    forward_report travelled;
    const auto kept = co_await forwarding_.ask(std::move(query), deadline, travelled);
    out.stored = kept.copies;
    out.own = travelled.own;
    out.refusal = travelled.refusal;
    add(out.lookup, travelled, begun);
    out.lookup.took = env_.time->now() - begun;
    if (travelled.not_kept) detail::count_refusal(out, travelled.not_kept);
    if (out.stored > 0) co_return out;
    if (options.mode() == direct() && travelled.turned_down) co_return failure(errc::unreachable);
    co_return failure(nothing_kept(travelled, env_.time->now() >= deadline));
}

task<result<lookup_report>> query_engine::lookup_far(id256 target, const get_options& options) {
    wire::find_node goal;
    goal.target = target;
    goal.kinds = origin_.kinds;
    auto query = travelling(goal, options, options.results().value_or(1));
    if (auto fine = check(query, options.mode()); !fine) co_return failure(fine.error());
    lookup_report out;
    bool turned_down = false;
    const auto deadline = travel_deadline(options);
    auto found = co_await ask_in_rounds(std::move(query), options, out, turned_down, nullptr);
    out.closest = std::move(found.contacts);
    if (options.report() != nullptr) *options.report() = out;
    if (!out.closest.empty()) co_return out;
    if (out.refusal) co_return failure(out.refusal);
    if (options.mode() == direct() && turned_down) co_return failure(errc::unreachable);
    if (!out.exhausted) co_return failure(env_.time->now() < deadline ? errc::answer_lost : errc::timed_out);
    co_return failure(out.asked == 0 ? errc::no_peers : errc::not_found);
}

task<result<request_report>> query_engine::request(request_target to, std::string service, bytes body,
                                                   request_options options) {
    if (!valid_service_name(service) || (to.is_peer() && !to.who())) co_return failure(errc::bad_argument);
    if (body.size() > limits::request_bytes) co_return failure(errc::too_large);
    wire::request goal;
    goal.target = to.id();
    if (!to.is_peer()) goal.service = service;
    if (!to.is_peer()) goal.body = body;
    // Only that peer answers, once: it needs no share, but each that brings its reply straight would.
    const bool collected = options.mode() != proxied();
    auto results = to.is_peer() && collected ? std::nullopt : std::optional<std::size_t>(1);
    if (!to.is_peer()) results = options.results();
    auto query = travelling(std::move(goal), options, results);
    if (auto fine = check(query, options.mode()); !fine) co_return failure(fine.error());
    const auto begun = env_.time->now();
    const auto deadline = deadline_of(options.timeout() ? options.timeout() : usual_for(query).lifetime);
    service_request letter;
    letter.deadline = env_.time->wall_now() + std::chrono::ceil<std::chrono::milliseconds>(deadline - begun);
    if (to.is_peer()) {
        env_.secure_random->fill(letter.number.data());
        letter.service = std::move(service);
        letter.body = std::move(body);
    }
    const std::size_t rounds = to.is_peer() ? request_rounds : 1;
    request_report out;
    for (std::size_t round = 1;; ++round) {
        told replies;
        auto tagged = [&](wire::forward& drawn) {
            if (!to.is_peer()) return;
            auto made = sealed_request::make(to.who()->peer, drawn.tag, letter, *env_.secure_random);
            if (!made) {
                replies.wrong = made.error();
                drawn.hops = 0;
                return;
            }
            std::get<wire::request>(drawn.goal).body = made->body();
            replies.seal = std::move(*made);
        };
        std::function<void(wire::forward&)> seal = std::move(tagged);
        std::function<bool(const signed_reply&)> opens = [&replies](const signed_reply& reply) {
            return replies.take(reply);
        };
        forward_report travelled;
        (void)co_await forwarding_.request(query, deadline, travelled, std::move(seal), std::move(opens));
        if (replies.wrong) co_return failure(replies.wrong);
        out.answers = std::move(replies.answers);
        add(out.lookup, travelled, begun);
        out.lookup.took = env_.time->now() - begun;
        if (!out.answers.empty()) co_return out;
        if (replies.failed) co_return failure(replies.failed);
        if (out.lookup.refusal) co_return failure(out.lookup.refusal);
        if (options.mode() == direct() && travelled.turned_down) co_return failure(errc::unreachable);
        if (travelled.peers.asked == 0) co_return failure(errc::no_peers);
        if (!travelled.complete) {
            co_return failure(env_.time->now() < deadline ? errc::answer_lost : errc::timed_out);
        }
        if (round == rounds) co_return failure(errc::not_found);
    }
}

}  // namespace mydht
