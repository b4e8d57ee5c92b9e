#include <mydht/query/shortlist.hpp>

#include <map>

#include "support/catch.hpp"
#include "support/contacts.hpp"

using namespace mydht;
using namespace std::chrono_literals;

namespace {

using list_type = shortlist<node_id, contact>;
using ints = std::vector<int>;

constexpr steady_time start{1h};

/// A contact at this distance from the target zero, in a subnet of its own.
contact at(std::uint16_t distance) {
    node_id id;
    id.data()[30] = static_cast<std::uint8_t>(distance >> 8U);
    id.data()[31] = static_cast<std::uint8_t>(distance & 0xffU);
    return test::server_at(id, test::public_address(distance));
}

std::vector<contact> at_all(std::initializer_list<std::uint16_t> distances) {
    std::vector<contact> out;
    for (const auto each : distances) out.push_back(at(each));
    return out;
}

contact with_address(contact c, const address& where) {
    c.addresses = {where};
    return c;
}

address in_crowd(std::uint8_t host) { return address::ipv4(address_kind::tcp, {9, 9, 9, host}, 4000); }

const contact own = at(0x7777);

/// A lookup of id zero, with the distances it asks for written out.
struct fixture {
    fixture(const shortlist_config& config, const std::vector<contact>& seeds)
        : list(node_id(), own.id, seeds, config) {}

    /// The distance of the contact that is asked next; nothing when nobody is.
    std::optional<std::uint16_t> ask() {
        const auto request = list.next(now);
        if (!request) return {};
        last = *request;
        const auto& id = request->to.id.data();
        const auto distance = static_cast<std::uint16_t>(id[30] * 256 + id[31]);
        asked.insert_or_assign(distance, request->to);
        return distance;
    }
    ints ask_all() {
        ints out;
        while (const auto distance = ask()) out.push_back(*distance);
        return out;
    }
    /// The end of the last request to the contact at this distance, or of one that was never made.
    bool answer(std::uint16_t distance, std::initializer_list<std::uint16_t> heard = {}) {
        const auto named = at_all(heard);
        return list.on_answer(asked_at(distance), at(distance).addresses[0], named);
    }
    bool fail(std::uint16_t distance, lookup_failure why = lookup_failure::unreachable) {
        return list.on_failure(asked_at(distance), why);
    }
    contact asked_at(std::uint16_t distance) const {
        const auto found = asked.find(distance);
        return found != asked.end() ? found->second : at(distance);
    }

    std::map<std::uint16_t, contact> asked;
    list_type list;
    list_type::request last;
    steady_time now = start;
};

shortlist_config small() {
    shortlist_config config;
    config.k = 3;
    config.alpha = 2;
    config.waiting_max = 4;
    return config;
}

}  // namespace

TEST_CASE("a lookup that knows nobody is finished", "[shortlist]") {
    fixture f(small(), {});
    CHECK(f.list.finished());
    CHECK_FALSE(f.ask().has_value());
    CHECK_FALSE(f.list.next_wake().has_value());
    CHECK(f.list.closest(3).empty());
    CHECK(f.list.report().asked == 0);
}

TEST_CASE("a lookup asks the nearest first, alpha at a time", "[shortlist]") {
    fixture f(small(), at_all({40, 10, 30, 20}));
    CHECK(f.ask_all() == ints{10, 20});
    CHECK(f.list.waiting() == 2);
    CHECK(f.last.deadline == start + small().hard_timeout);
    CHECK(f.answer(10));
    CHECK(f.ask_all() == ints{30});
    CHECK_FALSE(f.list.finished());
}

TEST_CASE("a lookup goes on with the nearest it has heard of", "[shortlist]") {
    fixture f(small(), at_all({40, 50}));
    CHECK(f.ask_all() == ints{40, 50});
    f.answer(40, {5, 20, 60});
    CHECK(f.ask_all() == ints{5});
    f.answer(50, {4});
    CHECK(f.ask_all() == ints{4});
    f.answer(5);
    CHECK(f.ask_all() == ints{20});
    CHECK(f.list.report().hops == 2);
}

