#include "query/gathering.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include <mydht/core/limits.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/value/value.hpp>

#include "query/answer_room.hpp"
#include "query/usable.hpp"

namespace mydht::detail {

const id256& target_of(const wire::forward& query) noexcept {
    return std::visit([](const auto& goal) -> const id256& { return goal.target; }, query.goal);
}

gathering::gathering(const wire::forward& query, const namespaces& rules, const time_source& time, address_scope reader)
    : along_(query.storing == wire::storage_mode::path),
      time_(time),
      reader_(reader),
      target_(target_of(query)),
      results_(query.results),
      found_(target_, 0, rules, time, query.results) {
    found_.comes_through_others(false);
    if (query.asker) {
        deliveries_ = deliveries::elsewhere;
    } else if (query.stream) {
        deliveries_ = deliveries::by_asked;
    }
    if (const auto* peer = std::get_if<wire::find_node>(&query.goal)) {
        wish_ = wish::contacts;
        kinds_ = peer->kinds;
    }
    if (std::holds_alternative<wire::store>(query.goal)) wish_ = wish::copies;
    if (const auto* asked = std::get_if<wire::request>(&query.goal)) {
        wish_ = wish::replies;
        sealed_ = asked->is_sealed();
        question_ = question_of(query.tag, asked->target, asked->service, asked->body);
    }
}

/// No honest peer says this: too much, that there is something without having it, or what cannot have happened.
bool gathering::cannot_be(const wire::gathered& answer, const branch& path) const {
    const bool held = !answer.items.empty() || !answer.contacts.empty() || answer.copies > 0;
    const bool any = held || answer.delivered > 0;
    const bool found = answer.outcome == wire::gathered_outcome::found;
    if (answer.outcome != wire::gathered_outcome::duplicate && found != any) return true;
    if (answer.items.size() > path.results || answer.contacts.size() > path.results) return true;
    if (answer.copies > 0 && wish_ != wish::copies) return true;
    switch (deliveries_) {
        case deliveries::none: return answer.delivered > 0;
        case deliveries::elsewhere: return held;
        case deliveries::by_asked: return answer.delivered > delivered_by(path.to.id);
        case deliveries::by_anybody: return held;
    }
    return false;
}

std::size_t gathering::delivered_by(const node_id& peer) const {
    const auto known = came_by_.find(peer);
    return known == came_by_.end() ? 0 : known->second;
}

/// What a peer says was delivered behind it. True when there is something in it for this peer or the asker.
bool gathering::take_claim(std::size_t claimed) {
    if (claimed == 0) return false;
    if (deliveries_ == deliveries::elsewhere) {
        delivered_ += claimed;
        return true;
    }
    // Whoever is asked passes on what others claim, so it need not be the liar when less has come.
    claimed_ += claimed;
    const bool came = deliveries_ == deliveries::by_asked || claimed_ <= came_;
    if (!came) cut_off_ = true;
    return came;
}

gathering::judged gathering::take(wire::message answer, const branch& path) {
    judged out;
    auto* const got = std::get_if<wire::gathered>(&answer);
    if (got == nullptr) {
        // Busy, throttled, or of a kind that does not forward: another peer may.
        const auto* const error = std::get_if<wire::error>(&answer);
        if (error == nullptr) ++lies_;
        if (error != nullptr && error->code == wire::error_code::refused) turned_down_ = true;
        missed(error == nullptr);
        out.how = judgement::unvisited;
        return out;
    }
    answered_ = true;
    if (got->outcome == wire::gathered_outcome::duplicate) return take_again(*got, path);
    const bool partial = got->outcome == wire::gathered_outcome::partial;
    if (partial) cut_off_ = true;
    const auto lies_before = lies_;
    const auto newest_before = newest();
    if (cannot_be(*got, path)) {
        ++lies_;
    } else {
        take_lists(*got);
    }
    if (lies_ > lies_before) {
        cut_off_ = true;
        out.how = judgement::unclear;
        return out;
    }
    if (got->outcome == wire::gathered_outcome::nothing) ++nothing_;
    const auto delivered = std::min(got->delivered, path.results);
    out.brought = take_claim(delivered) || !got->items.empty() || !got->contacts.empty() || got->copies > 0;
    out.proven = is_proven(out, newest_before);
    const std::size_t replies = wish_ == wish::replies ? got->items.size() : 0;
    out.used = partial ? path.results : delivered + replies;
    // A put that nobody has taken has come to its end all the same: who tried others instead would walk the whole
    // network. One copy at the end of each path, and those that it may leave on the way.
    const std::size_t most = path.paths + (along_ ? path.results : 0U);
    if (wish_ == wish::copies) copies_ += std::min<std::size_t>(got->copies, most);
    return out;
}

/// Who has had the query passes it on no more, but gives what is there: somebody may have sent it there before to keep
/// that from the asker. Another peer gets its share.
gathering::judged gathering::take_again(wire::gathered& got, const branch& path) {
    judged out;
    out.how = judgement::unvisited;
    out.brought = !got.items.empty() || !got.contacts.empty();
    const auto lies_before = lies_;
    const auto newest_before = newest();
    if (cannot_be(got, path)) {
        ++lies_;
    } else {
        found_.counts_copies(false);
        take_lists(got);
        found_.counts_copies(true);
    }
    out.proven = is_proven(out, newest_before);
    if (lies_ == lies_before) return out;
    cut_off_ = true;
    out.how = judgement::unclear;
    return out;
}

std::optional<rank> gathering::newest() const {
    std::optional<rank> out;
    for (const auto& each : found_.candidates()) out = out ? std::max(*out, each.order) : each.order;
    return out;
}

bool gathering::is_proven(const judged& step, const std::optional<rank>& before) const {
    if (!step.brought || wish_ == wish::copies || deliveries_ == deliveries::elsewhere) return false;
    return !may_be_old() || (before && newest() > before);
}

bool gathering::may_be_old() const { return !found_.candidates().empty() && !found_.is_one_of_a_kind(); }

/// The same value of one peer counts once, however often it stands in its answer. The first lie ends it: what else
/// there is would only be work.
void gathering::take_lists(wire::gathered& from) {
    const auto lies_before = lies_;
    if (!from.items.empty()) take_copy_left(from.copy_left);
    for (auto each = from.items.begin(); each != from.items.end() && lies_ == lies_before; ++each) {
        if (std::find(from.items.begin(), each, *each) == each) take_item(*each);
    }
    for (auto each = from.contacts.begin(); each != from.contacts.end() && lies_ == lies_before; ++each) {
        take_contact(std::move(*each));
    }
}

bool gathering::concerns(const wire::gathered& what) const {
    if (!what.items.empty()) {
        const auto& first = what.items.front();
        // Which question a reply is to, its signature alone says.
        if (first.kind == item_kind::reply || wish_ != wish::values) return wish_ == wish::replies;
        const auto key = value::key_of(first);
        return !key || *key == target_;
    }
    if (!what.contacts.empty()) return wish_ == wish::contacts && what.contacts.front().id == target_;
    return wish_ == wish::copies && what.copies > 0;
}

bool gathering::take_delivery(const node_id& from, wire::gathered what) {
    const auto lies_before = lies_;
    if (what.items.size() > limits::values_per_message || what.contacts.size() > 1) ++lies_;
    if (what.copies > 0 && wish_ != wish::copies) ++lies_;
    if (lies_ == lies_before) take_lists(what);
    if (lies_ > lies_before) {
        lies_ = lies_before;
        return false;
    }
    if (what.copies > 0) ++copies_;
    ++came_;
    ++came_by_[from];
    return true;
}

void gathering::take_item(item what) {
    if (wish_ == wish::replies) return take_reply(std::move(what));
    if (wish_ != wish::values || !found_.take(std::move(what))) ++lies_;
}

void gathering::take_copy_left(std::chrono::milliseconds left) {
    if (left.count() <= 0) return;
    const auto until = time_.now() + std::min<std::chrono::milliseconds>(left, limits::value_lifetime_max);
    copies_end_ = copies_end_ ? std::min(*copies_end_, until) : until;
}

std::chrono::milliseconds gathering::copy_left() const {
    if (!copies_end_) return {};
    // It may have ended since, and is a copy all the same.
    const auto left = std::chrono::floor<std::chrono::milliseconds>(*copies_end_ - time_.now());
    return std::max(left, std::chrono::milliseconds(1));
}

void gathering::take_reply(item what) {
    const auto reply = open_reply(what, question_);
    const bool from_target = reply && (!sealed_ || node_id_of(reply->answerer) == target_);
    if (!from_target) {
        ++lies_;
        return;
    }
    // Who answers twice has one say.
    const bool known = std::ranges::find(answerers_, reply->answerer) != answerers_.end();
    if (known || replies_.size() >= results_) return;
    if (opens_ && !opens_(*reply)) {
        ++unopened_;
        return;
    }
    answerers_.push_back(reply->answerer);
    replies_.push_back(std::move(what));
}

void gathering::take_contact(contact who) {
    if (wish_ != wish::contacts || who.id != target_) {
        ++lies_;
        return;
    }
    keep_usable(who, kinds_, reader_);
    // One without addresses gives the key, and way to one that says more: it is known by a session alone, or only at
    // addresses that are of no use to the asker.
    if (!contacts_.empty() && (who.addresses.empty() || contacts_.front().addresses.empty())) {
        if (contacts_.front().addresses.empty()) contacts_.front() = std::move(who);
        return;
    }
    const auto same = [&](const contact& known) { return known.addresses == who.addresses; };
    if (contacts_.size() < results_ && std::ranges::none_of(contacts_, same)) contacts_.push_back(std::move(who));
}

bool gathering::any() const noexcept {
    return !found_.candidates().empty() || !contacts_.empty() || !replies_.empty() || copies_ > 0 || delivered_ > 0;
}

bool gathering::enough() const {
    if (complete_ || (deliveries_ == deliveries::elsewhere && delivered_ >= results_)) return true;
    switch (wish_) {
        case wish::contacts: return contacts_.size() >= results_;
        case wish::values: return found_.enough();
        case wish::copies: return false;
        case wish::replies: return sealed_ ? !replies_.empty() : replies_.size() >= results_;
    }
    return false;
}

std::vector<const find_copies::candidate*> gathering::newest_first() const {
    std::vector<const find_copies::candidate*> out;
    for (const auto& each : found_.candidates()) {
        const auto same = [&](const rank& known) { return same_content(known, each.order); };
        if (std::ranges::none_of(handed_over_, same)) out.push_back(&each);
    }
    std::ranges::sort(out, std::ranges::greater(), &find_copies::candidate::order);
    return out;
}

const find_copies::candidate* gathering::not_handed_over() const {
    const auto left = newest_first();
    return left.empty() || handed_over_.size() >= results_ ? nullptr : left.front();
}

std::size_t gathering::bytes_held() const noexcept {
    std::size_t out = 0;
    for (const auto& each : found_.candidates()) out += each.what.content().size();
    for (const auto& each : replies_) out += each.body.size();
    return out;
}

wire::gathered gathering::answer() const {
    wire::gathered out;
    out.copies = static_cast<std::uint16_t>(std::min<std::size_t>(copies_, std::numeric_limits<std::uint16_t>::max()));
    out.delivered = static_cast<std::uint8_t>(
        std::min<std::size_t>(delivered_ + handed_over_.size(), std::numeric_limits<std::uint8_t>::max()));
    answer_room room;
    for (const auto* each : newest_first()) {
        if (out.items.size() >= results_) break;
        auto what = each->what.to_item();
        if (room.take(what)) out.items.push_back(std::move(what));
    }
    if (!out.items.empty()) out.copy_left = copy_left();
    for (const auto& each : replies_) {
        if (room.take(each)) out.items.push_back(each);
    }
    out.contacts = contacts_;
    const bool any = !out.items.empty() || !out.contacts.empty() || out.copies > 0 || out.delivered > 0;
    out.outcome = any        ? wire::gathered_outcome::found
                  : cut_off_ ? wire::gathered_outcome::partial
                             : wire::gathered_outcome::nothing;
    return out;
}

}  // namespace mydht::detail
