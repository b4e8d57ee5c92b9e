#include <mydht/query/shortlist.hpp>

namespace mydht {

result<void> validate(const shortlist_config& config) {
    const bool counts = config.k > 0 && config.alpha > 0 && config.paths > 0 && config.per_subnet > 0 &&
                        config.heard_max > 0 && config.candidates_max > 0 && config.requests_max > 0 &&
                        config.stop_after_unimproved != std::size_t{0};
    const bool timeouts = config.soft_timeout > duration::zero() && config.soft_timeout <= config.hard_timeout;
    const bool bounds = config.alpha <= config.waiting_max && config.paths <= shortlist_config::paths_max;
    if (!counts || !timeouts || !bounds) return failure(errc::bad_configuration);
    return {};
}

template class shortlist<node_id, contact>;

}  // namespace mydht
