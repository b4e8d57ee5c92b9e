// Two nodes in one program: one stores a value, the other finds it.
#include <iostream>

#include <mydht/node/node.hpp>

static mydht::task<> say_hello(mydht::environment env, bool& found) {
    mydht::node_config config;
    config.listen.push_back(*mydht::parse_address("udp://127.0.0.1:0"));
    mydht::node first(env, std::move(config));
    auto listening = co_await first.start();
    if (!listening) co_return;

    mydht::node_config other;
    other.bootstrap.push_back(*mydht::parse_location(first.addresses().front().text()));
    mydht::node second(env, std::move(other));
    auto joined = co_await second.start();

    auto key = co_await first.put(mydht::value::immutable("hello"));
    if (joined && key) {
        auto greeting = co_await second.get(*key);
        if (greeting) std::cout << greeting->text() << "\n";
        found = greeting.has_value();
    }
    co_await second.stop();
    co_await first.stop();
}

int main() {
    bool found = false;
    mydht::run([&found](mydht::environment env) { return say_hello(std::move(env), found); });
    return found ? 0 : 1;
}
