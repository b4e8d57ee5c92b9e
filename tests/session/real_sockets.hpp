#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include <mydht/transport/tcp.hpp>
#include <mydht/transport/udp.hpp>

#include "fixture.hpp"

namespace mydht::test {

/// What is spoken over sockets of the system.
enum class spoken { tcp, udp_in_batches, udp_alone };

/// A pool over sockets of the system, in real time. Its service "store/1" reads a stream to its end and then says it
/// all again.
struct real_node {
    real_node(asio::io_context& in, spoken how)
        : context(in),
          env(make_environment(context.get_executor())),
          self(std::make_shared<const identity>(identity::generate(*env.secure_random))),
          pool(std::make_unique<session_pool>(env, self, session_config(), peer::make_echo(), session_events())) {
        if (how == spoken::tcp) {
            pool->add_transport(make_tcp(env));
        } else {
            udp_config config;
            config.offload = how == spoken::udp_in_batches;
            pool->add_transport(make_udp(env, config));
        }
        pool->serve("store/1", [](stream s) { return store(std::move(s)); });
    }

    static task<> store(stream s) {
        bytes all;
        bytes part(20'000);
        for (;;) {
            const auto got = co_await s.read_some(part);
            if (!got) break;
            all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*got));
        }
        if (co_await s.write(all)) (void)co_await s.finish();
    }
    /// What it listens at; empty when that failed.
    static task<address> listen(real_node& on, address at) {
        const auto where = co_await on.pool->listen(std::move(at));
        co_return where.value_or(address());
    }
    static task<> stop(real_node& which) { co_await which.pool->stop(5s); }

    [[nodiscard]] steady_time in(duration d) const { return env.time->now() + d; }

    asio::io_context& context;
    environment env;
    std::shared_ptr<const identity> self;
    std::unique_ptr<session_pool> pool;
};

/// What came of talk().
struct talked {
    int answered = 0;
    address observed;
    bytes came_back;
    std::error_code ended;  ///< how the stream did
};

/// Asks `to` so many times, one after the other, and moves `data` there and back on a stream.
inline task<> talk(real_node& by, contact to, int questions, bytes_view data, talked& out) {
    auto link = co_await by.pool->connect(to, by.in(10s));
    if (!link) co_return;
    for (int i = 0; i < questions; ++i) {
        const auto got = co_await link->request(wire::ping(), by.in(10s));
        if (!got || !std::holds_alternative<wire::pong>(*got)) continue;
        ++out.answered;
        out.observed = std::get<wire::pong>(*got).observed;
    }
    auto opened = co_await by.pool->open(to, "store/1", by.in(10s));
    if (!opened) co_return;
    if (!co_await opened->write(data) || !co_await opened->finish()) co_return;
    bytes part(20'000);
    for (;;) {
        const auto got = co_await opened->read_some(part);
        if (!got) {
            out.ended = got.error();
            co_return;
        }
        out.came_back.insert(out.came_back.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*got));
    }
}

}  // namespace mydht::test
