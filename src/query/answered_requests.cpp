#include "query/answered_requests.hpp"

#include <algorithm>
#include <iterator>

namespace mydht::detail {

namespace {

std::size_t share_of(std::size_t all, std::size_t parts) { return std::max<std::size_t>(1, all / parts); }

std::size_t cost_of(const bytes& reply) { return reply.size() + answered_requests::reply_overhead; }

template <typename Accounts, typename Key>
void one_request_less(Accounts& accounts, const Key& key) {
    const auto at = accounts.find(key);
    if (--at->second.requests == 0) accounts.erase(at);
}

}  // namespace

answered_requests::verdict answered_requests::note(const id256& question, const payer& by, steady_time now,
                                                   steady_time until) {
    forget_ended(now);
    if (known_.contains(question)) return verdict::again;
    if (known_.size() >= capacity_) return verdict::full;
    const auto neighbour = neighbours_.find(by.neighbour);
    if (neighbour != neighbours_.end() && neighbour->second.requests >= share_of(capacity_, parts_of_neighbour)) {
        return verdict::full;
    }
    const auto prefix = prefixes_.find(by.prefix);
    if (prefix != prefixes_.end() && prefix->second.requests >= share_of(capacity_, parts_of_prefix)) {
        return verdict::full;
    }
    auto& made = known_[question];
    made.by = by;
    made.until = until;
    by_end_.emplace(until, question);
    ++neighbours_[by.neighbour].requests;
    if (!by.prefix.empty()) ++prefixes_[by.prefix].requests;
    return verdict::fresh;
}

void answered_requests::keep(const id256& question, bytes reply, steady_time now, steady_time until) {
    forget_ended(now);
    const auto found = known_.find(question);
    if (found == known_.end() || found->second.reply || until <= now) return;
    auto& which = found->second;
    const auto cost = cost_of(reply);
    const auto most = share_of(reply_bytes_, parts_of_neighbour);
    if (cost > most) return;
    // Within its own share everybody makes room for himself.
    const auto& own = neighbours_[which.by.neighbour];
    while (own.bytes + cost > most) drop_reply(own.replies.begin()->second);
    if (!which.by.prefix.empty()) {
        const auto& near = prefixes_[which.by.prefix];
        while (near.bytes + cost > share_of(reply_bytes_, parts_of_prefix)) drop_reply(near.replies.begin()->second);
    }
    while (bytes_ + cost > reply_bytes_) {
        drop_reply(neighbours_[std::prev(loads_.end())->second].replies.begin()->second);
    }
    which.reply = std::move(reply);
    which.reply_until = std::min(until, which.until);
    which.age = next_age_++;
    count_reply(question, which, true);
}

const bytes* answered_requests::reply_to(const id256& question, steady_time now) const {
    const auto found = known_.find(question);
    const bool there = found != known_.end() && found->second.reply && found->second.reply_until > now;
    return there ? &*found->second.reply : nullptr;
}

void answered_requests::forget_ended(steady_time now) {
    while (!reply_ends_.empty() && reply_ends_.begin()->first <= now) drop_reply(reply_ends_.begin()->second);
    while (!by_end_.empty() && by_end_.begin()->first <= now) {
        const auto found = known_.find(by_end_.begin()->second);
        one_request_less(neighbours_, found->second.by.neighbour);
        if (!found->second.by.prefix.empty()) one_request_less(prefixes_, found->second.by.prefix);
        known_.erase(found);
        by_end_.erase(by_end_.begin());
    }
}

void answered_requests::drop_reply(const id256& question) {
    // It may be named by what is erased.
    const auto name = question;
    auto& which = known_.find(name)->second;
    count_reply(name, which, false);
    which.reply.reset();
}

void answered_requests::count_reply(const id256& question, const entry& which, bool in) {
    const auto cost = cost_of(*which.reply);
    const auto enter = [&](account& into) {
        if (in) {
            into.bytes += cost;
            into.replies.emplace(which.age, question);
        } else {
            into.bytes -= cost;
            into.replies.erase({which.age, question});
        }
    };
    auto& own = neighbours_[which.by.neighbour];
    loads_.erase({own.bytes, which.by.neighbour});
    enter(own);
    if (own.bytes > 0) loads_.emplace(own.bytes, which.by.neighbour);
    if (!which.by.prefix.empty()) enter(prefixes_[which.by.prefix]);
    if (in) {
        bytes_ += cost;
        reply_ends_.emplace(which.reply_until, question);
    } else {
        bytes_ -= cost;
        reply_ends_.erase({which.reply_until, question});
    }
}

}  // namespace mydht::detail
