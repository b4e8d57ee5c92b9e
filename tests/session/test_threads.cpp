#include <future>
#include <thread>

#include <mydht/transport/tcp.hpp>

#include "fixture.hpp"

namespace mydht::test {

namespace {

struct tcp_node {
    tcp_node()
        : env(make_environment(context.get_executor())),
          self(std::make_shared<const identity>(identity::generate(*env.secure_random))),
          pool(std::make_unique<session_pool>(env, self, session_config(), peer::make_echo(), session_events())) {
        pool->add_transport(make_tcp(env));
    }

    asio::io_context context{1};
    environment env;
    std::shared_ptr<const identity> self;
    std::unique_ptr<session_pool> pool;
};

task<> serve(tcp_node& node, std::promise<address>& at, std::shared_future<void> over) {
    const auto where = co_await node.pool->listen(parse_address("tcp://127.0.0.1:0").value());
    at.set_value(where.value_or(address()));
    while (over.wait_for(0s) != std::future_status::ready) co_await sleep_for(*node.env.time, 5ms);
    co_await node.pool->stop(1s);
}

task<> ask(tcp_node& node, contact to, int& answered) {
    auto link = co_await node.pool->connect(to, node.env.time->now() + 10s);
    if (!link) co_return;
    for (int i = 0; i < 200; ++i) {
        const auto got = co_await link->request(wire::ping(), node.env.time->now() + 10s);
        answered += got ? 1 : 0;
    }
    co_await node.pool->stop(1s);
}

}  // namespace

TEST_CASE("pools on two threads talk over TCP", "[threads]") {
    tcp_node server;
    tcp_node client;
    std::promise<address> bound;
    std::promise<void> over;
    asio::co_spawn(server.context, serve(server, bound, over.get_future().share()), [](std::exception_ptr) {});
    std::thread runs([&] { server.context.run(); });
    const auto where = bound.get_future().get();
    int answered = 0;
    asio::co_spawn(client.context, ask(client, contact_of(server.self->key(), 1, {where}), answered),
                   [](std::exception_ptr) {});
    client.context.run();
    over.set_value();
    runs.join();
    CHECK(answered == 200);
    CHECK(server.pool->counters().requests_served == 200);
}

}  // namespace mydht::test
