// What a session costs that nobody uses. The bounds are those of the design, for one end of it.
#include <memory>
#include <vector>

#include "counting.hpp"
#include "fixture.hpp"
#include "two_peers.hpp"

namespace mydht::test {

namespace {

constexpr std::size_t sessions = 1'000;

session_config quiet() {
    session_config out;
    out.idle_timeout = 1h;
    out.handshake_rate.reset();
    out.request_rate.reset();
    return out;
}

std::unique_ptr<peer> made(world& w, memory_network& network, carried_by how) {
    auto out = std::make_unique<peer>(w, quiet(), request_handler());
    if (how == carried_by::datagrams) {
        out->pool->add_transport(network.datagrams());
    } else {
        out->pool->add_transport(network.transport());
    }
    return out;
}

task<bool> dial_and_ask(peer* from, address where) {
    auto link = co_await from->pool->connect_to(where, std::nullopt, from->in(30s));
    if (!link) co_return false;
    const auto answer = co_await link->request(wire::ping(), from->in(30s));
    co_return answer.has_value();
}

/// Bytes that each end of so many sessions at rest holds.
double bytes_at_rest(carried_by how) {
    world w;
    memory_network network;
    // A first session each, with somebody else, so that what a node itself takes is there before.
    auto other = made(w, network, how);
    auto hub = made(w, network, how);
    REQUIRE(w.run(other->pool->listen(mem("other"))));
    REQUIRE(w.run(hub->pool->listen(mem("hub"))));
    std::vector<std::unique_ptr<peer>> peers;
    for (std::size_t i = 0; i < sessions; ++i) peers.push_back(made(w, network, how));
    const auto all_ask = [&](const address& where) {
        for (auto& each : peers) REQUIRE(w.run(dial_and_ask(each.get(), where)));
        // What tests keep of a session is none of its memory.
        for (auto& each : peers) each->opened = {};
        hub->opened = {};
        // Longer than sessions keep the buffers of what was said.
        w.advance(25s);
        w.log->lines = {};
    };
    all_ask(mem("other"));
    const auto before = live_bytes();
    all_ask(mem("hub"));
    const auto held = live_bytes() - before;
    CHECK(hub->pool->size() == sessions);
    CHECK(peers.front()->pool->size() == 2);
    for (auto& each : peers) each->pool.reset();
    hub->pool.reset();
    other->pool.reset();
    w.poll();
    return static_cast<double>(held) / (2 * sessions);
}

}  // namespace

TEST_CASE("an end of a datagram session at rest holds two KiB at most", "[datagrams][memory]") {
    const auto each = bytes_at_rest(carried_by::datagrams);
    CAPTURE(each);
    CHECK(each <= 2 * 1024);
    SUCCEED("bytes an end: " << each);
}

TEST_CASE("an end of a stream session at rest holds six KiB at most", "[session][memory]") {
    const auto each = bytes_at_rest(carried_by::connections);
    CAPTURE(each);
    CHECK(each <= 6 * 1024);
    SUCCEED("bytes an end: " << each);
}

}  // namespace mydht::test
