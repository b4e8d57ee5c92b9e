#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/query/forwarder.hpp>
#include <mydht/query/query_engine.hpp>
#include <mydht/routing/flat_table.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/store/memory_store.hpp>

#include "query/seeded_world.hpp"
#include "support/catch.hpp"
#include "support/contacts.hpp"

namespace mydht::test {

/// Peers of which each knows, and can reach, its neighbours in a graph and nobody else; no sessions, virtual time. What
/// a peer does with a query can be taken over by the test.
class linked_network {
public:
    /// Counted from 0.
    using peer_index = std::size_t;
    /// Takes the place of what a peer would answer; nothing leaves it to the peer itself.
    using manner = std::function<task<std::optional<wire::message>>(peer_index who, const wire::forward& query)>;

    struct peer;

    /// `spaces`: the namespaces that each peer knows; those of `rules` when not set.
    explicit linked_network(std::size_t count, std::uint64_t seed = 1, const travel_rules& own_rules = {},
                            const std::function<namespaces(peer_index)>& spaces = {})
        : random(seed), env(environment_on(loop, seed)) {
        for (std::size_t i = 0; i < count; ++i) {
            auto self = std::make_shared<const identity>(identity::generate(*env.secure_random));
            const auto at = public_address(static_cast<std::uint32_t>(i));
            auto who = contact_of(self->key(), static_cast<std::uint32_t>(capability::server), {at});
            places[who.id] = i;
            at_address[at] = i;
            peers.push_back(std::make_unique<peer>(*this, i, std::move(self), std::move(who), own_rules,
                                                   spaces ? spaces(i) : rules));
        }
    }

    void link(peer_index a, peer_index b) {
        if (a == b || !links.insert(std::minmax(a, b)).second) return;
        const auto know = [this](peer& x, const peer& y) {
            REQUIRE(x.table.insert_verified(y.who, y.who.addresses.front(), env.time->now()).status ==
                    insert_status::inserted);
        };
        know(*peers[a], *peers[b]);
        know(*peers[b], *peers[a]);
    }

    /// Everybody has a link to the next one, and `longer` links to anybody.
    void ring(std::size_t longer = 0) {
        for (peer_index i = 0; i < peers.size(); ++i) link(i, (i + 1) % peers.size());
        for (peer_index i = 0; i < peers.size(); ++i) {
            for (std::size_t j = 0; j < longer; ++j) link(i, static_cast<peer_index>(random.below(peers.size())));
        }
    }

    /// Everybody has about `degree` links to anybody: as many rings in random orders as it takes.
    void regular(std::size_t degree) {
        std::vector<peer_index> order;
        for (peer_index i = 0; i < peers.size(); ++i) order.push_back(i);
        for (std::size_t r = 0; r < degree / 2; ++r) {
            shuffle(order, random);
            for (std::size_t i = 0; i < order.size(); ++i) link(order[i], order[(i + 1) % order.size()]);
        }
    }

    void mesh(peer_index from, peer_index to) {
        for (peer_index i = from; i < to; ++i) {
            for (peer_index j = i + 1; j < to; ++j) link(i, j);
        }
    }

    [[nodiscard]] peer& at(peer_index i) { return *peers[i]; }
    [[nodiscard]] peer_index any() { return static_cast<peer_index>(random.below(peers.size())); }

    /// Runs an operation to its end, moving the time as it waits.
    template <typename T>
    T complete(task<T> work) {
        return test::run_to_end(loop, std::move(work));
    }

    [[nodiscard]] result<put_report> put(peer_index who, const value& what, const put_options& options) {
        return complete(at(who).queries.put(what, options));
    }
    [[nodiscard]] result<get_report> get(peer_index who, const id256& key, const get_options& options) {
        return complete(at(who).queries.get(key, options));
    }

    class link_messenger final : public messenger {
    public:
        link_messenger(linked_network& net, peer_index own) : net_(net), own_(own) {}
        task<result<reply>> ask(contact to, wire::message what, steady_time deadline) override {
            const auto found = net_.places.find(to.id);
            const bool linked = found != net_.places.end() && net_.links.contains(std::minmax(own_, found->second));
            if (!linked) co_return failure(errc::unreachable);
            ++net_.messages;
            ++net_.crossed[{own_, found->second}];
            auto& other = net_.at(found->second);
            auto* const query = std::get_if<wire::forward>(&what);
            if (query != nullptr) other.seen.push_back(*query);
            if (query != nullptr && net_.on_link) net_.on_link(own_, found->second, *query);
            if (query != nullptr && other.behaves) {
                auto instead = co_await other.behaves(found->second, *query);
                if (instead) co_return reply(std::move(*instead), to.addresses.front());
            }
            if (net_.env.time->now() >= deadline) co_return failure(errc::timed_out);
            peer_info from;
            from.who = net_.at(own_).who;
            from.observed = from.who.addresses.front();
            from.proven = true;
            wire::message answer;
            if (query != nullptr) {
                answer = co_await other.forwarding.answer(std::move(from), std::move(*query));
                if (net_.on_link) net_.on_link(found->second, own_, answer);
            } else {
                answer = co_await other.answers.answer(std::move(from), std::move(what));
            }
            co_return reply(std::move(answer), to.addresses.front());
        }

