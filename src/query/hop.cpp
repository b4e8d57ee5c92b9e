#include "query/hop.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <exception>
#include <string>
#include <utility>
#include <variant>

#include <mydht/crypto/ids.hpp>
#include <mydht/runtime/channel.hpp>
#include <mydht/runtime/task_group.hpp>

#include "query/bringing_place.hpp"
#include "query/onward.hpp"
#include "query/refusal.hpp"
#include "query/tickets.hpp"
#include "query/usable.hpp"

namespace mydht::detail {

namespace {

/// Items of more bytes may not fit into a first packet, which then only says that they will come.
constexpr std::size_t first_packet_bytes = 512;

std::size_t size_of(const wire::gathered& what) {
    std::size_t out = 0;
    for (const auto& each : what.items) out += each.body.size() + signature::size;
    for (const auto& each : what.contacts) out += each.addresses.size() * address::size_max;
    return out;
}

/// Of the network in which whoever gets the answer is.
address_scope scope_of(const std::optional<peer_info>& asker) {
    return asker ? scope_of(asker->observed) : address_scope::loopback;
}

/// The same when it is brought to one of the addresses.
address_scope scope_of(const asker_ticket& where) {
    auto out = address_scope::loopback;
    for (const auto& each : where.addresses) out = std::max(out, scope_of(each));
    return out;
}

bool is_taken(const result<reply>& word) { return word && std::holds_alternative<wire::delivered>(word->what); }

}  // namespace

/// A peer that the query was sent to, and where that is written down.
struct hop::sent_branch {
    branch path;
    step_log::number step;
};

/// What has come: a peer's answer, something that somebody delivered, or word of what was handed back.
struct hop::arrival {
    explicit arrival(const node_id& brought_by_) : brought_by(brought_by_) {}
    explicit arrival(bool taken_) : taken(taken_) {}
    arrival(sent_branch from_, result<reply> answer_) : from(std::move(from_)), answer(std::move(answer_)) {}
    std::optional<sent_branch> from;
    result<reply> answer = failure(errc::closed);
    std::optional<node_id> brought_by;
    bool taken = false;
};

/// Outlives a query that is cancelled, until the last of its requests has ended.
struct hop::mailbox {
    explicit mailbox(std::size_t capacity) : arrivals(capacity) {}
    channel<arrival> arrivals;
};

hop::hop(std::shared_ptr<forwarding_state> in, wire::forward query, std::optional<peer_info> from, steady_time deadline)
    : in_(std::move(in)),
      query_(std::move(query)),
      from_(std::move(from)),
      deadline_(deadline),
      found_(query_, in_->spaces, *in_->env.time, scope_of(from_)),
      hands_back_(query_.stream) {
    if (from_) found_.passes_on();
}

task<wire::gathered> hop::run() {
    co_await look_here();
    if (goes_on()) co_await send_on();
    if (!found_.any()) co_await name_linked();
    if (is_left_to_keep() && may_keep(true)) co_await keep_here();
    if (is_left_to_serve()) co_await serve_here();
    if (!complete_) found_.missed();
    in_->counts.lies += found_.lies();
    in_->counts.unfit += found_.unfit();
    co_return answer();
}

/// A copy that this peer has told of before is none more: somebody else may have the share of this path.
wire::gathered hop::answer() const {
    auto out = found_.answer();
    if (kept_before_ && out.outcome != wire::gathered_outcome::found) out.outcome = wire::gathered_outcome::duplicate;
    return out;
}

task<wire::gathered> hop::look_again() {
    hands_back_ = false;
    if (!is_put(query_)) co_await look_here();
    in_->counts.lies += found_.lies();
    auto out = found_.answer();
    // A share of the results that was used, or may have been, is not given back.
    const bool used = begun_ || out.delivered > 0 || out.outcome == wire::gathered_outcome::partial;
    if (!used) out.outcome = wire::gathered_outcome::duplicate;
    co_return out;
}

bool hop::goes_on() const {
    const bool open = query_.hops > 0 && query_.results > 0;
    return open && !found_.enough() && !ended_ && !served_;
}

bool hop::may_keep(bool ends) const { return in_->origin.keeps_values && in_->book.keeps(what(), ends); }

/// One that nobody behind this peer has taken ends here, too.
bool hop::is_left_to_keep() const {
    const bool taken = kept_ || found_.copies() > 0 || found_.delivered() > 0;
    return is_put(query_) && !taken;
}

task<> hop::look_here() {
    wire::gathered held;
    const auto& target = target_of(query_);
    if (is_request(query_)) {
        if (is_served_here()) co_await serve_here();
        co_return;
    }
    if (std::holds_alternative<wire::find_value>(query_.goal)) {
        auto own = co_await in_->own.held(target);
        held.items = std::move(own.items);
        held.copy_left = own.copy_left;
    } else if (is_put(query_)) {
        const bool ends = ends_here(*in_, query_);
        if (may_keep(ends)) co_await keep_here();
        // What is kept where nobody nearer is known has come to its end, unless more copies may be left on the way.
        const bool more = query_.storing == wire::storage_mode::path && (query_.results > 1 || !ends);
        ended_ = kept_ && !more;
        if (kept_ && !kept_before_ && more) one_copy_less();
        co_return;
    } else {
        held.contacts = known_here();
    }
    if (from_ && (!held.items.empty() || !held.contacts.empty())) ++in_->counts.hits;
    if (ticket_) {
        if (!held.items.empty() || !held.contacts.empty()) co_await bring(std::move(held));
        co_return;
    }
    if (!held.items.empty()) found_.take_copy_left(held.copy_left);
    for (auto& each : held.items) found_.take_item(std::move(each));
    for (auto& each : held.contacts) found_.take_contact(std::move(each));
}

/// The peer that is looked for, when it is known by its session alone, or only where the asker is not: its key, and no
/// address.
std::optional<contact> hop::linked_target() const {
    if (!std::holds_alternative<wire::find_node>(query_.goal)) return {};
    std::optional<contact> out;
    if (in_->origin.linked) out = in_->origin.linked(target_of(query_));
    if (const auto* known = in_->table.find(target_of(query_));
        !out && known != nullptr && !in_->table.is_bad(*known)) {
        out = known->contact;
    }
    if (out) out->addresses.clear();
    return out;
}

/// One that is in no table on the way, although it could be.
task<> hop::name_linked() {
    auto linked = linked_target();
    if (!linked) co_return;
    if (!ticket_) co_return found_.take_contact(std::move(*linked));
    wire::gathered held;
    held.contacts.push_back(std::move(*linked));
    co_await bring(std::move(held));
}

/// The peer that is looked for, at addresses of use to the asker if this node knows any.
std::vector<contact> hop::known_here() const {
    const auto& goal = std::get<wire::find_node>(query_.goal);
    const auto scope = ticket_ ? scope_of(*ticket_) : scope_of(from_);
    std::vector<contact> out;
    if (auto self = in_->origin.contact(); self.id == goal.target) {
        out.push_back(std::move(self));
        keep_usable(out.front(), goal.kinds, scope);
    } else if (const auto* known = in_->table.find(goal.target); known != nullptr && !in_->table.is_bad(*known)) {
        out.push_back(known->contact);
        keep_usable(out.front(), goal.kinds, scope);
        // Others may know it where the asker can dial it; otherwise see name_linked().
        if (out.front().addresses.empty()) out.clear();
    } else if (auto linked = linked_target(); linked && !linked->can(capability::server)) {
        // Nobody has it in a table.
        out.push_back(std::move(*linked));
    }
    return out;
}

/// Without any left the query still goes to the ends of its paths.
void hop::one_copy_less() {
    if (--query_.results > 0) return;
    query_.storing = wire::storage_mode::answerer;
    query_.results = 1;
}

task<> hop::keep_here() {
    auto order = std::get<wire::store>(query_.goal);
    result<put_outcome> done = failure(errc::closed);
    if (from_) {
        done = co_await in_->own.keep_forwarded(*from_, order.target, std::move(order.what), order.expected_sequence);
    } else {
        done = co_await in_->own.keep(nullptr, order.target, std::move(order.what), order.expected_sequence);
    }
    kept_ = done.has_value();
    not_kept_ = kept_ ? std::error_code() : done.error();
    if (!kept_) co_return;
    // Where a path could go no farther the query may come by once more, on another one.
    const auto now = in_->env.time->now();
    if (place_ != nullptr) {
        kept_before_ =
            query_.hops > 0 ? in_->put_ends.knows(visit_, now) : !in_->put_ends.note(visit_, now, known_until_);
    }
    if (kept_before_) co_return;
    wire::gathered word;
    word.copies = 1;
    if (ticket_) {
        co_await bring(std::move(word));
    } else {
        found_.kept_here();
    }
}

/// The query as it leaves: with a ticket of this node's own when it is the one that collects.
wire::forward hop::onward_query() {
    auto out = query_;
    if (query_.proxy_hops == 0) return out;
    auto own = query_.proxy_hops == 1 ? make_ticket(*in_, query_, deadline_) : std::nullopt;
    if (own) {
        out.asker = std::move(own);
        out.trace_max = 0;
        out.trace.clear();
        out.stream = false;
        out.proxy_hops = 0;
        if (out.storing == wire::storage_mode::cache) out.storing = wire::storage_mode::none;
    } else if (query_.proxy_hops > 1) {
        --out.proxy_hops;
    }
    return out;
}

task<> hop::send_on() {
    const auto onward = onward_query();
    going_on_.emplace(in_->going_on, visit_of(query_));
    branches out(whom(*in_, what()), onward);
    // One more for what is handed back.
    const auto box = std::make_shared<mailbox>(query_.fan_out + collection::judged_max + 1);
    const bool collects = onward.asker && !ticket_;
    if (collects) found_.collects();
    collection brought(collects ? collection::source::anybody : collection::source::asked, query_.results, found_);
    std::optional<collections::place> place;
    if (collects || onward.stream) {
        place.emplace(in_->waiting, query_.tag, brought,
                      [box](const node_id& by) { (void)box->arrivals.try_send(arrival(by)); });
    }
    const auto failed = [log = in_->env.log](std::string_view name, const std::exception_ptr&) {
        log.write(log_level::error, "query", std::string(name) + " failed with an exception");
    };
    task_group requests(in_->env.exec, failed);
    task_group returns(in_->env.exec, failed);
    bool room = has_room();
    bool left_alone = false;
    while (room && !found_.enough() && !is_nothing(out)) {
        hand_back(returns, box);
        complete_ = send_more(out, onward, brought, requests, box);
        if (!complete_ || out.under_way() == 0) break;
        const auto until = patience();
        auto got = co_await box->arrivals.receive_until(*in_->env.time, until);
        if (!got && until < deadline_) {
            left_alone = !go_past(out);
            if (left_alone) break;
            continue;
        }
        complete_ = got.has_value();
        if (!complete_) break;
        take(out, std::move(*got));
        room = has_room();
    }
    if (!room) ++in_->counts.cut_short;
    complete_ = complete_ && room;
    if (shares_strictly(query_) && !left_alone) query_.results = static_cast<std::uint8_t>(out.results_left());
    // Whoever is still at it is told that it is not wanted any more.
    requests.terminate();
    // Only then is it known what has yet to go with the answer.
    while (handing_ && room) {
        auto got = co_await box->arrivals.receive_until(*in_->env.time, deadline_);
        if (!got) break;
        if (!got->from && !got->brought_by) handed_back(got->taken);
    }
    returns.terminate();
    co_await requests.join();
    co_await returns.join();
}

/// To as many as it may be with at once. False when the time is over and there was still somebody to ask.
bool hop::send_more(branches& out, const wire::forward& onward, collection& brought, task_group& into,
                    const std::shared_ptr<mailbox>& box) {
    while (auto to = out.next()) {
        const auto now = in_->env.time->now();
        const auto left = deadline_ - now;
        const bool late = left < std::chrono::milliseconds(1);
        const bool goes = !late && !going_on_->came_from(to->to.id) && may_pass_on(to->to);
        if (!goes) out.given_back(*to);
        if (late) return false;
        if (!goes) continue;
        ++in_->counts.sent;
        count(&forward_tally::asked);
        brought.sent_to(to->to.id);
        sent_branch sent{std::move(*to), {}};
        if (log_) sent.step = log_->sent(sent.path.to, {}, now);
        auto next = next_of(*in_, {onward, from()}, sent.path, left);
        into.spawn("a query on its way", send_to(in_->via, std::move(sent), std::move(next), deadline_, box));
    }
    return true;
}

/// What is for others leaves room at the next peer for what this node asks itself.
bool hop::may_pass_on(const contact& to) {
    if (!from_ || in_->meter.pass_on(*from_, to.id, value_bytes(query_), in_->env.time->now())) return true;
    ++in_->counts.held_back;
    found_.missed();
    return false;
}

task<> hop::send_to(std::shared_ptr<messenger> via, sent_branch to, wire::forward query, steady_time deadline,
                    std::shared_ptr<mailbox> into) {
    auto answer = co_await via->ask(to.path.to, std::move(query), deadline);
    // There is room for everybody that it is sent to.
    [[maybe_unused]] const bool taken = into->arrivals.try_send(arrival(std::move(to), std::move(answer)));
    assert(taken);
}

task<> hop::hand_to(std::shared_ptr<messenger> via, contact to, wire::deliver what, steady_time deadline,
                    std::shared_ptr<mailbox> into) {
    const auto done = co_await via->hand(std::move(to), std::move(what), deadline, handing::back());
    (void)into->arrivals.try_send(arrival(is_taken(done)));
}

void hop::take(branches& out, arrival got) {
    if (got.from) return settle(out, std::move(got));
    if (!got.brought_by) return handed_back(got.taken);
    if (log_) log_->brought(*got.brought_by, in_->env.time->now());
}

/// The asker's own notes; peers on the way keep none.
query_step* hop::note(const arrival& got) {
    if (!log_) return nullptr;
    const auto now = in_->env.time->now();
    if (got.answer) return log_->gathered(got.from->step, *got.answer, now);
    log_->failed(got.from->step, got.answer.error(), now);
    return nullptr;
}

void hop::settle(branches& out, arrival got) {
    const auto& path = got.from->path;
    auto* const step = note(got);
    if (const auto why = refusal_in(got.answer)) found_.refused(why);
    if (!got.answer) {
        const auto why = got.answer.error();
        count(why == errc::timed_out ? &forward_tally::timed_out : &forward_tally::failed);
        found_.missed(!was_not_asked(why));
        return was_not_asked(why) || passes_silent_ones() ? out.given_back(path) : out.lost(path);
    }
    if (auto* const said = std::get_if<wire::gathered>(&got.answer->what)) {
        keep_knowable(said->contacts, got.answer->from);
    }
    const bool refuses = std::holds_alternative<wire::error>(got.answer->what);
    const auto lies = found_.lies();
    const auto unfit = found_.unfit();
    const auto judged = found_.take(std::move(got.answer->what), path);
    const bool lied = found_.lies() > lies;
    const bool useless = lied || found_.unfit() > unfit;
    count(useless ? &forward_tally::invalid : refuses ? &forward_tally::refused : &forward_tally::answered);
    if (lied) in_->meter.charge(path.to.id, got.answer->from, in_->env.time->now());
    if (useless && step != nullptr) step->how = query_step::ending::invalid;
    learn(path.to.id, judged);
    switch (judged.how) {
        case gathering::judgement::ended: return out.ended(path, judged.used);
        case gathering::judgement::unvisited: return out.given_back(path);
        case gathering::judgement::unclear: return out.lost(path);
    }
}

/// What has come together for somebody else has room here, with the copy that leaves.
bool hop::has_room() { return place_ == nullptr || place_->gathers(2 * found_.bytes_held()); }

/// A query that is asked more widely than is usual is one that has come to nothing before. Nothing is learned where
/// peers may say what they like, a number of copies or an old version: who says it at once would get half of all random
/// steps, and the others, of whom some have had the query, none.
void hop::learn(const node_id& peer, const gathering::judged& step) {
    const bool unknown = !step.proven && (is_put(query_) || found_.may_be_old());
    if (query_.wander == 0 || unknown) return;
    auto& ways = in_->ways;
    const bool widely = query_.fan_out > in_->book.rules().band(query_.priority).fan_out;
    if (step.how == gathering::judgement::unvisited && !step.brought) {
        if (widely) ways.known(peer);
    } else if (step.brought) {
        if (widely && step.proven) ways.found(peer);
    } else {
        ways.nothing(peer);
    }
}

/// So many paths came to nothing that the others are not waited for.
bool hop::is_nothing(const branches& out) const {
    const path_tally so_far{out.width(), found_.nothing()};
    const bool none = so_far.nothing > 0 && !found_.any() && !is_put(query_);
    return none && in_->book.enough_nothing(what(), so_far);
}

/// What is streamed goes to whoever sent the query, one value after the other, while more comes. The last ones go with
/// the answer.
void hop::hand_back(task_group& into, const std::shared_ptr<mailbox>& box) {
    while (hands_back_ && !handing_) {
        const auto* const next = found_.not_handed_over();
        if (next == nullptr) return;
        handing_ = next->order;
        if (!from_) {
            on_item_(next->what.to_item());
            handed_back(true);
            continue;
        }
        wire::deliver word;
        word.tag = query_.tag;
        word.what.outcome = wire::gathered_outcome::found;
        word.what.items = {next->what.to_item()};
        word.what.copy_left = found_.copy_left();
        into.spawn("a value on its way back", hand_to(in_->via, from_->who, std::move(word), deadline_, box));
    }
}

void hop::handed_back(bool taken) {
    if (taken) found_.handed_over(*handing_);
    hands_back_ = taken;
    handing_.reset();
}

task<> hop::cache(const wire::gathered& found) {
    if (query_.storing != wire::storage_mode::cache) co_return;
    for (const auto& each : found.items) {
        auto time = in_->book.caches(what(), each);
        // A copy of a copy ends with it: otherwise peers could renew each other's for ever.
        if (time && found.copy_left.count() > 0) time = std::min(*time, found.copy_left);
        if (time) co_await in_->own.keep_copy(*from_, target_of(query_), each, *time);
    }
}

/// Uses one of the results up, unless nothing was sent.
task<> hop::bring(wire::gathered what) {
    if (query_.results == 0) co_return found_.missed();
    if (place_ != nullptr && !place_->gathers(2 * size_of(what))) {
        ++in_->counts.cut_short;
        co_return found_.missed();
    }
    const auto visit = visit_of(query_);
    const bringing_place here(in_, visit);
    auto to = contact_of(ticket_->asker, 0, ticket_->addresses);
    wire::deliver word;
    word.tag = query_.tag;
    what.outcome = wire::gathered_outcome::found;
    const bool one_peer = is_request(query_) && std::get<wire::request>(query_.goal).is_sealed();
    const bool one_value = what.items.empty() ? what.copies == 0 : what.items.front().kind == item_kind::immutable;
    const bool all = one_peer || one_value;
    result<reply> done = failure(errc::closed);
    const auto how = handing::to_asker(from_->observed);
    const bool announced = size_of(what) > first_packet_bytes;
    if (announced) done = co_await in_->via->hand(to, word, deadline_, how);
    if (!announced || is_taken(done)) {
        word.what = std::move(what);
        done = co_await in_->via->hand(std::move(to), std::move(word), deadline_, how);
    }
    if (!done && was_not_sent(done.error())) co_return found_.missed();
    --query_.results;
    ++in_->counts.brought;
    if (is_taken(done)) {
        const auto counts_for = ticket_->deadline - in_->env.time->wall_now() + limits::clock_skew_max;
        const auto now = in_->env.time->now();
        in_->tags.note(brought_name(visit), now, now + counts_for);
        co_return found_.brought(all);
    }
    found_.missed();
}

}  // namespace mydht::detail