TEST_CASE("a lookup ends when the k nearest have answered", "[shortlist]") {
    fixture f(small(), at_all({10, 20, 30, 40}));
    f.ask_all();
    f.answer(20);
    f.answer(10);
    CHECK(f.ask_all() == ints{30});
    CHECK_FALSE(f.list.finished());
    f.answer(30);
    CHECK(f.list.finished());
    CHECK_FALSE(f.ask().has_value());
    CHECK(f.list.closest(3) == at_all({10, 20, 30}));
    CHECK(f.list.closest(2) == at_all({10, 20}));
    CHECK(f.list.closest(9) == at_all({10, 20, 30}));
    CHECK(f.list.report().asked == 3);
    CHECK(f.list.report().answered == 3);
    CHECK(f.list.report().hops == 1);
}

TEST_CASE("requests to contacts that are no longer among the nearest are not waited for", "[shortlist]") {
    fixture f(small(), at_all({100, 200}));
    f.ask_all();
    f.answer(100, {1, 2, 3});
    CHECK(f.ask_all() == ints{1});
    f.answer(1);
    f.ask_all();
    f.answer(2);
    f.ask_all();
    f.answer(3);
    CHECK(f.list.finished());
    CHECK(f.list.waiting() == 1);
    CHECK(f.answer(200));
    CHECK(f.list.closest(9) == at_all({1, 2, 3, 100, 200}));
}

TEST_CASE("failed contacts make place for the next ones", "[shortlist]") {
    fixture f(small(), at_all({10, 20, 30, 40}));
    f.ask_all();
    CHECK(f.fail(10, lookup_failure::unreachable));
    CHECK(f.fail(20, lookup_failure::invalid));
    CHECK(f.ask_all() == ints{30, 40});
    CHECK(f.fail(30, lookup_failure::timed_out));
    f.answer(40);
    CHECK(f.list.finished());
    CHECK(f.list.closest(3) == at_all({40}));
    CHECK(f.list.report().asked == 4);
    CHECK(f.list.report().answered == 1);
    CHECK(f.list.report().unreachable == 1);
    CHECK(f.list.report().invalid == 1);
    CHECK(f.list.report().timed_out == 1);
}

TEST_CASE("a slow peer gives up its slot and may still answer", "[shortlist]") {
    fixture f(small(), at_all({10, 20, 30, 40, 50, 60}));
    auto config = small();
    CHECK(f.ask_all() == ints{10, 20});
    CHECK(f.list.next_wake() == start + config.soft_timeout);
    f.now = start + config.soft_timeout - 1ns;
    CHECK(f.ask_all().empty());
    f.now = start + config.soft_timeout;
    // One more, since k is three and slow ones still count as near.
    CHECK(f.ask_all() == ints{30});
    CHECK(f.list.next_wake() == f.now + config.soft_timeout);
    f.now += config.soft_timeout;
    CHECK(f.ask_all().empty());
    CHECK(f.list.next_wake() == start + config.hard_timeout);
    CHECK(f.answer(10));
    CHECK(f.list.closest(1) == at_all({10}));
}

TEST_CASE("slow peers widen a path only to its limit", "[shortlist]") {
    auto config = small();
    config.k = 20;
    fixture f(config, at_all({10, 20, 30, 40, 50, 60}));
    CHECK(f.ask_all() == ints{10, 20});
    f.now += config.soft_timeout;
    CHECK(f.ask_all() == ints{30, 40});
    f.now += config.soft_timeout;
    CHECK(f.ask_all().empty());
    f.answer(20);
    CHECK(f.ask_all() == ints{50});
}

TEST_CASE("the hard timeout fails a request, and what comes later changes nothing", "[shortlist]") {
    fixture f(small(), at_all({10}));
    f.ask_all();
    f.now = start + small().hard_timeout - 1ns;
    CHECK_FALSE(f.ask().has_value());
    CHECK_FALSE(f.list.finished());
    f.now = start + small().hard_timeout;
    CHECK_FALSE(f.ask().has_value());
    CHECK(f.list.finished());
    CHECK(f.list.report().timed_out == 1);
    CHECK_FALSE(f.answer(10, {1, 2}));
    CHECK_FALSE(f.fail(10));
    CHECK(f.list.finished());
    CHECK(f.list.closest(1).empty());
    CHECK(f.list.report().timed_out == 1);
}

