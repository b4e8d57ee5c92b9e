#include <stdexcept>

#include <mydht/crypto/ids.hpp>
#include <mydht/sim/scenario.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

/// Sends back what comes, with the name of the service in front.
task<> echo(stream s) {
    const auto greeting = to_bytes(s.service());
    (void)co_await s.write(greeting);
    bytes part(100);
    for (;;) {
        const auto got = co_await s.read_some(part);
        if (!got) break;
        (void)co_await s.write(bytes_view(part).first(*got));
    }
    s.close();
}

task<> tell_id(node of, stream with) {
    const auto id = of.id().hex();
    (void)co_await with.write(as_bytes(id));
    with.close();
}

task<result<bytes>> say(node& from, node_id to, std::string service, std::string text) {
    auto opened = co_await from.open(to, std::move(service));
    if (!opened) co_return failure(opened.error());
    (void)co_await opened->write(as_bytes(text));
    (void)co_await opened->finish();
    bytes out;
    bytes part(100);
    for (;;) {
        const auto got = co_await opened->read_some(part);
        if (!got && got.error() == errc::end_of_stream) co_return out;
        if (!got) co_return failure(got.error());
        out.insert(out.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*got));
    }
}

}  // namespace

TEST_CASE("a node opens streams to peers that it has never met", "[node][services]") {
    scenario s({});
    REQUIRE(s.grow(40) == 0);
    for (node_index i = 0; i < 40; ++i) s.at(i).serve("echo/1", echo);
    for (node_index i = 1; i < 40; i += 3) {
        const auto got = s.run(say(s.at(0), s.id_of(i), "echo/1", "hello"));
        REQUIRE(got);
        CHECK(as_text(*got) == "echo/1hello");
    }
}

TEST_CASE("what cannot be opened says why", "[node][services]") {
    scenario s({});
    REQUIRE(s.grow(5) == 0);
    auto& first = s.at(0);
    CHECK(s.run(say(first, s.id_of(1), "echo/1", "")).error() == errc::no_service);
    CHECK(s.run(say(first, s.id_of(0), "echo/1", "")).error() == errc::self_connection);
    CHECK(s.run(say(first, node_id(), "echo/1", "")).error() == errc::not_found);
    CHECK(s.run(say(first, s.id_of(1), "no name", "")).error() == errc::bad_argument);

    s.at(1).serve("echo/1", echo);
    CHECK(s.run(say(first, s.id_of(1), "echo/1", "x")).has_value());
    s.at(1).serve("echo/1", [](stream with) -> task<> {
        with.reset(42);
        co_return;
    });
    CHECK(s.run(say(first, s.id_of(1), "echo/1", "x")).error() == errc::stream_reset);
    s.at(1).unserve("echo/1");
    CHECK(s.run(say(first, s.id_of(1), "echo/1", "x")).error() == errc::no_service);

    CHECK_THROWS_AS(first.serve("no name", echo), std::invalid_argument);
    CHECK_THROWS_AS(first.serve("name", service_handler()), std::invalid_argument);
    s.run(first.stop());
    CHECK(s.run(say(first, s.id_of(1), "echo/1", "x")).error() == errc::not_running);
}

TEST_CASE("a client that nobody can dial is served over its own session", "[node][services]") {
    scenario_config config;
    config.configure = [](node_index index, node_config& c) {
        if (index == 3) c.listen.clear();
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(4) == 0);
    s.at(3).serve("echo/1", echo);
    REQUIRE(s.run(s.at(3).ping(s.at(0).addresses().front(), std::nullopt, 5s)));
    const auto got = s.run(say(s.at(0), s.id_of(3), "echo/1", "back"));
    REQUIRE(got);
    CHECK(as_text(*got) == "echo/1back");
}

TEST_CASE("a contact is enough, and a handler may hold its node", "[node][services]") {
    scenario s({});
    REQUIRE(s.grow(2) == 0);
    auto held = s.at(1);
    s.at(1).serve("id/1", [held](stream with) { return tell_id(held, std::move(with)); });
    held = node();
    auto known = s.run(s.at(0).contacts());
    REQUIRE(known.size() == 1);
    auto opened = s.run(s.at(0).open(known[0], "id/1"));
    REQUIRE(opened);
    bytes id(64);
    REQUIRE(s.run(opened->read(id)));
    CHECK(as_text(id) == s.id_of(1).hex());
    s.run(s.at(1).stop());
}
