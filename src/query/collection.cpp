#include "query/collection.hpp"

#include <array>
#include <utility>

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

bool is_announcement(const wire::gathered& what) {
    return what.items.empty() && what.contacts.empty() && what.copies == 0;
}

}  // namespace

bool collection::may_bring(const node_id& from) const {
    if (from_ == source::asked) return asked_.contains(from);
    return brought_.size() < results_ || brought_.contains(from);
}

collection::verdict collection::take(const node_id& from, wire::gathered what) {
    if (!may_bring(from)) return verdict::refused;
    if (is_announcement(what)) return verdict::known;
    const auto content = content_of(from, what);
    if (const auto before = judged_.find(content); before != judged_.end()) {
        return before->second ? verdict::known : verdict::refused;
    }
    const bool had_its_turn = from_ == source::anybody && brought_.contains(from);
    if (had_its_turn || judged_.size() >= judged_max) return verdict::refused;
    const bool valid = found_.take_delivery(std::move(what));
    judged_.emplace(content, valid);
    if (!valid) return verdict::refused;
    brought_.insert(from);
    return verdict::taken;
}

collections::place::place(collections& in, const loop_tag& tag, collection& which,
                          std::function<void(const node_id& by)> wake)
    : in_(in), tag_(tag) {
    entry made;
    made.which = &which;
    made.wake = std::move(wake);
    found_ = in_.by_tag_.emplace(tag, std::move(made)).second;
}

collections::place::~place() {
    if (found_) in_.by_tag_.erase(tag_);
}

collection::verdict collections::take(const node_id& from, wire::deliver what) {
    const auto waits = by_tag_.find(what.tag);
    if (waits == by_tag_.end()) return collection::verdict::refused;
    const auto outcome = waits->second.which->take(from, std::move(what.what));
    if (outcome == collection::verdict::taken) waits->second.wake(from);
    return outcome;
}

}  // namespace mydht::detail
