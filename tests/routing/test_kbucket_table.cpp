#include <mydht/routing/kbucket_table.hpp>

#include <set>

#include "support/catch.hpp"
#include "support/contacts.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace std::chrono_literals;
using mydht::test::public_address;

namespace {

using table_type = kbucket_table<node_id, contact>;

/// A table with the own id zero: an id's bucket is the number of its leading zero bits.
struct fixture {
    explicit fixture(kbucket_config c = {}) : config(c), table(node_id(), c) {}

    contact make(std::size_t bucket) {
        const auto id = test::id_sharing(node_id(), bucket, random);
        return test::server_at(id, public_address(++made));
    }
    insert_status insert(const contact& c, std::uint8_t priority = 0) {
        return table.insert_verified(c, c.addresses[0], now, priority).status;
    }
    /// Fills a bucket, one contact a second; returns them in that order.
    std::vector<contact> fill(std::size_t bucket) {
        std::vector<contact> out;
        for (std::size_t i = 0; i < config.k; ++i) {
            out.push_back(make(bucket));
            now += 1s;
            REQUIRE(insert(out.back()) == insert_status::inserted);
        }
        return out;
    }
    bool has(const contact& c) const { return table.find(c.id) != nullptr; }

    kbucket_config config;
    table_type table;
    prng random{1};
    steady_time now{1h};
    std::uint32_t made = 0;
};

kbucket_config small() {
    kbucket_config config;
    config.k = 3;
    config.replacements = 2;
    return config;
}

std::vector<node_id> order_in(const table_type& table) {
    std::vector<node_id> out;
    table.for_each([&out](const auto& e) { out.push_back(e.contact.id); });
    return out;
}

}  // namespace

TEST_CASE("a new table is empty and costs nothing to ask", "[kbucket]") {
    fixture f;
    CHECK(f.table.empty());
    CHECK(f.table.bucket_count() == 0);
    CHECK(f.table.closest(node_id(), 20).empty());
    CHECK(f.table.buckets_to_refresh(f.now, 1h).empty());
    CHECK(f.table.find(node_id()) == nullptr);
    CHECK_FALSE(f.table.remove(node_id()));
    f.table.answered(node_id(), f.now);
    f.table.request_failed(node_id());
    f.table.ping_failed(node_id());
    f.table.note_lookup(node_id(), f.now);
    CHECK(f.table.empty());
}

TEST_CASE("contacts enter the bucket of their distance", "[kbucket]") {
    fixture f;
    const auto near = f.make(5);
    const auto far = f.make(0);
    CHECK(f.insert(near) == insert_status::inserted);
    CHECK(f.insert(far) == insert_status::inserted);
    CHECK(f.table.size() == 2);
    CHECK(f.table.bucket_count() == 6);
    CHECK(f.table.bucket_size(0) == 1);
    CHECK(f.table.bucket_size(5) == 1);
    CHECK(f.table.bucket_size(3) == 0);
    CHECK(f.table.find(near.id)->contact == near);
    CHECK(f.table.find(near.id)->last_seen == f.now);
}

TEST_CASE("the own id, clients and contacts that cannot be dialled are refused", "[kbucket]") {
    fixture f;
    auto own = f.make(0);
    own.id = node_id();
    CHECK(f.table.insert_verified(own, own.addresses[0], f.now).why == refusal::own_id);

    auto client = f.make(0);
    REQUIRE(f.insert(client) == insert_status::inserted);
    client.capabilities = 0;
    const auto refused = f.table.insert_verified(client, client.addresses[0], f.now);
    CHECK(refused.status == insert_status::refused);
    CHECK(refused.why == refusal::client);
    CHECK_FALSE(f.has(client));

    auto hidden = f.make(0);
    const auto observed = hidden.addresses[0];
    hidden.addresses = {parse_address("tcp://127.0.0.1:4000").value()};
    CHECK(f.table.insert_verified(hidden, observed, f.now).why == refusal::no_address);
    CHECK(f.table.empty());
    CHECK(f.table.bucket_count() == 1);
}

