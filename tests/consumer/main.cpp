// A user's program: its own coroutines on its own io_context, with Asio's timers and sockets beside mydht.

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include <asio.hpp>

#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/random.hpp>
#include <mydht/node/node.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/transport/memory.hpp>

namespace {

using asio::use_awaitable;
using asio::ip::tcp;

void require(bool holds, const char* what) {
    if (holds) return;
    std::cerr << "consumer: " << what << " failed\n";
    std::exit(1);
}

asio::awaitable<void> echo_once(tcp::acceptor& acceptor) {
    auto socket = co_await acceptor.async_accept(use_awaitable);
    std::string line;
    const auto size = co_await asio::async_read_until(socket, asio::dynamic_buffer(line), '\n', use_awaitable);
    co_await asio::async_write(socket, asio::buffer(line, size), use_awaitable);
}

asio::awaitable<std::string> ask(tcp::endpoint server, std::string line) {
    tcp::socket socket(co_await asio::this_coro::executor);
    co_await socket.async_connect(server, use_awaitable);
    co_await asio::async_write(socket, asio::buffer(line), use_awaitable);
    std::string answer;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(answer), '\n', use_awaitable);
    co_return answer;
}

asio::awaitable<void> use_asio() {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, std::chrono::milliseconds(1));
    co_await timer.async_wait(use_awaitable);

    tcp::acceptor acceptor(executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    asio::co_spawn(executor, echo_once(acceptor), [](std::exception_ptr error) { require(!error, "the echo server"); });
    require(co_await ask(acceptor.local_endpoint(), "hello\n") == "hello\n", "the echo");
}

void use_identity() {
    mydht::system_random random;
    const auto author = mydht::identity::generate(random);
    const auto body = mydht::to_bytes("hello");
    const auto signature = author.sign("consumer", body);
    require(mydht::verify(author.key(), "consumer", body, signature).has_value(), "a signature");
    require(!mydht::verify(author.key(), "another kind", body, signature), "the refusal of another kind");
}

mydht::task<> use_clock(mydht::environment env) {
    const auto before = env.time->now();
    co_await mydht::sleep_for(*env.time, std::chrono::milliseconds(2));
    require(env.time->now() - before >= std::chrono::milliseconds(2), "the clock");
}

mydht::node make_node(const mydht::environment& env, const mydht::memory_network& network, const char* address,
                      const char* bootstrap) {
    mydht::node_config config;
    config.transports.push_back(network.transport());
    config.listen.push_back(mydht::parse_address(address).value());
    if (bootstrap != nullptr) config.bootstrap.push_back(mydht::parse_location(bootstrap).value());
    return mydht::node(env, std::move(config));
}

mydht::task<> use_nodes(mydht::environment env) {
    const mydht::memory_network network;
    auto first = make_node(env, network, "mem://first", nullptr);
    auto second = make_node(env, network, "mem://second", "mem://first");
    require((co_await first.start()).has_value(), "starting the first node");
    require((co_await second.start()).has_value(), "starting the second node");

    const auto key = co_await first.put(mydht::value::immutable("hello"));
    require(key.has_value(), "a put");
    const auto found = co_await second.get(*key);
    require(found.has_value() && found->text() == "hello", "a get");

    co_await second.stop();
    co_await first.stop();
}

asio::awaitable<void> use_all(mydht::environment env) {
    co_await use_asio();
    co_await use_clock(env);
    co_await use_nodes(env);
}

}  // namespace

int main() {
    use_identity();
    asio::io_context context;
    asio::co_spawn(context, use_all(mydht::make_environment(context.get_executor())),
                   [](std::exception_ptr error) { require(!error, "the coroutine"); });
    context.run();
    std::cout << "consumer ok\n";
}
