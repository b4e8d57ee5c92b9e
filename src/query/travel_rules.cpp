#include <mydht/query/travel_rules.hpp>

#include <algorithm>
#include <cassert>

#include <mydht/core/limits.hpp>

namespace mydht {

namespace {

/// The name of the first field of a band that cannot work, or null.
const char* wrong_field(const travel_band& band) {
    if (band.hops_max == 0) return "hops_max";
    if (band.fan_out_max == 0) return "fan_out_max";
    if (band.spread_max == 0) return "spread_max";
    if (band.lifetime_max.count() <= 0) return "lifetime_max";
    if (band.hops > band.hops_max) return "hops";
    if (band.wander > band.hops) return "wander";
    if (band.fan_out == 0 || band.fan_out > band.fan_out_max) return "fan_out";
    if (band.spread == 0 || band.spread > band.spread_max) return "spread";
    if (band.put_spread == 0 || band.put_spread > band.spread_max) return "put_spread";
    if (band.rounds == 0) return "rounds";
    if (band.lifetime && (band.lifetime->count() <= 0 || *band.lifetime > band.lifetime_max)) return "lifetime";
    if (band.cache_lifetime.count() <= 0 || band.cache_lifetime > limits::value_lifetime_max) return "cache_lifetime";
    // Written so that what is no number is refused, too.
    const bool level = band.level_links >= 0 && band.level_links <= 0.5;
    if (!level) return "level_links";
    const bool share = band.not_found_share > 0 && band.not_found_share <= 1;
    if (!share) return "not_found_share";
    return nullptr;
}

}  // namespace

const travel_band& travel_rules::band(std::uint8_t level) const {
    assert(!bands.empty() && bands.front().from_priority == 0);
    const auto above = std::ranges::upper_bound(bands, level, {}, &travel_band::from_priority);
    return *std::prev(above);
}

result<void> validate(const travel_rules& rules, std::string* field) {
    const auto bad = [field](const std::string& name) {
        if (field != nullptr) *field = "forwarding." + name;
        return failure(errc::bad_configuration);
    };
    if (rules.trace_max > limits::trace_per_message) return bad("trace_max");
    if (rules.walks == 0) return bad("walks");
    if (rules.walks_at_once == 0 || rules.walks_at_once > rules.walks) return bad("walks_at_once");
    if (rules.results_max == 0 || rules.results_max > limits::values_per_message) return bad("results_max");
    if (rules.under_way_max == 0) return bad("under_way_max");
    if (rules.under_way_peer == 0) return bad("under_way_peer");
    if (rules.under_way_bytes == 0) return bad("under_way_bytes");
    std::string relays;
    if (!check(rules.relays, &relays)) return bad("relays." + relays);
    if (rules.tags_max == 0) return bad("tags_max");
    if (rules.requests_max == 0) return bad("requests_max");
    if (rules.requests_peer == 0) return bad("requests_peer");
    if (rules.requests_remembered == 0) return bad("requests_remembered");
    if (rules.replies_bytes == 0) return bad("replies_bytes");
    if (rules.bands.empty()) return bad("bands");
    for (std::size_t i = 0; i < rules.bands.size(); ++i) {
        const auto& band = rules.bands[i];
        const auto named = [i](const char* name) { return "bands[" + std::to_string(i) + "]." + name; };
        const bool in_order = i == 0 ? band.from_priority == 0 : band.from_priority > rules.bands[i - 1].from_priority;
        if (!in_order) return bad(named("from_priority"));
        if (const auto* wrong = wrong_field(band)) return bad(named(wrong));
    }
    return {};
}

}  // namespace mydht
