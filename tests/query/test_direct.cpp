#include <memory>
#include <string>

#include <mydht/crypto/asker_ticket.hpp>
#include <mydht/crypto/ids.hpp>

#include "query/linked_network.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

address here(const char* text) { return parse_address(text).value(); }

get_options get_by(query_mode how) { return get_options().mode(how); }

/// How many of so many values that were put somewhere are found elsewhere in this mode.
std::size_t found_by(linked_network& net, query_mode how, std::size_t count) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto what = value::immutable("value " + std::to_string(i));
        if (!net.put(net.any(), what, put_options().mode(proxied()))) continue;
        const auto got = net.get(net.any(), what.key(), get_by(how));
        found += got && got->best.text() == what.text() ? 1U : 0U;
    }
    return found;
}

/// A peer that no network knows of, with its ticket.
struct stranger {
    identity self;
    wire::forward query;

    stranger(linked_network& net, const id256& key, const address& where, std::uint8_t results)
        : self(identity::generate(*net.env.secure_random)) {
        wire::find_value goal;
        goal.target = key;
        query.goal = goal;
        query.tag.data()[0] = 7;
        query.lifetime = 10s;
        query.hops = 16;
        query.wander = 4;
        query.fan_out = 4;
        query.paths = 12;
        query.results = results;
        sign(net, where);
    }

    void sign(linked_network& net, const address& where) {
        asker_ticket ticket;
        ticket.goal = ticket_goal::find_value;
        ticket.target = std::get<wire::find_value>(query.goal).target;
        ticket.tag = query.tag;
        ticket.deadline = net.env.time->wall_now() + 10s;
        ticket.results = query.results;
        ticket.addresses = {where};
        query.asker = sign_ticket(self, ticket).value();
    }

    [[nodiscard]] peer_info from(const address& observed) const {
        peer_info out;
        out.who = contact_of(self.key(), 0, {observed});
        out.observed = observed;
        out.proven = true;
        return out;
    }
};

bool is_refused(const wire::message& answer) {
    const auto* error = std::get_if<wire::error>(&answer);
    return error != nullptr && error->code == wire::error_code::refused;
}

}  // namespace

TEST_CASE("whoever has a value among a thousand brings it straight, or to a peer on the way", "[direct]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    for (const bool ring : {true, false}) {
        for (const auto how : {direct(), mixed(2)}) {
            CAPTURE(ring, static_cast<int>(how.what()));
            linked_network net(1000, seed);
            ring ? net.ring(3) : net.regular(4);
            // One in a hundred is missed, and what one network misses is not independent.
            CHECK(found_by(net, how, 50) >= 47);
            CHECK(net.delivered > 0);
        }
    }
}

TEST_CASE("an asker that cannot be dialled is brought nothing straight, and is dialled once for each result",
          "[direct]") {
    linked_network net(100);
    net.regular(6);
    const auto what = value::immutable("everywhere");
    for (auto& each : net.peers) REQUIRE(net.complete(each->queries.put(what, put_options().local())));
    auto& asker = net.at(0);
    asker.values = any_store(memory_store());
    asker.reachable = false;
    for (const std::size_t results : {1U, 4U}) {
        asker.dialled = 0;
        REQUIRE_FALSE(net.get(0, what.key(), get_by(direct()).results(results)));
        CHECK(asker.dialled > 0);
        CHECK(asker.dialled <= results);
    }
    // Peers on the way that can be dialled collect for it.
    CHECK(net.get(0, what.key(), get_by(mixed(1))));
    CHECK(net.get(0, what.key(), get_by(proxied())));
}

TEST_CASE("nobody on the way of a direct query answers with more than a number", "[direct]") {
    linked_network net(12);
    for (std::size_t i = 0; i + 1 < 12; ++i) net.link(i, i + 1);
    const auto what = value::immutable("far");
    REQUIRE(net.put(9, what, put_options().local()));
    const auto got = net.get(0, what.key(), get_by(direct()));
    REQUIRE(got);
    CHECK(net.delivered == 1);
    CHECK(net.at(0).forwarding.counters().collected == 1);
    CHECK(net.at(9).forwarding.counters().brought == 1);
    // It says who asks, and names nobody else.
    REQUIRE(net.at(5).seen.size() == 1);
    const auto& seen = net.at(5).seen.front();
    REQUIRE(seen.asker);
    const auto ticket = open_ticket(seen.asker->body, seen.asker->sig, net.env.time->wall_now(), 60s);
    REQUIRE(ticket);
    CHECK(node_id_of(ticket->asker) == net.at(0).who.id);
    CHECK(ticket->addresses == net.at(0).who.addresses);
    CHECK(seen.trace_max == 0);
    CHECK(seen.trace.empty());
}

