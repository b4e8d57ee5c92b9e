#include "query/collection.hpp"

#include <array>
#include <utility>
#include <vector>

#include <mydht/crypto/hash.hpp>

namespace mydht::detail {

namespace {

/// The same for a delivery that comes again, and for no other one.
id256 content_of(const node_id& from, const wire::gathered& what) {
    hasher all("mydht.delivery");
    const std::array<std::uint8_t, 2> copies{static_cast<std::uint8_t>(what.copies & 0xffU),
                                             static_cast<std::uint8_t>(what.copies >> 8U)};
    all.part(from.view()).part(copies);
    for (const auto& each : what.items) all.part(each.body).part(each.sig.view());
    for (const auto& each : what.contacts) {
        all.part(each.peer.view());
        for (const auto& where : each.addresses) all.part(where.data());
    }
    return all.finish();
}

}  // namespace

delivery::delivery(const node_id& from_, wire::gathered what_)
    : from(from_), what(std::move(what_)), content(content_of(from, what)) {}

bool delivery::is_announcement() const { return what.items.empty() && what.contacts.empty() && what.copies == 0; }

bool collection::may_bring(const node_id& from) const {
    if (liars_.contains(from)) return false;
    if (from_ == source::asked) return asked_.contains(from);
    return brought_.size() < results_ || brought_.contains(from);
}

bool collection::knows(const delivery& brought) const {
    return may_bring(brought.from) && (brought.is_announcement() || taken_.contains(brought.content));
}

collection::verdict collection::take(const delivery& brought) {
    if (knows(brought)) return verdict::known;
    const bool had_its_turn = from_ == source::anybody && brought_.contains(brought.from);
    const bool open = may_bring(brought.from) && !had_its_turn && taken_.size() + liars_.size() < judged_max;
    if (!open || !found_.concerns(brought.what)) return verdict::refused;
    if (!found_.take_delivery(brought.from, brought.what)) return verdict::lie;
    taken_.insert(brought.content);
    brought_.insert(brought.from);
    return verdict::taken;
}

void collection::lied(const node_id& from) {
    liars_.insert(from);
    found_.lied();
}

collections::place::place(collections& in, const loop_tag& tag, collection& which,
                          std::function<void(const node_id& by)> wake)
    : in_(in) {
    entry made;
    made.which = &which;
    made.wake = std::move(wake);
    at_ = in_.by_tag_.emplace(tag, std::move(made));
}

collections::place::~place() { in_.by_tag_.erase(at_); }

collection::verdict collections::take(const node_id& from, wire::deliver what) {
    using verdict = collection::verdict;
    const delivery brought(from, std::move(what.what));
    const auto [begin, end] = by_tag_.equal_range(what.tag);
    for (auto at = begin; at != end; ++at) {
        if (at->second.which->knows(brought)) return verdict::known;
    }
    std::vector<collection*> deceived;
    std::vector<std::function<void(const node_id&)>> woken;
    // That a value was kept does not say which one: everybody who waits for that hears it.
    for (auto at = begin; at != end; ++at) {
        const auto outcome = at->second.which->take(brought);
        if (outcome == verdict::lie) deceived.push_back(at->second.which);
        if (outcome == verdict::taken) woken.push_back(at->second.wake);
    }
    for (const auto& each : woken) each(from);
    if (!woken.empty()) return verdict::taken;
    for (auto* const each : deceived) each->lied(from);
    return deceived.empty() ? verdict::refused : verdict::lie;
}

}  // namespace mydht::detail
