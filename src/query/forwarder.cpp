#include <mydht/query/forwarder.hpp>

#include <algorithm>
#include <cassert>
#include <exception>
#include <map>
#include <string>
#include <utility>
#include <variant>

#include <mydht/runtime/channel.hpp>
#include <mydht/runtime/task_group.hpp>

#include "query/branches.hpp"
#include "query/gathering.hpp"
#include "query/refusal.hpp"
#include "query/rulebook.hpp"
#include "query/seen_tags.hpp"

namespace mydht {

namespace {

using detail::branch;
using detail::branches;
using detail::gathering;
using detail::is_put;

/// A tag is remembered for this long beyond its query's time: clocks differ, and answers are late.
constexpr auto tag_margin = std::chrono::seconds(10);

/// Time that a hop keeps for the way back, out of what is left: so that each of those that may still follow keeps about as much, and
/// half is for the way itself.
duration way_back(duration left, std::uint8_t hops) { return left / (2 * (static_cast<int>(hops) + 2)); }

wire::message error_answer(wire::error_code code, std::string_view text) {
    wire::error out;
    out.code = code;
    out.text = text;
    return out;
}

struct arrival {
    arrival(branch from_, result<reply> answer_) : from(std::move(from_)), answer(std::move(answer_)) {}
    branch from;
    result<reply> answer;
};

/// Outlives a query that is cancelled, until the last of its requests has ended.
struct mailbox {
    explicit mailbox(std::size_t capacity) : arrivals(capacity) {}
    channel<arrival> arrivals;
};

task<> send_on(std::shared_ptr<messenger> via, branch to, wire::forward query, steady_time deadline,
               std::shared_ptr<mailbox> into) {
    auto answer = co_await via->ask(to.to, std::move(query), deadline);
    // There is room for everybody that it is sent to.
    [[maybe_unused]] const bool taken = into->arrivals.try_send(arrival(std::move(to), std::move(answer)));
    assert(taken);
}

}  // namespace

struct forwarder::impl {
    impl(environment env_, travel_rules rules_, responder& own_, any_routing_table& table_, const namespaces& spaces_)
        : env(std::move(env_)),
          book(std::move(rules_), *env.secure_random),
          own(own_),
          table(table_),
          spaces(spaces_),
          tags(book.rules().tags_max) {}

    [[nodiscard]] std::optional<wire::message> refuse(const wire::forward& query, const node_id& from);
    [[nodiscard]] std::vector<contact> whom(const wire::forward& query, const peer_info* from);
    [[nodiscard]] std::vector<contact> anybody(std::size_t count, const contact_filter& accept);
    [[nodiscard]] wire::forward next_of(const wire::forward& query, const peer_info* from, const branch& to,
                                        duration left) const;
    [[nodiscard]] bool ends_here(const wire::forward& query) const;
    [[nodiscard]] task<> look_here(const wire::forward& query, const peer_info* from, gathering& into);
    [[nodiscard]] task<> keep_here(const wire::forward& query, const peer_info* from, gathering& into);
    [[nodiscard]] task<bool> send(const wire::forward& query, const peer_info* from, branches& out,
                                  steady_time deadline, gathering& into);
    [[nodiscard]] task<bool> travel(const wire::forward& query, const peer_info* from, steady_time deadline,
                                    gathering& into, std::size_t& sent);
    [[nodiscard]] task<> cache(const wire::forward& query, const peer_info& from, const wire::gathered& found);

