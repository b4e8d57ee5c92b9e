#include <mydht/routing/flat_table.hpp>
#include <mydht/routing/kbucket_table.hpp>
#include <mydht/routing/trust_table.hpp>

#include <map>

#include "routing/table_conformance.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace std::chrono_literals;
using mydht::test::public_address;

namespace {

contact_list_config small(std::size_t room) {
    contact_list_config out;
    out.contacts_max = room;
    out.live_wanted = room;
    return out;
}

any_routing_table flat(const node_id& own, flat_order order) {
    flat_table_config config;
    config.order = order;
    return any_routing_table(flat_table(own, config));
}

trust_table_config trusting(std::size_t room, contact_list::weighing trust) {
    trust_table_config out;
    out.list = small(room);
    out.trust = std::move(trust);
    return out;
}

/// The last byte of the id says how much it is trusted.
double last_byte(const node_id& id) { return static_cast<double>(id.data().back()); }

struct list_fixture {
    contact make(std::uint8_t trust) {
        auto id = test::id_sharing(node_id(), 0, random);
        id.data().back() = trust;
        return test::server_at(id, public_address(++made));
    }
    insert_outcome<contact> offer(contact_list& table, const contact& c) {
        return table.insert_verified(c, c.addresses.front(), now);
    }

    prng random{3};
    steady_time now{1h};
    std::uint32_t made = 0;
};

}  // namespace

TEST_CASE("a bucket table is a routing table", "[table]") {
    test::check_table_conformance(
        [](const node_id& own) { return any_routing_table(kbucket_table<node_id, contact>(own, kbucket_config())); });
}

TEST_CASE("a flat table is a routing table, in each of its orders", "[table]") {
    const auto order = GENERATE(flat_order::random, flat_order::round_robin, flat_order::declared);
    test::check_table_conformance([order](const node_id& own) { return flat(own, order); });
}

TEST_CASE("a trust table is a routing table, when all are trusted alike", "[table]") {
    test::check_table_conformance([](const node_id& own) {
        return any_routing_table(trust_table(own, trusting(1024, [](const node_id&) { return 1.0; })));
    });
}

TEST_CASE("a flat table in random order prefers all of them equally often", "[table]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    list_fixture f;
    flat_table table(node_id(), {});
    std::map<node_id, int> counts;
    for (int i = 0; i < 5; ++i) {
        const auto c = f.make(0);
        REQUIRE(f.offer(table, c).status == insert_status::inserted);
        counts[c.id] = 0;
    }
    constexpr int draws = 5000;
    for (int i = 0; i < draws; ++i) ++counts[table.preferred(node_id(), 1, any_routing_table::all, random).front().id];
    // Eight standard deviations of a binomial count.
    for (const auto& [id, count] : counts) CHECK(std::abs(count - draws / 5) < 8 * 29);
}

TEST_CASE("a flat table in turn asks each equally often, also when it gives several", "[table]") {
    list_fixture f;
    prng unused(1);
    flat_table_config config;
    config.order = flat_order::round_robin;
    flat_table table(node_id(), config);
    std::map<node_id, int> counts;
    for (int i = 0; i < 5; ++i) REQUIRE(f.offer(table, f.make(0)).status == insert_status::inserted);
    for (int i = 0; i < 10; ++i) {
        for (const auto& each : table.preferred(node_id(), 3, any_routing_table::all, unused)) ++counts[each.id];
    }
    REQUIRE(counts.size() == 5);
    for (const auto& [id, count] : counts) CHECK(count == 6);
}

TEST_CASE("a flat table in declared order prefers those that were named, then the older", "[table]") {
    list_fixture f;
    prng unused(1);
    const auto named = f.make(0);
    const auto named_first = f.make(0);
    const auto older = f.make(0);
    const auto younger = f.make(0);
    flat_table_config config;
    config.order = flat_order::declared;
    config.declared = {named_first.id, test::random_id(f.random), named.id};
    flat_table table(node_id(), config);
    for (const auto& each : {older, named, younger, named_first}) {
        REQUIRE(f.offer(table, each).status == insert_status::inserted);
    }
    const std::vector<contact> expected{named_first, named, older, younger};
    CHECK(table.preferred(test::random_id(f.random), 10, any_routing_table::all, unused) == expected);
}

