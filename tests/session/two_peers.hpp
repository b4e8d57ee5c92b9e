#pragma once

#include <string>
#include <utility>
#include <vector>

#include <mydht/runtime/wait_queue.hpp>
#include <mydht/session/stream.hpp>

#include "fixture.hpp"

namespace mydht::test {

enum class carried_by { connections, datagrams };

/// Two peers that know each other's address.
struct two_peers {
    explicit two_peers(session_config config = {}, carried_by how = carried_by::connections)
        : a(w, config, {}), b(w, config, {}) {
        for (auto* one : {&a, &b}) {
            if (how == carried_by::datagrams) {
                one->pool->add_transport(network.datagrams());
            } else {
                one->pool->add_transport(network.transport());
            }
        }
        w.run(listen());
    }
    explicit two_peers(carried_by how) : two_peers(session_config(), how) {}

    task<> listen() {
        const auto at_a = co_await a.pool->listen(mem("a"));
        const auto at_b = co_await b.pool->listen(mem("b"));
        to_a = a.at(*at_a);
        to_b = b.at(*at_b);
    }
    task<> stop() {
        co_await a.pool->stop(5s);
        co_await b.pool->stop(5s);
    }
    [[nodiscard]] task<result<stream>> open(std::string service = "echo/1") {
        return a.pool->open(to_b, std::move(service), a.in(10s));
    }

    world w;
    memory_network network;
    peer a;
    peer b;
    contact to_a;
    contact to_b;
};

/// A service that sends back what comes.
inline task<> echo_stream(stream s) {
    bytes part(5000);
    for (;;) {
        const auto got = co_await s.read_some(part);
        if (!got) break;
        const auto written = co_await s.write(bytes_view(part).first(*got));
        if (!written) break;
    }
    (void)co_await s.finish();
}

/// A service whose streams the test holds.
struct held_streams {
    [[nodiscard]] service_handler handler() {
        return [this](stream s) { return hold(std::move(s)); };
    }
    task<> hold(stream s) {
        streams.push_back(s);
        wait_queue forever;
        ++running;
        try {
            co_await forever.wait();
        } catch (...) {
            ++cancelled;
            throw;
        }
    }

    std::vector<stream> streams;
    int running = 0;
    int cancelled = 0;
};

}  // namespace mydht::test
