#include <cstdint>
#include <memory>

#include <mydht/session/session_pool.hpp>
#include <mydht/transport/tcp.hpp>
#include <mydht/transport/udp.hpp>

#include "../bench/allocations.hpp"
#include "fixture.hpp"

namespace mydht::test {

namespace {

/// A node of the real network.
struct real_node {
    explicit real_node(asio::io_context& on)
        : env(make_environment(on.get_executor())),
          self(std::make_shared<const identity>(identity::generate(*env.secure_random))),
          pool(env, self, session_config(), peer::make_echo(), session_events()) {
        pool.add_transport(make_tcp(env));
        pool.add_transport(make_udp(env));
    }

    environment env;
    std::shared_ptr<const identity> self;
    session_pool pool;
};

constexpr int round_trips = 256;

task<> ask(session link, time_source& time, int& answered) {
    for (int i = 0; i < round_trips; ++i) {
        const auto got = co_await link.request(wire::ping(), time.now() + 30s);
        if (got) ++answered;
    }
}

task<> count_allocations(real_node& a, real_node& b, address_kind kind, int& answered, std::uint64_t& allocated) {
    const auto where = co_await b.pool.listen(address::ipv4(kind, {127, 0, 0, 1}, 0));
    const auto link = co_await a.pool.connect_to(*where, b.self->id(), a.env.time->now() + 30s);
    for (int warm_up = 0; warm_up < 4; ++warm_up) co_await ask(*link, *a.env.time, answered);
    const auto before = bench::allocations();
    co_await ask(*link, *a.env.time, answered);
    allocated = bench::allocations() - before;
    co_await a.pool.stop(1s);
    co_await b.pool.stop(1s);
}

}  // namespace

TEST_CASE("round trips of a session take their memory from those before", "[allocations]") {
    const auto kind = GENERATE(address_kind::tcp, address_kind::udp);
    asio::io_context context{1};
    real_node a(context);
    real_node b(context);
    int answered = 0;
    std::uint64_t allocated = round_trips;
    asio::co_spawn(context, count_allocations(a, b, kind, answered, allocated), [](std::exception_ptr) {});
    context.run();
    INFO("over " << to_string(kind));
    CHECK(answered == 5 * round_trips);
    // A few are what a timer that is due meanwhile, or a longer burst than any before, takes.
    CHECK(allocated < round_trips / 8);
}

}  // namespace mydht::test