TEST_CASE("in a mixed query the last proxy is the asker, and the first ones see no more than in a proxied one",
          "[direct]") {
    linked_network net(12);
    for (std::size_t i = 0; i + 1 < 12; ++i) net.link(i, i + 1);
    const auto what = value::immutable("far");
    REQUIRE(net.put(9, what, put_options().local()));
    REQUIRE(net.get(0, what.key(), get_by(mixed(3))));
    for (std::size_t i = 1; i <= 9; ++i) {
        REQUIRE(net.at(i).seen.size() == 1);
        const auto& seen = net.at(i).seen.front();
        CHECK(seen.asker.has_value() == (i > 3));
        CHECK(seen.proxy_hops == (i > 3 ? 0 : 4 - i));
    }
    const auto& own = *net.at(4).seen.front().asker;
    const auto ticket = open_ticket(own.body, own.sig, net.env.time->wall_now(), 60s);
    REQUIRE(ticket);
    CHECK(node_id_of(ticket->asker) == net.at(3).who.id);
    CHECK(net.at(3).forwarding.counters().collected == 1);
    CHECK(net.at(0).forwarding.counters().collected == 0);
}

TEST_CASE("a put goes straight too: who keeps the value says so to the asker", "[direct]") {
    linked_network net(100);
    net.regular(6);
    const auto what = value::immutable("kept");
    for (const auto how : {direct(), mixed(2)}) {
        const auto stored = net.put(net.any(), what, put_options().mode(how));
        REQUIRE(stored);
        CHECK(stored->stored > 0);
    }
    CHECK(net.get(net.any(), what.key(), get_by(direct())));
}

TEST_CASE("a peer is found by its id in each mode", "[direct]") {
    linked_network net(30);
    net.ring();
    for (const auto how : {proxied(), direct(), mixed(2)}) {
        const auto found = net.complete(net.at(0).queries.lookup(net.at(9).who.id, get_by(how)));
        REQUIRE(found);
        REQUIRE(found->closest.size() == 1);
        CHECK(found->closest.front() == net.at(9).who);
        const auto nobody = net.complete(net.at(0).queries.lookup(random_id(net.random), get_by(how)));
        CHECK(nobody.error() == errc::not_found);
    }
}

