#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <mydht/core/contact.hpp>
#include <mydht/core/id.hpp>
#include <mydht/core/random.hpp>
#include <mydht/core/time.hpp>
#include <mydht/routing/address_filter.hpp>
#include <mydht/routing/entry_list.hpp>
#include <mydht/routing/kbucket_config.hpp>
#include <mydht/routing/routing_table.hpp>
#include <mydht/routing/subnet.hpp>

namespace mydht {

/// The contacts of a node by their distance: the k-bucket table of Kademlia (Maymounkov and Mazieres 2002, sections 2.2
/// to 2.4 and 4.1), bucket i holding the contacts that share exactly i leading bits with the own id.
///
/// Call protocol. Only peers that have proved their id by a session are offered (insert_verified); what peers say about
/// others is for lookups to try. Every request's end is reported: answered() or request_failed(). When insert_verified
/// asks for a ping, the caller sends one (not waiting for it here) and reports answered() or ping_failed(); until then
/// the newcomer waits in the replacement cache. A report about a contact that has left meanwhile does nothing. After a
/// lookup the caller notes its target (note_lookup), and from time to time looks up a random id in each of
/// buckets_to_refresh().
/// Invariants after every call: at most k contacts in a bucket, ordered by the time they were last seen; no id twice,
/// not the own one; no subnet over its caps, counted by the addresses that the contacts were observed at.
/// Among contacts of one priority, which admission gives, those known longest stay. One of a higher priority takes the
/// place of the longest unseen of the lowest, which then waits in the replacement cache.
/// `Contact` is a value with `id`, and `addresses` (a vector of address). One that says it is no server is refused. A
/// plain value: no I/O, no clock; `now` may stand still and should not go back.
template <typename Id, typename Contact>
class kbucket_table {
public:
    using entry = table_entry<Contact>;
    using outcome = insert_outcome<Contact>;

    /// The configuration must be valid (asserted).
    kbucket_table(const Id& own, const kbucket_config& config) : own_(own), config_(config) {
        assert(validate(config));
    }

    /// Offers a contact whose id a session has proved; `observed` is the address of the session's other end. A known
    /// contact whose new subnet is over a cap is refused and stays as it was: its new place may be that of somebody who
    /// only forwards its session, and who must not push it out. `priority` is what admission gave it now, in place of
    /// an earlier one.
    outcome insert_verified(Contact c, const address& observed, steady_time now, std::uint8_t priority = 0);

    /// The contact answered a request or a ping.
    void answered(const Id& id, steady_time now);

    /// The contact did not answer a request, or could not be dialled. The last failure allowed makes it bad.
    void request_failed(const Id& id);

    /// The contact did not answer the ping that insert_verified asked for. It makes place for a newcomer, if one still
    /// waits whom the caps let in; if none does, it stays as a bad contact.
    void ping_failed(const Id& id);

    /// Takes the contact out, for instance because another identity was found at its address. One from the replacement
    /// cache takes its place. False when it was not there.
    bool remove(const Id& id);

    /// Up to `n` contacts nearest to the target, in order of distance, of those that `accept` takes, which is called
    /// with the contact or with the entry. Bad contacts are left out, unless no good one is there: then this node was
    /// cut off itself, and they are the way back.
    template <typename Accept>
    [[nodiscard]] std::vector<Contact> closest(const Id& target, std::size_t n, Accept accept) const;
    [[nodiscard]] std::vector<Contact> closest(const Id& target, std::size_t n) const {
        return closest(target, n, [](const Contact&) { return true; });
    }

    /// The nearest: a query goes towards its target.
    [[nodiscard]] std::vector<Contact> preferred(const Id& target, std::size_t n, const contact_filter& accept,
                                                 prng& random) const {
        static_cast<void>(random);
        return closest(target, n, accept);
    }

    /// None: buckets fill by lookups, not up to a number.
    [[nodiscard]] std::size_t wanted() const noexcept { return 0; }

    /// A lookup for `target` was made; its bucket needs no refresh for a while. The own id, or one nearer than all
    /// contacts, counts for the deepest bucket.
    void note_lookup(const Id& target, steady_time now);

    /// The buckets for which no lookup was noted for `idle`, from the far half of the space to the deepest bucket that
    /// has ever had a contact. Beyond it one expects nobody but the neighbours, whom a lookup of the own id finds.
    [[nodiscard]] std::vector<std::size_t> buckets_to_refresh(steady_time now, duration idle) const;

