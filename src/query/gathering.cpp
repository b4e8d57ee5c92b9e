#include "query/gathering.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include <mydht/core/limits.hpp>

namespace mydht::detail {

const id256& target_of(const wire::forward& query) noexcept {
    return std::visit([](const auto& goal) -> const id256& { return goal.target; }, query.goal);
}

gathering::gathering(const wire::forward& query, const namespaces& rules, const time_source& time)
    : target_(target_of(query)), results_(query.results), found_(target_, 0, rules, time, query.results) {
    if (std::holds_alternative<wire::find_node>(query.goal)) wish_ = wish::contacts;
    if (std::holds_alternative<wire::store>(query.goal)) wish_ = wish::copies;
}

gathering::judgement gathering::take(wire::message answer) {
    auto* const got = std::get_if<wire::gathered>(&answer);
    if (got == nullptr) {
        // Busy, throttled, or of a kind that does not forward: another peer may.
        if (!std::holds_alternative<wire::error>(answer)) ++lies_;
        cut_off_ = true;
        return judgement::unvisited;
    }
    answered_ = true;
    if (got->outcome == wire::gathered_outcome::duplicate) return judgement::unvisited;
    if (got->outcome == wire::gathered_outcome::partial) cut_off_ = true;
    const auto lies_before = lies_;
    for (auto& each : got->items) take_item(std::move(each));
    for (auto& each : got->contacts) take_contact(std::move(each));
    if (lies_ > lies_before) {
        cut_off_ = true;
        return judgement::unvisited;
    }
    const bool empty = got->items.empty() && got->contacts.empty() && got->copies == 0;
    if (got->outcome == wire::gathered_outcome::nothing && empty) ++nothing_;
    // A put that nobody has taken has come to its end all the same: who tried others instead would walk the whole network.
    if (wish_ != wish::copies) return judgement::ended;
    copies_ += got->copies;
    return judgement::ended;
}

void gathering::take_item(item what) {
    if (wish_ != wish::values || !found_.take(std::move(what))) ++lies_;
}

void gathering::take_contact(contact who) {
    if (wish_ != wish::contacts || who.id != target_ || who.addresses.empty()) {
        ++lies_;
        return;
    }
    const auto same = [&](const contact& known) { return known.addresses == who.addresses; };
    if (contacts_.size() < results_ && std::ranges::none_of(contacts_, same)) contacts_.push_back(std::move(who));
}

bool gathering::any() const noexcept { return !found_.candidates().empty() || !contacts_.empty() || copies_ > 0; }

bool gathering::enough() const {
    switch (wish_) {
        case wish::contacts: return contacts_.size() >= results_;
        case wish::values: return found_.enough();
        case wish::copies: return false;
    }
    return false;
}

wire::gathered gathering::answer() const {
    wire::gathered out;
    out.copies = static_cast<std::uint16_t>(std::min<std::size_t>(copies_, std::numeric_limits<std::uint16_t>::max()));
    auto candidates = found_.candidates();
    std::ranges::sort(candidates, std::ranges::greater(), &find_copies::candidate::order);
    const auto most = std::min(results_, limits::values_per_message);
    for (std::size_t i = 0; i < candidates.size() && i < most; ++i) {
        out.items.push_back(std::move(candidates[i].what).to_item());
    }
    out.contacts = contacts_;
    const bool any = !out.items.empty() || !out.contacts.empty() || out.copies > 0;
    out.outcome = any        ? wire::gathered_outcome::found
                  : cut_off_ ? wire::gathered_outcome::partial
                             : wire::gathered_outcome::nothing;
    return out;
}

}  // namespace mydht::detail