TEST_CASE("a trust table prefers whom it trusts more, then who is nearer", "[table]") {
    list_fixture f;
    prng unused(1);
    trust_table table(node_id(), trusting(1024, last_byte));
    const auto little = f.make(1);
    const auto much = f.make(9);
    const auto also_much = f.make(9);
    for (const auto& each : {little, much, also_much}) REQUIRE(f.offer(table, each).status == insert_status::inserted);
    CHECK(table.preferred(much.id, 10, any_routing_table::all, unused) == std::vector{much, also_much, little});
    CHECK(table.preferred(also_much.id, 2, any_routing_table::all, unused) == std::vector{also_much, much});
    // By distance all the same when somebody else asks who is near.
    CHECK(table.closest(little.id, 1, any_routing_table::all) == std::vector{little});
}

TEST_CASE("a full trust table gives up whom it trusts least", "[table]") {
    list_fixture f;
    trust_table table(node_id(), trusting(3, last_byte));
    const auto low = f.make(2);
    const auto middle = f.make(5);
    const auto high = f.make(8);
    for (const auto& each : {middle, low, high}) REQUIRE(f.offer(table, each).status == insert_status::inserted);
    const auto lower = f.make(1);
    CHECK(f.offer(table, lower).status == insert_status::cached);
    CHECK(table.find(lower.id) == nullptr);
    const auto more = f.make(3);
    CHECK(f.offer(table, more).status == insert_status::inserted);
    CHECK(table.find(low.id) == nullptr);
    CHECK(table.find(more.id) != nullptr);
    CHECK(table.size() == 3);
    // Less trusted than anybody, it does not even have somebody pinged.
    f.now += 24h;
    CHECK(f.offer(table, lower).status == insert_status::cached);
    // Trusted alike, it waits for the one that was silent longest.
    const auto same = f.make(3);
    const auto outcome = f.offer(table, same);
    REQUIRE(outcome.status == insert_status::ping);
    CHECK(*outcome.to_ping == more);
}

TEST_CASE("who waits for room comes in when somebody leaves", "[table]") {
    list_fixture f;
    flat_table_config config;
    config.list = small(2);
    flat_table table(node_id(), config);
    const auto one = f.make(0);
    const auto two = f.make(0);
    REQUIRE(f.offer(table, one).status == insert_status::inserted);
    REQUIRE(f.offer(table, two).status == insert_status::inserted);
    const auto waiting = f.make(0);
    REQUIRE(f.offer(table, waiting).status == insert_status::cached);
    CHECK(table.remove(one.id));
    CHECK(table.find(waiting.id) != nullptr);
    CHECK(table.size() == 2);
    // A contact that failed too often makes room as well.
    const auto next = f.make(0);
    REQUIRE(f.offer(table, next).status == insert_status::cached);
    for (int i = 0; i < 3; ++i) table.request_failed(two.id);
    CHECK(table.find(two.id) == nullptr);
    CHECK(table.find(next.id) != nullptr);
    // One that cannot be reached waits no longer.
    const auto gone = f.make(0);
    REQUIRE(f.offer(table, gone).status == insert_status::cached);
    table.request_failed(gone.id);
    CHECK(table.remove(next.id));
    CHECK(table.find(gone.id) == nullptr);
}

