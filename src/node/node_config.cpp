#include <mydht/node/node_config.hpp>

#include <mydht/core/limits.hpp>

namespace mydht {

result<void> validate(const node_config& config, std::string* field) {
    const auto bad = [field](const char* name) {
        if (field != nullptr) *field = name;
        return failure(errc::bad_configuration);
    };
    if (const auto fine = validate(config.sessions, field); !fine) {
        if (field != nullptr) *field = "sessions." + *field;
        return fine;
    }
    if (const auto fine = validate(config.queries, field); !fine) return fine;
    if (const auto fine = validate(config.forwarding, field); !fine) return fine;
    if (!config.table.check()) return bad("table");
    if (!check(config.store_bounds)) return bad("store_bounds");
    if (config.table_save_interval.count() <= 0) return bad("table_save_interval");
    if (config.refresh_after.count() <= 0) return bad("refresh_after");
    if (config.neighbours_interval.count() <= 0) return bad("neighbours_interval");
    if (config.upkeep_interval.count() <= 0) return bad("upkeep_interval");
    if (config.bootstrap_retry_min.count() <= 0) return bad("bootstrap_retry_min");
    if (config.bootstrap_retry_max < config.bootstrap_retry_min) return bad("bootstrap_retry_max");
    if (config.join_timeout.count() <= 0) return bad("join_timeout");
    if (config.stop_grace.count() < 0) return bad("stop_grace");
    if (config.listen.size() > limits::addresses_per_contact) return bad("listen");
    return {};
}

}  // namespace mydht
