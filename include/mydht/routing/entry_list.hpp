#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <mydht/core/time.hpp>
#include <mydht/routing/table_entry.hpp>

namespace mydht::detail {

/// Contacts in the order in which they were seen last, the one that was not seen for longest in front: a bucket, or
/// those that wait for a place in it. The functions below keep the order.
template <typename Contact>
using entry_list = std::vector<table_entry<Contact>>;

template <typename Contact, typename Id>
[[nodiscard]] auto find_entry(entry_list<Contact>& list, const Id& id) {
    return std::ranges::find_if(list, [&id](const auto& e) { return e.contact.id == id; });
}

template <typename Contact>
void place_entry(entry_list<Contact>& list, table_entry<Contact> e) {
    const auto later = [](steady_time time, const auto& other) { return time < other.last_seen; };
    list.insert(std::upper_bound(list.begin(), list.end(), e.last_seen, later), std::move(e));
}

/// It is alive.
template <typename Contact>
void touch_entry(entry_list<Contact>& list, typename entry_list<Contact>::iterator at, steady_time now) {
    auto e = std::move(*at);
    list.erase(at);
    e.failures = 0;
    e.last_seen = std::max(e.last_seen, now);
    place_entry(list, std::move(e));
}

/// The first of the lowest priority.
template <typename Contact>
[[nodiscard]] auto least_entry(entry_list<Contact>& list) {
    return std::ranges::min_element(list, {}, &table_entry<Contact>::priority);
}

/// Adds one to a list of at most `max`, `of_subnet_max` of one subnet: the first of the lowest priority goes, of the
/// same subnet when that has too many, so that one subnet cannot push all others out.
template <typename Contact>
void place_bounded(entry_list<Contact>& list, table_entry<Contact> e, std::size_t max, std::size_t of_subnet_max) {
    const auto same = [&e](const auto& other) { return !e.from.empty() && other.from == e.from; };
    if (static_cast<std::size_t>(std::ranges::count_if(list, same)) >= of_subnet_max) {
        const auto rank = [&same](const auto& other) { return std::pair(!same(other), other.priority); };
        list.erase(std::ranges::min_element(list, {}, rank));
    }
    place_entry(list, std::move(e));
    if (list.size() > max) list.erase(least_entry(list));
}

/// Takes out the one of the highest priority, and of these the one seen most recently, that `may` come in.
template <typename Contact, typename Predicate>
[[nodiscard]] std::optional<table_entry<Contact>> take_best(entry_list<Contact>& list, Predicate may) {
    auto best = list.end();
    for (auto at = list.end(); at != list.begin();) {
        --at;
        if (best != list.end() && at->priority <= best->priority) continue;
        if (may(*at)) best = at;
    }
    if (best == list.end()) return {};
    auto out = std::move(*best);
    list.erase(best);
    return out;
}

/// Of a filter that looks at the entry, or at its contact alone.
template <typename Accept, typename Contact>
[[nodiscard]] bool accepts_entry(Accept& accept, const table_entry<Contact>& e) {
    if constexpr (std::is_invocable_v<Accept&, const table_entry<Contact>&>) {
        return accept(e);
    } else {
        return accept(e.contact);
    }
}

}  // namespace mydht::detail