TEST_CASE("subnets have their share of a flat table, and bad contacts lose it", "[table]") {
    list_fixture f;
    flat_table_config config;
    config.list.per_subnet = 2;
    flat_table table(node_id(), config);
    const auto at_home = [&](std::uint8_t host) {
        auto out = f.make(0);
        out.addresses = {address::ipv4(address_kind::tcp, {40, 1, 2, host}, 4000)};
        return out;
    };
    const auto first = at_home(1);
    REQUIRE(f.offer(table, first).status == insert_status::inserted);
    REQUIRE(f.offer(table, at_home(2)).status == insert_status::inserted);
    CHECK(f.offer(table, at_home(3)).why == refusal::subnet_in_table);
    // Nobody moves into a subnet that is full.
    const auto elsewhere = f.make(0);
    REQUIRE(f.offer(table, elsewhere).status == insert_status::inserted);
    CHECK(table.insert_verified(elsewhere, first.addresses.front(), f.now).why == refusal::subnet_in_table);
    CHECK(table.find(elsewhere.id)->contact == elsewhere);
    for (int i = 0; i < 3; ++i) table.request_failed(first.id);
    CHECK(f.offer(table, at_home(4)).status == insert_status::inserted);
    CHECK(table.find(first.id) == nullptr);
}

TEST_CASE("a list looks for others until it knows enough, and not for ever", "[table]") {
    list_fixture f;
    prng random(5);
    flat_table_config config;
    config.list.live_wanted = 2;
    flat_table table(node_id(), config);
    CHECK(table.wanted() == 2);
    CHECK(table.lookups_due(f.now, 1h, random).empty());
    const auto one = f.make(0);
    REQUIRE(f.offer(table, one).status == insert_status::inserted);
    CHECK(table.wanted() == 1);
    CHECK(table.lookups_due(f.now, 1h, random).size() == 1);
    std::size_t steps = 0;
    std::size_t step = 0;
    while (const auto next = table.fill(step, node_id(), random)) {
        REQUIRE(next->next > step);
        step = next->next;
        REQUIRE(++steps < 100);
    }
    CHECK(steps > 1);
    REQUIRE(f.offer(table, f.make(0)).status == insert_status::inserted);
    CHECK(table.wanted() == 0);
    CHECK(table.lookups_due(f.now, 1h, random).empty());
    CHECK_FALSE(table.fill(0, node_id(), random).has_value());
    for (int i = 0; i < 3; ++i) table.request_failed(one.id);
    CHECK(table.wanted() == 1);
}

TEST_CASE("a bucket table fills the far buckets that have room when it joins", "[table]") {
    prng random(11);
    kbucket_config config;
    config.k = 2;
    kbucket_table<node_id, contact> table(node_id(), config);
    std::uint32_t made = 0;
    const auto add = [&](std::size_t bucket) {
        const auto c = test::server_at(test::id_sharing(node_id(), bucket, random), public_address(++made));
        REQUIRE(table.insert_verified(c, c.addresses.front(), steady_time(1h)).status == insert_status::inserted);
    };
    add(0);
    add(0);
    add(1);
    add(5);
    const auto edge = test::id_sharing(node_id(), 4, random);
    const auto first = table.fill(0, edge, random);
    REQUIRE(first.has_value());
    CHECK(table.bucket_of(first->target) == 1);
    const auto second = table.fill(first->next, edge, random);
    REQUIRE(second.has_value());
    CHECK(table.bucket_of(second->target) == 2);
    CHECK_FALSE(table.fill(4, edge, random).has_value());
}

TEST_CASE("settings of a list that can never work are refused", "[table]") {
    const auto refused = [](auto change) {
        contact_list_config config;
        change(config);
        const auto checked = validate(config);
        return !checked && checked.error() == errc::bad_configuration;
    };
    CHECK(validate(contact_list_config()).has_value());
    CHECK_FALSE(validate(trust_table_config()).has_value());
    CHECK(validate(trusting(3, last_byte)).has_value());
    CHECK_FALSE(validate(trusting(0, last_byte)).has_value());
    CHECK(refused([](contact_list_config& c) { c.contacts_max = 0; }));
    CHECK(refused([](contact_list_config& c) { c.per_subnet = 0; }));
    CHECK(refused([](contact_list_config& c) { c.live_wanted = 0; }));
    CHECK(refused([](contact_list_config& c) { c.live_wanted = c.contacts_max + 1; }));
    CHECK(refused([](contact_list_config& c) { c.failures_max = 0; }));
    CHECK(refused([](contact_list_config& c) { c.ping_after = -1ns; }));
    CHECK(refused([](contact_list_config& c) { c.ping_patience = -1ns; }));
}
