#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/contact.hpp>
#include <mydht/core/random.hpp>
#include <mydht/core/result.hpp>
#include <mydht/core/time.hpp>
#include <mydht/routing/routing_table.hpp>

namespace mydht {

/// What a list of contacts keeps.
struct contact_list_config {
    /// Contacts in all. Bounds what strangers can make the table hold.
    std::size_t contacts_max = 1024;
    /// Good contacts that the table looks for, by asking peers for others.
    std::size_t live_wanted = 32;
    /// Contacts of one subnet: what one operator can take. Groups behind one address need room here.
    std::size_t per_subnet = 64;
    /// No cap for contacts observed at local addresses; as kbucket_config::exempt_local.
    bool exempt_local = false;
    /// Consecutive failed requests after which a contact is bad: not given out, and the first to go when another wants
    /// in.
    std::size_t failures_max = 3;
    /// As kbucket_config::ping_after and ping_patience.
    duration ping_after = std::chrono::minutes(5);
    duration ping_patience = std::chrono::minutes(1);
};

/// Success when every limit is above zero, `live_wanted` at most `contacts_max` and the durations are not negative.
/// Errors: errc::bad_configuration.
[[nodiscard]] result<void> validate(const contact_list_config& config);

/// Contacts without buckets, in the order in which they joined: all of a flat or trust table but the order in which it
/// prefers them. Bounded, capped by subnet. Who is offered to a full list comes in for a bad contact, else for the one
/// of the lowest priority, of these the least weight, if it counts more itself, else it waits for the end of the ping
/// to the one among the least that was silent longest, as in a k-bucket. The call protocol is that of kbucket_table. A
/// plain value: no I/O, no clock.
class contact_list {
public:
    using entry = table_entry<contact>;
    using outcome = insert_outcome<contact>;
    /// How much a peer counts; not NaN. Asked anew each time, so it may change.
    using weighing = std::function<double(const node_id&)>;

    /// The configuration must be valid (asserted). Without `weight` all count the same.
    contact_list(const node_id& own, const contact_list_config& config, weighing weight = {});

    outcome insert_verified(contact c, const address& observed, steady_time now, std::uint8_t priority = 0);
    void answered(const node_id& id, steady_time now);
    void request_failed(const node_id& id);
    void ping_failed(const node_id& id);
    bool remove(const node_id& id);

    [[nodiscard]] std::vector<contact> closest(const id256& target, std::size_t n, const contact_filter& accept) const;
    [[nodiscard]] std::size_t wanted() const;
    /// Lookups of this and that are how the list hears of others: which ones it has seen means nothing to it.
    void note_lookup(const id256& target, steady_time now) noexcept;
    /// One of a random target while contacts are wanted.
    [[nodiscard]] std::vector<id256> lookups_due(steady_time now, duration idle, prng& random) const;
    /// The same, so many times at most that peers who know nobody do not hold a join up.
    [[nodiscard]] std::optional<fill_step> fill(std::size_t step, const node_id& edge, prng& random) const;

    [[nodiscard]] const entry* find(const node_id& id) const;
    template <typename Visit>
    void for_each(Visit visit) const {
        std::ranges::for_each(entries_, visit);
    }
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] std::size_t good_size() const;
    [[nodiscard]] bool is_bad(const entry& e) const { return e.failures >= config_.failures_max; }

protected:
    /// The contacts that `accept` takes: good ones, or the bad ones when there is no good one.
    [[nodiscard]] std::vector<contact> usable(const contact_filter& accept) const;
    [[nodiscard]] double weight(const node_id& id) const { return weight_ ? weight_(id) : 0.0; }

private:
    using position = std::vector<entry>::iterator;

    position at(const node_id& id);
    [[nodiscard]] bool over_cap(const subnet& from, const entry* except) const;
    outcome update(position known, entry e, steady_time now);
    outcome insert_into_full(entry e, steady_time now);
    bool make_room(const subnet& from);
    void admit_waiting();

    node_id own_;
    contact_list_config config_;
    weighing weight_;
    std::vector<entry> entries_;
    std::optional<entry> waiting_;
    std::optional<node_id> pinged_;
    steady_time pinged_at_;
};

}  // namespace mydht
