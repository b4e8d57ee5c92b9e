#pragma once

#include <algorithm>
#include <functional>
#include <set>
#include <vector>

#include <mydht/routing/routing_table.hpp>

#include "support/catch.hpp"
#include "support/contacts.hpp"

/// What every routing table must do, whatever its order. A table's own test calls check_table_conformance() with a
/// function that makes an empty table with room for at least `table_room` contacts in far halves of the space.
namespace mydht::test {

using table_factory = std::function<any_routing_table(const node_id& own)>;

inline constexpr std::size_t table_room = 6;

/// A table with the own id zero, and peers in the far half of the space, each in a subnet of its own.
struct table_fixture {
    explicit table_fixture(const table_factory& make) : table(make(node_id())) {}

    contact make_peer() { return server_at(id_sharing(node_id(), 0, random), public_address(++made)); }
    insert_outcome<contact> offer(const contact& c, std::uint8_t priority = 0) {
        return table.insert_verified(c, c.addresses.front(), now, priority);
    }
    std::vector<contact> fill(std::size_t count) {
        std::vector<contact> out;
        for (std::size_t i = 0; i < count; ++i) {
            now += std::chrono::seconds(1);
            out.push_back(make_peer());
            REQUIRE(offer(out.back()).status == insert_status::inserted);
        }
        return out;
    }
    std::set<node_id> seen() const {
        std::set<node_id> out;
        table.for_each([&out](const table_entry<contact>& e) { out.insert(e.contact.id); });
        return out;
    }
    void make_bad(const node_id& id) {
        for (int i = 0; i < 10; ++i) table.request_failed(id);
    }

