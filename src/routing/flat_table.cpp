#include <mydht/routing/flat_table.hpp>

#include <algorithm>
#include <utility>

namespace mydht {

static_assert(routing_table<flat_table>);

flat_table::flat_table(const node_id& own, flat_table_config config)
    : contact_list(own, config.list), order_(config.order), declared_(std::move(config.declared)) {}

std::vector<contact> flat_table::preferred(const id256& target, std::size_t n, const contact_filter& accept,
                                           prng& random) {
    static_cast<void>(target);
    auto found = usable(accept);
    switch (order_) {
        case flat_order::random: shuffle(found, random); break;
        case flat_order::round_robin: turn(found, n); break;
        case flat_order::declared: declared_first(found); break;
    }
    if (found.size() > n) found.erase(found.begin() + static_cast<std::ptrdiff_t>(n), found.end());
    return found;
}

/// The next call begins with whom this one leaves out.
void flat_table::turn(std::vector<contact>& found, std::size_t n) {
    if (found.empty()) return;
    std::rotate(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(turn_ % found.size()), found.end());
    turn_ = (turn_ + std::min(n, found.size())) % found.size();
}

void flat_table::declared_first(std::vector<contact>& found) const {
    const auto place = [this](const contact& c) { return std::ranges::find(declared_, c.id) - declared_.begin(); };
    std::ranges::stable_sort(found, {}, place);
}

}  // namespace mydht
