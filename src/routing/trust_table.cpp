#include <mydht/routing/trust_table.hpp>

#include <algorithm>
#include <utility>

namespace mydht {

static_assert(routing_table<trust_table>);

result<void> validate(const trust_table_config& config) {
    if (!config.trust) return failure(errc::bad_configuration);
    return validate(config.list);
}

trust_table::trust_table(const node_id& own, trust_table_config config)
    : contact_list(own, config.list, std::move(config.trust)) {}

std::vector<contact> trust_table::preferred(const id256& target, std::size_t n, const contact_filter& accept,
                                            prng& random) {
    static_cast<void>(random);
    auto found = usable(accept);
    // Each is weighed once: the function may be slow, and must not change its mind within a sort.
    std::vector<std::pair<double, contact>> weighed;
    weighed.reserve(found.size());
    for (auto& each : found) {
        const double counts = weight(each.id);
        weighed.emplace_back(counts, std::move(each));
    }
    std::ranges::sort(weighed, [&target](const auto& x, const auto& y) {
        return x.first != y.first ? x.first > y.first : closer(target, x.second.id, y.second.id);
    });
    found.clear();
    for (std::size_t i = 0; i < weighed.size() && i < n; ++i) found.push_back(std::move(weighed[i].second));
    return found;
}

}  // namespace mydht
