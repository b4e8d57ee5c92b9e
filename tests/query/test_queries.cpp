#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include "query/fake_network.hpp"

using namespace mydht;
using namespace mydht::test;

namespace {

using manner = fake_network::manner;

std::size_t holders(fake_network& net, const id256& key) {
    std::size_t out = 0;
    for (auto& [id, each] : net.peers) out += net.holds(*each, key) ? 1 : 0;
    return out;
}

value signed_value_of(const identity& author, std::string_view content, std::uint64_t sequence, wall_time deadline) {
    auto made = value::signed_by(author, content).sequence(sequence).deadline(deadline).sign();
    REQUIRE(made);
    return *made;
}

wall_time in_hours(fake_network& net, int hours) { return net.env.time->wall_now() + std::chrono::hours(hours); }

}  // namespace

TEST_CASE("a lookup converges on the nearest peers", "[lookup]") {
    fake_network net(100);
    query_config config;
    const auto queries = net.engine(config, 3);
    const auto target = immutable_key({}, to_bytes("target"));
    const auto report = net.complete(queries->lookup(target, 1, net.env.time->now() + 30s));
    REQUIRE(report);
    CHECK(report->exhausted);
    const auto truth = net.nearest(target, config.k);
    REQUIRE(report->closest.size() == truth.size());
    for (std::size_t i = 0; i < truth.size(); ++i) CHECK(report->closest[i].id == truth[i]->who.id);
    CHECK(report->answered == report->asked);
    CHECK(report->hops >= 1);
}

TEST_CASE("disjoint paths ask nobody twice and find the same", "[lookup]") {
    fake_network net(100);
    query_config config;
    const auto queries = net.engine(config, 6);
    const auto target = immutable_key({}, to_bytes("target"));
    const auto report = net.complete(queries->lookup(target, 3, net.env.time->now() + 30s));
    REQUIRE(report);
    const auto truth = net.nearest(target, config.k);
    REQUIRE(report->closest.size() == truth.size());
    for (std::size_t i = 0; i < truth.size(); ++i) CHECK(report->closest[i].id == truth[i]->who.id);
    for (auto& [id, each] : net.peers) CHECK(each->asked <= 1);
}

TEST_CASE("who knows nobody is told so", "[lookup][get][put]") {
    fake_network net(5);
    const auto queries = net.engine({}, 0);
    CHECK(net.complete(queries->lookup({}, 1, net.env.time->now() + 30s)).error() == errc::no_peers);
    CHECK(net.complete(queries->get({}, {})).error() == errc::no_peers);
    CHECK(net.complete(queries->put(value::immutable("x"), {})).error() == errc::no_peers);
}

TEST_CASE("peers that do not answer are counted by why, and the walk goes on", "[lookup]") {
    fake_network net(60);
    query_config config;
    const auto queries = net.engine(config, 10);
    const auto target = immutable_key({}, to_bytes("target"));
    const auto near = net.nearest(target, 8);
    near[0]->behaves = manner::silent;
    near[1]->behaves = manner::unreachable;
    near[2]->behaves = manner::garbage;
    near[3]->behaves = manner::refusing;
    const auto report = net.complete(queries->lookup(target, 1, net.env.time->now() + 60s));
    REQUIRE(report);
    CHECK(report->timed_out == 1);
    CHECK(report->failed == 2);
    CHECK(report->invalid == 1);
    CHECK(report->asked == report->answered + 4);
    REQUIRE(report->closest.size() == config.k);
    CHECK(report->closest.front().id == near[4]->who.id);
    CHECK(net.loop.time.armed() == 0);
}

TEST_CASE("a lookup ends at its deadline with what it has", "[lookup]") {
    fake_network net(30);
    for (auto& [id, each] : net.peers) each->behaves = manner::silent;
    const auto queries = net.engine({}, 10);
    const auto begun = net.env.time->now();
    const auto report = net.complete(queries->lookup({}, 1, begun + 2s));
    REQUIRE(report);
    CHECK_FALSE(report->exhausted);
    CHECK(report->answered == 0);
    CHECK(report->took == 2s);
    CHECK(net.loop.time.armed() == 0);
}

TEST_CASE("a put stores on the k nearest, and a get finds it again", "[put][get]") {
    fake_network net(100);
    query_config config;
    const auto queries = net.engine(config, 5);
    const auto stored = net.complete(queries->put(value::immutable("hello"), {}));
    REQUIRE(stored);
    CHECK(stored->stored == config.k);
    CHECK(holders(net, stored->key) == config.k);
    for (auto* each : net.nearest(stored->key, config.k)) CHECK(net.holds(*each, stored->key));

    const auto found = net.complete(queries->get(stored->key, {}));
    REQUIRE(found);
    CHECK(found->text() == "hello");
    CHECK(found->copies >= 1);
}

