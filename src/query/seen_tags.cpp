#include "query/seen_tags.hpp"

#include <array>
#include <variant>

#include <mydht/crypto/hash.hpp>

namespace mydht::detail {

id256 visit_of(const wire::forward& query) {
    // A hidden query and one that is not are two, whatever else they share.
    const std::array<std::uint8_t, 2> kind{static_cast<std::uint8_t>(query.goal.index()),
                                           static_cast<std::uint8_t>(query.hidden ? 1 : 0)};
    const auto& target = std::visit([](const auto& goal) -> const id256& { return goal.target; }, query.goal);
    if (const auto* put = std::get_if<wire::store>(&query.goal)) {
        return hash_id("mydht.visit", {query.tag.view(), kind, target.view(), put->what.body, put->what.sig.view()});
    }
    if (const auto* asked = std::get_if<wire::request>(&query.goal)) {
        return hash_id("mydht.visit", {query.tag.view(), kind, target.view(), as_bytes(asked->service), asked->body});
    }
    return hash_id("mydht.visit", {query.tag.view(), kind, target.view()});
}

id256 brought_name(const id256& visit) { return hash_id("mydht.brought", {visit.view()}); }

bool seen_tags::knows(const id256& visit, steady_time now) const {
    const auto known = until_.find(visit);
    return known != until_.end() && known->second > now;
}

bool seen_tags::note(const id256& visit, steady_time now, steady_time until) {
    while (!in_order_.empty() && in_order_.front().second <= now) forget_oldest();
    const auto [known, fresh] = until_.try_emplace(visit, until);
    if (!fresh && known->second > now) return false;
    known->second = until;
    if (in_order_.size() >= capacity_) forget_oldest();
    in_order_.emplace_back(visit, until);
    return true;
}

void seen_tags::forget_oldest() {
    const auto& [visit, until] = in_order_.front();
    // One that came again after its time has an entry of its own further back.
    const auto known = until_.find(visit);
    if (known != until_.end() && known->second == until) until_.erase(known);
    in_order_.pop_front();
}

}  // namespace mydht::detail
