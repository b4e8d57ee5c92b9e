#include "query/rulebook.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include <mydht/crypto/hash.hpp>
#include <mydht/query/hidden.hpp>

namespace mydht::detail {

namespace {

/// A put leaves its value somewhere, and nothing else does. What goes straight to the asker passes nobody who could
/// keep it.
bool is_fitting(const wire::forward& query) {
    const bool ends = query.storing == wire::storage_mode::answerer;
    if ((ends || query.storing == wire::storage_mode::path) != is_put(query)) return false;
    if (is_request(query) && (query.storing != wire::storage_mode::none || query.stream)) return false;
    if (!query.asker) return true;
    const bool straight = ends || query.storing == wire::storage_mode::none;
    return straight && query.trace_max == 0 && query.proxy_hops == 0 && !query.stream;
}

}  // namespace

bool is_put(const wire::forward& query) noexcept { return std::holds_alternative<wire::store>(query.goal); }

std::size_t value_bytes(const wire::forward& query) noexcept {
    if (const auto* put = std::get_if<wire::store>(&query.goal)) return put->what.body.size();
    if (const auto* asked = std::get_if<wire::request>(&query.goal)) return asked->body.size();
    return 0;
}

bool is_request(const wire::forward& query) noexcept { return std::holds_alternative<wire::request>(query.goal); }

bool shares_strictly(const wire::forward& query) noexcept {
    const auto* asked = std::get_if<wire::request>(&query.goal);
    return query.asker || (asked != nullptr && !asked->is_sealed());
}

rulebook::rulebook(travel_rules rules, random_source& random) : rules_(std::move(rules)) { random.fill(secret_); }

std::uint8_t rulebook::priority(const peer_info& from, std::uint8_t claimed) const {
    return rules_.decisions.priority ? rules_.decisions.priority(from, claimed) : claimed;
}

bool rulebook::is_absurd(const wire::forward& query) const {
    if (query.hidden) return !hidden::is_dressed(query);
    const auto& band = rules_.band(query.priority);
    return query.hops > band.hops_max || query.fan_out == 0 || query.fan_out > band.fan_out_max || query.paths == 0 ||
           query.paths > band.spread_max || query.results == 0 || query.results > rules_.results_max ||
           (is_request(query) && !band.forwards_requests) || query.lifetime > band.lifetime_max ||
           query.lifetime.count() <= 0 || query.proxy_hops > band.hops_max || !is_fitting(query);
}

bool rulebook::has_false_trace(const wire::forward& query, const node_id& from, const node_id& to) {
    if (query.trace.empty()) return false;
    return query.trace.back() != from || std::ranges::find(query.trace, to) != query.trace.end();
}

std::vector<contact> rulebook::whom(travelling what, std::vector<contact> usual) const {
    if (!rules_.decisions.whom) return usual;
    return rules_.decisions.whom(what, std::move(usual));
}

std::uint8_t rulebook::hops_left(travelling what, const contact& to) const {
    const auto now = what.query.hops;
    if (what.query.hidden) return now;
    const bool level = is_level(to.id, rules_.band(what.query.priority).level_links);
    const auto usual = static_cast<std::uint8_t>(level || now == 0 ? now : now - 1);
    if (!rules_.decisions.hops_left) return usual;
    return std::min(now, rules_.decisions.hops_left(what, to, usual));
}

/// Drawn once for each link: who asks again learns no more.
bool rulebook::is_level(const node_id& link, double share) const {
    return drawn("mydht.level link", link.view()) < share;
}

bool rulebook::walk_ends(const id256& visit) const {
    return drawn("mydht.walk end", visit.view()) < 1.0 / hidden::mean_hops;
}

bool rulebook::step_at_random(const id256& visit) const {
    return drawn("mydht.walk step", visit.view()) < 1.0 / hidden::random_steps;
}

/// At least 0 and below 1, always the same for the same thing, and known to nobody without the secret.
double rulebook::drawn(std::string_view what, bytes_view of) const {
    const auto hash = hash_id(what, {bytes_view(secret_), of});
    return static_cast<double>(hash.data()[0] * 256 + hash.data()[1]) / 65536.0;
}

std::chrono::milliseconds rulebook::lifetime_max(std::uint8_t priority) const {
    return rules_.band(priority).lifetime_max;
}

bool rulebook::keeps(travelling what, bool ends) const {
    const auto& band = rules_.band(what.query.priority);
    const bool along = what.query.storing == wire::storage_mode::path;
    const bool usual = (along && band.keeps_passing) || (ends && band.keeps_ends);
    return rules_.decisions.keeps ? rules_.decisions.keeps(what, usual) : usual;
}

std::optional<std::chrono::milliseconds> rulebook::caches(travelling what, const item& found) const {
    const auto& band = rules_.band(what.query.priority);
    const auto usual = band.caches ? std::optional(band.cache_lifetime) : std::nullopt;
    return rules_.decisions.caches ? rules_.decisions.caches(what, found, usual) : usual;
}

bool rulebook::enough_nothing(travelling what, path_tally so_far) const {
    const auto share = rules_.band(what.query.priority).not_found_share;
    const bool usual = static_cast<double>(so_far.nothing) >= share * static_cast<double>(so_far.paths);
    return rules_.decisions.enough_nothing ? rules_.decisions.enough_nothing(what, so_far, usual) : usual;
}

}  // namespace mydht::detail
