#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/core/id.hpp>
#include <mydht/core/time.hpp>
#include <mydht/query/shortlist_config.hpp>
#include <mydht/routing/subnet.hpp>

namespace mydht {

/// Why a request of a lookup brought no answer.
enum class lookup_failure : std::uint8_t {
    timed_out,    ///< no answer until the request's deadline
    invalid,      ///< an answer that breaks the rules: the peer is not asked again
    unreachable,  ///< no session: nobody there, or another identity
};

/// Counts of requests; asked is the sum of the others and of those under way.
struct shortlist_report {
    std::size_t asked = 0;
    std::size_t answered = 0;
    std::size_t timed_out = 0;
    std::size_t invalid = 0;
    std::size_t unreachable = 0;
    /// Steps from the seeds, which are one away, to the farthest contact that answered.
    std::size_t hops = 0;
};

/// What an iterative Kademlia lookup decides with: the contacts it knows, by distance to the target, and what became of
/// asking them. It says whom to ask next and when the walk has ended.
///
/// Call protocol, in a loop until finished():
///  1. Ask next(now) until it gives nothing, and send each request it gives (each contact is given once at a time).
///  2. Wait for the end of any of the requests, at most until next_wake().
///  3. Report it: on_answer() with the contacts that the peer named, or on_failure(). Exactly one of them for each
///  request; what comes for a contact that is not being asked, because its deadline has passed for instance, changes
///  nothing. `asked` is the request's contact as it was given: with another address it may be asked again.
/// stop() ends the walk from outside (the value was found). Requests still under way when it is finished are the
/// caller's to cancel. closest() and report() can be read at any time.
///
/// Each path walks on its own view: its share of the seeds and what the peers it asked have named. It asks the nearest
/// of its k nearest, counting no failed ones and per_subnet of a subnet (of every address that is claimed, until one
/// was observed), and ends when all k have answered. A peer that two paths know is asked by the one that comes first,
/// and its answer feeds that one's view alone; the other only waits for it. A path that has run out of candidates
/// before k have answered takes over some of the others'.
///
/// A contact is a hint: whoever named it may have invented its addresses. So other addresses for the same id are kept,
/// a few of them, and tried when the first ones fail. `Contact` is a value with `id`, and `addresses` (a vector of
/// address). Memory is bounded by the configuration. A plain value: no I/O, no clock; `now` should not go back.
template <typename Id, typename Contact>
class shortlist {
public:
    struct request {
        Contact to;
        std::size_t path = 0;
        steady_time deadline;        ///< the hard timeout
        std::optional<Id> named_by;  ///< the peer whose answer named it first; nothing for a seed
    };

    /// `own` is the asker, who is never asked. The configuration must be valid (asserted).
    shortlist(const Id& target, const Id& own, std::vector<Contact> seeds, const shortlist_config& config);

    /// Whom to ask now; nothing when enough requests are under way or nobody is left.
    [[nodiscard]] std::optional<request> next(steady_time now);

    /// When to call next() again though no request has ended: a peer becomes slow, or fails. Nothing when nobody is
    /// asked.
    [[nodiscard]] std::optional<steady_time> next_wake() const;

    /// The peer answered the request to `asked`, its session observed at `observed`, and named these contacts (filtered
    /// by filter_addresses). False, without effect, when it was not being asked.
    bool on_answer(const Contact& asked, const address& observed, std::span<const Contact> heard);

    /// As on_answer, for a request that failed.
    bool on_failure(const Contact& asked, lookup_failure why);

    void stop() { stopped_ = true; }
    [[nodiscard]] bool finished() const;

    /// The nearest contacts that have answered, at most `n` and per_subnet of one subnet, in order of distance.
    [[nodiscard]] std::vector<Contact> closest(std::size_t n) const;

    [[nodiscard]] const shortlist_report& report() const { return report_; }
    [[nodiscard]] const Id& target() const { return target_; }
    /// Requests under way.
    [[nodiscard]] std::size_t waiting() const;
    /// Contacts in memory, asked or not.
    [[nodiscard]] std::size_t known() const { return candidates_.size(); }

private:
    enum class state : std::uint8_t { heard, waiting, answered, failed };

    struct candidate {
        Contact contact;
        std::vector<Contact> others;  // the same id with other addresses
        std::vector<subnet> from;     // of all addresses claimed, since each may be dialled; then of the one observed
        steady_time asked_at;
        std::optional<Id> named_by;
        std::size_t depth = 0;
        std::uint8_t views = 0;  // bit i: path i knows it
        std::uint8_t path = 0;   // the one that asked
        std::uint8_t attempts = 0;
        state now_is = state::heard;
    };
    struct walker {
        std::size_t unimproved = 0;
        bool ended_early = false;
    };
    using candidate_list = std::vector<candidate>;

