#include "query/onward.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <variant>

namespace mydht::detail {

namespace {

/// Good contacts that are drawn; of them `first` are those whose random steps came to most, among equals anybody. The
/// others have their chance all the same, so that nobody gets all steps by answering well.
std::vector<contact> anybody(forwarding_state& in, std::size_t count, std::size_t first, const contact_filter& accept) {
    struct choice {
        const contact* who;
        int worth;
    };
    std::vector<choice> all;
    in.table.for_each([&](const table_entry<contact>& e) {
        if (!in.table.is_bad(e) && accept(e)) all.push_back({&e.contact, first > 0 ? in.ways.worth(e.contact.id) : 0});
    });
    shuffle(all, *in.env.random);
    const auto best = all.begin() + static_cast<std::ptrdiff_t>(std::min(first, all.size()));
    std::ranges::partial_sort(all, best, std::ranges::greater(), &choice::worth);
    if (all.size() > count) all.resize(count);
    std::vector<contact> out;
    out.reserve(all.size());
    for (const auto& each : all) out.push_back(*each.who);
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
    // What a hidden query does is not to show what this node has learned.
    const std::size_t learned = hidden ? 0 : (std::size_t{query.fan_out} + 1) / 2;
    auto usual = at_random ? anybody(in, query.fan_out, learned, unvisited)
                           : in.table.preferred(target_of(query), query.fan_out, unvisited, *in.env.random);
    put_first(in, query, is_new, usual);
    return in.book.whom(what, std::move(usual));
}

wire::forward next_of(const forwarding_state& in, travelling what, const branch& to, duration left) {
    wire::forward out = what.query;
    if (out.hidden) {
        // A tag that stayed the same would tell whoever asks round with it who has had it: all but the asker.
        in.env.secure_random->fill(out.tag.data());
        return out;
    }
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
