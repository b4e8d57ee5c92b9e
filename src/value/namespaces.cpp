#include <mydht/value/namespaces.hpp>

#include <utility>

#include <mydht/core/limits.hpp>
#include <mydht/value/order.hpp>

namespace mydht {

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
    const auto chosen = found->second.select(candidates);
    return chosen < candidates.size() ? chosen : best;
}

}  // namespace mydht
