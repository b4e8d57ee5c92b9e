#include <mydht/query/rule_set.hpp>

namespace mydht {

namespace {

/// Tens of peers, of which everybody may know everybody: a value lies on peers that it passes, and is found within a
/// few hops.
rule_set small_group() {
    rule_set out;
    out.table = flat_table_config();
    auto& band = out.forwarding.bands.front();
    band.hops = 4;
    // A flat table prefers whom it draws, so that every hop is one at random.
    band.wander = 0;
    band.fan_out = 6;
    band.spread = 24;
    band.along_the_path = true;
    return out;
}

/// Thousands of peers of which each knows some: what the defaults are made for.
rule_set dht() {
    rule_set out;
    out.table = kbucket_config();
    return out;
}

/// As a dht, but gets are walks on which an asker does what others do. Not anonymity.
rule_set quiet_asker() {
    auto out = dht();
    out.forwarding.hide = true;
    out.forwarding.trace_max = 0;
    // Of the queries that are not hidden, nobody shall know how far they have come either.
    out.forwarding.bands.front().level_links = 0.5;
    return out;
}

}  // namespace

std::optional<rule_set> preset(std::string_view name) {
    if (name == "small-group") return small_group();
    if (name == "dht") return dht();
    if (name == "quiet-asker") return quiet_asker();
    return {};
}

}  // namespace mydht