TEST_CASE("reports about contacts that are not being asked change nothing", "[shortlist]") {
    fixture f(small(), at_all({10, 20, 30}));
    CHECK_FALSE(f.answer(10, {5}));
    f.ask_all();
    CHECK_FALSE(f.answer(30, {5}));
    CHECK_FALSE(f.fail(99));
    CHECK(f.answer(10));
    CHECK_FALSE(f.answer(10, {5}));
    CHECK_FALSE(f.fail(10));
    CHECK(f.list.known() == 3);
    CHECK(f.list.report().answered == 1);
}

TEST_CASE("the asker itself and contacts without addresses are never asked", "[shortlist]") {
    auto nowhere = at(1);
    nowhere.addresses.clear();
    fixture f(small(), {own, nowhere, at(10)});
    CHECK(f.ask_all() == ints{10});
    const std::vector<contact> named{own, nowhere, at(10)};
    f.list.on_answer(at(10), at(10).addresses[0], named);
    CHECK(f.list.finished());
    CHECK(f.list.known() == 1);
}

TEST_CASE("other addresses of a contact are tried when the first fail", "[shortlist]") {
    const auto elsewhere = with_address(at(10), test::public_address(1'000));
    const auto third = with_address(at(10), test::public_address(2'000));
    const auto fourth = with_address(at(10), test::public_address(3'000));
    fixture f(small(), {at(10), elsewhere, at(10)});
    CHECK(f.ask_all() == ints{10});
    const auto first = f.last.to;
    f.fail(10);
    CHECK(f.ask_all() == ints{10});
    CHECK(f.last.to.addresses != first.addresses);
    f.fail(10);

    SECTION("and those that are heard of later") {
        CHECK(f.list.finished());
        fixture g(small(), {at(10), at(20)});
        g.ask_all();
        g.fail(10);
        const std::vector<contact> named{at(10)};
        const std::vector<contact> renamed{elsewhere};
        CHECK_FALSE(g.ask().has_value());
        g.list.on_answer(at(20), at(20).addresses[0], renamed);
        CHECK(g.ask_all() == ints{10});
        CHECK(g.last.to == elsewhere);
        g.list.on_answer(elsewhere, elsewhere.addresses[0], named);
        CHECK(g.list.closest(1) == std::vector{elsewhere});
    }
    SECTION("a limited number of times") {
        fixture g(small(), {at(10), elsewhere, third, fourth, at(20)});
        int asked = 0;
        while (g.ask().value_or(0) == 10) {
            ++asked;
            g.fail(10);
        }
        CHECK(asked == 3);
        const std::vector<contact> renamed{with_address(at(10), test::public_address(4'000))};
        g.list.on_answer(at(20), at(20).addresses[0], renamed);
        CHECK(g.list.finished());
    }
    SECTION("not when it broke the rules") {
        fixture g(small(), {at(10), elsewhere, at(20)});
        g.ask_all();
        g.fail(10, lookup_failure::invalid);
        const std::vector<contact> renamed{third};
        g.list.on_answer(at(20), at(20).addresses[0], renamed);
        CHECK(g.list.finished());
        CHECK(g.list.report().asked == 2);
    }
}

TEST_CASE("the late end of a request is not that of one to another address", "[shortlist]") {
    const auto elsewhere = with_address(at(10), test::public_address(1'000));
    fixture f(small(), {at(10), elsewhere});
    f.ask();
    const auto first = f.last.to;
    f.now += small().hard_timeout;
    CHECK(f.ask() == 10);
    REQUIRE(f.last.to.addresses != first.addresses);
    CHECK_FALSE(f.list.on_failure(first, lookup_failure::timed_out));
    CHECK_FALSE(f.list.on_answer(first, first.addresses[0], {}));
    CHECK(f.list.waiting() == 1);
    CHECK(f.answer(10));
    CHECK(f.list.report().timed_out == 1);
    CHECK(f.list.report().answered == 1);
}

TEST_CASE("few contacts of one subnet count among the nearest", "[shortlist]") {
    const auto crowd = [](std::uint16_t distance) {
        return with_address(at(distance), in_crowd(static_cast<std::uint8_t>(distance)));
    };
    fixture f(small(), {crowd(1), crowd(2), crowd(3), crowd(4), at(50)});
    CHECK(f.ask_all() == ints{1, 2});

    SECTION("as long as they may answer") {
        f.list.on_answer(crowd(1), in_crowd(1), {});
        CHECK(f.ask_all() == ints{50});
        f.list.on_answer(crowd(2), in_crowd(2), {});
        f.answer(50);
        CHECK(f.list.finished());
        CHECK(f.list.closest(9) == std::vector{crowd(1), crowd(2), at(50)});
    }
    SECTION("failed ones make place for others") {
        f.fail(1);
        CHECK(f.ask_all() == ints{3});
    }
    SECTION("where they are observed counts more than what they claimed") {
        f.list.on_answer(crowd(1), test::public_address(7'000), {});
        f.list.on_answer(crowd(2), test::public_address(8'000), {});
        CHECK(f.ask_all() == ints{3});
    }
}

TEST_CASE("every address counts that may be dialled", "[shortlist]") {
    // Contacts with an address of their own, before or behind one in the crowd.
    const bool behind = GENERATE(false, true);
    const auto hiding = [&](std::uint16_t distance) {
        auto out = at(distance);
        const auto place = behind ? out.addresses.end() : out.addresses.begin();
        out.addresses.insert(place, in_crowd(static_cast<std::uint8_t>(distance)));
        return out;
    };
    fixture f(small(), {hiding(1), hiding(2), hiding(3), hiding(4), at(50)});
    CHECK(f.ask_all() == ints{1, 2});
    // Where they are is what counts then.
    f.list.on_answer(hiding(1), at(1).addresses[0], {});
    f.list.on_answer(hiding(2), at(2).addresses[0], {});
    CHECK(f.ask_all() == ints{3});
    // Twice in one subnet is one contact there.
    auto twice = at(5);
    twice.addresses = {in_crowd(5), in_crowd(6), in_crowd(7)};
    fixture g(small(), {twice});
    CHECK(g.ask_all() == ints{5});
}

TEST_CASE("contacts that turn out to be of a crowded subnet are not given out", "[shortlist]") {
    fixture f(small(), at_all({1, 2, 3, 4, 5}));
    for (std::uint16_t distance = 1; distance <= 5; ++distance) {
        REQUIRE(f.ask().has_value());
        f.list.on_answer(at(distance), in_crowd(static_cast<std::uint8_t>(distance)), {});
    }
    CHECK(f.list.closest(9) == at_all({1, 2}));
}

TEST_CASE("caps by subnet do not bind local nodes that say so", "[shortlist]") {
    for (const bool exempt : {false, true}) {
        auto config = small();
        config.exempt_local = exempt;
        std::vector<contact> seeds;
        for (std::uint16_t i = 1; i <= 3; ++i) {
            seeds.push_back(with_address(at(i), address::ipv4(address_kind::tcp, {127, 0, 0, 1}, i)));
        }
        fixture f(config, seeds);
        while (f.ask()) f.list.on_answer(f.last.to, f.last.to.addresses[0], {});
        CHECK(f.list.closest(9).size() == (exempt ? 3 : 2));
    }
}

TEST_CASE("disjoint paths share the seeds and no peer", "[shortlist]") {
    auto config = small();
    config.paths = 2;
    config.alpha = 1;
    fixture f(config, at_all({10, 20, 30, 40}));
    CHECK(f.ask() == 10);
    CHECK(f.last.path == 0);
    CHECK(f.ask() == 20);
    CHECK(f.last.path == 1);
    CHECK_FALSE(f.ask().has_value());
    // Both name the same contact: one path asks it, and it counts for both.
    f.answer(10, {5});
    f.answer(20, {5});
    CHECK(f.ask() == 5);
    CHECK(f.last.path == 0);
    CHECK(f.ask() == 40);
    CHECK(f.last.path == 1);
    f.answer(5, {1});
    CHECK(f.ask() == 1);
    CHECK(f.last.path == 0);
    // What path 0 heard is not on path 1's view: it goes on with its own.
    f.answer(40);
    f.answer(1);
    CHECK(f.list.finished());
    CHECK(f.list.closest(3) == at_all({1, 5, 10}));
}

TEST_CASE("a path that has run dry takes over candidates of another", "[shortlist]") {
    auto config = small();
    config.paths = 2;
    config.alpha = 1;
    fixture f(config, at_all({10}));
    CHECK(f.ask() == 10);
    CHECK(f.last.path == 0);
    CHECK_FALSE(f.ask().has_value());
    f.answer(10, {1, 2, 3, 4});
    CHECK(f.ask() == 1);
    CHECK(f.last.path == 1);
    CHECK(f.ask() == 2);
    CHECK(f.last.path == 0);
    CHECK_FALSE(f.list.finished());
}

TEST_CASE("a path that has run dry keeps a finished one company", "[shortlist]") {
    auto config = small();
    config.k = 2;
    config.paths = 2;
    config.alpha = 1;
    fixture f(config, at_all({10}));
    f.ask();
    f.answer(10, {1, 2, 3});
    CHECK(f.ask() == 1);
    CHECK(f.last.path == 1);
    CHECK(f.ask() == 2);
    CHECK(f.last.path == 0);
    f.answer(1);
    f.answer(2);
    // Path 0 has its two; path 1 has one, and there is somebody to ask.
    CHECK_FALSE(f.list.finished());
    CHECK(f.ask() == 3);
    CHECK(f.last.path == 1);
    f.answer(3);
    CHECK(f.list.finished());
}

TEST_CASE("a path that has run dry takes over nobody of a crowded subnet", "[shortlist]") {
    const auto crowd = [](std::uint16_t distance) {
        return with_address(at(distance), in_crowd(static_cast<std::uint8_t>(distance)));
    };
    auto config = small();
    config.paths = 2;
    config.alpha = 1;
    fixture f(config, {crowd(1), crowd(2)});
    CHECK(f.ask_all() == ints{1, 2});
    const std::vector<contact> first{crowd(6), crowd(7)};
    const std::vector<contact> second{crowd(3)};
    f.list.on_answer(crowd(1), in_crowd(1), first);
    f.list.on_answer(crowd(2), in_crowd(2), second);
    CHECK(f.ask_all() == ints{6, 3});
    f.list.on_answer(crowd(6), in_crowd(6), {});
    f.list.on_answer(crowd(3), in_crowd(3), {});
    CHECK(f.ask_all().empty());
    CHECK(f.list.finished());
}

TEST_CASE("a contact that is tried again stays on its path", "[shortlist]") {
    auto config = small();
    config.paths = 2;
    config.alpha = 1;
    const auto elsewhere = with_address(at(5), test::public_address(1'000));
    // Path 0 knows 5 and 20; path 1 knows 5 at another address.
    fixture f(config, {at(5), elsewhere, at(20)});
    CHECK(f.ask() == 5);
    CHECK(f.last.path == 0);
    const auto first = f.last.to;
    f.fail(5);
    // It is path 1's turn, which takes over 20 rather than ask 5 as well.
    CHECK(f.ask() == 20);
    CHECK(f.last.path == 1);
    CHECK(f.ask() == 5);
    CHECK(f.last.path == 0);
    CHECK(f.last.to.addresses != first.addresses);
}

TEST_CASE("a lookup can be stopped from outside", "[shortlist]") {
    fixture f(small(), at_all({10, 20, 30}));
    f.ask();
    f.list.stop();
    CHECK(f.list.finished());
    CHECK_FALSE(f.ask().has_value());
    CHECK(f.answer(10));
    CHECK(f.list.closest(3) == at_all({10}));
}

TEST_CASE("a path can end early when answers bring nothing nearer", "[shortlist]") {
    auto config = small();
    config.k = 2;
    config.alpha = 1;
    config.stop_after_unimproved = 2;
    fixture f(config, at_all({100, 200}));
    CHECK(f.ask() == 100);
    f.answer(100, {90, 95, 300});
    CHECK(f.ask() == 90);
    f.answer(90, {95, 100, 300});
    CHECK_FALSE(f.list.finished());
    CHECK(f.ask() == 95);

    SECTION("after that many in a row") {
        f.answer(95, {90, 400});
        CHECK(f.list.finished());
        CHECK_FALSE(f.ask().has_value());
    }
    SECTION("and not when one of them did") {
        f.answer(95, {80});
        CHECK_FALSE(f.list.finished());
        CHECK(f.ask() == 80);
    }
}

TEST_CASE("the requests of a lookup are limited", "[shortlist]") {
    auto config = small();
    config.k = 20;
    config.requests_max = 3;
    fixture f(config, at_all({1, 2, 3, 4, 5}));
    f.ask_all();
    f.answer(1);
    f.ask_all();
    CHECK(f.list.report().asked == 3);
    CHECK_FALSE(f.list.finished());
    f.answer(2);
    f.answer(3);
    CHECK(f.list.finished());
    CHECK(f.ask_all().empty());
}

TEST_CASE("contacts of one answer and of one path are limited", "[shortlist]") {
    auto config = small();
    config.heard_max = 4;
    config.candidates_max = 6;
    fixture f(config, at_all({100, 200, 300, 400, 500, 600, 700}));
    CHECK(f.list.known() == 6);
    f.ask_all();
    // Two are being asked; four wait, and two more may.
    f.answer(100, {50, 40, 30, 20, 10});
    CHECK(f.list.known() == 8);
    CHECK(f.ask() == 20);
}

TEST_CASE("configurations of a walk that cannot work are refused", "[shortlist]") {
    CHECK(validate(shortlist_config()).has_value());
    const auto refused = [](auto change) {
        shortlist_config config;
        change(config);
        const auto checked = validate(config);
        return !checked && checked.error() == errc::bad_configuration;
    };
    CHECK(refused([](auto& c) { c.k = 0; }));
    CHECK(refused([](auto& c) { c.alpha = 0; }));
    CHECK(refused([](auto& c) { c.alpha = c.waiting_max + 1; }));
    CHECK_FALSE(refused([](auto& c) { c.alpha = c.waiting_max; }));
    CHECK(refused([](auto& c) { c.paths = 0; }));
    CHECK(refused([](auto& c) { c.paths = shortlist_config::paths_max + 1; }));
    CHECK_FALSE(refused([](auto& c) { c.paths = shortlist_config::paths_max; }));
    CHECK(refused([](auto& c) { c.soft_timeout = 0s; }));
    CHECK(refused([](auto& c) { c.soft_timeout = c.hard_timeout + 1ns; }));
    CHECK(refused([](auto& c) { c.per_subnet = 0; }));
    CHECK(refused([](auto& c) { c.heard_max = 0; }));
    CHECK(refused([](auto& c) { c.candidates_max = 0; }));
    CHECK(refused([](auto& c) { c.requests_max = 0; }));
    CHECK(refused([](auto& c) { c.stop_after_unimproved = 0; }));
}

namespace {

struct short_contact {
    basic_id<160> id;
    std::vector<address> addresses;
};

}  // namespace

TEST_CASE("a lookup works with other ids and contacts", "[shortlist]") {
    short_contact seed;
    seed.id.set_bit(3, true);
    seed.addresses = {test::public_address(1)};
    basic_id<160> asker;
    asker.set_bit(0, true);
    shortlist<basic_id<160>, short_contact> list({}, asker, {seed}, shortlist_config());
    CHECK(list.next(start).value().to.id == seed.id);
    CHECK(list.on_answer(seed, seed.addresses[0], {}));
    CHECK(list.finished());
    CHECK(list.closest(1).at(0).id == seed.id);
}
