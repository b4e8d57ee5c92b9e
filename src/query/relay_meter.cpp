#include "query/relay_meter.hpp"

namespace mydht {

namespace {

bool lets_queries(const rate_limit& limit) {
    return check(limit) && limit.per_second >= relay_queries_min && limit.burst >= relay_queries_min;
}

bool lets_kibibytes(const rate_limit& limit) {
    return check(limit) && limit.per_second >= passed_for_one && limit.burst >= relay_kibibytes_min;
}

/// The name of the first field that cannot work, or null.
const char* wrong_field(const relay_limits& limits) {
    if (!lets_queries(limits.queries)) return "queries";
    if (!lets_queries(limits.prefix_queries)) return "prefix_queries";
    if (!lets_kibibytes(limits.kibibytes)) return "kibibytes";
    if (!lets_kibibytes(limits.prefix_kibibytes)) return "prefix_kibibytes";
    return limits.entries_max == 0 ? "entries_max" : nullptr;
}

}  // namespace

result<void> check(const relay_limits& limits, std::string* field) {
    const auto* wrong = wrong_field(limits);
    if (wrong == nullptr) return {};
    if (field != nullptr) *field = wrong;
    return failure(errc::bad_configuration);
}

}  // namespace mydht

namespace mydht::detail {

namespace {

constexpr std::size_t kibibyte = 1'024;

std::int64_t kibibytes_of(std::size_t value_bytes) {
    return static_cast<std::int64_t>((value_bytes + kibibyte - 1) / kibibyte);
}

rate_limit part_of(const rate_limit& limit, std::uint32_t parts) {
    return {limit.per_second / parts, limit.burst / parts};
}

}  // namespace

bool relay_meter::account::has(const price& what, steady_time now) const {
    return queries.has(what.queries, what.query, now) && kibibytes.has(what.kibibytes, what.value, now);
}

void relay_meter::account::take(const price& what, steady_time now) {
    queries.take(what.query, now);
    kibibytes.take(what.value, now);
}

relay_meter::price::price(const rate_limit& queries_, const rate_limit& kibibytes_, std::size_t value_bytes,
                          std::uint8_t priority)
    : queries(queries_), kibibytes(kibibytes_) {
    const auto discounted = [priority](duration full) {
        return full * priority_discount / (priority_discount + priority);
    };
    query = discounted(price_of(queries));
    value = discounted(price_of(kibibytes)) * kibibytes_of(value_bytes);
}

relay_meter::relay_meter(const relay_limits& limits)
    : limits_(limits),
      neighbours_(limits.entries_max),
      prefixes_(limits.entries_max),
      passed_(limits.entries_max),
      passed_to_(limits.entries_max) {}

bool relay_meter::is_exempt(const address& observed) const { return exempt_loopback_ && is_own_machine(observed); }

payer relay_meter::payer_of(const peer_info& neighbour) const {
    return {neighbour.who.id, is_exempt(neighbour.observed) ? bytes() : network_prefix(neighbour.observed)};
}

bool relay_meter::take_both(account& one, const price& from_one, account& all, const price& from_all, steady_time now) {
    // From both or from none: what is refused must not use up the share of others.
    if (!one.has(from_one, now) || !all.has(from_all, now)) return false;
    one.take(from_one, now);
    all.take(from_all, now);
    return true;
}

bool relay_meter::take(const peer_info& from, std::size_t value_bytes, steady_time now) {
    if (is_exempt(from.observed)) return true;
    const price own(limits_.queries, limits_.kibibytes, value_bytes, from.priority);
    const price shared(limits_.prefix_queries, limits_.prefix_kibibytes, value_bytes, from.priority);
    return take_both(neighbours_.touch(from.who.id), own, prefixes_.touch(network_prefix(from.observed)), shared, now);
}

bool relay_meter::pass_on(const peer_info& from, const node_id& to, std::size_t value_bytes, steady_time now) {
    if (is_exempt(from.observed)) return true;
    // The next peer asks the full price of this node, whoever it is for.
    const auto part = [&](std::uint32_t parts) {
        return price(part_of(limits_.queries, parts), part_of(limits_.kibibytes, parts), value_bytes, 0);
    };
    return take_both(passed_.touch({from.who.id, to}), part(passed_for_one), passed_to_.touch(to), part(passed_in_all),
                     now);
}

void relay_meter::charge(const node_id& peer, const address& observed, steady_time now) {
    if (is_exempt(observed)) return;
    // An empty bucket stays empty and no more: nobody is out for ever.
    (void)neighbours_.touch(peer).queries.try_take(limits_.queries, now);
    (void)prefixes_.touch(network_prefix(observed)).queries.try_take(limits_.prefix_queries, now);
}

}  // namespace mydht::detail