    /// A random id in each of them.
    [[nodiscard]] std::vector<Id> lookups_due(steady_time now, duration idle, prng& random) const {
        std::vector<Id> out;
        for (const auto index : buckets_to_refresh(now, idle)) out.push_back(random_id_in(index, random));
        return out;
    }

    /// The join of Kademlia (section 2.3): behind the lookup of the own id one in each farther bucket that has room.
    /// Beyond the farthest neighbour, `edge`, nothing is left to be found.
    [[nodiscard]] std::optional<fill_step> fill(std::size_t step, const Id& edge, prng& random) const;

    /// A random id that belongs into bucket `index`, which must be less than the number of bits (asserted).
    [[nodiscard]] Id random_id_in(std::size_t index, prng& random) const;

    /// The bucket an id belongs into: the number of leading bits it shares with the own one.
    [[nodiscard]] std::size_t bucket_of(const Id& id) const { return common_prefix(own_, id); }

    /// Valid until the next change; nullptr when the contact is not in the table (the replacement cache is not).
    [[nodiscard]] const entry* find(const Id& id) const;
    [[nodiscard]] bool is_bad(const entry& e) const { return e.failures >= config_.failures_max; }

    /// Calls `visit(const entry&)` for each contact, bad ones too: far buckets first, least recently seen first in a
    /// bucket.
    template <typename Visit>
    void for_each(Visit visit) const {
        for (const auto& b : buckets_) std::ranges::for_each(b.entries, visit);
    }

    [[nodiscard]] const Id& own_id() const { return own_; }
    [[nodiscard]] const kbucket_config& config() const { return config_; }
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool empty() const { return size() == 0; }
    /// Contacts that are not bad.
    [[nodiscard]] std::size_t good_size() const {
        std::size_t out = 0;
        for_each([&](const entry& e) { out += is_bad(e) ? 0 : 1; });
        return out;
    }
    /// One more than the deepest bucket that has ever had a contact.
    [[nodiscard]] std::size_t bucket_count() const { return buckets_.size(); }
    [[nodiscard]] std::size_t bucket_size(std::size_t index) const { return buckets_.at(index).entries.size(); }
    /// Contacts in the replacement cache of a bucket.
    [[nodiscard]] std::size_t replacement_count(std::size_t index) const {
        const auto& reserve = buckets_.at(index).reserve;
        return reserve ? reserve->entries.size() : 0;
    }

private:
    using entry_list = std::vector<entry>;

    /// What only a bucket that has been full needs.
    struct reserve_state {
        entry_list entries;
        std::optional<Id> pinged;
        steady_time pinged_at;
    };
    struct bucket {
        entry_list entries;
        std::unique_ptr<reserve_state> reserve;
        steady_time last_lookup;
    };
    enum class counting { all, good };

    static bool is_client(const Contact& c);

    bucket* existing_bucket(const Id& id);
    bucket& bucket_for(const Id& id, steady_time now);
    refusal over_cap(const bucket* b, const subnet& from, counting what, const entry* except) const;
    outcome update(bucket& b, typename entry_list::iterator at, entry e, steady_time now);
    void remove_bad(bucket& b, const subnet& from);
    /// Lets those of the cache in that have a higher priority than a contact of the bucket.
    void prefer_waiting(bucket& b);
    outcome insert_into_full(bucket& b, entry e, steady_time now);
    void give_place(bucket& b, typename entry_list::iterator from, entry to);
    void cache(bucket& b, entry e);
    std::optional<entry> take_replacement(bucket& b, const entry* except);
    void replace_bad(bucket& b);
    void refill(bucket& b);
    template <typename Accept>
    void append_closest(const bucket& b, const Id& target, std::size_t n, bool bad_ones, Accept& accept,
                        std::vector<Contact>& out) const;

