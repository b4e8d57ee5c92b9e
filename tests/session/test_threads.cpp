#include <future>
#include <thread>

#include "real_sockets.hpp"

namespace mydht::test {

namespace {

task<> serve(real_node& node, address at, std::promise<address>& bound) {
    auto where = co_await real_node::listen(node, std::move(at));
    bound.set_value(std::move(where));
}

task<> talk_and_stop(real_node& by, contact to, bytes_view data, talked& out) {
    co_await talk(by, std::move(to), 200, data, out);
    co_await real_node::stop(by);
}

}  // namespace

TEST_CASE("pools on two threads talk over sockets of the system", "[threads]") {
    const auto how = GENERATE(spoken::tcp, spoken::udp_in_batches, spoken::udp_alone);
    CAPTURE(static_cast<int>(how));
    asio::io_context there(1);
    asio::io_context here(1);
    real_node server(there, how);
    real_node client(here, how);
    std::promise<address> bound;
    const auto at = parse_address(how == spoken::tcp ? "tcp://127.0.0.1:0" : "udp://127.0.0.1:0").value();
    asio::co_spawn(there, serve(server, at, bound), [](std::exception_ptr) {});
    std::thread runs([&] { there.run(); });
    const auto where = bound.get_future().get();
    talked out;
    const bytes data(300'000, 7);
    asio::co_spawn(here, talk_and_stop(client, contact_of(server.self->key(), 1, {where}), data, out),
                   [](std::exception_ptr) {});
    here.run();
    asio::co_spawn(there, real_node::stop(server), [](std::exception_ptr) {});
    runs.join();
    CHECK(out.answered == 200);
    CHECK(out.came_back == data);
    CHECK(server.pool->counters().requests_served == 200);
    CHECK(server.pool->counters().streams_served == 1);
}

}  // namespace mydht::test
