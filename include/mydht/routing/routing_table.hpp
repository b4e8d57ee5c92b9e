#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/contact.hpp>
#include <mydht/core/id.hpp>
#include <mydht/core/random.hpp>
#include <mydht/core/time.hpp>
#include <mydht/routing/table_entry.hpp>

namespace mydht {

/// Which contacts of a table are wanted. Must not change the table.
using contact_filter = std::function<bool(const table_entry<contact>&)>;

/// A lookup that would fill a table, and where to go on after it.
struct fill_step {
    id256 target;
    std::size_t next = 0;
};

/// What a node knows of others, and whom it would ask: a plain value without I/O or clock, used from one executor. Only
/// peers that have proved their identity by a session are offered; every request's end is reported.
///
/// insert_verified(contact, observed, now, priority): see kbucket_table for the protocol of pings. A model bounds how
/// many it   keeps, keeps neither the own id nor clients nor what cannot be dialled (filter_addresses), and never an id
/// twice. When it is   full, a good contact leaves for one of a higher priority (given by admission), never for one of
/// a lower. answered, request_failed, ping_failed, remove: as of kbucket_table; a report about one that is not there
/// does nothing. closest(target, n, accept): up to n contacts in order of distance. Bad ones are left out, unless no
/// good one is there. preferred(target, n, accept, random): up to n contacts that a query for `target` is sent on to,
/// the one to try first in   front: the table's own order. May change with each call. wanted(): how many more good
/// contacts the table is looking for. note_lookup(target, now), lookups_due(now, idle, random): targets to look up now,
/// so that what the table knows stays true. fill(step, edge, random): the lookup that fills the table when a node
/// joins, from step 0 on; `edge` is the farthest of the   node's own neighbourhood. Nothing when there is no use in
/// more. find(id): valid until the next change. is_bad(entry): it failed too often to be given out. for_each(visit):
/// every contact, bad ones too.
template <typename T>
concept routing_table = std::movable<T> &&
    requires(T& t, const T& fixed, contact c, const address& observed, const node_id& id, steady_time now,
             duration idle, std::size_t n, const contact_filter& accept, prng& random,
             const std::function<void(const table_entry<contact>&)>& visit, std::uint8_t priority) {
    { t.insert_verified(std::move(c), observed, now, priority) } -> std::same_as<insert_outcome<contact>>;
    t.answered(id, now);
    t.request_failed(id);
    t.ping_failed(id);
    { t.remove(id) } -> std::same_as<bool>;
    { fixed.closest(id, n, accept) } -> std::same_as<std::vector<contact>>;
    { t.preferred(id, n, accept, random) } -> std::same_as<std::vector<contact>>;
    { fixed.wanted() } -> std::same_as<std::size_t>;
    t.note_lookup(id, now);
    { fixed.lookups_due(now, idle, random) } -> std::same_as<std::vector<id256>>;
    { fixed.fill(n, id, random) } -> std::same_as<std::optional<fill_step>>;
    { fixed.find(id) } -> std::same_as<const table_entry<contact>*>;
    fixed.for_each(visit);
    { fixed.is_bad(*fixed.find(id)) } -> std::same_as<bool>;
    { fixed.size() } -> std::same_as<std::size_t>;
    { fixed.good_size() } -> std::same_as<std::size_t>;
};

/// Any routing table behind one type; move-only. Empty until it is given one, and then nothing but assignment may be
/// called.
class any_routing_table {
public:
    any_routing_table() = default;

    template <typename T>
        requires(!std::same_as<std::remove_cvref_t<T>, any_routing_table> && routing_table<std::remove_cvref_t<T>>)
    explicit any_routing_table(T&& inner)
        : inner_(std::make_unique<holder<std::remove_cvref_t<T>>>(std::forward<T>(inner))) {}

    [[nodiscard]] explicit operator bool() const noexcept { return inner_ != nullptr; }