    environment env;
    detail::rulebook book;
    responder& own;
    any_routing_table& table;
    const namespaces& spaces;
    std::shared_ptr<messenger> via;
    std::function<contact()> self;
    detail::seen_tags tags;
    std::size_t under_way = 0;
    std::map<node_id, std::size_t> by_peer;  // of them
    forward_counters counts;
};

/// A query of a peer that is under way, for as long as it is. Its coroutine may be destroyed after the node.
class forwarder::query_place {
public:
    query_place(std::shared_ptr<impl> in, const node_id& from) : in_(std::move(in)), from_(from) {
        ++in_->under_way;
        ++in_->by_peer[from_];
    }
    query_place(const query_place&) = delete;
    query_place& operator=(const query_place&) = delete;
    ~query_place() {
        --in_->under_way;
        const auto own = in_->by_peer.find(from_);
        if (--own->second == 0) in_->by_peer.erase(own);
    }

private:
    std::shared_ptr<impl> in_;
    node_id from_;
};

forwarder::forwarder(environment env, travel_rules rules, responder& own, any_routing_table& table,
                     const namespaces& spaces)
    : impl_(std::make_shared<impl>(std::move(env), std::move(rules), own, table, spaces)) {}

forwarder::~forwarder() = default;

void forwarder::connect(std::shared_ptr<messenger> via, std::function<contact()> self) {
    impl_->via = std::move(via);
    impl_->self = std::move(self);
}

const travel_rules& forwarder::rules() const noexcept { return impl_->book.rules(); }
const forward_counters& forwarder::counters() const noexcept { return impl_->counts; }

/// What nobody may ask for, and what is too much now.
std::optional<wire::message> forwarder::impl::refuse(const wire::forward& query, const node_id& from) {
    const auto& rules = book.rules();
    if (book.is_absurd(query)) {
        ++counts.absurd;
        return error_answer(wire::error_code::refused, "the query asks for more than this node forwards");
    }
    const bool crowded = under_way >= rules.under_way_max / 2 && query.priority < rules.busy_priority;
    const auto own_share = by_peer.find(from);
    const bool greedy = own_share != by_peer.end() && own_share->second >= rules.under_way_peer;
    if (under_way >= rules.under_way_max || crowded || greedy) {
        ++counts.busy;
        return error_answer(wire::error_code::busy, "too many queries are on their way through this node");
    }
    return {};
}

task<wire::message> forwarder::answer(peer_info from, wire::forward query) {
    auto& self = *impl_;
    query.priority = self.book.priority(from, query.priority);
    if (auto no = self.refuse(query, from.who.id)) co_return std::move(*no);
    const auto now = self.env.time->now();
    const auto deadline = now + query.lifetime;
    if (!self.tags.note(query.tag, now, deadline + tag_margin)) {
        ++self.counts.duplicates;
        wire::gathered seen;
        seen.outcome = wire::gathered_outcome::duplicate;
        co_return seen;
    }
    const query_place place(impl_, from.who.id);
    ++self.counts.served;
    gathering found(query, self.spaces, *self.env.time);
    std::size_t sent = 0;
    const auto back_at = deadline - way_back(query.lifetime, query.hops);
    const bool complete = co_await self.travel(query, &from, back_at, found, sent);
    if (!complete) found.missed();
    auto out = found.answer();
    if (query.storing == wire::storage_mode::cache) co_await self.cache(query, from, out);
    co_return out;
}

task<wire::gathered> forwarder::ask(wire::forward query, steady_time deadline, forward_report& report) {
    auto& self = *impl_;
    ++self.counts.begun;
    self.env.secure_random->fill(query.tag.data());
    const auto now = self.env.time->now();
    self.tags.note(query.tag, now, deadline + tag_margin);
    gathering found(query, self.spaces, *self.env.time);
    const bool complete = co_await self.travel(query, nullptr, deadline, found, report.sent);
    if (!complete) found.missed();
    auto out = found.answer();
    report.complete = out.outcome != wire::gathered_outcome::partial && complete;
    report.lies = found.lies();
    report.own = found.own();
    report.refusal = found.refusal();
    co_return out;
}

/// One hop: look here, send it on, take what comes back. False when somebody was still silent at the deadline.
task<bool> forwarder::impl::travel(const wire::forward& query, const peer_info* from, steady_time deadline,
                                   gathering& into, std::size_t& sent) {
    co_await look_here(query, from, into);
    bool complete = true;
    // A put that is kept here has come to its end: nobody that this peer knows is nearer.
    const bool at_its_end = query.storing == wire::storage_mode::answerer && into.copies() > 0;
    if (query.hops > 0 && !into.enough() && !at_its_end) {
        branches out(whom(query, from), query);
        complete = co_await send(query, from, out, deadline, into);
        sent = out.sent();
    }
    // One that nobody behind this peer has taken ends here, too.
    const bool not_taken = is_put(query) && query.storing == wire::storage_mode::answerer && into.copies() == 0;
    if (not_taken && book.keeps({query, from}, true)) co_await keep_here(query, from, into);
    counts.lies += into.lies();
    co_return complete;
}

task<bool> forwarder::impl::send(const wire::forward& query, const peer_info* from, branches& out, steady_time deadline,
                                 gathering& into) {
    const auto box = std::make_shared<mailbox>(query.fan_out);
    task_group requests(env.exec, [log = env.log](std::string_view name, const std::exception_ptr&) {
        log.write(log_level::error, "query", std::string(name) + " failed with an exception");
    });
    bool complete = true;
    while (!into.enough()) {
        while (auto to = out.next()) {
            const auto left = deadline - env.time->now();
            if (left < std::chrono::milliseconds(1)) break;
            auto onward = next_of(query, from, *to, left);
            ++counts.sent;
            requests.spawn("a query on its way", send_on(via, std::move(*to), std::move(onward), deadline, box));
        }
        if (out.under_way() == 0) break;
        auto got = co_await box->arrivals.receive_until(*env.time, deadline);
        if (!got) {
            complete = false;
            break;
        }
        if (const auto why = detail::refusal_in(got->answer)) into.refused(why);
        if (!got->answer) {
            into.missed();
            out.given_back(got->from);
        } else if (into.take(std::move(got->answer->what)) == gathering::judgement::unvisited) {
            out.given_back(got->from);
        } else {
            out.ended();
        }
        const path_tally so_far{out.width(), into.nothing()};
        if (so_far.nothing > 0 && !into.any() && !is_put(query) && book.enough_nothing({query, from}, so_far)) break;
    }
    // Whoever is still at it is told that it is not wanted any more.
    requests.terminate();
    co_await requests.join();
    co_return complete;
}

wire::forward forwarder::impl::next_of(const wire::forward& query, const peer_info* from, const branch& to,
                                       duration left) const {
    wire::forward out = query;
    out.lifetime =
        std::min(std::chrono::duration_cast<std::chrono::milliseconds>(left), book.lifetime_max(query.priority));
    out.hops = book.hops_left({query, from}, to.to);
    if (out.wander > 0) --out.wander;
    out.paths = to.paths;
    out.results = to.results;
    // The asker is not named: its tag keeps the query from coming back.
    if (query.trace_max > 0 && from != nullptr) {
        out.trace.push_back(self().id);
        if (out.trace.size() > query.trace_max) out.trace.erase(out.trace.begin());
    }
    return out;
}

std::vector<contact> forwarder::impl::whom(const wire::forward& query, const peer_info* from) {
    const contact_filter unvisited = [&](const table_entry<contact>& e) {
        const auto& id = e.contact.id;
        return (from == nullptr || id != from->who.id) && std::ranges::find(query.trace, id) == query.trace.end();
    };
    auto usual = query.wander > 0 ? anybody(query.fan_out, unvisited)
                                  : table.preferred(detail::target_of(query), query.fan_out, unvisited, *env.random);
    return book.whom({query, from}, std::move(usual));
}

std::vector<contact> forwarder::impl::anybody(std::size_t count, const contact_filter& accept) {
    // Reservoir sampling over the good contacts.
    std::vector<contact> out;
    std::uint64_t seen = 0;
    table.for_each([&](const table_entry<contact>& e) {
        if (table.is_bad(e) || !accept(e)) return;
        ++seen;
        if (out.size() < count) {
            out.push_back(e.contact);
            return;
        }
        const auto place = env.random->below(seen);
        if (place < count) out[static_cast<std::size_t>(place)] = e.contact;
    });
    shuffle(out, *env.random);
    return out;
}

/// Nobody that this node knows is nearer to the target.
bool forwarder::impl::ends_here(const wire::forward& query) const {
    if (query.hops == 0) return true;
    if (query.wander > 0) return false;
    const auto& target = detail::target_of(query);
    const auto nearest = table.closest(target, 1);
    return nearest.empty() || closer(target, self().id, nearest.front().id);
}

task<> forwarder::impl::look_here(const wire::forward& query, const peer_info* from, gathering& into) {
    if (std::holds_alternative<wire::find_value>(query.goal)) {
        auto held = co_await own.items(detail::target_of(query));
        for (auto& each : held) into.take_item(std::move(each));
        co_return;
    }
    if (std::holds_alternative<wire::find_node>(query.goal)) {
        if (self().id == detail::target_of(query)) {
            into.take_contact(self());
        } else if (const auto* known = table.find(detail::target_of(query));
                   known != nullptr && !table.is_bad(*known)) {
            into.take_contact(known->contact);
        }
        co_return;
    }
    if (book.keeps({query, from}, ends_here(query))) co_await keep_here(query, from, into);
}

task<> forwarder::impl::keep_here(const wire::forward& query, const peer_info* from, gathering& into) {
    auto order = std::get<wire::store>(query.goal);
    const auto kept = co_await own.keep(from, order.target, std::move(order.what), order.expected_sequence);
    if (kept) into.kept_here();
}

task<> forwarder::impl::cache(const wire::forward& query, const peer_info& from, const wire::gathered& found) {
    for (const auto& each : found.items) {
        const auto time = book.caches({query, &from}, each);
        if (time) co_await own.keep_copy(from, detail::target_of(query), each, *time);
    }
}

}  // namespace mydht
