#include <mydht/routing/kbucket_table.hpp>

namespace mydht {

result<void> validate(const kbucket_config& config) {
    const bool counts = config.k > 0 && config.replacements > 0 && config.subnet_in_bucket > 0 &&
                        config.subnet_in_table > 0 && config.failures_max > 0;
    const bool durations = config.ping_after >= duration::zero() && config.ping_patience >= duration::zero();
    if (!counts || !durations) return failure(errc::bad_configuration);
    return {};
}

template class kbucket_table<node_id, contact>;

}  // namespace mydht
