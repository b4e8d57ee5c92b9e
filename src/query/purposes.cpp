#include "query/purposes.hpp"

#include <algorithm>
#include <variant>

namespace mydht::detail {

namespace {

verdict refusal_verdict(const wire::message& answer) {
    return std::holds_alternative<wire::error>(answer) ? verdict::failed : verdict::invalid;
}

}  // namespace

wire::message find_peers::question() const {
    wire::find_node out;
    out.target = target_;
    out.kinds = kinds_;
    return out;
}

verdict find_peers::judge(const contact&, wire::message& answer, std::vector<contact>& heard) {
    auto* nodes = std::get_if<wire::nodes>(&answer);
    if (nodes == nullptr) return refusal_verdict(answer);
    heard = std::move(nodes->contacts);
    return verdict::go_on;
}

wire::message find_copies::question() const {
    wire::find_value out;
    out.target = target_;
    out.kinds = kinds_;
    return out;
}

find_copies::fitness find_copies::fitness_of(const result<value>& opened) const {
    if (!opened) return opened.error() == errc::value_expired ? fitness::none : fitness::lie;
    const auto allowed = rules_.validate(*opened);
    if (allowed) return fitness::fits;
    if (allowed.error() == errc::unknown_namespace) return passes_unknown_ ? fitness::fits : fitness::none;
    return through_others_ ? fitness::unfit : fitness::lie;
}

bool find_copies::take(item what) {
    auto opened = value::open(target_, std::move(what), time_.wall_now());
    switch (fitness_of(opened)) {
        case fitness::fits: break;
        case fitness::none: return true;
        case fitness::unfit: ++unfit_; return true;
        case fitness::lie: ++invalid_; return false;
    }
    const auto order = rank_of(*opened);
    if (opened->kind() != item_kind::immutable && order.sequence < least_) {
        ++too_old_;
        return true;
    }
    const auto same = [&](const candidate& c) { return same_content(c.order, order); };
    const auto known = std::ranges::find_if(candidates_, same);
    const bool counts = counts_copies_ || known == candidates_.end();
    if (counts) ++copies_;
    if (known != candidates_.end()) {
        if (counts) ++known->copies;
        if (order > known->order) {
            known->what = std::move(*opened);
            known->order = order;
        }
        return true;
    }
    if (on_fresh_) on_fresh_(*opened);
    candidate fresh{std::move(*opened), order, 1};
    if (candidates_.size() < most_) {
        candidates_.push_back(std::move(fresh));
        return true;
    }
    // Old versions, however many and however well signed, do not keep a newer one out.
    const auto oldest = std::ranges::min_element(candidates_, {}, &candidate::order);
    if (fresh.order > oldest->order) *oldest = std::move(fresh);
    return true;
}

bool find_copies::is_one_of_a_kind() const {
    return !candidates_.empty() && candidates_.front().what.kind() == item_kind::immutable;
}

bool find_copies::enough() const {
    if (candidates_.empty()) return false;
    return is_one_of_a_kind() || (wanted_ && copies_ >= *wanted_);
}

verdict find_copies::judge(const contact&, wire::message& answer, std::vector<contact>& heard) {
    auto* values = std::get_if<wire::values>(&answer);
    if (values == nullptr) return refusal_verdict(answer);
    // A key of the kinds that there are holds one value; more would let one peer speak for many.
    if (values->items.size() > 1) {
        invalid_ += values->items.size();
        return verdict::invalid;
    }
    bool valid = true;
    for (auto& each : values->items) valid = take(std::move(each)) && valid;
    heard = std::move(values->contacts);
    if (!valid) return verdict::invalid;
    return enough() ? verdict::enough : verdict::go_on;
}

}  // namespace mydht::detail