TEST_CASE("local addresses are taken from local peers alone", "[kbucket]") {
    fixture f;
    const auto local = parse_address("tcp://192.168.0.7:4000").value();
    auto c = f.make(0);
    const auto global = c.addresses[0];
    c.addresses.push_back(local);
    f.table.insert_verified(c, global, f.now);
    CHECK(f.table.find(c.id)->contact.addresses == std::vector{global});
    f.table.insert_verified(c, local, f.now);
    CHECK(f.table.find(c.id)->contact.addresses == std::vector{global, local});
}

TEST_CASE("a known contact is updated in place and becomes the most recently seen", "[kbucket]") {
    fixture f(small());
    const auto filled = f.fill(2);
    auto moved = filled[0];
    moved.addresses = {public_address(100'000)};
    f.now += 1s;
    CHECK(f.insert(moved) == insert_status::updated);
    CHECK(f.table.find(moved.id)->contact.addresses == moved.addresses);
    CHECK(order_in(f.table) == std::vector{filled[1].id, filled[2].id, filled[0].id});
    f.now += 1s;
    f.table.answered(filled[1].id, f.now);
    CHECK(order_in(f.table) == std::vector{filled[2].id, filled[0].id, filled[1].id});
    CHECK(f.table.size() == 3);
}

TEST_CASE("a full bucket asks to ping its least recently seen contact", "[kbucket]") {
    fixture f(small());
    const auto filled = f.fill(2);
    const auto first = f.make(2);

    SECTION("not while all were seen a short time ago") {
        f.now += f.config.ping_after - 3s;
        CHECK(f.insert(first) == insert_status::cached);
    }
    f.now += f.config.ping_after;
    const auto asked = f.table.insert_verified(first, first.addresses[0], f.now);
    REQUIRE(asked.status == insert_status::ping);
    REQUIRE(asked.to_ping.has_value());
    CHECK(*asked.to_ping == filled[0]);
    CHECK_FALSE(f.has(first));
    CHECK(f.table.replacement_count(2) == 1);

    SECTION("an answer keeps it, and the newcomer waits") {
        f.now += 1s;
        f.table.answered(filled[0].id, f.now);
        CHECK(order_in(f.table) == std::vector{filled[1].id, filled[2].id, filled[0].id});
        f.table.ping_failed(filled[0].id);
        CHECK(f.has(filled[0]));
        const auto next = f.table.insert_verified(first, first.addresses[0], f.now);
        CHECK(next.to_ping->id == filled[1].id);
        CHECK(f.table.replacement_count(2) == 1);
    }
    SECTION("a failure gives its place to the newcomer") {
        f.table.ping_failed(filled[0].id);
        CHECK_FALSE(f.has(filled[0]));
        CHECK(f.has(first));
        CHECK(f.table.size() == 3);
        CHECK(f.table.replacement_count(2) == 0);
    }
    SECTION("a session of the pinged contact counts as the answer") {
        CHECK(f.insert(filled[0]) == insert_status::updated);
        f.table.ping_failed(filled[0].id);
        CHECK(f.has(filled[0]));
        CHECK_FALSE(f.table.is_bad(*f.table.find(filled[0].id)));
    }
    SECTION("one ping at a time, until it is taken for forgotten") {
        const auto second = f.make(2);
        CHECK(f.insert(second) == insert_status::cached);
        f.now += f.config.ping_patience;
        CHECK(f.insert(second) == insert_status::ping);
    }
    SECTION("the newcomer seen last takes the place") {
        const auto second = f.make(2);
        f.now += 1s;
        CHECK(f.insert(second) == insert_status::cached);
        f.table.ping_failed(filled[0].id);
        CHECK(f.has(second));
        CHECK_FALSE(f.has(first));
    }
    SECTION("nobody who has left makes place") {
        f.table.request_failed(first.id);
        CHECK(f.table.replacement_count(2) == 0);
        f.table.ping_failed(filled[0].id);
        REQUIRE(f.has(filled[0]));
        CHECK(f.table.is_bad(*f.table.find(filled[0].id)));
    }
    SECTION("a ping that nobody asked for does nothing") {
        f.table.ping_failed(filled[1].id);
        CHECK(f.has(filled[1]));
        CHECK_FALSE(f.table.is_bad(*f.table.find(filled[1].id)));
    }
}

TEST_CASE("the replacement cache keeps the most recently seen", "[kbucket]") {
    fixture f(small());
    const auto filled = f.fill(0);
    std::vector<contact> waiting;
    for (int i = 0; i < 3; ++i) {
        waiting.push_back(f.make(0));
        f.now += 1s;
        CHECK(f.insert(waiting.back()) == insert_status::cached);
    }
    CHECK(f.table.replacement_count(0) == 2);
    // The second is seen again, so it goes before the third; the first has been pushed out.
    f.now += 1s;
    f.table.answered(waiting[1].id, f.now);
    f.table.remove(filled[0].id);
    CHECK(f.has(waiting[1]));
    f.table.remove(filled[1].id);
    CHECK(f.has(waiting[2]));
    f.table.remove(filled[2].id);
    CHECK(f.table.size() == 2);
    // Their places in the order are by the time they were seen, not by the time they moved in.
    CHECK(order_in(f.table) == std::vector{waiting[2].id, waiting[1].id});
}

TEST_CASE("in a full bucket the lowest priority gives way to a higher one, the longest unseen first", "[kbucket]") {
    fixture f(small());
    const auto filled = f.fill(0);
    f.now += 1s;
    CHECK(f.insert(filled[0], 5) == insert_status::updated);
    CHECK(f.table.find(filled[0].id)->priority == 5);
    // Of filled[1] and filled[2], both of priority 0, the first one was not seen for longer.
    const auto friend_of_ours = f.make(0);
    f.now += 1s;
    CHECK(f.insert(friend_of_ours, 5) == insert_status::inserted);
    CHECK(order_in(f.table) == std::vector{filled[2].id, filled[0].id, friend_of_ours.id});
    // It waits as a newcomer does, and is the first to come back.
    CHECK(f.table.replacement_count(0) == 1);
    f.table.remove(friend_of_ours.id);
    CHECK(f.has(filled[1]));

    // Equals follow the old rule, and a lower one never gets a place.
    f.now += 1s;
    CHECK(f.insert(friend_of_ours, 1) == insert_status::inserted);
    CHECK(f.insert(f.make(0), 1) == insert_status::inserted);
    CHECK(f.table.find(filled[0].id) != nullptr);
    CHECK(f.insert(f.make(0), 1) == insert_status::cached);
    CHECK(f.insert(f.make(0), 0) == insert_status::cached);
    CHECK(f.table.size() == 3);
}

TEST_CASE("a bad contact goes before one of lower priority, whatever its own", "[kbucket]") {
    fixture f(small());
    const auto filled = f.fill(0);
    CHECK(f.insert(filled[1], 200) == insert_status::updated);
    for (std::size_t i = 0; i < f.config.failures_max; ++i) f.table.request_failed(filled[1].id);
    const auto next = f.make(0);
    CHECK(f.insert(next, 1) == insert_status::inserted);
    CHECK_FALSE(f.has(filled[1]));
    CHECK(f.has(filled[0]));
    CHECK(f.has(filled[2]));
}

TEST_CASE("among those that wait the highest priority comes in first and leaves last", "[kbucket]") {
    fixture f(small());
    const auto filled = f.fill(0);
    for (const auto& c : filled) CHECK(f.insert(c, 9) == insert_status::updated);
    const auto wanted = f.make(0);
    CHECK(f.insert(wanted, 3) == insert_status::cached);
    for (int i = 0; i < 3; ++i) {
        f.now += 1s;
        CHECK(f.insert(f.make(0), 2) == insert_status::cached);
    }
    CHECK(f.table.replacement_count(0) == f.config.replacements);
    f.table.remove(filled[0].id);
    CHECK(f.has(wanted));
}

TEST_CASE("a contact that sinks gives its place to one that waits with more", "[kbucket]") {
    fixture f(small());
    const auto filled = f.fill(0);
    for (const auto& c : filled) CHECK(f.insert(c, 9) == insert_status::updated);
    const auto waiting = f.make(0);
    CHECK(f.insert(waiting, 4) == insert_status::cached);
    CHECK(f.insert(filled[1], 4) == insert_status::updated);
    CHECK(f.has(filled[1]));
    CHECK(f.insert(filled[1], 3) == insert_status::cached);
    CHECK_FALSE(f.has(filled[1]));
    CHECK(f.has(waiting));
    CHECK(f.table.replacement_count(0) == 1);
}

TEST_CASE("priorities do not lift the caps of subnets", "[kbucket]") {
    fixture f;
    const auto host = public_address(7);
    for (std::size_t i = 0; i < f.config.subnet_in_bucket + 1; ++i) {
        auto c = f.make(0);
        c.addresses = {host.with_port(static_cast<std::uint16_t>(1000 + i))};
        const auto outcome = f.table.insert_verified(c, c.addresses[0], f.now, 255);
        CHECK((outcome.why == refusal::subnet_in_bucket) == (i == f.config.subnet_in_bucket));
    }
}

TEST_CASE("a contact that keeps failing is bad, hidden and replaced", "[kbucket]") {
    fixture f(small());
    const auto filled = f.fill(0);
    const auto& failing = filled[1];
    for (std::size_t i = 1; i < f.config.failures_max; ++i) f.table.request_failed(failing.id);
    CHECK_FALSE(f.table.is_bad(*f.table.find(failing.id)));

    SECTION("an answer starts the count again") {
        f.table.answered(failing.id, f.now);
        f.table.request_failed(failing.id);
        CHECK(f.table.find(failing.id)->failures == 1);
    }
    SECTION("the next newcomer takes its place") {
        f.table.request_failed(failing.id);
        REQUIRE(f.table.is_bad(*f.table.find(failing.id)));
        const auto shown = f.table.closest(failing.id, 3);
        CHECK(shown.size() == 2);
        CHECK(std::ranges::find(shown, failing) == shown.end());
        const auto newcomer = f.make(0);
        CHECK(f.insert(newcomer) == insert_status::inserted);
        CHECK_FALSE(f.has(failing));
        CHECK(f.has(newcomer));
    }
    SECTION("one that waits takes its place at once") {
        const auto waiting = f.make(0);
        REQUIRE(f.insert(waiting) == insert_status::cached);
        f.table.request_failed(failing.id);
        CHECK_FALSE(f.has(failing));
        CHECK(f.has(waiting));
    }
    SECTION("it comes back when it answers") {
        f.table.request_failed(failing.id);
        f.table.request_failed(failing.id);
        f.table.answered(failing.id, f.now);
        CHECK(f.table.closest(failing.id, 1).at(0) == failing);
    }
    SECTION("when all are bad they are better than nothing") {
        for (const auto& each : filled) {
            for (std::size_t i = 0; i < f.config.failures_max; ++i) f.table.request_failed(each.id);
        }
        CHECK(f.table.closest(failing.id, 3).size() == 3);
    }
}

TEST_CASE("few contacts of one subnet enter a bucket and the table", "[kbucket]") {
    fixture f;
    const auto in_subnet = [&f](std::size_t bucket, std::uint8_t host) {
        auto c = f.make(bucket);
        c.addresses = {address::ipv4(address_kind::tcp, {1, 2, 3, host}, 4000)};
        return c;
    };
    const auto why = [&f](const contact& c) { return f.table.insert_verified(c, c.addresses[0], f.now).why; };
    const auto first = in_subnet(0, 1);
    CHECK(why(first) == refusal::none);
    CHECK(why(in_subnet(0, 2)) == refusal::none);
    CHECK(why(in_subnet(0, 3)) == refusal::subnet_in_bucket);
    CHECK(why(in_subnet(1, 4)) == refusal::none);
    CHECK(why(in_subnet(2, 5)) == refusal::subnet_in_table);
    CHECK(f.table.bucket_count() == 2);

    SECTION("by where they are observed, not by what they claim") {
        auto liar = f.make(2);
        CHECK(f.table.insert_verified(liar, first.addresses[0].with_port(50'000), f.now).why ==
              refusal::subnet_in_table);
        auto honest = in_subnet(2, 6);
        CHECK(f.table.insert_verified(honest, public_address(77'777), f.now).why == refusal::none);
    }
    SECTION("removal gives the place back") {
        f.table.remove(first.id);
        CHECK(why(in_subnet(2, 5)) == refusal::none);
    }
    SECTION("a bad contact does not keep a good one of its subnet out") {
        for (std::size_t i = 0; i < f.config.failures_max; ++i) f.table.request_failed(first.id);
        CHECK(why(in_subnet(2, 5)) == refusal::none);
        CHECK_FALSE(f.has(first));
    }
    SECTION("a known contact does not move into a full subnet") {
        auto other = f.make(0);
        REQUIRE(f.insert(other) == insert_status::inserted);
        const auto at = f.table.find(other.id)->contact.addresses;
        other.addresses = {address::ipv4(address_kind::tcp, {1, 2, 3, 9}, 4000)};
        CHECK(why(other) == refusal::subnet_in_bucket);
        CHECK(f.table.find(other.id)->contact.addresses == at);
    }
    SECTION("a known contact may move inside its own subnet") {
        auto moved = first;
        moved.addresses = {address::ipv4(address_kind::tcp, {1, 2, 3, 9}, 4000)};
        CHECK(f.insert(moved) == insert_status::updated);
    }
}

TEST_CASE("a replacement whose subnet has filled up meanwhile does not move in", "[kbucket]") {
    auto config = small();
    config.subnet_in_table = 1;
    fixture f(config);
    const auto filled = f.fill(0);
    auto waiting = f.make(0);
    REQUIRE(f.insert(waiting) == insert_status::cached);
    auto rival = f.make(1);
    rival.addresses = {waiting.addresses[0].with_port(9)};
    REQUIRE(f.insert(rival) == insert_status::inserted);
    f.table.remove(filled[0].id);
    CHECK_FALSE(f.has(waiting));
    CHECK(f.table.bucket_size(0) == 2);
    f.table.remove(rival.id);
    f.table.remove(filled[1].id);
    CHECK(f.has(waiting));
}

TEST_CASE("one subnet cannot push all others out of the replacement cache", "[kbucket]") {
    auto config = small();
    config.replacements = 4;
    fixture f(config);
    f.fill(0);
    const auto honest = f.make(0);
    REQUIRE(f.insert(honest) == insert_status::cached);
    for (std::uint8_t host = 0; host < 20; ++host) {
        auto crowd = f.make(0);
        crowd.addresses = {address::ipv4(address_kind::tcp, {1, 2, 3, host}, 4000)};
        f.now += 1s;
        REQUIRE(f.insert(crowd) == insert_status::cached);
    }
    CHECK(f.table.replacement_count(0) == 3);
    for (const auto& id : order_in(f.table)) f.table.remove(id);
    CHECK(f.has(honest));
}

TEST_CASE("local contacts are exempt from caps on local nodes", "[kbucket]") {
    for (const bool exempt : {false, true}) {
        kbucket_config config;
        config.exempt_local = exempt;
        fixture f(config);
        for (std::uint16_t port = 1; port <= 20; ++port) {
            auto c = f.make(0);
            c.addresses = {address::ipv4(address_kind::tcp, {127, 0, 0, 1}, port)};
            f.insert(c);
        }
        CHECK(f.table.size() == (exempt ? 20 : 2));
        for (std::uint8_t host = 1; host <= 3; ++host) {
            auto c = f.make(1);
            c.addresses = {address::ipv4(address_kind::tcp, {1, 2, 3, host}, 4000)};
            f.insert(c);
        }
        CHECK(f.table.bucket_size(1) == 2);
    }
}

TEST_CASE("other kinds take half of a bucket on nodes that speak IP", "[kbucket]") {
    for (const bool speaks_ip : {true, false}) {
        kbucket_config config;
        config.speaks_ip = speaks_ip;
        config.k = 7;
        fixture f(config);
        const auto named = [&f] {
            auto c = f.make(0);
            c.addresses = {address::memory("peer-" + std::to_string(f.made)).value()};
            return c;
        };
        std::vector<contact> in;
        for (int i = 0; i < 7; ++i) {
            const auto c = named();
            const auto outcome = f.table.insert_verified(c, c.addresses[0], f.now);
            const bool room = !speaks_ip || i < 3;
            CHECK(outcome.status == (room ? insert_status::inserted : insert_status::refused));
            CHECK(outcome.why == (room ? refusal::none : refusal::other_kinds));
            if (room) in.push_back(c);
        }
        if (!speaks_ip) continue;
        // A bad one makes room for a good one, and IP contacts have the rest.
        for (std::size_t i = 0; i < config.failures_max; ++i) f.table.request_failed(in[0].id);
        CHECK(f.insert(named()) == insert_status::inserted);
        CHECK(f.table.size() == 3);
        for (int i = 0; i < 4; ++i) CHECK(f.insert(f.make(0)) == insert_status::inserted);
        CHECK(f.table.size() == 7);
    }
}

TEST_CASE("buckets without lookups ask for a refresh", "[kbucket]") {
    fixture f;
    f.insert(f.make(3));
    CHECK(f.table.buckets_to_refresh(f.now + 1h - 1ns, 1h).empty());
    CHECK(f.table.buckets_to_refresh(f.now + 1h, 1h) == std::vector<std::size_t>{0, 1, 2, 3});
    f.now += 30min;
    f.table.note_lookup(f.table.random_id_in(1, f.random), f.now);
    f.table.note_lookup(node_id(), f.now);  // the own id: the deepest bucket
    CHECK(f.table.buckets_to_refresh(f.now + 30min, 1h) == std::vector<std::size_t>{0, 2});
    CHECK(f.table.buckets_to_refresh(f.now + 1h, 1h).size() == 4);
}

TEST_CASE("random ids of a bucket belong into it", "[kbucket][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    const table_type table(test::random_id(random), kbucket_config());
    for (std::size_t index = 0; index < node_id::bits; ++index) {
        REQUIRE(table.bucket_of(table.random_id_in(index, random)) == index);
    }
    std::set<node_id> different;
    for (int i = 0; i < 100; ++i) different.insert(table.random_id_in(3, random));
    CHECK(different.size() == 100);
}

TEST_CASE("closest passes over contacts that the asker does not want", "[kbucket]") {
    fixture f;
    const auto unwanted = f.make(4);
    const auto wanted = f.make(0);
    f.insert(unwanted);
    f.insert(wanted);
    const auto found = f.table.closest(unwanted.id, 2, [&](const contact& c) { return c.id != unwanted.id; });
    CHECK(found == std::vector{wanted});
    CHECK(f.table.closest(unwanted.id, 0).empty());
    CHECK(f.table.closest(unwanted.id, 1) == std::vector{unwanted});
}

TEST_CASE("configurations that cannot work are refused", "[kbucket]") {
    CHECK(validate(kbucket_config()).has_value());
    const auto refused = [](auto change) {
        kbucket_config config;
        change(config);
        const auto checked = validate(config);
        return !checked && checked.error() == errc::bad_configuration;
    };
    CHECK(refused([](auto& c) { c.k = 0; }));
    CHECK(refused([](auto& c) { c.replacements = 0; }));
    CHECK(refused([](auto& c) { c.subnet_in_bucket = 0; }));
    CHECK(refused([](auto& c) { c.subnet_in_table = 0; }));
    CHECK(refused([](auto& c) { c.failures_max = 0; }));
    CHECK(refused([](auto& c) { c.ping_after = -1ns; }));
    CHECK(refused([](auto& c) { c.ping_patience = -1ns; }));
}

namespace {

/// What another network's contacts look like: 160 bits, no key, no capabilities.
struct short_contact {
    basic_id<160> id;
    std::vector<address> addresses;
};

}  // namespace

TEST_CASE("the table works with other ids and contacts", "[kbucket]") {
    kbucket_table<basic_id<160>, short_contact> table({}, kbucket_config());
    short_contact c;
    c.id.set_bit(2, true);
    c.addresses = {public_address(1)};
    CHECK(table.insert_verified(c, public_address(1), steady_time()).status == insert_status::inserted);
    CHECK(table.closest({}, 5).at(0).id == c.id);
    CHECK(table.bucket_of(c.id) == 2);
}
