// Sessions over UDP sockets of the system.
#include <mydht/transport/interfaces.hpp>

#include "real_sockets.hpp"

namespace mydht::test {

namespace {

/// Runs `what` to its end, in real time.
template <typename T>
T run(asio::io_context& on, task<T> what) {
    std::exception_ptr error;
    std::optional<T> out;
    asio::co_spawn(on, std::move(what), [&](std::exception_ptr e, T value) {
        error = e;
        out.emplace(std::move(value));
    });
    on.restart();
    while (!out && on.run_one() > 0) {
    }
    if (error) std::rethrow_exception(error);
    return std::move(out.value());
}

task<bool> talk_and_stop(real_node& by, real_node& with, contact to, bytes_view data, talked& out) {
    co_await talk(by, std::move(to), 50, data, out);
    // The first words to a peer that is known travel in the first packet.
    const auto again = co_await by.pool->ask(contact_of(with.self->key(), 1, {}), wire::ping(), by.in(10s));
    out.answered += again && again->reused ? 1 : 0;
    co_await real_node::stop(by);
    co_await real_node::stop(with);
    co_return true;
}

bytes random_bytes(std::size_t size) {
    bytes out(size);
    prng_source(11).fill(out);
    return out;
}

}  // namespace

TEST_CASE("sessions over UDP of the system carry requests and streams", "[udp]") {
    const auto how = GENERATE(spoken::udp_in_batches, spoken::udp_alone);
    CAPTURE(static_cast<int>(how));
    const auto at = parse_address(GENERATE("udp://127.0.0.1:0", "udp://[::1]:0")).value();
    CAPTURE(at.text());
    if (machine_has(at) != true) {
        WARN("this machine has no " << at.text() << ": not tested");
        return;
    }
    asio::io_context context(1);
    real_node server(context, how);
    real_node client(context, how);
    const auto where = run(context, real_node::listen(server, at));
    CHECK(where.port() != 0);
    CHECK(where.with_port(0) == at);
    // From a socket of its own, or from one that listens too.
    const bool both_listen = GENERATE(false, true);
    const auto from = both_listen ? run(context, real_node::listen(client, at)) : address();
    CHECK(from != where);

    const auto data = random_bytes(1024 * 1024);
    talked out;
    REQUIRE(run(context, talk_and_stop(client, server, contact_of(server.self->key(), 1, {where}), data, out)));
    CHECK(out.answered == 51);
    CHECK(out.observed.kind() == address_kind::udp);
    if (both_listen) CHECK(out.observed == from);
    // Not shown in full: a megabyte of numbers says nothing.
    CHECK(out.came_back.size() == data.size());
    const bool same = out.came_back == data;
    CHECK(same);
    CHECK(out.ended == errc::end_of_stream);
    const auto& counters = server.pool->counters();
    CHECK(counters.accepted == 1);
    CHECK(counters.requests_served == 51);
    CHECK(counters.streams_served == 1);
    CHECK(counters.bytes_received > data.size());
    CHECK(counters.packets_refused == 0);
    CHECK(client.pool->counters().dialled == 1);
    CHECK(client.pool->size() == 0);
}

}  // namespace mydht::test