    insert_outcome<contact> insert_verified(contact c, const address& observed, steady_time now,
                                            std::uint8_t priority = 0) {
        return inner_->insert_verified(std::move(c), observed, now, priority);
    }
    void answered(const node_id& id, steady_time now) { inner_->answered(id, now); }
    void request_failed(const node_id& id) { inner_->request_failed(id); }
    void ping_failed(const node_id& id) { inner_->ping_failed(id); }
    bool remove(const node_id& id) { return inner_->remove(id); }
    [[nodiscard]] std::vector<contact> closest(const id256& target, std::size_t n,
                                               const contact_filter& accept = all) const {
        return inner_->closest(target, n, accept);
    }
    [[nodiscard]] std::vector<contact> preferred(const id256& target, std::size_t n, const contact_filter& accept,
                                                 prng& random) {
        return inner_->preferred(target, n, accept, random);
    }
    [[nodiscard]] std::size_t wanted() const { return inner_->wanted(); }
    void note_lookup(const id256& target, steady_time now) { inner_->note_lookup(target, now); }
    [[nodiscard]] std::vector<id256> lookups_due(steady_time now, duration idle, prng& random) const {
        return inner_->lookups_due(now, idle, random);
    }
    [[nodiscard]] std::optional<fill_step> fill(std::size_t step, const node_id& edge, prng& random) const {
        return inner_->fill(step, edge, random);
    }
    [[nodiscard]] const table_entry<contact>* find(const node_id& id) const { return inner_->find(id); }
    void for_each(const std::function<void(const table_entry<contact>&)>& visit) const { inner_->for_each(visit); }
    [[nodiscard]] bool is_bad(const table_entry<contact>& e) const { return inner_->is_bad(e); }
    [[nodiscard]] std::size_t size() const { return inner_->size(); }
    [[nodiscard]] std::size_t good_size() const { return inner_->good_size(); }
    [[nodiscard]] bool empty() const { return size() == 0; }

    static bool all(const table_entry<contact>& each) {
        static_cast<void>(each);
        return true;
    }

private:
    struct interface {
        interface() = default;
        interface(const interface&) = delete;
        interface& operator=(const interface&) = delete;
        virtual ~interface() = default;
        virtual insert_outcome<contact> insert_verified(contact c, const address& observed, steady_time now,
                                                        std::uint8_t priority) = 0;
        virtual void answered(const node_id& id, steady_time now) = 0;
        virtual void request_failed(const node_id& id) = 0;
        virtual void ping_failed(const node_id& id) = 0;
        virtual bool remove(const node_id& id) = 0;
        virtual std::vector<contact> closest(const id256& target, std::size_t n,
                                             const contact_filter& accept) const = 0;
        virtual std::vector<contact> preferred(const id256& target, std::size_t n, const contact_filter& accept,
                                               prng& random) = 0;
        virtual std::size_t wanted() const = 0;
        virtual void note_lookup(const id256& target, steady_time now) = 0;
        virtual std::vector<id256> lookups_due(steady_time now, duration idle, prng& random) const = 0;
        virtual std::optional<fill_step> fill(std::size_t step, const node_id& edge, prng& random) const = 0;
        virtual const table_entry<contact>* find(const node_id& id) const = 0;
        virtual void for_each(const std::function<void(const table_entry<contact>&)>& visit) const = 0;
        virtual bool is_bad(const table_entry<contact>& e) const = 0;
        virtual std::size_t size() const = 0;
        virtual std::size_t good_size() const = 0;
    };

    template <typename T>
    struct holder final : interface {
        explicit holder(T given) : inner(std::move(given)) {}
        insert_outcome<contact> insert_verified(contact c, const address& observed, steady_time now,
                                                std::uint8_t priority) override {
            return inner.insert_verified(std::move(c), observed, now, priority);
        }
        void answered(const node_id& id, steady_time now) override { inner.answered(id, now); }
        void request_failed(const node_id& id) override { inner.request_failed(id); }
        void ping_failed(const node_id& id) override { inner.ping_failed(id); }
        bool remove(const node_id& id) override { return inner.remove(id); }
        std::vector<contact> closest(const id256& target, std::size_t n, const contact_filter& accept) const override {
            return inner.closest(target, n, accept);
        }
        std::vector<contact> preferred(const id256& target, std::size_t n, const contact_filter& accept,
                                       prng& random) override {
            return inner.preferred(target, n, accept, random);
        }
        std::size_t wanted() const override { return inner.wanted(); }
        void note_lookup(const id256& target, steady_time now) override { inner.note_lookup(target, now); }
        std::vector<id256> lookups_due(steady_time now, duration idle, prng& random) const override {
            return inner.lookups_due(now, idle, random);
        }
        std::optional<fill_step> fill(std::size_t step, const node_id& edge, prng& random) const override {
            return inner.fill(step, edge, random);
        }
        const table_entry<contact>* find(const node_id& id) const override { return inner.find(id); }
        void for_each(const std::function<void(const table_entry<contact>&)>& visit) const override {
            inner.for_each(visit);
        }
        bool is_bad(const table_entry<contact>& e) const override { return inner.is_bad(e); }
        std::size_t size() const override { return inner.size(); }
        std::size_t good_size() const override { return inner.good_size(); }
        T inner;
    };

    std::unique_ptr<interface> inner_;
};

}  // namespace mydht