    Id own_;
    kbucket_config config_;
    std::vector<bucket> buckets_;
};

template <typename Id, typename Contact>
bool kbucket_table<Id, Contact>::is_client(const Contact& c) {
    if constexpr (requires { c.can(capability::server); }) return !c.can(capability::server);
    return false;
}

template <typename Id, typename Contact>
auto kbucket_table<Id, Contact>::existing_bucket(const Id& id) -> bucket* {
    const auto index = bucket_of(id);
    return index < buckets_.size() ? &buckets_[index] : nullptr;
}

template <typename Id, typename Contact>
auto kbucket_table<Id, Contact>::bucket_for(const Id& id, steady_time now) -> bucket& {
    const auto index = bucket_of(id);
    while (buckets_.size() <= index) buckets_.emplace_back().last_lookup = now;
    return buckets_[index];
}

/// Why one more contact from this subnet may not enter the bucket (nullptr: a new one), not counting `except`.
template <typename Id, typename Contact>
refusal kbucket_table<Id, Contact>::over_cap(const bucket* b, const subnet& from, counting what,
                                             const entry* except) const {
    if (from.empty()) return refusal::none;
    const auto counts = [&](const entry& e) { return &e != except && (what == counting::all || !is_bad(e)); };
    const auto same = [&](const entry& e) { return counts(e) && e.from == from; };
    const auto other_kind = [&](const entry& e) { return counts(e) && !e.from.is_ip(); };
    const auto count_if = [](const bucket& in, auto predicate) {
        return static_cast<std::size_t>(std::ranges::count_if(in.entries, predicate));
    };
    if (!from.is_ip() && config_.speaks_ip && (b != nullptr ? count_if(*b, other_kind) : 0) >= config_.k / 2) {
        return refusal::other_kinds;
    }
    if (b != nullptr && count_if(*b, same) >= config_.subnet_in_bucket) return refusal::subnet_in_bucket;
    std::size_t in_table = 0;
    for (const auto& each : buckets_) in_table += count_if(each, same);
    return in_table >= config_.subnet_in_table ? refusal::subnet_in_table : refusal::none;
}

template <typename Id, typename Contact>
auto kbucket_table<Id, Contact>::insert_verified(Contact c, const address& observed, steady_time now,
                                                 std::uint8_t priority) -> outcome {
    if (c.id == own_) return {insert_status::refused, refusal::own_id, {}};
    filter_addresses(c, scope_of(observed));
    const auto unusable = is_client(c) ? refusal::client : c.addresses.empty() ? refusal::no_address : refusal::none;
    if (unusable != refusal::none) {
        remove(c.id);
        return {insert_status::refused, unusable, {}};
    }
    const auto from = subnet::counted(observed, config_.exempt_local);
    bucket* home = existing_bucket(c.id);
    if (home != nullptr) {
        const auto known = detail::find_entry(home->entries, c.id);
        if (known != home->entries.end()) return update(*home, known, entry{std::move(c), now, from, 0, priority}, now);
    }
    if (const auto why = over_cap(home, from, counting::good, nullptr); why != refusal::none) {
        return {insert_status::refused, why, {}};
    }
    bucket& b = bucket_for(c.id, now);
    remove_bad(b, from);
    if (b.reserve) std::erase_if(b.reserve->entries, [&c](const entry& e) { return e.contact.id == c.id; });
    entry e{std::move(c), now, from, 0, priority};
    if (b.entries.size() >= config_.k) return insert_into_full(b, std::move(e), now);
    detail::place_entry(b.entries, std::move(e));
    return {insert_status::inserted, refusal::none, {}};
}

template <typename Id, typename Contact>
auto kbucket_table<Id, Contact>::update(bucket& b, typename entry_list::iterator at, entry e, steady_time now)
    -> outcome {
    if (e.from != at->from) {
        const auto why = over_cap(&b, e.from, counting::all, &*at);
        if (why != refusal::none) return {insert_status::refused, why, {}};
        at->from = e.from;
    }
    if (b.reserve && b.reserve->pinged == e.contact.id) b.reserve->pinged.reset();
    const bool sinks = e.priority < at->priority;
    const auto id = e.contact.id;
    at->priority = e.priority;
    at->contact = std::move(e.contact);
    detail::touch_entry(b.entries, at, now);
    if (sinks) prefer_waiting(b);
    if (sinks && detail::find_entry(b.entries, id) == b.entries.end())
        return {insert_status::cached, refusal::none, {}};
    return {insert_status::updated, refusal::none, {}};
}

/// Makes room under the caps for a good contact that only bad ones keep out.
template <typename Id, typename Contact>
void kbucket_table<Id, Contact>::remove_bad(bucket& b, const subnet& from) {
    const auto why = over_cap(&b, from, counting::all, nullptr);
    if (why == refusal::none) return;
    for (auto& each : buckets_) {
        std::erase_if(each.entries, [&](const entry& e) { return is_bad(e) && e.from == from; });
    }
    if (why == refusal::other_kinds) {
        std::erase_if(b.entries, [this](const entry& e) { return is_bad(e) && !e.from.is_ip(); });
    }
}

template <typename Id, typename Contact>
auto kbucket_table<Id, Contact>::insert_into_full(bucket& b, entry e, steady_time now) -> outcome {
    const auto bad = std::ranges::find_if(b.entries, [this](const entry& each) { return is_bad(each); });
    if (bad != b.entries.end()) {
        b.entries.erase(bad);
        detail::place_entry(b.entries, std::move(e));
        return {insert_status::inserted, refusal::none, {}};
    }
    const auto lowest = detail::least_entry(b.entries);
    if (lowest->priority < e.priority) {
        give_place(b, lowest, std::move(e));
        return {insert_status::inserted, refusal::none, {}};
    }
    const bool equal = lowest->priority == e.priority;
    cache(b, std::move(e));
    auto& reserve = *b.reserve;
    const bool ping_pending = reserve.pinged && now - reserve.pinged_at < config_.ping_patience;
    const entry& oldest = *lowest;
    if (!equal || ping_pending || now - oldest.last_seen < config_.ping_after) {
        return {insert_status::cached, refusal::none, {}};
    }
    reserve.pinged = oldest.contact.id;
    reserve.pinged_at = now;
    return {insert_status::ping, refusal::none, oldest.contact};
}

/// The one that goes waits for a place as a newcomer does.
template <typename Id, typename Contact>
void kbucket_table<Id, Contact>::give_place(bucket& b, typename entry_list::iterator from, entry to) {
    auto left = std::move(*from);
    b.entries.erase(from);
    detail::place_entry(b.entries, std::move(to));
    if (b.reserve && b.reserve->pinged == left.contact.id) b.reserve->pinged.reset();
    cache(b, std::move(left));
}

template <typename Id, typename Contact>
void kbucket_table<Id, Contact>::prefer_waiting(bucket& b) {
    if (!b.reserve) return;
    const auto lowest = detail::least_entry(b.entries);
    auto better = take_replacement(b, &*lowest);
    if (!better) return;
    if (better->priority > lowest->priority) return give_place(b, lowest, std::move(*better));
    cache(b, std::move(*better));
}

/// The cache is ordered and capped as the bucket is.
template <typename Id, typename Contact>
void kbucket_table<Id, Contact>::cache(bucket& b, entry e) {
    if (!b.reserve) b.reserve = std::make_unique<reserve_state>();
    detail::place_bounded(b.reserve->entries, std::move(e), config_.replacements, config_.subnet_in_bucket);
}

/// The best replacement that the caps let into the bucket once `except` has left.
template <typename Id, typename Contact>
auto kbucket_table<Id, Contact>::take_replacement(bucket& b, const entry* except) -> std::optional<entry> {
    if (!b.reserve) return {};
    return detail::take_best(b.reserve->entries, [&](const entry& e) {
        return over_cap(&b, e.from, counting::all, except) == refusal::none;
    });
}

template <typename Id, typename Contact>
void kbucket_table<Id, Contact>::replace_bad(bucket& b) {
    for (std::size_t i = 0; i < b.entries.size(); ++i) {
        if (!is_bad(b.entries[i])) continue;
        auto replacement = take_replacement(b, &b.entries[i]);
        if (!replacement) continue;
        b.entries.erase(b.entries.begin() + static_cast<std::ptrdiff_t>(i));
        detail::place_entry(b.entries, std::move(*replacement));
        return;
    }
}

template <typename Id, typename Contact>
void kbucket_table<Id, Contact>::refill(bucket& b) {
    while (b.entries.size() < config_.k) {
        auto replacement = take_replacement(b, nullptr);
        if (!replacement) return;
        detail::place_entry(b.entries, std::move(*replacement));
    }
}

template <typename Id, typename Contact>
void kbucket_table<Id, Contact>::answered(const Id& id, steady_time now) {
    bucket* b = existing_bucket(id);
    if (b == nullptr) return;
    if (const auto at = detail::find_entry(b->entries, id); at != b->entries.end()) {
        if (b->reserve && b->reserve->pinged == id) b->reserve->pinged.reset();
        detail::touch_entry(b->entries, at, now);
    } else if (b->reserve) {
        auto& waiting = b->reserve->entries;
        if (const auto spare = detail::find_entry(waiting, id); spare != waiting.end())
            detail::touch_entry(waiting, spare, now);
    }
}

template <typename Id, typename Contact>
void kbucket_table<Id, Contact>::request_failed(const Id& id) {
    bucket* b = existing_bucket(id);
    if (b == nullptr) return;
    if (const auto at = detail::find_entry(b->entries, id); at != b->entries.end()) {
        at->failures = std::min(at->failures + 1, config_.failures_max);
        if (is_bad(*at)) replace_bad(*b);
    } else if (b->reserve) {
        std::erase_if(b->reserve->entries, [&id](const entry& e) { return e.contact.id == id; });
    }
}

template <typename Id, typename Contact>
void kbucket_table<Id, Contact>::ping_failed(const Id& id) {
    bucket* b = existing_bucket(id);
    if (b == nullptr || !b->reserve || b->reserve->pinged != id) return;
    b->reserve->pinged.reset();
    const auto at = detail::find_entry(b->entries, id);
    if (at == b->entries.end()) return;
    at->failures = config_.failures_max;
    replace_bad(*b);
}

template <typename Id, typename Contact>
bool kbucket_table<Id, Contact>::remove(const Id& id) {
    bucket* b = existing_bucket(id);
    if (b == nullptr) return false;
    const auto has_id = [&id](const entry& e) { return e.contact.id == id; };
    if (b->reserve) std::erase_if(b->reserve->entries, has_id);
    const bool removed = std::erase_if(b->entries, has_id) > 0;
    if (removed) refill(*b);
    return removed;
}

template <typename Id, typename Contact>
template <typename Accept>
void kbucket_table<Id, Contact>::append_closest(const bucket& b, const Id& target, std::size_t n, bool bad_ones,
                                                Accept& accept, std::vector<Contact>& out) const {
    std::vector<const Contact*> found;
    found.reserve(b.entries.size());
    for (const auto& e : b.entries) {
        if (is_bad(e) == bad_ones && detail::accepts_entry(accept, e)) found.push_back(&e.contact);
    }
    const auto nearer = [&target](const Contact* x, const Contact* y) { return closer(target, x->id, y->id); };
    std::ranges::sort(found, nearer);
    for (std::size_t i = 0; i < found.size() && out.size() < n; ++i) out.push_back(*found[i]);
}

template <typename Id, typename Contact>
template <typename Accept>
std::vector<Contact> kbucket_table<Id, Contact>::closest(const Id& target, std::size_t n, Accept accept) const {
    // The contacts of bucket i differ from the own id in bit i first. Where the target differs there too, they are
    // nearer to it than all deeper buckets; where it does not, they are farther. That orders whole buckets.
    const Id own_distance = distance(own_, target);
    std::vector<Contact> out;
    for (const bool bad_ones : {false, true}) {
        for (std::size_t i = 0; i < buckets_.size() && out.size() < n; ++i) {
            if (own_distance.bit(i)) append_closest(buckets_[i], target, n, bad_ones, accept, out);
        }
        for (std::size_t i = buckets_.size(); i > 0 && out.size() < n; --i) {
            if (!own_distance.bit(i - 1)) append_closest(buckets_[i - 1], target, n, bad_ones, accept, out);
        }
        if (!out.empty()) break;
    }
    return out;
}

template <typename Id, typename Contact>
void kbucket_table<Id, Contact>::note_lookup(const Id& target, steady_time now) {
    if (buckets_.empty()) return;
    buckets_[std::min(bucket_of(target), buckets_.size() - 1)].last_lookup = now;
}

template <typename Id, typename Contact>
std::vector<std::size_t> kbucket_table<Id, Contact>::buckets_to_refresh(steady_time now, duration idle) const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        if (now - buckets_[i].last_lookup >= idle) out.push_back(i);
    }
    return out;
}

