#pragma once

#include <map>
#include <memory>
#include <vector>

#include <mydht/core/random.hpp>
#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/query/query_engine.hpp>
#include <mydht/routing/table_choice.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/store/memory_store.hpp>

#include "query/seeded_world.hpp"

namespace mydht::test {

/// Peers that answer each other's queries without sessions, each with a real table, store and responder, behind a
/// messenger that can be told to misbehave.
class fake_network final : public messenger {
public:
    enum class manner { honest, silent, unreachable, garbage, forged, refusing, no_stores, repeating, late };

    struct peer {
        peer(const environment& env, contact who_, const namespaces& rules)
            : who(std::move(who_)),
              table(table_choice().make(who.id, true)),
              answers(env, table, values, rules, 20, false),
              forwarding(env, travel_rules(), answers, table, rules) {}

        contact who;
        any_routing_table table;
        any_store values{memory_store()};
        responder answers;
        forwarder forwarding;
        manner behaves = manner::honest;
        wire::error_code refuses_with = wire::error_code::busy;
        std::size_t asked = 0;
        duration delay{};  ///< before an honest answer
    };

    explicit fake_network(std::size_t count, std::uint64_t seed = 1)
        : env(environment_on(loop, seed)), asker(env, new_contact(3999), rules) {
        for (std::size_t i = 0; i < count; ++i) add_peer(static_cast<std::uint16_t>(4000 + i));
        for (auto& [id, each] : peers) {
            for (auto& [other_id, other] : peers) {
                each->table.insert_verified(other->who, other->who.addresses.front(), env.time->now());
            }
        }
    }

    task<result<reply>> hand(contact, wire::deliver, steady_time, handing) override {
        co_return failure(errc::unreachable);
    }

    task<result<reply>> ask(contact to, wire::message what, steady_time deadline) override {
        ++messages;
        const auto found = peers.find(to.id);
        if (found == peers.end()) co_return failure(errc::unreachable);
        auto& target = *found->second;
        ++target.asked;
        switch (target.behaves) {
            case manner::unreachable: co_return failure(errc::connection_refused);
            case manner::silent: co_await sleep_until(*env.time, deadline); co_return failure(errc::timed_out);
            case manner::garbage: co_return reply(wire::pong(), to.addresses.front());
            case manner::repeating: {
                wire::values many;
                const auto* question = std::get_if<wire::find_value>(&what);
                if (question == nullptr) co_return failure(errc::unreachable);
                const auto held = co_await target.answers.items(question->target);
                for (int i = 0; i < 3; ++i) many.items.insert(many.items.end(), held.begin(), held.end());
                co_return reply(many, to.addresses.front());
            }
            case manner::late: {
                wire::values old;
                old.items.push_back(late);
                co_return reply(old, to.addresses.front());
            }
            case manner::no_stores:
                if (!std::holds_alternative<wire::store>(what)) break;
                [[fallthrough]];
            case manner::refusing: {
                wire::error no;
                no.code = target.refuses_with;
                co_return reply(no, to.addresses.front());
            }
            case manner::forged: {
                wire::values lies;
                item fake = value::immutable("forged").to_item();
                fake.deadline = env.time->wall_now() + std::chrono::hours(1);
                lies.items.push_back(fake);
                co_return reply(lies, to.addresses.front());
            }
            case manner::honest:
                if (target.delay > duration::zero()) co_await sleep_until(*env.time, env.time->now() + target.delay);
                break;
        }
        peer_info from;
        from.who = asker.who;
        from.observed = asker.who.addresses.front();
        from.proven = true;
        auto answer = co_await target.answers.answer(std::move(from), std::move(what));
        co_return reply(std::move(answer), to.addresses.front());
    }

    /// An engine of a node that is no peer of the network and knows `known` of its peers.
    std::unique_ptr<query_engine> engine(query_config config, std::size_t known, bool keeps_values = false) {
        auto out = std::make_unique<query_engine>(env, config, asker.answers, asker.forwarding, rules);
        query_origin origin;
        origin.id = asker.who.id;
        origin.kinds = wire::mask_of(address_kind::tcp);
        origin.keeps_values = keeps_values;
        origin.local_only = true;
        std::vector<contact> some;
        for (auto& [id, each] : peers) {
            if (some.size() < known) some.push_back(each->who);
        }
        origin.known = [some](const id256& target, std::size_t count) {
            auto near = some;
            std::ranges::sort(near, [&](const contact& a, const contact& b) { return closer(target, a.id, b.id); });
            if (near.size() > count) near.resize(count);
            return near;
        };
        // The network outlives its engines.
        out->connect(std::shared_ptr<messenger>(std::shared_ptr<void>(), this), std::move(origin));
        return out;
    }

    std::vector<peer*> nearest(const id256& target, std::size_t count) {
        std::vector<peer*> out;
        for (auto& [id, each] : peers) out.push_back(each.get());
        std::ranges::sort(out, [&](const peer* a, const peer* b) { return closer(target, a->who.id, b->who.id); });
        out.resize(std::min(count, out.size()));
        return out;
    }

    /// Puts a value straight into a peer's store.
    void plant(peer& into, const value& what) {
        const auto kept = complete(into.answers.keep(nullptr, what.key(), what.to_item(), std::nullopt));
        REQUIRE(kept);
    }

    bool holds(peer& who, const id256& key) { return !complete(who.answers.items(key)).empty(); }

    /// Runs a query to its end, moving the time as it waits.
    template <typename T>
    T complete(task<T> work) {
        return test::run_to_end(loop, std::move(work));
    }

    test::loop loop;
    environment env;
    namespaces rules;
    peer asker;
    std::map<node_id, std::unique_ptr<peer>> peers;
    std::size_t messages = 0;
    item late;

private:
    void add_peer(std::uint16_t port) {
        auto who = new_contact(port);
        const auto id = who.id;
        peers.emplace(id, std::make_unique<peer>(env, std::move(who), rules));
    }

    contact new_contact(std::uint16_t port) {
        const auto self = identity::generate(*env.secure_random);
        return contact_of(self.key(), static_cast<std::uint32_t>(capability::server),
                          {address::ipv4(address_kind::tcp, {127, 0, 0, 1}, port)});
    }
};

}  // namespace mydht::test
