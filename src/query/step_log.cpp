#include "query/step_log.hpp"

#include <algorithm>
#include <variant>

namespace mydht::detail {

namespace {

query_step::ending ending_of(std::error_code why) {
    return why == errc::timed_out ? query_step::ending::silent : query_step::ending::unreachable;
}

}  // namespace

step_log::number step_log::sent(const contact& to, const std::optional<node_id>& named_by, steady_time now) {
    if (steps_.size() >= lookup_report::steps_max) return {};
    query_step out;
    out.peer = to.id;
    if (!to.addresses.empty()) out.where = to.addresses.front();
    if (named_by) out.named_by = last_to(*named_by);
    out.sent = now - begun_;
    steps_.push_back(std::move(out));
    return steps_.size() - 1;
}

query_step* step_log::end(number step, query_step::ending how, steady_time now) {
    if (!step) return nullptr;
    auto& out = steps_[*step];
    out.how = how;
    out.ended = now - begun_;
    return &out;
}

void step_log::failed(number step, std::error_code why, steady_time now) { (void)end(step, ending_of(why), now); }

query_step* step_log::answered(number step, query_step::ending how, const address& from, steady_time now) {
    auto* const out = end(step, how, now);
    if (out != nullptr) out->where = from;
    return out;
}

query_step* step_log::gathered(number step, const reply& answer, steady_time now) {
    using ending = query_step::ending;
    const auto* const got = std::get_if<wire::gathered>(&answer.what);
    if (got == nullptr) {
        const bool refused = std::holds_alternative<wire::error>(answer.what);
        return answered(step, refused ? ending::refused : ending::invalid, answer.from, now);
    }
    const auto results = got->items.size() + got->contacts.size() + got->copies;
    auto how = results + got->delivered > 0 ? ending::found : ending::answered;
    if (got->outcome == wire::gathered_outcome::duplicate) how = ending::seen_before;
    auto* const out = answered(step, how, answer.from, now);
    if (out == nullptr) return out;
    out->results = results;
    out->delivered = std::max<std::size_t>(out->delivered, got->delivered);
    return out;
}

void step_log::brought(const node_id& by, steady_time now) {
    if (const auto asked = last_to(by); asked && steps_[*asked].how != query_step::ending::brought) {
        auto& step = steps_[*asked];
        ++step.delivered;
        if (!step.first) step.first = now - begun_;
        return;
    }
    contact who;
    who.id = by;
    if (auto* const out = end(sent(who, {}, now), query_step::ending::brought, now)) out->delivered = 1;
}

step_log::number step_log::last_to(const node_id& peer) const {
    const auto found = std::ranges::find(steps_.rbegin(), steps_.rend(), peer, &query_step::peer);
    if (found == steps_.rend()) return {};
    return static_cast<std::size_t>(std::distance(found, steps_.rend())) - 1;
}

void add_round(lookup_report& into, steady_time begun, std::size_t round, const forward_report& part) {
    into.asked += part.peers.asked;
    into.answered += part.peers.answered;
    into.timed_out += part.peers.timed_out;
    into.failed += part.peers.failed + part.peers.refused;
    into.invalid += part.peers.invalid;
    for (auto each : part.steps) {
        if (into.steps.size() >= lookup_report::steps_max) return;
        const auto later = part.begun - begun;
        each.round = round;
        each.sent += later;
        if (each.first) *each.first += later;
        if (each.ended) *each.ended += later;
        into.steps.push_back(std::move(each));
    }
}

}  // namespace mydht::detail
