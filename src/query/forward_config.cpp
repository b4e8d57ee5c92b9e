#include <mydht/query/forward_config.hpp>

#include <mydht/core/limits.hpp>

namespace mydht {

result<void> validate(const forward_config& config, std::string* field) {
    const auto bad = [field](const char* name) {
        if (field != nullptr) *field = name;
        return failure(errc::bad_configuration);
    };
    if (config.hops_max == 0) return bad("forwarding.hops_max");
    if (config.fan_out_max == 0) return bad("forwarding.fan_out_max");
    if (config.paths_max == 0) return bad("forwarding.paths_max");
    if (config.results_max == 0 || config.results_max > limits::values_per_message)
        return bad("forwarding.results_max");
    if (config.lifetime_max.count() <= 0) return bad("forwarding.lifetime_max");
    if (config.hops > config.hops_max) return bad("forwarding.hops");
    if (config.wander > config.hops) return bad("forwarding.wander");
    if (config.fan_out == 0 || config.fan_out > config.fan_out_max) return bad("forwarding.fan_out");
    if (config.paths == 0 || config.paths > config.paths_max) return bad("forwarding.paths");
    if (config.put_paths == 0 || config.put_paths > config.paths_max) return bad("forwarding.put_paths");
    if (config.trace_max > limits::trace_per_message) return bad("forwarding.trace_max");
    if (config.under_way_max == 0) return bad("forwarding.under_way_max");
    if (config.under_way_peer == 0) return bad("forwarding.under_way_peer");
    if (config.tags_max == 0) return bad("forwarding.tags_max");
    const bool share = config.level_links >= 0 && config.level_links <= 0.5;
    if (!share) return bad("forwarding.level_links");
    if (config.cache_lifetime.count() <= 0 || config.cache_lifetime > limits::value_lifetime_max) {
        return bad("forwarding.cache_lifetime");
    }
    return {};
}

}  // namespace mydht
