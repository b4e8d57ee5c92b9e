#include <functional>
#include <optional>

#include <mydht/sim/scenario.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

enum class way { verdict, block, list };

/// A node that may refuse, and one that comes to it; over connections and over datagrams.
struct two_nodes {
    explicit two_nodes(bool datagrams, const std::function<void(node_config&)>& first)
        : s(config_of(datagrams, first)) {
        REQUIRE(s.grow(2) == 0);
    }
    static scenario_config config_of(bool datagrams, const std::function<void(node_config&)>& first) {
        scenario_config out;
        out.streams = !datagrams;
        out.datagrams = datagrams;
        out.configure = [first](node_index index, node_config& c) {
            if (index == 0) first(c);
        };
        return out;
    }
    [[nodiscard]] join_report come_again() {
        s.crash(1, crash_kind::reset);
        const auto joined = s.restart(1);
        REQUIRE(joined);
        return *joined;
    }

    scenario s;
};

void let_nobody_in(node_config& c, way how) {
    auto& admission = c.sessions.admission;
    if (how == way::list) {
        admission.allow.emplace();
        return;
    }
    const auto says = how == way::block ? admission_verdict::block(10min) : admission_verdict::refuse();
    admission.decide = [says](peer_info) -> task<admission_verdict> { co_return says; };
}

}  // namespace

TEST_CASE("who is refused is told that it has not joined, and why", "[refusals]") {
    const bool datagrams = GENERATE(false, true);
    const auto how = GENERATE(way::verdict, way::block, way::list);
    CAPTURE(datagrams, static_cast<int>(how));
    two_nodes t(datagrams, [how](node_config& c) { let_nobody_in(c, how); });
    const auto joined = t.come_again();
    CHECK(joined.bootstraps == 1);
    CHECK(joined.reached == 0);
    CHECK(joined.error == errc::not_admitted);
    CHECK(joined.contacts == 0);
}

TEST_CASE("who is let in has joined", "[refusals]") {
    const bool datagrams = GENERATE(false, true);
    CAPTURE(datagrams);
    two_nodes t(datagrams, [](node_config&) {});
    const auto joined = t.come_again();
    CHECK(joined.reached == 1);
    CHECK_FALSE(joined.error);
    CHECK(joined.contacts == 1);
}

TEST_CASE("a stream to a peer that refuses this node says so", "[refusals]") {
    const bool datagrams = GENERATE(false, true);
    CAPTURE(datagrams);
    two_nodes t(datagrams, [](node_config& c) { let_nobody_in(c, way::verdict); });
    const auto opened = t.s.run(t.s.at(1).open(t.s.at(0).as_contact(), "chat/1"));
    CHECK(opened.error() == errc::not_admitted);
    CHECK(t.s.run(t.s.at(1).call(t.s.id_of(0), "chat/1", bytes())).error() == errc::no_peers);
}

TEST_CASE("a put of a node that is refused everywhere says that nobody else has the value", "[refusals]") {
    const bool datagrams = GENERATE(false, true);
    CAPTURE(datagrams);
    two_nodes alone(datagrams, [](node_config& c) { let_nobody_in(c, way::verdict); });
    const auto stored = alone.s.run(alone.s.at(1).put(value::immutable("mine")));
    REQUIRE(stored);
    CHECK(stored->stored == 1);
    CHECK(stored->own);
    CHECK(stored->copies_elsewhere() == 0);

    two_nodes together(datagrams, [](node_config&) {});
    const auto shared = together.s.run(together.s.at(1).put(value::immutable("ours")));
    REQUIRE(shared);
    CHECK(shared->stored == 2);
    CHECK(shared->own);
    CHECK(shared->copies_elsewhere() == 1);
}

TEST_CASE("what a node's own questions bring counts against no rate", "[refusals]") {
    const bool datagrams = GENERATE(false, true);
    CAPTURE(datagrams);
    two_nodes t(datagrams, [](node_config& c) { c.sessions.request_rate->endpoint = {1, 16}; });
    const auto traffic = [&t] { return t.s.run(t.s.at(0).status()).traffic; };
    const auto before = traffic();
    for (int i = 0; i < 100; ++i) {
        const auto found = t.s.run(t.s.at(0).lookup(id256()));
        REQUIRE(found);
        CHECK(found->answered == 1);
    }
    const auto after = traffic();
    CHECK(after.requests_sent - before.requests_sent >= 100);
    CHECK(after.requests_throttled == before.requests_throttled);
    // Who asks this node as often is throttled.
    std::error_code why;
    for (int i = 0; i < 100 && !why; ++i) {
        const auto found = t.s.run(t.s.at(1).lookup(id256()));
        if (!found) why = found.error();
    }
    CHECK(why == errc::throttled);
    CHECK(traffic().requests_throttled > after.requests_throttled);
}

TEST_CASE("who asks too much hears that it is throttled, whatever it asks", "[refusals]") {
    const bool datagrams = GENERATE(false, true);
    const bool travels = GENERATE(false, true);
    CAPTURE(datagrams, travels);
    two_nodes t(datagrams, [](node_config& c) {
        c.sessions.request_rate->endpoint = {1, 64};
        c.sessions.request_rate->refusals = {100, 1000};
    });
    get_options how;
    if (travels) how.mode(proxied());
    std::error_code why = errc::not_found;
    for (int i = 0; i < 100 && why == errc::not_found; ++i) why = t.s.run(t.s.at(1).get(id256(), how)).error();
    CHECK(why == errc::throttled);
    if (travels) return;
    CHECK(t.s.run(t.s.at(1).lookup(id256())).error() == errc::throttled);
    const auto stored = t.s.run(t.s.at(1).put(value::immutable("mine")));
    REQUIRE(stored);
    CHECK(stored->copies_elsewhere() == 0);
    CHECK(stored->lookup.refusal == errc::throttled);
}
