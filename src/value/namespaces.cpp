#include <mydht/value/namespaces.hpp>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <mydht/core/limits.hpp>
#include <mydht/value/order.hpp>

namespace mydht {

namespace {

/// The indexes of the values that are newer than every tombstone among them.
std::vector<std::size_t> not_deleted(std::span<const value> candidates) {
    std::optional<rank> deletion;
    for (const auto& v : candidates) {
        if (v.is_tombstone()) deletion = std::max(deletion, std::optional(rank_of(v)));
    }
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (!deletion || rank_of(candidates[i]) > *deletion) out.push_back(i);
    }
    return out;
}

}  // namespace

namespaces::namespaces() { rules_.emplace(std::string(), namespace_rules{}); }

result<void> namespaces::add(std::string name, namespace_rules rules) {
    if (name.size() > limits::namespace_bytes) return failure(errc::too_large);
    if (!rules_.try_emplace(std::move(name), std::move(rules)).second) return failure(errc::bad_argument);
    return {};
}

bool namespaces::knows(std::string_view name) const { return rules_.find(name) != rules_.end(); }

result<void> namespaces::validate(const value& v) const {
    const auto found = rules_.find(v.name_space());
    if (found == rules_.end()) return failure(errc::unknown_namespace);
    if (v.is_tombstone() || !found->second.validate) return {};
    return found->second.validate(v);
}

std::size_t namespaces::select(std::span<const value> candidates) const {
    const auto best = newest(candidates);
    const auto found = rules_.find(candidates[best].name_space());
    if (candidates[best].is_tombstone() || found == rules_.end() || !found->second.select) return best;

    const auto living = not_deleted(candidates);
    if (living.size() == candidates.size()) {
        const auto chosen = found->second.select(candidates);
        return chosen < candidates.size() ? chosen : best;
    }
    std::vector<value> values;
    for (const auto index : living) values.push_back(candidates[index]);
    const auto chosen = found->second.select(values);
    return chosen < living.size() ? living[chosen] : best;
}

}  // namespace mydht