TEST_CASE("a node that keeps values is one of the nearest when it is near enough", "[put]") {
    fake_network net(10);
    const auto queries = net.engine({}, 5, true);
    const auto stored = net.complete(queries->put(value::immutable("few peers"), {}));
    REQUIRE(stored);
    CHECK(stored->stored == 11);
    CHECK(net.holds(net.asker, stored->key));
}

TEST_CASE("the first valid copy of an immutable value ends the walk", "[get]") {
    fake_network net(100);
    const auto queries = net.engine({}, 100);
    const auto what = value::immutable("hello").with_deadline(in_hours(net, 1));
    for (auto* each : net.nearest(what.key(), 20)) net.plant(*each, what);
    net.messages = 0;
    const auto found = net.complete(queries->get(what.key(), {}));
    REQUIRE(found);
    CHECK(net.messages <= 8);  // two rounds of alpha at most
    CHECK_FALSE(found->lookup.exhausted);
}

TEST_CASE("the newest of a mutable value is found wherever it is", "[get]") {
    fake_network net(100);
    const auto queries = net.engine({}, 5);
    const auto author = identity::generate(*net.env.secure_random);
    const auto older = signed_value_of(author, "old", 1, in_hours(net, 1));
    const auto newer = signed_value_of(author, "new", 2, in_hours(net, 1));
    const auto near = net.nearest(older.key(), 20);
    for (auto* each : near) net.plant(*each, older);
    net.plant(*near[13], newer);
    const auto found = net.complete(queries->get(older.key(), {}));
    REQUIRE(found);
    CHECK(found->text() == "new");
    CHECK(found->best.sequence() == 2);
    CHECK(found->copies == 1);
    CHECK(found->older == 19);
    const auto known = net.complete(queries->get(older.key(), get_options().at_least(2)));
    REQUIRE(known);
    CHECK(known->text() == "new");
    CHECK(known->older == 19);
    CHECK(net.complete(queries->get(older.key(), get_options().at_least(3))).error() == errc::value_stale);
}

TEST_CASE("a get of a mutable value may stop after the copies that it wants", "[get]") {
    fake_network net(100);
    const auto queries = net.engine({}, 100);
    const auto author = identity::generate(*net.env.secure_random);
    const auto what = signed_value_of(author, "text", 1, in_hours(net, 1));
    for (auto* each : net.nearest(what.key(), 20)) net.plant(*each, what);
    net.messages = 0;
    const auto found = net.complete(queries->get(what.key(), get_options().results(3)));
    REQUIRE(found);
    CHECK(net.messages < 12);
    CHECK(found->copies >= 3);
}

TEST_CASE("a tombstone hides the value; a writer still sees what to outdo", "[get]") {
    fake_network net(50);
    const auto queries = net.engine({}, 5);
    const auto author = identity::generate(*net.env.secure_random);
    const auto what = signed_value_of(author, "text", 4, in_hours(net, 1));
    const auto gone = value::tombstone_by(author, net.env.time->wall_now()).sequence(4).sign();
    REQUIRE(gone);
    const auto near = net.nearest(what.key(), 20);
    for (auto* each : near) net.plant(*each, what);
    net.plant(*near[5], *gone);
    CHECK(net.complete(queries->get(what.key(), {})).error() == errc::not_found);
    const auto newest = net.complete(queries->newest(what.key(), {}));
    REQUIRE(newest);
    CHECK(newest->best.is_tombstone());
    CHECK(newest->best.sequence() == 4);
}

TEST_CASE("a missing value is not_found when the nearest say so, and a timeout when nobody says anything", "[get]") {
    fake_network net(50);
    const auto queries = net.engine({}, 5);
    lookup_report report;
    CHECK(net.complete(queries->get({}, get_options().report_to(report))).error() == errc::not_found);
    CHECK(report.answered >= 20);
    for (auto& [id, each] : net.peers) each->behaves = manner::silent;
    CHECK(net.complete(queries->get({}, get_options().timeout(2s))).error() == errc::timed_out);
}

TEST_CASE("peers that are cut off by the query's deadline have not said no", "[get]") {
    fake_network net(4);
    const auto queries = net.engine({}, 1);
    std::size_t left = 3;
    for (auto it = net.peers.rbegin(); left > 0; ++it, --left) it->second->behaves = manner::silent;
    lookup_report report;
    CHECK(net.complete(queries->get({}, get_options().timeout(1s).report_to(report))).error() == errc::timed_out);
    CHECK(report.answered == 1);
    CHECK_FALSE(report.exhausted);
}