    static constexpr std::uint8_t attempts_max = 3;
    static constexpr std::size_t others_max = 2;

    static std::uint8_t view_bit(std::size_t path) { return static_cast<std::uint8_t>(1U << path); }
    std::vector<subnet> claimed_subnets(const Contact& c) const;
    static bool has_room(const subnet_cap& cap, const candidate& c) {
        return std::ranges::all_of(c.from, [&cap](const subnet& each) { return cap.has_room(each); });
    }
    /// In all of its subnets or in none.
    static bool take_place(subnet_cap& cap, const candidate& c) {
        return has_room(cap, c) && std::ranges::all_of(c.from, [&cap](const subnet& each) { return cap.add(each); });
    }
    /// A contact that is tried again stays on its path: on another one it would serve two.
    bool may_ask_on(std::size_t path, const candidate& c) const {
        return report_.asked < config_.requests_max && (c.attempts == 0 || c.path == path);
    }

    template <typename Visit>
    std::size_t walk_window(std::size_t path, Visit visit) const;
    typename candidate_list::iterator position(const Id& id);
    candidate* being_asked(const Contact& asked);
    void expire(steady_time now);
    std::optional<request> next_on(std::size_t path, steady_time now);
    bool has_slot(std::size_t path, steady_time now) const;
    std::optional<std::size_t> first_unasked(std::size_t path) const;
    std::optional<std::size_t> adoptable(std::size_t path) const;
    bool path_finished(std::size_t path) const;
    bool improves(std::size_t path, std::span<const Contact> heard) const;
    void add(const Contact& c, std::size_t path, std::size_t depth, const std::optional<Id>& named_by);
    void add_version(candidate& known, const Contact& c);
    void fail(candidate& c, lookup_failure why);
    void retry_elsewhere(candidate& c);
    void forget_farthest(std::size_t path);