template <typename Id, typename Contact>
std::optional<fill_step> kbucket_table<Id, Contact>::fill(std::size_t step, const Id& edge, prng& random) const {
    const auto end = std::min(bucket_of(edge), buckets_.size());
    while (step < end && bucket_size(step) >= config_.k) ++step;
    if (step >= end) return {};
    return fill_step{random_id_in(step, random), step + 1};
}

template <typename Id, typename Contact>
Id kbucket_table<Id, Contact>::random_id_in(std::size_t index, prng& random) const {
    assert(index < Id::bits);
    Id out;
    for (auto& byte : out.data()) byte = static_cast<std::uint8_t>(random.below(256));
    for (std::size_t i = 0; i < index; ++i) out.set_bit(i, own_.bit(i));
    out.set_bit(index, !own_.bit(index));
    return out;
}

template <typename Id, typename Contact>
auto kbucket_table<Id, Contact>::find(const Id& id) const -> const entry* {
    const auto index = bucket_of(id);
    if (index >= buckets_.size()) return nullptr;
    const auto& list = buckets_[index].entries;
    const auto at = std::ranges::find_if(list, [&id](const entry& e) { return e.contact.id == id; });
    return at != list.end() ? &*at : nullptr;
}

template <typename Id, typename Contact>
std::size_t kbucket_table<Id, Contact>::size() const {
    std::size_t out = 0;
    for (const auto& b : buckets_) out += b.entries.size();
    return out;
}

/// The table of mydht's own network is compiled once.
extern template class kbucket_table<node_id, contact>;

}  // namespace mydht
