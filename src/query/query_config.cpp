#include <mydht/query/query_config.hpp>

#include <mydht/core/limits.hpp>
#include <mydht/query/shortlist_config.hpp>

namespace mydht {

result<void> validate(const query_config& config, std::string* field) {
    const auto bad = [field](const char* name) {
        if (field != nullptr) *field = name;
        return failure(errc::bad_configuration);
    };
    if (config.k == 0 || config.k > limits::contacts_per_message) return bad("queries.k");
    if (config.alpha == 0) return bad("queries.alpha");
    if (config.disjoint_paths == 0 || config.disjoint_paths > shortlist_config::paths_max)
        return bad("queries.disjoint_paths");
    if (config.soft_timeout.count() <= 0) return bad("queries.soft_timeout");
    if (config.hard_timeout < config.soft_timeout) return bad("queries.hard_timeout");
    if (config.query_timeout.count() <= 0) return bad("queries.query_timeout");
    if (config.value_lifetime.count() <= 0 || config.value_lifetime > limits::value_lifetime_max) {
        return bad("queries.value_lifetime");
    }
    return {};
}

}  // namespace mydht