    Id target_;
    Id own_;
    shortlist_config config_;
    candidate_list candidates_;  // by distance to the target, nearest first
    std::vector<walker> walkers_;
    shortlist_report report_;
    steady_time last_now_{};
    std::size_t turn_ = 0;  // the path that next() tries first
    bool stopped_ = false;
};

template <typename Id, typename Contact>
shortlist<Id, Contact>::shortlist(const Id& target, const Id& own, std::vector<Contact> seeds,
                                  const shortlist_config& config)
    : target_(target), own_(own), config_(config), walkers_(config.paths) {
    assert(validate(config));
    std::ranges::sort(seeds, [&](const Contact& a, const Contact& b) { return closer(target_, a.id, b.id); });
    for (std::size_t i = 0; i < seeds.size(); ++i) add(seeds[i], i % config_.paths, 1, {});
}

template <typename Id, typename Contact>
std::vector<subnet> shortlist<Id, Contact>::claimed_subnets(const Contact& c) const {
    std::vector<subnet> out;
    for (const auto& each : c.addresses) out.push_back(subnet::counted(each, config_.exempt_local));
    std::ranges::sort(out);
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

/// Calls visit(index) for the k nearest contacts that a path may count on, in order of distance; stops when it says
/// false. Returns how many it visited. Contacts that wait to be asked count only if this path may ask them.
template <typename Id, typename Contact>
template <typename Visit>
std::size_t shortlist<Id, Contact>::walk_window(std::size_t path, Visit visit) const {
    subnet_cap cap(config_.per_subnet, config_.exempt_local);
    std::size_t visited = 0;
    for (std::size_t i = 0; i < candidates_.size() && visited < config_.k; ++i) {
        const candidate& c = candidates_[i];
        if ((c.views & view_bit(path)) == 0 || c.now_is == state::failed) continue;
        if (c.now_is == state::heard && !may_ask_on(path, c)) continue;
        if (!take_place(cap, c)) continue;
        ++visited;
        if (!visit(i)) break;
    }
    return visited;
}

template <typename Id, typename Contact>
auto shortlist<Id, Contact>::position(const Id& id) -> typename candidate_list::iterator {
    const auto nearer = [this](const candidate& c, const Id& to) { return closer(target_, c.contact.id, to); };
    return std::lower_bound(candidates_.begin(), candidates_.end(), id, nearer);
}

/// With the addresses, so that the late end of a request is not taken for that of one to another address.
template <typename Id, typename Contact>
auto shortlist<Id, Contact>::being_asked(const Contact& asked) -> candidate* {
    const auto at = position(asked.id);
    if (at == candidates_.end() || at->contact.id != asked.id || at->now_is != state::waiting) return nullptr;
    return at->contact.addresses == asked.addresses ? &*at : nullptr;
}

template <typename Id, typename Contact>
auto shortlist<Id, Contact>::next(steady_time now) -> std::optional<request> {
    last_now_ = now;
    expire(now);
    if (stopped_) return {};
    for (std::size_t tried = 0; tried < config_.paths; ++tried) {
        const auto path = (turn_ + tried) % config_.paths;
        if (auto out = next_on(path, now)) {
            turn_ = path + 1;
            return out;
        }
    }
    return {};
}

template <typename Id, typename Contact>
void shortlist<Id, Contact>::expire(steady_time now) {
    for (auto& c : candidates_) {
        if (c.now_is == state::waiting && c.asked_at + config_.hard_timeout <= now) fail(c, lookup_failure::timed_out);
    }
}

template <typename Id, typename Contact>
bool shortlist<Id, Contact>::has_slot(std::size_t path, steady_time now) const {
    std::size_t asked = 0;
    std::size_t slow = 0;
    for (const auto& c : candidates_) {
        if (c.now_is != state::waiting || c.path != path) continue;
        ++asked;
        if (c.asked_at + config_.soft_timeout <= now) ++slow;
    }
    return asked - slow < config_.alpha && asked < config_.waiting_max;
}

template <typename Id, typename Contact>
auto shortlist<Id, Contact>::next_on(std::size_t path, steady_time now) -> std::optional<request> {
    if (walkers_[path].ended_early || !has_slot(path, now)) return {};
    auto index = first_unasked(path);
    if (!index) index = adoptable(path);
    if (!index) return {};
    candidate& c = candidates_[*index];
    c.views = static_cast<std::uint8_t>(c.views | view_bit(path));
    c.path = static_cast<std::uint8_t>(path);
    c.now_is = state::waiting;
    c.asked_at = now;
    ++c.attempts;
    ++report_.asked;
    return request{c.contact, path, now + config_.hard_timeout, c.named_by};
}

template <typename Id, typename Contact>
std::optional<std::size_t> shortlist<Id, Contact>::first_unasked(std::size_t path) const {
    std::optional<std::size_t> out;
    walk_window(path, [&](std::size_t i) {
        if (candidates_[i].now_is == state::heard) out = i;
        return !out;
    });
    return out;
}

/// The nearest contact of the other paths, for one that has nothing left to do and fewer than k answers.
template <typename Id, typename Contact>
std::optional<std::size_t> shortlist<Id, Contact>::adoptable(std::size_t path) const {
    subnet_cap cap(config_.per_subnet, config_.exempt_local);
    bool busy = false;
    const auto counted = walk_window(path, [&](std::size_t i) {
        busy = candidates_[i].now_is != state::answered;
        return !busy && take_place(cap, candidates_[i]);
    });
    if (busy || counted >= config_.k) return {};
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
        const candidate& c = candidates_[i];
        const bool foreign = c.now_is == state::heard && (c.views & view_bit(path)) == 0;
        if (foreign && may_ask_on(path, c) && has_room(cap, c)) return i;
    }
    return {};
}

template <typename Id, typename Contact>
bool shortlist<Id, Contact>::path_finished(std::size_t path) const {
    if (walkers_[path].ended_early) return true;
    bool busy = false;
    walk_window(path, [&](std::size_t i) {
        busy = candidates_[i].now_is != state::answered;
        return !busy;
    });
    return !busy && !adoptable(path);
}

template <typename Id, typename Contact>
bool shortlist<Id, Contact>::finished() const {
    if (stopped_) return true;
    for (std::size_t path = 0; path < config_.paths; ++path) {
        if (!path_finished(path)) return false;
    }
    return true;
}

template <typename Id, typename Contact>
std::optional<steady_time> shortlist<Id, Contact>::next_wake() const {
    std::optional<steady_time> out;
    for (const auto& c : candidates_) {
        if (c.now_is != state::waiting) continue;
        const auto soft = c.asked_at + config_.soft_timeout;
        const auto wake = soft > last_now_ ? soft : c.asked_at + config_.hard_timeout;
        if (!out || wake < *out) out = wake;
    }
    return out;
}

template <typename Id, typename Contact>
bool shortlist<Id, Contact>::on_answer(const Contact& asked, const address& observed, std::span<const Contact> heard) {
    candidate* c = being_asked(asked);
    if (c == nullptr) return false;
    c->now_is = state::answered;
    c->from.assign(1, subnet::counted(observed, config_.exempt_local));
    c->others.clear();
    ++report_.answered;
    report_.hops = std::max(report_.hops, c->depth);

    const std::size_t path = c->path;
    const auto depth = c->depth + 1;
    const auto taken = heard.first(std::min(heard.size(), config_.heard_max));
    auto& walk = walkers_[path];
    if (config_.stop_after_unimproved) {
        walk.unimproved = improves(path, taken) ? 0 : walk.unimproved + 1;
        if (walk.unimproved >= *config_.stop_after_unimproved) walk.ended_early = true;
    }
    for (const auto& each : taken) add(each, path, depth, asked.id);
    return true;
}

template <typename Id, typename Contact>
bool shortlist<Id, Contact>::improves(std::size_t path, std::span<const Contact> heard) const {
    const Id* farthest = nullptr;
    const auto counted = walk_window(path, [&](std::size_t i) {
        farthest = &candidates_[i].contact.id;
        return true;
    });
    return std::ranges::any_of(heard, [&](const Contact& c) {
        if (counted >= config_.k && !closer(target_, c.id, *farthest)) return false;
        const auto same = [&c](const candidate& known) { return known.contact.id == c.id; };
        return c.id != own_ && std::ranges::none_of(candidates_, same);
    });
}

template <typename Id, typename Contact>
void shortlist<Id, Contact>::add(const Contact& c, std::size_t path, std::size_t depth,
                                 const std::optional<Id>& named_by) {
    if (c.id == own_ || c.addresses.empty()) return;
    const auto at = position(c.id);
    if (at != candidates_.end() && at->contact.id == c.id) {
        at->views = static_cast<std::uint8_t>(at->views | view_bit(path));
        add_version(*at, c);
    } else {
        candidate fresh;
        fresh.contact = c;
        fresh.from = claimed_subnets(c);
        fresh.named_by = named_by;
        fresh.depth = depth;
        fresh.views = view_bit(path);
        candidates_.insert(at, std::move(fresh));
    }
    forget_farthest(path);
}

template <typename Id, typename Contact>
void shortlist<Id, Contact>::add_version(candidate& known, const Contact& c) {
    const auto same = [&c](const Contact& other) { return other.addresses == c.addresses; };
    if (known.now_is == state::answered || same(known.contact) || std::ranges::any_of(known.others, same)) return;
    if (known.others.size() < others_max) known.others.push_back(c);
    if (known.now_is == state::failed) retry_elsewhere(known);
}

template <typename Id, typename Contact>
void shortlist<Id, Contact>::retry_elsewhere(candidate& c) {
    if (c.others.empty() || c.attempts >= attempts_max) return;
    c.contact = std::move(c.others.front());
    c.others.erase(c.others.begin());
    c.from = claimed_subnets(c.contact);
    c.now_is = state::heard;
}

template <typename Id, typename Contact>
void shortlist<Id, Contact>::fail(candidate& c, lookup_failure why) {
    c.now_is = state::failed;
    switch (why) {
        case lookup_failure::timed_out: ++report_.timed_out; break;
        case lookup_failure::unreachable: ++report_.unreachable; break;
        case lookup_failure::invalid:
            ++report_.invalid;
            c.attempts = attempts_max;
            break;
    }
    retry_elsewhere(c);
}

template <typename Id, typename Contact>
bool shortlist<Id, Contact>::on_failure(const Contact& asked, lookup_failure why) {
    candidate* c = being_asked(asked);
    if (c == nullptr) return false;
    fail(*c, why);
    return true;
}

template <typename Id, typename Contact>
void shortlist<Id, Contact>::forget_farthest(std::size_t path) {
    const auto bit = view_bit(path);
    const auto unasked = [bit](const candidate& c) { return c.now_is == state::heard && (c.views & bit) != 0; };
    if (static_cast<std::size_t>(std::ranges::count_if(candidates_, unasked)) <= config_.candidates_max) return;
    const auto last = std::find_if(candidates_.rbegin(), candidates_.rend(), unasked);
    last->views = static_cast<std::uint8_t>(last->views & ~bit);
    if (last->views == 0) candidates_.erase(std::next(last).base());
}

template <typename Id, typename Contact>
std::vector<Contact> shortlist<Id, Contact>::closest(std::size_t n) const {
    subnet_cap cap(config_.per_subnet, config_.exempt_local);
    std::vector<Contact> out;
    for (std::size_t i = 0; i < candidates_.size() && out.size() < n; ++i) {
        const candidate& c = candidates_[i];
        if (c.now_is == state::answered && take_place(cap, c)) out.push_back(c.contact);
    }
    return out;
}

template <typename Id, typename Contact>
std::size_t shortlist<Id, Contact>::waiting() const {
    const auto asked = [](const candidate& c) { return c.now_is == state::waiting; };
    return static_cast<std::size_t>(std::ranges::count_if(candidates_, asked));
}

/// The shortlist of mydht's own network is compiled once.
extern template class shortlist<node_id, contact>;

}  // namespace mydht