    any_routing_table table;
    prng random{7};
    steady_time now{std::chrono::hours(1)};
    std::uint32_t made = 0;
};

inline std::set<node_id> ids_of(const std::vector<contact>& contacts) {
    std::set<node_id> out;
    for (const auto& each : contacts) out.insert(each.id);
    return out;
}

inline void check_empty_table(const table_factory& make) {
    table_fixture f(make);
    CHECK(f.table.empty());
    CHECK(f.table.size() == 0);
    CHECK(f.table.good_size() == 0);
    CHECK(f.table.find(node_id()) == nullptr);
    CHECK(f.table.closest(node_id(), 20).empty());
    CHECK(f.table.preferred(node_id(), 20, any_routing_table::all, f.random).empty());
    CHECK(f.table.lookups_due(f.now, std::chrono::hours(1), f.random).empty());
    CHECK_FALSE(f.table.fill(0, node_id(), f.random).has_value());
    CHECK_FALSE(f.table.remove(node_id()));
    f.table.answered(node_id(), f.now);
    f.table.request_failed(node_id());
    f.table.ping_failed(node_id());
    f.table.note_lookup(node_id(), f.now);
    CHECK(f.table.empty());
}

inline void check_who_enters(const table_factory& make) {
    table_fixture f(make);
    auto peer = f.make_peer();
    CHECK(f.offer(peer).status == insert_status::inserted);
    REQUIRE(f.table.find(peer.id) != nullptr);
    CHECK(f.table.find(peer.id)->contact == peer);
    CHECK(f.table.find(peer.id)->last_seen == f.now);

    f.now += std::chrono::seconds(5);
    peer.addresses.push_back(public_address(9999));
    CHECK(f.offer(peer).status == insert_status::updated);
    CHECK(f.table.size() == 1);
    CHECK(f.table.find(peer.id)->contact == peer);
    CHECK(f.table.find(peer.id)->last_seen == f.now);

    CHECK(f.offer(server_at(node_id(), public_address(77))).why == refusal::own_id);
    auto nowhere = f.make_peer();
    const auto from = nowhere.addresses.front();
    nowhere.addresses = {address::ipv4(address_kind::tcp, {0, 0, 0, 0}, 1)};
    CHECK(f.table.insert_verified(nowhere, from, f.now).why == refusal::no_address);
    // A server that has become a client leaves.
    peer.capabilities = 0;
    CHECK(f.offer(peer).why == refusal::client);
    CHECK(f.table.empty());
}

inline void check_one_subnet(const table_factory& make) {
    table_fixture f(make);
    std::size_t refused = 0;
    for (int i = 0; i < 300; ++i) {
        auto peer = f.make_peer();
        peer.addresses = {address::ipv4(address_kind::tcp, {40, 1, 2, static_cast<std::uint8_t>(i % 250)}, 4000)};
        refused += f.offer(peer).status == insert_status::refused ? 1 : 0;
    }
    CHECK(refused > 0);
    const auto taken = f.table.size();
    // The others still find room.
    CHECK(f.offer(f.make_peer()).status != insert_status::refused);
    CHECK(f.table.size() > 0);
    CHECK(taken < 300);
}

inline void check_orders(const table_factory& make) {
    table_fixture f(make);
    const auto peers = f.fill(table_room);
    const auto target = random_id(f.random);
    const auto near = f.table.closest(target, 3);
    REQUIRE(near.size() == 3);
    auto sorted = peers;
    std::ranges::sort(sorted, [&](const contact& x, const contact& y) { return closer(target, x.id, y.id); });
    sorted.resize(3);
    CHECK(near == sorted);

    CHECK(ids_of(f.table.preferred(target, 100, any_routing_table::all, f.random)) == ids_of(peers));
    CHECK(ids_of(f.table.preferred(target, 2, any_routing_table::all, f.random)).size() == 2);
    const auto not_first = [&](const table_entry<contact>& e) { return e.contact.id != peers.front().id; };
    CHECK(f.table.preferred(target, 100, not_first, f.random).size() == table_room - 1);
    CHECK_FALSE(ids_of(f.table.preferred(target, 100, not_first, f.random)).contains(peers.front().id));
    CHECK(f.table.closest(target, 100, not_first).size() == table_room - 1);
}

inline void check_failures(const table_factory& make) {
    table_fixture f(make);
    const auto peers = f.fill(3);
    f.table.request_failed(peers[0].id);
    CHECK(f.table.good_size() == 3);
    f.table.answered(peers[0].id, f.now);
    CHECK(f.table.find(peers[0].id)->failures == 0);
    f.make_bad(peers[0].id);
    CHECK(f.table.good_size() == 2);
    CHECK_FALSE(ids_of(f.table.closest(node_id(), 10)).contains(peers[0].id));
    CHECK_FALSE(ids_of(f.table.preferred(node_id(), 10, any_routing_table::all, f.random)).contains(peers[0].id));
    // When nobody good is left, the bad ones are the way back.
    f.make_bad(peers[1].id);
    f.make_bad(peers[2].id);
    CHECK(f.table.good_size() == 0);
    CHECK(f.table.closest(node_id(), 10).size() == 3);
    CHECK(f.table.preferred(node_id(), 10, any_routing_table::all, f.random).size() == 3);
    CHECK(f.table.remove(peers[1].id));
    CHECK_FALSE(f.table.remove(peers[1].id));
    CHECK(f.seen() == std::set<node_id>{peers[0].id, peers[2].id});
}

/// Far more peers than any table keeps: it stays bounded, and a newcomer comes in for one that has gone.
inline void check_bounds(const table_factory& make) {
    table_fixture f(make);
    std::set<node_id> first;
    for (int i = 0; i < 3000; ++i) {
        const auto peer = f.make_peer();
        const auto outcome = f.offer(peer);
        if (outcome.status == insert_status::inserted && first.size() < table_room) first.insert(peer.id);
        REQUIRE((outcome.status == insert_status::ping) == outcome.to_ping.has_value());
    }
    const auto full = f.table.size();
    CHECK(full < 3000);
    f.now += std::chrono::hours(1);
    const auto newcomer = f.make_peer();
    const auto outcome = f.offer(newcomer);
    REQUIRE(outcome.status == insert_status::ping);
    CHECK(f.table.find(newcomer.id) == nullptr);
    f.table.ping_failed(outcome.to_ping->id);
    CHECK(f.table.find(outcome.to_ping->id) == nullptr);
    CHECK(f.table.find(newcomer.id) != nullptr);
    CHECK(f.table.size() == full);

    // Who answers the ping stays.
    f.now += std::chrono::hours(1);
    const auto other = f.make_peer();
    const auto again = f.offer(other);
    REQUIRE(again.status == insert_status::ping);
    f.table.answered(again.to_ping->id, f.now);
    f.table.ping_failed(again.to_ping->id);
    CHECK(f.table.find(again.to_ping->id) != nullptr);
    CHECK(f.table.find(other.id) == nullptr);
}

/// In a full table a higher priority comes in, and goes only for one that is higher still.
inline void check_priorities(const table_factory& make) {
    table_fixture f(make);
    for (int i = 0; i < 3000; ++i) (void)f.offer(f.make_peer());
    const auto full = f.table.size();
    const auto wanted = f.make_peer();
    CHECK(f.offer(wanted, 1).status == insert_status::inserted);
    CHECK(f.table.size() == full);
    f.now += std::chrono::hours(1);
    // Silent for longer than those of priority 0 that come now, which push out none but each other.
    for (int i = 0; i < 3000; ++i) {
        const auto outcome = f.offer(f.make_peer());
        if (outcome.to_ping) CHECK(outcome.to_ping->id != wanted.id);
        if (outcome.to_ping) f.table.ping_failed(outcome.to_ping->id);
    }
    REQUIRE(f.table.find(wanted.id) != nullptr);
    CHECK(f.table.find(wanted.id)->priority == 1);
    CHECK(f.offer(wanted).status == insert_status::updated);
    CHECK(f.table.find(wanted.id)->priority == 0);
}

inline void check_table_conformance(const table_factory& make) {
    check_empty_table(make);
    check_who_enters(make);
    check_one_subnet(make);
    check_orders(make);
    check_failures(make);
    check_bounds(make);
    check_priorities(make);
}

}  // namespace mydht::test
