#include "query/onward.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <variant>

namespace mydht::detail {

namespace {

std::vector<contact> anybody(forwarding_state& in, std::size_t count, const contact_filter& accept) {
    // Reservoir sampling over the good contacts; what is drawn stays where it is until all have been seen.
    std::vector<const contact*> drawn;
    drawn.reserve(count);
    std::uint64_t seen = 0;
    in.table.for_each([&](const table_entry<contact>& e) {
        if (in.table.is_bad(e) || !accept(e)) return;
        ++seen;
        if (drawn.size() < count) {
            drawn.push_back(&e.contact);
            return;
        }
        const auto place = in.env.random->below(seen);
        if (place < count) drawn[static_cast<std::size_t>(place)] = &e.contact;
    });
    shuffle(drawn, *in.env.random);
    std::vector<contact> out;
    out.reserve(drawn.size());
    for (const auto* each : drawn) out.push_back(*each);
    return out;
}

/// Whoever knows the peer that a request is for asks it before anybody else.
void put_first(forwarding_state& in, const wire::forward& query, const std::function<bool(const contact&)>& accept,
               std::vector<contact>& out) {
    const auto* asked = std::get_if<wire::request>(&query.goal);
    if (asked == nullptr || !asked->is_sealed()) return;
    const auto* known = in.table.find(asked->target);
    auto who = known != nullptr && !in.table.is_bad(*known) ? std::optional(known->contact) : std::nullopt;
    if (!who && in.origin.linked) who = in.origin.linked(asked->target);
    if (!who || !accept(*who)) return;
    std::erase_if(out, [&](const contact& each) { return each.id == asked->target; });
    out.insert(out.begin(), std::move(*who));
}

}  // namespace

std::vector<contact> whom(forwarding_state& in, travelling what) {
    const auto& query = what.query;
    const auto is_new = [&](const contact& who) {
        const bool sent_it = what.from != nullptr && who.id == what.from->who.id;
        return !sent_it && std::ranges::find(query.trace, who.id) == query.trace.end();
    };
    const contact_filter unvisited = [&](const table_entry<contact>& e) { return is_new(e.contact); };
    const bool hidden = query.hidden;
    const auto visit = hidden ? visit_of(query) : id256();
    if (hidden && in.book.walk_ends(visit)) return {};
    const bool at_random = hidden ? in.book.step_at_random(visit) : query.wander > 0;
    auto usual = at_random ? anybody(in, query.fan_out, unvisited)
                           : in.table.preferred(target_of(query), query.fan_out, unvisited, *in.env.random);
    put_first(in, query, is_new, usual);
    return in.book.whom(what, std::move(usual));
}

wire::forward next_of(const forwarding_state& in, travelling what, const branch& to, duration left) {
    wire::forward out = what.query;
    // Everything in a hidden one stays as it is.
    if (out.hidden) return out;
    out.lifetime =
        std::min(std::chrono::duration_cast<std::chrono::milliseconds>(left), in.book.lifetime_max(out.priority));
    out.hops = in.book.hops_left(what, to.to);
    if (out.wander > 0) --out.wander;
    out.paths = to.paths;
    out.results = to.results;
    if (out.results == 0) {
        out.storing = wire::storage_mode::answerer;
        out.results = 1;
    }
    // The asker is not named: its tag keeps the query from coming back.
    if (out.trace_max > 0 && what.from != nullptr) {
        out.trace.push_back(in.origin.self->id());
        if (out.trace.size() > out.trace_max) out.trace.erase(out.trace.begin());
    }
    return out;
}

bool ends_here(const forwarding_state& in, const wire::forward& query) {
    if (query.hops == 0) return true;
    if (query.wander > 0) return false;
    const auto& target = target_of(query);
    const auto nearest = in.table.closest(target, 1);
    return nearest.empty() || closer(target, in.origin.self->id(), nearest.front().id);
}

}  // namespace mydht::detail