        task<result<reply>> hand(contact to, wire::deliver what, steady_time deadline, handing how) override {
            // Whoever is at the address gets the packet, and answers when it is who was meant.
            const bool dials = !how.is_back();
            const auto found = dials ? net_.at_address.find(to.addresses.front()) : net_.at_address.end();
            const bool nobody = dials && found == net_.at_address.end();
            const auto place = dials && !nobody ? found->second : nobody ? own_ : net_.places.at(to.id);
            auto& other = net_.at(place);
            const bool linked = net_.links.contains(std::minmax(own_, place));
            if (!dials && !linked) co_return failure(errc::unreachable);
            ++net_.deliveries;
            if (dials && !nobody) ++other.dialled;
            if (!dials && other.takes_nothing) {
                co_await sleep_until(*net_.env.time, deadline);
                co_return failure(errc::timed_out);
            }
            if (dials && (nobody || !other.reachable || other.who.id != to.id)) {
                co_await sleep_until(*net_.env.time, std::min(deadline, net_.env.time->now() + dial_patience));
                co_return failure(errc::timed_out);
            }
            peer_info from;
            from.who = net_.at(own_).who;
            from.observed = from.who.addresses.front();
            from.proven = true;
            if (net_.on_link) net_.on_link(own_, place, what);
            auto answer = other.forwarding.take(from, std::move(what));
            ++net_.delivered;
            co_return reply(std::move(answer), to.addresses.front());
        }

    private:
        static constexpr std::chrono::milliseconds dial_patience{1000};

        linked_network& net_;
        peer_index own_;
    };

    struct peer {
        peer(linked_network& net, peer_index own, std::shared_ptr<const identity> self_, contact who_,
             const travel_rules& own_rules, namespaces spaces_)
            : self(std::move(self_)),
              who(std::move(who_)),
              spaces(std::move(spaces_)),
              table(flat_table(who.id, {})),
              answers(net.env, table, values, spaces, 20, false),
              forwarding(net.env, own_rules, answers, table, spaces),
              queries(net.env, query_config(), answers, forwarding, spaces) {
            const auto via = std::make_shared<link_messenger>(net, own);
            forward_origin place;
            place.self = self;
            place.contact = [this] { return who; };
            place.serves = [this](std::string_view name) { return services.contains(std::string(name)); };
            place.serve = [this](service_question what) {
                ++served;
                const auto& handler = services.at(what.service);
                return handler(std::move(what));
            };
            place.seen_at = [](const peer_info& from, const address& where) { return from.observed == where; };
            forwarding.connect(via, std::move(place));
            query_origin origin;
            origin.id = who.id;
            origin.keeps_values = true;
            origin.kinds = wire::mask_of(address_kind::tcp);
            origin.known = [this](const id256& target, std::size_t count) { return table.closest(target, count); };
            queries.connect(via, std::move(origin));
        }

        std::shared_ptr<const identity> self;
        contact who;
        namespaces spaces;
        any_routing_table table;
        any_store values{memory_store()};
        responder answers;
        forwarder forwarding;
        query_engine queries;
        manner behaves;
        /// What this peer answers to requests that travel, by the service's name.
        std::map<std::string, std::function<task<result<bytes>>(service_question)>> services;
        std::size_t served = 0;           ///< how often a handler was begun
        std::vector<wire::forward> seen;  ///< every query that came here
        bool reachable = true;            ///< others can dial it
        bool takes_nothing = false;       ///< it never answers what is handed back to it
        std::size_t dialled = 0;          ///< how often somebody did who had something for it
    };

    test::loop loop;
    prng random;
    environment env;
    namespaces rules;
    std::vector<std::unique_ptr<peer>> peers;
    std::map<node_id, peer_index> places;
    std::map<address, peer_index> at_address;
    std::set<std::pair<peer_index, peer_index>> links;
    std::map<std::pair<peer_index, peer_index>, std::size_t> crossed;
    /// Told everything that a peer is sent about queries that travel: what one that takes notes can know.
    std::function<void(peer_index from, peer_index to, const wire::message& what)> on_link;
    std::size_t messages = 0;    ///< queries and other requests between neighbours
    std::size_t deliveries = 0;  ///< attempts to bring somebody something
    std::size_t delivered = 0;   ///< of them, those that were answered
};

}  // namespace mydht::test
