// What sessions cost that nobody uses: memory of one end, and the time of the processor, for sessions in packets and
// over connections, all in one process on a network in memory.
#include <malloc.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <asio/io_context.hpp>

#include <mydht/crypto/identity.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/session/session_pool.hpp>
#include <mydht/transport/memory.hpp>

#include "run_all.hpp"

namespace mydht::bench {
namespace {

using namespace std::chrono_literals;

std::size_t memory_in_use() {
    const auto heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

double cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto of = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return of(used.ru_utime) + of(used.ru_stime);
}

task<wire::message> pong(peer_info, wire::message) { co_return wire::pong(); }

session_config quiet_config() {
    session_config out;
    out.idle_timeout = 1h;
    out.sessions_max = 100'000;
    out.handshake_rate.reset();
    out.request_rate.reset();
    return out;
}

struct side {
    side(asio::io_context& on, memory_network& network, bool packets) : env(make_environment(on.get_executor())) {
        auto self = std::make_shared<const identity>(identity::generate(*env.secure_random));
        pool = std::make_unique<session_pool>(env, std::move(self), quiet_config(), pong, session_events());
        if (packets) {
            pool->add_transport(network.datagrams());
        } else {
            pool->add_transport(network.transport());
        }
    }

    environment env;
    std::unique_ptr<session_pool> pool;
};

task<> listen(side& at, address where) {
    const auto bound = co_await at.pool->listen(where);
    if (!bound) throw std::runtime_error("listen: " + bound.error().message());
}

task<> dial_and_ask(side& from, address where) {
    auto link = co_await from.pool->connect_to(where, std::nullopt, from.env.time->now() + 30s);
    if (!link) throw std::runtime_error("dial: " + link.error().message());
    wire::ping question;
    const auto answer = co_await link->request(question, from.env.time->now() + 30s);
    if (!answer) throw std::runtime_error("ask: " + answer.error().message());
}

task<> wait(side& on, duration length) { co_await sleep_for(*on.env.time, length); }

void idle_sessions(benchmark::State& state, bool packets) {
    const auto count = static_cast<std::size_t>(state.range(0));
    const auto rest_time = std::chrono::seconds(state.range(1));
    const auto watched_time = std::chrono::milliseconds(rest_time) / 5;
    asio::io_context context(1);
    memory_network network;
    const auto where = address::memory("hub").value();
    const auto run_one = [&](task<> what) {
        std::vector<task<>> work;
        work.push_back(std::move(what));
        run_all(context, std::move(work));
    };
    for ([[maybe_unused]] auto each : state) {
        // A first session each, with somebody else, so that what a node itself takes is there before.
        side other(context, network, packets);
        const auto elsewhere = address::memory("other").value();
        run_one(listen(other, elsewhere));
        side hub(context, network, packets);
        run_one(listen(hub, where));
        std::vector<std::unique_ptr<side>> sides;
        for (std::size_t i = 0; i < count; ++i) sides.push_back(std::make_unique<side>(context, network, packets));
        for (auto& one : sides) run_one(dial_and_ask(*one, elsewhere));
        run_one(wait(hub, rest_time));
        malloc_trim(0);
        const auto before = memory_in_use();
        for (auto& one : sides) run_one(dial_and_ask(*one, where));
        run_one(wait(hub, rest_time));
        const auto held = static_cast<double>(memory_in_use() - before);
        if (hub.pool->size() != count) throw std::runtime_error("not all sessions are open");
        const auto cpu_before = cpu_seconds();
        run_one(wait(hub, watched_time));
        const auto cpu = cpu_seconds() - cpu_before;
        state.counters["bytes_an_end"] = held / static_cast<double>(2 * count);
        state.counters["cpu_percent"] = 100 * cpu / std::chrono::duration<double>(watched_time).count();
        for (auto& one : sides) run_one(one->pool->stop(0s));
        run_one(hub.pool->stop(0s));
        run_one(other.pool->stop(0s));
    }
}

/// The rest is longer than a session waits before it gives its buffers back, but for those that only show that all
/// runs.
void cases(benchmark::internal::Benchmark* of) {
    of->ArgNames({"sessions", "rest_s"})->Args({100, 1})->Args({10'000, 25})->Iterations(1)->Unit(benchmark::kSecond);
}

BENCHMARK_CAPTURE(idle_sessions, packets, true)->Apply(cases);
BENCHMARK_CAPTURE(idle_sessions, connections, false)->Apply(cases);

}  // namespace
}  // namespace mydht::bench