TEST_CASE("a few answers among many failures are no proof that nobody has it", "[get]") {
    fake_network net(8);
    const auto queries = net.engine({}, 8);
    std::size_t left = 5;
    for (auto it = net.peers.rbegin(); left > 0; ++it, --left) it->second->behaves = manner::unreachable;
    CHECK(net.complete(queries->get({}, {})).error() == errc::timed_out);
    net.peers.rbegin()->second->behaves = manner::honest;
    CHECK(net.complete(queries->get({}, {})).error() == errc::not_found);
}

TEST_CASE("one peer's many old versions do not hide the newest, nor count as many peers", "[get]") {
    fake_network net(60);
    const auto queries = net.engine({}, 60);
    const auto author = identity::generate(*net.env.secure_random);
    const auto newest = signed_value_of(author, "newest", 100, in_hours(net, 1));
    const auto near = net.nearest(newest.key(), 20);
    // Seventeen versions on as many holders, more than are kept in mind, the newest farthest away.
    for (std::uint64_t i = 0; i < 17; ++i) {
        net.plant(*near[i], signed_value_of(author, "old " + std::to_string(i), i + 1, in_hours(net, 1)));
    }
    net.plant(*near[19], newest);
    CHECK(net.complete(queries->get(newest.key(), {}))->text() == "newest");

    near[0]->behaves = manner::repeating;
    const auto found = net.complete(queries->get(newest.key(), get_options().results(3)));
    REQUIRE(found);
    CHECK(found->lookup.invalid == 1);
    CHECK(found->copies + found->older >= 3);
}

TEST_CASE("a value that has just expired here, or whose rules are unknown, makes nobody a liar", "[get]") {
    fake_network net(30);
    const auto queries = net.engine({}, 5);
    const auto what = value::immutable("short").with_deadline(net.env.time->wall_now() + std::chrono::minutes(1));
    for (auto* each : net.nearest(what.key(), 20)) each->behaves = manner::late;
    net.late = what.to_item();
    net.late.deadline = net.env.time->wall_now() - std::chrono::seconds(1);
    lookup_report report;
    CHECK(net.complete(queries->get(what.key(), get_options().report_to(report))).error() == errc::not_found);
    CHECK(report.invalid == 0);
}

TEST_CASE("forged copies are refused, counted against their sender, and do not hide the true one", "[get]") {
    fake_network net(60);
    const auto queries = net.engine({}, 60);
    const auto what = value::immutable("true").with_deadline(in_hours(net, 1));
    const auto near = net.nearest(what.key(), 20);
    for (std::size_t i = 0; i < 10; ++i) near[i]->behaves = manner::forged;
    net.plant(*near[15], what);
    const auto found = net.complete(queries->get(what.key(), {}));
    REQUIRE(found);
    CHECK(found->text() == "true");
    CHECK(found->invalid >= 10);
    CHECK(found->lookup.invalid >= 10);
}

TEST_CASE("a stale put and a lost compare-and-swap are told apart", "[put]") {
    fake_network net(50);
    const auto queries = net.engine({}, 5);
    const auto author = identity::generate(*net.env.secure_random);
    REQUIRE(net.complete(queries->put(signed_value_of(author, "two", 2, in_hours(net, 1)), {})));
    CHECK(net.complete(queries->put(signed_value_of(author, "one", 1, in_hours(net, 1)), {})).error() ==
          errc::value_stale);
    const auto third = signed_value_of(author, "three", 3, in_hours(net, 1));
    CHECK(net.complete(queries->put(third, put_options().expect_sequence(1))).error() == errc::cas_mismatch);
    const auto won = net.complete(queries->put(third, put_options().expect_sequence(2)));
    REQUIRE(won);
    CHECK(won->stored == 20);
    CHECK(won->sequence == 3);
}

TEST_CASE("what can never be stored is refused before anybody is asked", "[put]") {
    fake_network net(20);
    const auto queries = net.engine({}, 5);
    const std::string large(limits::inline_value_bytes + 1, 'x');
    CHECK(net.complete(queries->put(value::immutable(large), {})).error() == errc::value_too_large);
    const auto author = identity::generate(*net.env.secure_random);
    CHECK(net.complete(queries->put(signed_value_of(author, "x", 1, in_hours(net, -1)), {})).error() ==
          errc::value_expired);
    CHECK(net.complete(queries->put(value::immutable("x", "unheard of"), {})).error() == errc::unknown_namespace);
    CHECK(net.complete(queries->put(value::immutable("x"), put_options().lifetime(49h))).error() == errc::bad_argument);
    CHECK(net.messages == 0);
    CHECK(net.complete(queries->put(value::immutable(std::string(limits::inline_value_bytes, 'x')), {})));
}

