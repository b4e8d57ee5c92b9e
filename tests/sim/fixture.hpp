#pragma once

#include <system_error>

#include <mydht/runtime/task_group.hpp>
#include <mydht/sim/network.hpp>

#include "support/catch.hpp"

namespace mydht::sim::test {

inline task<> accept_into(any_listener& from, any_connection& into) {
    auto made = co_await from.accept();
    if (made) into = std::move(*made);
}

inline task<> write_all(any_connection& to, bytes data) {
    const auto done = co_await to.write(data);
    CHECK(done);
}

/// Two nodes and, after connect(), the ends of a connection from node 0 to node 1.
struct pair {
    explicit pair(std::uint64_t seed, network_config config = {})
        : w(seed), net((w.add_node(), w.add_node(), w), config) {}

    task<bool> connect() {
        auto listener = co_await net.transport(1).listen(net.address_of(1, 0));
        if (!listener) co_return false;
        group.spawn("accept", accept_into(*listener, accepted));
        auto made = co_await net.transport(0).connect(listener->local());
        co_await group.join();
        if (!made) co_return false;
        dialed = std::move(*made);
        co_return true;
    }

    world w;
    network net;
    environment env = w.driver_environment();
    task_group group{env.exec, [](std::string_view name, const std::exception_ptr&) { FAIL_CHECK("threw: " << name); }};
    any_connection dialed;
    any_connection accepted;
};

/// Reads until there is an error, and gives that.
inline task<std::error_code> read_error(any_connection& from) {
    bytes into(1000);
    for (;;) {
        const auto count = co_await from.read_some(into);
        if (!count) co_return count.error();
    }
}

/// Writes until there is an error, and gives that.
inline task<std::error_code> write_error(any_connection& to) {
    const bytes data(1000);
    for (;;) {
        const auto done = co_await to.write(data);
        if (!done) co_return done.error();
    }
}

}  // namespace mydht::sim::test
