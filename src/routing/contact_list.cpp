#include <mydht/routing/contact_list.hpp>

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include <mydht/routing/address_filter.hpp>

namespace mydht {

namespace {

/// Lookups of a join that a list makes at most.
constexpr std::size_t fill_steps_max = 4;

id256 random_id(prng& random) {
    id256 out;
    for (auto& byte : out.data()) byte = static_cast<std::uint8_t>(random.below(256));
    return out;
}

}  // namespace

result<void> validate(const contact_list_config& config) {
    const bool good = config.contacts_max > 0 && config.live_wanted > 0 && config.live_wanted <= config.contacts_max &&
                      config.per_subnet > 0 && config.failures_max > 0 && config.ping_after.count() >= 0 &&
                      config.ping_patience.count() >= 0;
    if (!good) return failure(errc::bad_configuration);
    return {};
}

contact_list::contact_list(const node_id& own, const contact_list_config& config, weighing weight)
    : own_(own), config_(config), weight_(std::move(weight)) {
    assert(validate(config));
}

auto contact_list::at(const node_id& id) -> position {
    return std::ranges::find_if(entries_, [&id](const entry& e) { return e.contact.id == id; });
}

const contact_list::entry* contact_list::find(const node_id& id) const {
    const auto found = std::ranges::find_if(entries_, [&id](const entry& e) { return e.contact.id == id; });
    return found != entries_.end() ? &*found : nullptr;
}

bool contact_list::over_cap(const subnet& from, const entry* except) const {
    if (from.empty()) return false;
    const auto same = [&](const entry& e) { return &e != except && e.from == from; };
    return static_cast<std::size_t>(std::ranges::count_if(entries_, same)) >= config_.per_subnet;
}

auto contact_list::insert_verified(contact c, const address& observed, steady_time now, std::uint8_t priority)
    -> outcome {
    if (c.id == own_) return {insert_status::refused, refusal::own_id, {}};
    filter_addresses(c, scope_of(observed));
    const auto unusable = !c.can(capability::server) ? refusal::client
                          : c.addresses.empty()      ? refusal::no_address
                                                     : refusal::none;
    if (unusable != refusal::none) {
        remove(c.id);
        return {insert_status::refused, unusable, {}};
    }
    const auto from = subnet::counted(observed, config_.exempt_local);
    const auto id = c.id;
    entry e{std::move(c), now, from, 0, priority};
    if (const auto known = at(id); known != entries_.end()) return update(known, std::move(e), now);
    if (waiting_ && waiting_->contact.id == id) waiting_.reset();
    if (!make_room(from)) return {insert_status::refused, refusal::subnet_in_table, {}};
    if (entries_.size() >= config_.contacts_max) return insert_into_full(std::move(e), now);
    entries_.push_back(std::move(e));
    return {insert_status::inserted, refusal::none, {}};
}

auto contact_list::update(position known, entry e, steady_time now) -> outcome {
    if (e.from != known->from) {
        if (over_cap(e.from, &*known)) return {insert_status::refused, refusal::subnet_in_table, {}};
        known->from = e.from;
    }
    if (pinged_ == e.contact.id) pinged_.reset();
    known->contact = std::move(e.contact);
    known->priority = e.priority;
    known->failures = 0;
    known->last_seen = std::max(known->last_seen, now);
    return {insert_status::updated, refusal::none, {}};
}

/// True when the caps let one more of the subnet in, once its bad contacts are gone if need be.
bool contact_list::make_room(const subnet& from) {
    if (!over_cap(from, nullptr)) return true;
    const auto gone = std::erase_if(entries_, [&](const entry& e) { return is_bad(e) && e.from == from; });
    return gone > 0;
}

auto contact_list::insert_into_full(entry e, steady_time now) -> outcome {
    const auto bad = std::ranges::find_if(entries_, [this](const entry& each) { return is_bad(each); });
    if (bad != entries_.end()) {
        entries_.erase(bad);
        entries_.push_back(std::move(e));
        return {insert_status::inserted, refusal::none, {}};
    }
    const auto worth = [this](const entry& each) { return std::pair(each.priority, weight(each.contact.id)); };
    auto least = entries_.begin();
    auto lowest = worth(*least);
    for (auto each = std::next(entries_.begin()); each != entries_.end(); ++each) {
        const auto counts = worth(*each);
        if (counts > lowest || (counts == lowest && each->last_seen >= least->last_seen)) continue;
        least = each;
        lowest = counts;
    }
    const auto offered = worth(e);
    if (offered > lowest) {
        entries_.erase(least);
        entries_.push_back(std::move(e));
        return {insert_status::inserted, refusal::none, {}};
    }
    waiting_ = std::move(e);
    const bool ping_pending = pinged_ && now - pinged_at_ < config_.ping_patience;
    if (offered < lowest || ping_pending || now - least->last_seen < config_.ping_after) {
        return {insert_status::cached, refusal::none, {}};
    }
    pinged_ = least->contact.id;
    pinged_at_ = now;
    return {insert_status::ping, refusal::none, least->contact};
}

void contact_list::answered(const node_id& id, steady_time now) {
    const auto known = at(id);
    if (known == entries_.end()) return;
    if (pinged_ == id) pinged_.reset();
    known->failures = 0;
    known->last_seen = std::max(known->last_seen, now);
}

void contact_list::request_failed(const node_id& id) {
    if (waiting_ && waiting_->contact.id == id) waiting_.reset();
    const auto known = at(id);
    if (known == entries_.end()) return;
    known->failures = std::min(known->failures + 1, config_.failures_max);
    if (is_bad(*known)) admit_waiting();
}

void contact_list::ping_failed(const node_id& id) {
    if (pinged_ != id) return;
    pinged_.reset();
    const auto known = at(id);
    if (known == entries_.end()) return;
    known->failures = config_.failures_max;
    admit_waiting();
}

bool contact_list::remove(const node_id& id) {
    if (waiting_ && waiting_->contact.id == id) waiting_.reset();
    const auto known = at(id);
    if (known == entries_.end()) return false;
    entries_.erase(known);
    admit_waiting();
    return true;
}

/// Whoever waits comes in for a bad contact, or where there is room now; the caps may have filled up meanwhile.
void contact_list::admit_waiting() {
    if (!waiting_) return;
    if (entries_.size() >= config_.contacts_max) {
        const auto bad = std::ranges::find_if(entries_, [this](const entry& each) { return is_bad(each); });
        if (bad == entries_.end() || over_cap(waiting_->from, &*bad)) return;
        entries_.erase(bad);
    } else if (over_cap(waiting_->from, nullptr)) {
        return;
    }
    entries_.push_back(std::move(*waiting_));
    waiting_.reset();
}

std::size_t contact_list::good_size() const {
    return static_cast<std::size_t>(std::ranges::count_if(entries_, [this](const entry& e) { return !is_bad(e); }));
}

std::vector<contact> contact_list::usable(const contact_filter& accept) const {
    std::vector<contact> out;
    for (const bool bad_ones : {false, true}) {
        for (const auto& e : entries_) {
            if (is_bad(e) == bad_ones && (!accept || accept(e))) out.push_back(e.contact);
        }
        if (!out.empty()) break;
    }
    return out;
}

std::vector<contact> contact_list::closest(const id256& target, std::size_t n, const contact_filter& accept) const {
    auto out = usable(accept);
    const auto nearer = [&target](const contact& x, const contact& y) { return closer(target, x.id, y.id); };
    const auto count = static_cast<std::ptrdiff_t>(std::min(n, out.size()));
    std::ranges::partial_sort(out, out.begin() + count, nearer);
    out.resize(static_cast<std::size_t>(count));
    return out;
}

std::size_t contact_list::wanted() const {
    const auto good = good_size();
    return good < config_.live_wanted ? config_.live_wanted - good : 0;
}

void contact_list::note_lookup(const id256& target, steady_time now) noexcept {
    static_cast<void>(target);
    static_cast<void>(now);
}

std::vector<id256> contact_list::lookups_due(steady_time now, duration idle, prng& random) const {
    static_cast<void>(now);
    static_cast<void>(idle);
    std::vector<id256> out;
    if (!entries_.empty() && wanted() > 0) out.push_back(random_id(random));
    return out;
}

std::optional<fill_step> contact_list::fill(std::size_t step, const node_id& edge, prng& random) const {
    static_cast<void>(edge);
    if (entries_.empty() || wanted() == 0 || step >= fill_steps_max) return {};
    return fill_step{random_id(random), step + 1};
}

}  // namespace mydht