TEST_CASE("holders that fail are counted and do not fail the put", "[put]") {
    fake_network net(50);
    query_config config;
    const auto queries = net.engine(config, 50);
    const auto what = value::immutable("hello").with_deadline(in_hours(net, 1));
    const auto near = net.nearest(what.key(), config.k);
    for (std::size_t i = 0; i < 5; ++i) near[i]->behaves = manner::refusing;
    const auto stored = net.complete(queries->put(what, {}));
    REQUIRE(stored);
    CHECK(stored->stored == config.k);  // the next nearest took their place
    CHECK(stored->lookup.failed == 5);
}

TEST_CASE("a cancelled query unwinds and leaves nothing behind, whenever it is cancelled", "[get][put][sweep]") {
    for (int handlers = 0; handlers < 120; handlers += 3) {
        CAPTURE(handlers);
        fake_network net(40);
        const auto near = net.nearest({}, 3);
        for (auto* each : near) each->behaves = manner::silent;
        const auto queries = net.engine({}, 10);
        asio::cancellation_signal stop;
        bool ended = false;
        asio::co_spawn(
            net.loop.context, queries->put(value::immutable("hello"), {}),
            asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr, result<put_report>) { ended = true; }));
        for (int i = 0; i < handlers; ++i) net.loop.context.poll_one();
        stop.emit(asio::cancellation_type::terminal);
        net.loop.poll();
        REQUIRE(ended);
        CHECK(net.loop.time.armed() == 0);
    }
}

namespace {

/// What becomes of the three queries of a client in a network of two peers.
struct what_came {
    explicit what_came(fake_network& net) {
        const auto queries = net.engine({}, 2);
        const auto until = net.env.time->now() + 30s;
        lookup = net.complete(queries->lookup({}, 1, until)).error();
        get_options how;
        how.report_to(report);
        get = net.complete(queries->get({}, how)).error();
        put = net.complete(queries->put(value::immutable("x"), {})).error();
    }
    std::error_code lookup;
    std::error_code get;
    std::error_code put;
    lookup_report report;
};

}  // namespace

TEST_CASE("when everybody refuses, the query says how", "[lookup][get][put][refusals]") {
    fake_network net(2);
    auto& first = *net.peers.begin()->second;
    auto& second = *std::next(net.peers.begin())->second;
    first.behaves = manner::refusing;
    second.behaves = GENERATE(manner::refusing, manner::unreachable, manner::silent);
    const auto [said, code] = GENERATE(table<wire::error_code, errc>({
        {wire::error_code::throttled, errc::throttled},
        {wire::error_code::busy, errc::peer_busy},
    }));
    first.refuses_with = second.refuses_with = said;
    const what_came came(net);
    CHECK(came.lookup == code);
    CHECK(came.get == code);
    CHECK(came.put == code);
    CHECK(came.report.refusal == code);
    CHECK(came.report.answered == 0);
}

TEST_CASE("a refusal of another kind is nobody to ask", "[get][put][refusals]") {
    fake_network net(2);
    for (auto& [id, each] : net.peers) {
        each->behaves = manner::refusing;
        each->refuses_with = wire::error_code::client_only;
    }
    const what_came came(net);
    CHECK(came.get == errc::no_peers);
    CHECK(came.put == errc::no_peers);
    CHECK_FALSE(came.report.refusal);
}

TEST_CASE("one that answers outweighs those that refuse", "[lookup][get][put][refusals]") {
    fake_network net(2);
    net.peers.begin()->second->behaves = manner::refusing;
    const auto queries = net.engine({}, 2);
    const auto found = net.complete(queries->lookup({}, 1, net.env.time->now() + 30s));
    REQUIRE(found);
    CHECK(found->refusal == errc::peer_busy);
    CHECK(net.complete(queries->get({}, {})).error() == errc::not_found);
    const auto stored = net.complete(queries->put(value::immutable("x"), {}));
    REQUIRE(stored);
    CHECK(stored->stored == 1);
    CHECK_FALSE(stored->own);
    CHECK(stored->copies_elsewhere() == 1);
}

TEST_CASE("holders that all refuse to be asked give the put their reason", "[put][refusals]") {
    fake_network net(2);
    for (auto& [id, each] : net.peers) {
        each->behaves = manner::no_stores;
        each->refuses_with = wire::error_code::throttled;
    }
    const auto queries = net.engine({}, 2);
    CHECK(net.complete(queries->put(value::immutable("x"), {})).error() == errc::throttled);
    // Its own copy is one, and the report says why there is no other.
    const auto keeper = net.engine({}, 2, true);
    const auto stored = net.complete(keeper->put(value::immutable("x"), {}));
    REQUIRE(stored);
    CHECK(stored->own);
    CHECK(stored->copies_elsewhere() == 0);
    CHECK(stored->refusal == errc::throttled);
}
