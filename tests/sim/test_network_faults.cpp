#include <mydht/runtime/deadline.hpp>
#include <mydht/sim/network.hpp>

#include "sim/fixture.hpp"
#include "support/catch.hpp"

namespace mydht::sim {

namespace {

using namespace test;
using std::chrono::milliseconds;
using std::chrono::seconds;

const auto reset = make_error_code(errc::connection_reset);
const auto closed = make_error_code(errc::closed);

network_config steady_config() {
    network_config config;
    config.latency = latency_model::constant(milliseconds(10));
    config.retry_interval = seconds(1);
    config.break_after = seconds(30);
    return config;
}

/// `wanted` bytes, or fewer when the stream ends before.
task<bytes> read_bytes(any_connection& from, std::size_t wanted) {
    bytes into(wanted);
    std::size_t seen = 0;
    while (seen < wanted) {
        const auto count = co_await from.read_some(bytes_span(into).subspan(seen));
        if (!count) break;
        seen += *count;
    }
    into.resize(seen);
    co_return std::move(into);
}

task<std::size_t> read_count(any_connection& from, std::size_t wanted) {
    const auto got = co_await read_bytes(from, wanted);
    co_return got.size();
}

task<result<std::size_t>> read_some(any_connection& from, bytes& into) { return from.read_some(into); }

}  // namespace

TEST_CASE("Bytes wait for a cut link and arrive in order after it heals", "[sim][faults]") {
    pair p(1, steady_config());
    REQUIRE(p.w.run(p.connect()));
    p.net.partition({0});
    const auto write = [&p](std::uint8_t what) {
        const bytes data(500, what);
        CHECK(p.w.run(p.dialed.write(data)));
    };
    write(1);
    write(2);
    p.w.run_for(seconds(20));
    CHECK(p.net.counts().bytes == 0);
    const auto healed = p.w.now();
    p.net.heal();
    write(3);
    const auto got = p.w.run(read_bytes(p.accepted, 1500));
    REQUIRE(got.size() == 1500);
    for (std::size_t i = 0; i < got.size(); ++i) REQUIRE(got[i] == 1 + i / 500);
    CHECK(p.w.now() - healed <= seconds(1) + milliseconds(10));
    CHECK(p.w.run_until_idle(seconds(60)));
    CHECK(p.net.counts().bytes == 1500);
}

TEST_CASE("What was written before a close waits for a late reader", "[sim][faults]") {
    pair p(1, steady_config());
    REQUIRE(p.w.run(p.connect()));
    const bytes data(10);
    CHECK(p.w.run(p.dialed.write(data)));
    p.dialed.close();
    p.w.run_for(seconds(5));
    CHECK(p.w.run(read_count(p.accepted, 10)) == 10);
    CHECK(p.w.run(read_error(p.accepted)) == make_error_code(errc::end_of_stream));
}

TEST_CASE("A link that stays cut breaks the connection of whoever sends", "[sim][faults]") {
    pair p(1, steady_config());
    REQUIRE(p.w.run(p.connect()));
    p.net.partition({1});
    const auto before = p.w.now();
    const bytes data(10);
    CHECK(p.w.run(p.dialed.write(data)));
    CHECK(p.w.run(read_error(p.dialed)) == reset);
    CHECK(p.w.now() - before == seconds(30));
    // The other end has sent nothing, so it notices nothing until it does.
    CHECK(p.net.open_connections(0) == 0);
    CHECK(p.net.open_connections(1) == 1);
    p.net.heal();
    CHECK(p.w.run(p.accepted.write(data)));
    CHECK(p.w.run(read_error(p.accepted)) == reset);
    CHECK(p.net.open_connections(1) == 0);
}

TEST_CASE("What was under way before the cut still arrives", "[sim][faults]") {
    pair p(1, steady_config());
    REQUIRE(p.w.run(p.connect()));
    const bytes data(10);
    CHECK(p.w.run(p.dialed.write(data)));
    p.net.partition({0});
    CHECK(p.w.run(read_count(p.accepted, 10)) == 10);
}

TEST_CASE("Nodes of one island reach each other", "[sim][faults]") {
    pair p(1, steady_config());
    p.net.partition({0, 1});
    REQUIRE(p.w.run(p.connect()));
    const bytes data(10);
    CHECK(p.w.run(p.dialed.write(data)));
    CHECK(p.w.run(read_count(p.accepted, 10)) == 10);
    // A second island takes its nodes out of the first.
    p.net.partition({1});
    CHECK(p.w.run(p.dialed.write(data)));
    p.w.run_for(seconds(5));
    CHECK(p.net.counts().bytes == 10);
}

TEST_CASE("Closing over a cut link still delivers what was written", "[sim][faults]") {
    pair p(1, steady_config());
    REQUIRE(p.w.run(p.connect()));
    p.net.partition({0});
    const bytes data(10);
    CHECK(p.w.run(p.dialed.write(data)));
    p.dialed.close();
    p.w.run_for(seconds(5));
    p.net.heal();
    CHECK(p.w.run(read_count(p.accepted, 10)) == 10);
    CHECK(p.w.run(read_error(p.accepted)) == make_error_code(errc::end_of_stream));
    CHECK(p.net.open_connections(0) == 0);
}

TEST_CASE("A dial whose answer meets a cut link times out", "[sim][faults]") {
    auto config = steady_config();
    config.dial_timeout = seconds(3);
    pair p(1, config);
    const auto listener = p.w.run(p.net.transport(1).listen(p.net.address_of(1, 80)));
    const auto cut_soon = [](pair& q) -> task<> {
        co_await sleep_for(*q.env.time, milliseconds(5));
        q.net.partition({0});
    };
    const auto before = p.w.now();
    p.group.spawn("cut", cut_soon(p));
    const auto outcome = p.w.run(p.net.transport(0).connect(listener->local()));
    REQUIRE(!outcome);
    CHECK(outcome.error() == make_error_code(errc::unreachable));
    CHECK(p.w.now() - before == seconds(3));
}

TEST_CASE("A cancelled dial leaves no connection at either end", "[sim][faults]") {
    pair p(1, steady_config());
    const auto listener = p.w.run(p.net.transport(1).listen(p.net.address_of(1, 80)));
    for (const auto after : {milliseconds(5), milliseconds(15)}) {
        const auto deadline = p.w.now() + after;
        const auto outcome =
            p.w.run(with_deadline(*p.env.time, deadline, p.net.transport(0).connect(listener->local())));
        REQUIRE(!outcome);
        CHECK(outcome.error() == make_error_code(errc::timed_out));
    }
    CHECK(p.w.run_until_idle(seconds(60)));
    CHECK(p.net.open_connections(0) == 0);
    CHECK(p.net.open_connections(1) == 0);
}

TEST_CASE("A killed process resets its peers", "[sim][faults]") {
    pair p(1, steady_config());
    REQUIRE(p.w.run(p.connect()));
    const auto before = p.w.now();
    p.net.crash(1, crash_kind::reset);
    CHECK(p.w.run(read_error(p.accepted)) == closed);
    CHECK(p.w.run(write_error(p.accepted)) == closed);
    CHECK(p.w.run(read_error(p.dialed)) == reset);
    CHECK(p.w.now() - before == milliseconds(10));
    CHECK(p.net.open_connections(0) == 0);
    CHECK(p.net.open_connections(1) == 0);
}

TEST_CASE("A machine that loses power is noticed by what is not answered", "[sim][faults]") {
    pair p(1, steady_config());
    REQUIRE(p.w.run(p.connect()));
    p.net.crash(1, crash_kind::silence);
    CHECK(p.w.run_until_idle(seconds(600)));
    CHECK(p.net.open_connections(0) == 1);
    const auto before = p.w.now();
    const bytes data(10);
    CHECK(p.w.run(p.dialed.write(data)));
    CHECK(p.w.run(read_error(p.dialed)) == reset);
    CHECK(p.w.now() - before == milliseconds(10) + seconds(30));
    CHECK(p.net.open_connections(0) == 0);
}

TEST_CASE("A node that is down can do nothing", "[sim][faults]") {
    pair p(1, steady_config());
    auto listener = p.w.run(p.net.transport(1).listen(p.net.address_of(1, 80)));
    p.net.crash(1, crash_kind::silence);
    p.net.crash(1, crash_kind::silence);
    CHECK_FALSE(p.net.is_up(1));
    const auto accepted = p.w.run(listener->accept());
    REQUIRE(!accepted);
    CHECK(accepted.error() == closed);
    const auto listening = p.w.run(p.net.transport(1).listen(p.net.address_of(1, 80)));
    REQUIRE(!listening);
    CHECK(listening.error() == make_error_code(errc::network_failed));
    const auto dialed = p.w.run(p.net.transport(1).connect(p.net.address_of(0, 80)));
    REQUIRE(!dialed);
    CHECK(dialed.error() == make_error_code(errc::network_failed));
}

TEST_CASE("A restarted node has its address and none of its connections", "[sim][faults]") {
    pair p(1, steady_config());
    REQUIRE(p.w.run(p.connect()));
    auto old = std::move(p.dialed);
    p.net.crash(1, crash_kind::silence);
    p.w.run_for(seconds(5));
    p.net.restart(1);
    CHECK(p.net.is_up(1));
    REQUIRE(p.w.run(p.connect()));
    const bytes data(10);
    CHECK(p.w.run(p.dialed.write(data)));
    CHECK(p.w.run(read_count(p.accepted, 10)) == 10);
    const auto before = p.w.now();
    CHECK(p.w.run(old.write(data)));
    CHECK(p.w.run(read_error(old)) == reset);
    CHECK(p.w.now() - before == milliseconds(20));
}

TEST_CASE("A crash ends what waits on the node itself and on its peers", "[sim][faults]") {
    pair p(1, steady_config());
    REQUIRE(p.w.run(p.connect()));
    bytes near(10);
    bytes far(10);
    std::error_code own;
    std::error_code others;
    const auto wait_for = [](any_connection& from, bytes& into, std::error_code& out) -> task<> {
        const auto count = co_await read_some(from, into);
        if (!count) out = count.error();
    };
    p.group.spawn("own", wait_for(p.accepted, near, own));
    p.group.spawn("others", wait_for(p.dialed, far, others));
    p.w.run_for(seconds(1));
    p.net.crash(1, crash_kind::reset);
    p.w.run(p.group.join());
    CHECK(own == closed);
    CHECK(others == reset);
}

TEST_CASE("Handles may be destroyed after their world", "[sim][faults]") {
    any_connection open;
    any_connection broken;
    any_listener listener;
    {
        pair p(1, steady_config());
        REQUIRE(p.w.run(p.connect()));
        broken = std::move(p.dialed);
        p.net.crash(1, crash_kind::reset);
        p.w.run_for(seconds(1));
        p.net.restart(1);
        REQUIRE(p.w.run(p.connect()));
        open = std::move(p.dialed);
        listener = std::move(p.w.run(p.net.transport(1).listen(p.net.address_of(1, 0))).value());
    }
    open.close();
    broken.close();
    listener.close();
    CHECK(open.local().port() != 0);
}

}  // namespace mydht::sim