TEST_CASE("a victim that is named as asker gets nothing through honest peers, and one packet a result otherwise",
          "[direct]") {
    linked_network net(1000);
    net.regular(6);
    const auto what = value::immutable("bait");
    for (auto& each : net.peers) REQUIRE(net.complete(each->queries.put(what, put_options().local())));
    const auto victim = public_address(50'000);
    net.at_address[victim] = 999;
    auto& hit = net.at(999);
    for (const int wanted : {1, 5, 16}) {
        const auto results = static_cast<std::uint8_t>(wanted);
        stranger attacker(net, what.key(), victim, results);
        attacker.query.tag.data()[1] = results;
        attacker.sign(net, victim);
        hit.dialled = 0;
        // An honest first peer sees that the asker is elsewhere.
        auto answer = net.complete(net.at(0).forwarding.answer(attacker.from(public_address(60'000)), attacker.query));
        CHECK(is_refused(answer));
        CHECK(hit.dialled == 0);
        // A colluding one sends it on as if it had not.
        auto from = attacker.from(public_address(60'000));
        from.who = net.at(1).who;
        answer = net.complete(net.at(0).forwarding.answer(from, attacker.query));
        CHECK_FALSE(is_refused(answer));
        CHECK(hit.dialled > 0);
        CHECK(hit.dialled <= results);
    }
    // A thousand peers that have nothing, but for a few, and are all made to look for it.
    linked_network wide(1000);
    wide.regular(6);
    for (std::size_t i = 5; i < 1000; i += 100) REQUIRE(wide.put(i, what, put_options().local()));
    wide.at_address[victim] = 999;
    stranger attacker(wide, what.key(), victim, 16);
    attacker.query.hops = 32;
    attacker.query.wander = 32;
    attacker.query.fan_out = 16;
    attacker.query.paths = 64;
    auto from = attacker.from(public_address(60'000));
    from.who = wide.at(1).who;
    (void)wide.complete(wide.at(0).forwarding.answer(from, attacker.query));
    CHECK(wide.at(999).dialled > 0);
    CHECK(wide.at(999).dialled <= 16);
    CHECK(net.at(0).forwarding.counters().unseen_askers == 3);
    CHECK(hit.forwarding.counters().unasked == 0);
}

TEST_CASE("nobody is made to dial its own network for somebody outside it", "[direct]") {
    linked_network net(3);
    net.mesh(0, 3);
    const auto what = value::immutable("bait");
    REQUIRE(net.put(0, what, put_options().local()));
    const auto outside = public_address(60'000);
    std::uint8_t number = 0;
    // The asker's friend passes its ticket on.
    const auto refused_from = [&](const address& observed, const address& named) {
        stranger asker(net, what.key(), named, 1);
        asker.query.tag.data()[1] = ++number;
        asker.sign(net, named);
        auto from = asker.from(observed);
        from.who = net.at(1).who;
        const auto before = net.deliveries;
        const bool refused = is_refused(net.complete(net.at(0).forwarding.answer(from, asker.query)));
        CHECK((net.deliveries == before) == refused);
        return refused;
    };
    const auto& counts = net.at(0).forwarding.counters();
    CHECK(refused_from(outside, here("tcp://192.168.1.1:22")));
    CHECK(refused_from(outside, here("tcp://127.0.0.1:6379")));
    CHECK(refused_from(outside, here("tcp://169.254.1.1:80")));
    CHECK(refused_from(outside, here("udp://[fd00::1]:53")));
    CHECK(refused_from(here("tcp://192.168.1.9:4000"), here("tcp://127.0.0.1:6379")));
    CHECK(counts.private_askers == 5);
    CHECK(counts.forged_askers == 0);
    CHECK_FALSE(refused_from(outside, public_address(60'001)));
    CHECK_FALSE(refused_from(here("tcp://192.168.1.9:4000"), here("tcp://192.168.1.1:4000")));
    CHECK_FALSE(refused_from(here("tcp://192.168.1.9:4000"), public_address(60'002)));
    CHECK_FALSE(refused_from(here("tcp://127.0.0.1:4000"), here("tcp://127.0.0.1:4001")));
    CHECK(counts.private_askers == 5);
}

TEST_CASE("who looks for a peer is told its addresses of networks that the asker is in, and of kinds it can dial",
          "[direct]") {
    linked_network net(2);
    net.link(0, 1);
    contact hidden = server_at(random_id(net.random), here("tcp://192.168.1.7:4000"));
    hidden.addresses.push_back(here("tcp://8.8.4.4:4000"));
    REQUIRE(net.at(1).table.insert_verified(hidden, here("tcp://192.168.1.7:4000"), net.env.time->now()).status ==
            insert_status::inserted);
    std::uint8_t number = 0;
    const auto told = [&](const address& observed, address_kind kind) {
        wire::find_node goal;
        goal.target = hidden.id;
        goal.kinds = wire::mask_of(kind);
        stranger asker(net, hidden.id, observed, 1);
        asker.query.goal = goal;
        asker.query.asker.reset();
        asker.query.tag.data()[1] = ++number;
        const auto answer = net.complete(net.at(1).forwarding.answer(asker.from(observed), asker.query));
        const auto& contacts = std::get<wire::gathered>(answer).contacts;
        return contacts.empty() ? std::vector<address>() : contacts.front().addresses;
    };
    CHECK(told(public_address(60'000), address_kind::tcp) == std::vector{here("tcp://8.8.4.4:4000")});
    CHECK(told(here("tcp://192.168.1.9:1"), address_kind::tcp) == hidden.addresses);
    CHECK(told(public_address(60'000), address_kind::udp).empty());
    CHECK(net.at(1).forwarding.counters().hits == 2);
    // With a ticket, those that the asker can use where it says that it is.
    wire::find_node goal;
    goal.target = hidden.id;
    goal.kinds = wire::mask_of(address_kind::tcp);
    std::vector<address> brought;
    net.on_link = [&](std::size_t, std::size_t, const wire::message& what) {
        const auto* word = std::get_if<wire::deliver>(&what);
        if (word != nullptr && !word->what.contacts.empty()) brought = word->what.contacts.front().addresses;
    };
    auto options = get_by(direct());
    CHECK(net.complete(net.at(0).queries.lookup(hidden.id, options)));
    CHECK(brought == std::vector{here("tcp://8.8.4.4:4000")});
}

TEST_CASE("contacts of a network that the peer who names them is not in are not taken", "[direct]") {
    linked_network net(3);
    net.link(0, 1);
    net.link(1, 2);
    const auto target = random_id(net.random);
    std::vector<address> named;
    net.at(2).behaves = [&](std::size_t, const wire::forward&) -> task<std::optional<wire::message>> {
        wire::gathered out;
        out.outcome = wire::gathered_outcome::found;
        out.contacts = {server_at(target, named.front())};
        out.contacts.front().addresses = named;
        co_return wire::message(out);
    };
    const auto found = [&] {
        const auto got = net.complete(net.at(0).queries.lookup(target, get_by(proxied()).rounds(1)));
        return got ? got->closest.front().addresses : std::vector<address>();
    };
    named = {here("tcp://10.0.0.1:22"), here("tcp://8.8.4.4:4000"), here("tcp://127.0.0.1:6379")};
    CHECK(found() == std::vector{here("tcp://8.8.4.4:4000")});
    named = {here("tcp://10.0.0.1:22")};
    CHECK(found().empty());
    // It may be true there.
    CHECK(net.at(1).forwarding.counters().lies == 0);
    // Neither when somebody brings them.
    wire::deliver word;
    word.what.contacts = {server_at(target, here("tcp://10.0.0.1:22"))};
    word.what.contacts.front().addresses.push_back(here("tcp://8.8.4.4:4000"));
    net.at(1).behaves = [&](std::size_t, const wire::forward& query) -> task<std::optional<wire::message>> {
        peer_info from;
        from.who = net.at(2).who;
        from.observed = from.who.addresses.front();
        word.tag = query.tag;
        (void)net.at(0).forwarding.take(from, word);
        wire::gathered out;
        out.delivered = 1;
        co_return wire::message(out);
    };
    const auto got = net.complete(net.at(0).queries.lookup(target, get_by(direct())));
    REQUIRE(got);
    CHECK(got->closest.front().addresses == std::vector{here("tcp://8.8.4.4:4000")});
}

TEST_CASE("what is on its way straight to an asker counts among the bytes under way", "[direct]") {
    travel_rules rules;
    constexpr std::size_t size = 4'000;
    rules.under_way_bytes = 8 * (2 * size + 512);
    linked_network net(2, 1, rules);
    net.link(0, 1);
    const auto what = value::immutable(std::string(size, 'x'));
    REQUIRE(net.put(1, what, put_options().local()));
    // Nobody is there, so that it is under way for a while.
    const auto bring_to = [&](std::uint32_t number) {
        const auto where = public_address(1'000 + number);
        stranger asker(net, what.key(), where, 1);
        asker.query.tag.data()[1] = static_cast<std::uint8_t>(number);
        asker.sign(net, where);
        auto from = asker.from(where);
        from.who.id = net.at(0).who.id;
        asio::co_spawn(net.loop.context, net.at(1).forwarding.answer(from, asker.query),
                       [](const std::exception_ptr&, const wire::message&) {});
        net.loop.poll();
    };
    const auto& here = net.at(1).forwarding;
    bring_to(1);
    const auto one = here.bytes_under_way();
    CHECK(one >= 2 * size);
    // A quarter for one neighbour: two of them.
    bring_to(2);
    CHECK(here.bytes_under_way() == 2 * one);
    bring_to(3);
    CHECK(here.bytes_under_way() == 2 * one);
    CHECK(here.counters().cut_short == 1);
    net.loop.advance(20s);
    CHECK(here.bytes_under_way() == 0);
    bring_to(4);
    CHECK(here.bytes_under_way() == one);
    net.loop.advance(20s);
    CHECK(here.counters().cut_short == 1);
}

TEST_CASE("tickets that are forged, late, early or of another query are refused and counted", "[direct]") {
    linked_network net(4);
    net.mesh(0, 4);
    auto& peer = net.at(0);
    const auto where = public_address(70'000);
    const auto what = value::immutable("x");
    REQUIRE(net.put(0, what, put_options().local()));
    std::uint8_t number = 0;
    const auto answer = [&](auto change) {
        stranger asker(net, what.key(), where, 2);
        asker.query.tag.data()[1] = ++number;
        asker.sign(net, where);
        change(asker);
        return net.complete(peer.forwarding.answer(asker.from(where), asker.query));
    };
    const auto refused = [&](auto change) { return is_refused(answer(change)); };
    CHECK_FALSE(refused([](stranger&) {}));
    CHECK(refused([](stranger& s) { s.query.asker->body[50] ^= 1; }));
    CHECK(refused([](stranger& s) { s.query.asker->sig.data()[3] ^= 1; }));
    CHECK(refused([](stranger& s) { s.query.tag.data()[5] ^= 1; }));
    CHECK(refused([](stranger& s) { std::get<wire::find_value>(s.query.goal).target.data()[0] ^= 1; }));
    CHECK(refused([](stranger& s) {
        wire::find_node other;
        other.target = std::get<wire::find_value>(s.query.goal).target;
        s.query.goal = other;
    }));
    CHECK(refused([](stranger& s) { ++s.query.results; }));
    CHECK(peer.forwarding.counters().forged_askers == 6);
    CHECK(peer.forwarding.counters().absurd == 0);
    // A ticket goes with nothing that would tell more, or that has no sense with it.
    CHECK(refused([](stranger& s) { s.query.trace_max = 1; }));
    CHECK(refused([](stranger& s) { s.query.proxy_hops = 1; }));
    CHECK(refused([](stranger& s) { s.query.stream = true; }));
    CHECK(refused([](stranger& s) { s.query.storing = wire::storage_mode::cache; }));
    CHECK(peer.forwarding.counters().absurd == 4);
    // None of them used the tag up for the right one.
    stranger honest(net, what.key(), where, 2);
    auto forged = honest.query;
    forged.asker->sig.data()[0] ^= 1;
    CHECK(is_refused(net.complete(peer.forwarding.answer(honest.from(where), forged))));
    const auto good = net.complete(peer.forwarding.answer(honest.from(where), honest.query));
    const auto* gathered = std::get_if<wire::gathered>(&good);
    REQUIRE(gathered != nullptr);
    CHECK(gathered->outcome != wire::gathered_outcome::duplicate);
    CHECK(gathered->items.empty());
}

TEST_CASE("what nobody asked for is refused, whoever brings it", "[direct]") {
    linked_network net(3);
    net.ring();
    wire::deliver word;
    word.tag.data()[0] = 1;
    word.what.items = {value::immutable("unasked").with_deadline(net.env.time->wall_now() + 1h).to_item()};
    peer_info from;
    from.who = net.at(1).who;
    CHECK_FALSE(net.at(0).forwarding.awaits(word.tag));
    CHECK(is_refused(net.at(0).forwarding.take(from, word)));
    CHECK(net.at(0).forwarding.counters().unasked == 1);
}

TEST_CASE("options that can never work are refused before anything is sent", "[direct]") {
    linked_network net(3);
    net.ring();
    const auto key = value::immutable("x").key();
    const auto error = [&](const get_options& options) { return net.get(0, key, options).error(); };
    CHECK(error(get_by(direct()).cached()) == errc::bad_argument);
    CHECK(error(get_by(mixed(0))) == errc::bad_argument);
    CHECK(error(get_by(mixed(17))) == errc::bad_argument);
    CHECK(error(get_by(proxied()).hops(33)) == errc::bad_argument);
    CHECK(error(get_by(proxied()).fan_out(17)) == errc::bad_argument);
    CHECK(error(get_by(proxied()).fan_out(0)) == errc::bad_argument);
    CHECK(error(get_by(proxied()).spread(65)) == errc::bad_argument);
    CHECK(error(get_by(proxied()).results(17)) == errc::bad_argument);
    CHECK(error(get_by(proxied()).results(0)) == errc::bad_argument);
    // What means nothing in the mode.
    CHECK(error(get_options().hops(3)) == errc::bad_argument);
    CHECK(error(get_options().fan_out(3)) == errc::bad_argument);
    CHECK(error(get_options().spread(3)) == errc::bad_argument);
    CHECK(error(get_options().priority(3)) == errc::bad_argument);
    CHECK(error(get_options().rounds(3)) == errc::bad_argument);
    CHECK(error(get_options().cached()) == errc::bad_argument);
    CHECK(error(get_by(direct()).rounds(3)) == errc::bad_argument);
    for (const auto how : {proxied(), direct(), mixed(2)}) {
        CHECK(error(get_by(how).disjoint_paths(2)) == errc::bad_argument);
    }
    CHECK(net.complete(net.at(0).queries.lookup(key, get_options().hops(3))).error() == errc::bad_argument);
    CHECK(net.complete(net.at(0).queries.lookup(key, get_by(proxied()).disjoint_paths(3))).error() ==
          errc::bad_argument);
    for (const auto& options : {put_options().hops(3), put_options().spread(3), put_options().along_the_path()}) {
        CHECK(net.put(0, value::immutable("x"), options).error() == errc::bad_argument);
    }
    // Of a local operation none means anything, and none matters.
    CHECK(error(get_options().local().hops(3)) == errc::not_found);
    const auto along = put_options().mode(direct()).along_the_path();
    CHECK(net.put(0, value::immutable("x"), along).error() == errc::bad_argument);
    net.at(0).who.addresses.clear();
    CHECK(error(get_by(direct())) == errc::unsupported_address);
    CHECK(net.messages == 0);
}

TEST_CASE("values are told as they come, along the way and at the end each once", "[direct]") {
    for (const auto how : {proxied(), mixed(2), direct()}) {
        linked_network net(10);
        for (std::size_t i = 0; i + 1 < 10; ++i) net.link(i, i + 1);
        const auto author = identity::generate(*net.env.secure_random);
        const auto until = net.env.time->wall_now() + 1h;
        const auto version = [&](std::uint64_t n) {
            return value::signed_by(author, "version " + std::to_string(n)).sequence(n).deadline(until).sign().value();
        };
        for (std::uint64_t n = 1; n <= 3; ++n) {
            REQUIRE(net.put(static_cast<std::size_t>(3 * n), version(n), put_options().local()));
        }
        // The last one on the way holds everything up: what others have is there before.
        net.at(9).behaves = [&net](std::size_t, const wire::forward&) -> task<std::optional<wire::message>> {
            co_await sleep_for(*net.env.time, 2s);
            co_return std::nullopt;
        };
        std::vector<std::pair<std::string, steady_time>> told;
        auto options = get_by(how).results(8);
        options.on_result([&](const value& what) { told.emplace_back(what.text(), net.env.time->now()); });
        const auto begun = net.env.time->now();
        const auto got = net.get(0, version(1).key(), options);
        REQUIRE(got);
        CHECK(got->best.text() == "version 3");
        REQUIRE(told.size() == 3);
        CHECK(told[0].first == "version 1");
        CHECK(told[1].first == "version 2");
        CHECK(told[2].first == "version 3");
        CHECK(told[1].second < begun + 1s);
        CHECK(told[2].second >= begun + 2s);
    }
}

TEST_CASE("what is there at the deadline is given, and those still at work are told to stop", "[direct]") {
    linked_network net(6);
    for (std::size_t i = 0; i + 1 < 6; ++i) net.link(i, i + 1);
    const auto author = identity::generate(*net.env.secure_random);
    const auto until = net.env.time->wall_now() + 1h;
    const auto what = value::signed_by(author, "here").sequence(1).deadline(until).sign().value();
    REQUIRE(net.put(2, what, put_options().local()));
    for (const auto how : {proxied(), direct(), mixed(1)}) {
        bool stopped = false;
        struct on_end {
            bool& flag;
            ~on_end() { flag = true; }
        };
        net.at(4).behaves = [&](std::size_t, const wire::forward&) -> task<std::optional<wire::message>> {
            const on_end noted{stopped};
            co_await sleep_for(*net.env.time, 1h);
            co_return std::nullopt;
        };
        auto options = get_by(how).results(8);
        options.timeout(3s);
        const auto got = net.get(0, what.key(), options);
        REQUIRE(got);
        CHECK(got->best.text() == "here");
        net.loop.advance(1s);
        CHECK(stopped);
    }
}

TEST_CASE("direct queries make no storm, and no link is crossed twice", "[direct]") {
    travel_rules config;
    config.bands.front().rounds = 1;
    config.bands.front().hops = config.bands.front().hops_max;
    config.bands.front().fan_out = config.bands.front().fan_out_max;
    config.bands.front().spread = 64;
    for (const auto how : {direct(), mixed(2)}) {
        linked_network net(40, 3, config);
        net.mesh(0, 40);
        REQUIRE_FALSE(net.get(0, value::immutable("nowhere").key(), get_by(how)));
        CHECK(net.messages > 40);
        CHECK(net.messages <= net.links.size());
        for (const auto& [link, times] : net.crossed) CHECK(times == 1);
        CHECK(net.deliveries == 0);
    }
}
