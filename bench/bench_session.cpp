// Requests and answers between two sides in one process, on one thread, over TCP or UDP on loopback, beside a bare echo
// that does the same number of round trips in turn with them: the ratios compare what ran under the same load of the
// machine.
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <asio/io_context.hpp>

#include <mydht/crypto/identity.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/session/session_pool.hpp>
#include <mydht/transport/tcp.hpp>
#include <mydht/transport/udp.hpp>

#include "allocations.hpp"
#include "bare_datagrams.hpp"
#include "bare_echo.hpp"
#include "run_all.hpp"
#include "usage.hpp"

namespace mydht::bench {
namespace {

using namespace std::chrono_literals;

task<wire::message> answer_pong(peer_info from, wire::message) {
    wire::pong out;
    out.observed = from.observed;
    co_return out;
}

/// One side: a pool that answers everything with a pong.
class side {
public:
    side(asio::io_context& on, wire::link_mode mode) : env_(make_environment(on.get_executor())) {
        session_config config;
        config.mode = mode;
        auto self = std::make_shared<const identity>(identity::generate(*env_.secure_random));
        pool_ = std::make_unique<session_pool>(env_, std::move(self), config, answer_pong, session_events());
        pool_->add_transport(make_tcp(env_));
        pool_->add_transport(make_udp(env_));
    }

    session_pool& pool() { return *pool_; }
    [[nodiscard]] steady_time soon() const { return env_.time->now() + 30s; }

private:
    environment env_;
    std::unique_ptr<session_pool> pool_;
};

/// One side that listens, and so many that have dialled it.
class star {
public:
    star(address_kind kind, wire::link_mode mode, std::size_t peers) : hub_(context_, mode) {
        address where;
        run_one(listen(hub_, kind, where));
        for (std::size_t i = 0; i < peers; ++i) {
            auto& each = *sides_.emplace_back(std::make_unique<side>(context_, mode));
            run_one(dial(each, where, sessions_.emplace_back()));
        }
    }
    star(const star&) = delete;
    star& operator=(const star&) = delete;
    ~star() {
        for (auto& each : sides_) run_one(each->pool().stop(0s));
        run_one(hub_.pool().stop(0s));
    }

    /// So many round trips with each peer, at most `window` of them at once.
    void run(std::size_t round_trips, std::size_t window) {
        std::vector<task<>> work;
        for (std::size_t i = 0; i < sessions_.size(); ++i) {
            for (std::size_t j = 0; j < window; ++j)
                work.push_back(ask(*sides_[i], sessions_[i], round_trips / window));
        }
        run_all(context_, std::move(work));
    }

    /// Bytes that all have sent so far.
    [[nodiscard]] std::uint64_t bytes_sent() {
        auto out = hub_.pool().counters().bytes_sent;
        for (auto& each : sides_) out += each->pool().counters().bytes_sent;
        return out;
    }

private:
    void run_one(task<> what) {
        std::vector<task<>> work;
        work.push_back(std::move(what));
        run_all(context_, std::move(work));
    }

    static task<> listen(side& hub, address_kind kind, address& into) {
        const auto loopback = address::ipv4(kind, {127, 0, 0, 1}, 0);
        const auto bound = co_await hub.pool().listen(loopback);
        into = bound.value();
    }

    static task<> dial(side& from, address to, session& into) {
        const auto opened = co_await from.pool().connect_to(to, std::nullopt, from.soon());
        into = opened.value();
    }

    static task<> ask(side& from, session to, std::size_t count) {
        wire::find_node request;
        request.kinds = wire::mask_of(address_kind::tcp);
        for (std::size_t i = 0; i < count; ++i) {
            wire::message what = request;
            const auto answer = co_await to.request(std::move(what), from.soon());
            if (!answer || !std::holds_alternative<wire::pong>(*answer)) throw std::runtime_error("no pong");
        }
    }

    asio::io_context context_{1};
    side hub_;
    std::vector<std::unique_ptr<side>> sides_;
    std::vector<session> sessions_;
};

/// Round trips, both ends together. The columns Time and CPU are of the sessions alone.
template <typename Bare>
void round_trips(benchmark::State& state, address_kind kind, wire::link_mode mode) {
    const auto peers = static_cast<std::size_t>(state.range(0));
    const auto window = static_cast<std::size_t>(state.range(1));
    // Long enough for the clocks, short enough that a change of the machine's load meets both.
    const auto each = std::size_t{4096} / peers;
    const auto batch = each * peers;

    star sessions(kind, mode, peers);
    sessions.run(each, window);
    const auto bytes_before = sessions.bytes_sent();
    sessions.run(each, window);
    const auto wire_bytes = static_cast<double>(sessions.bytes_sent() - bytes_before) / static_cast<double>(batch);
    Bare bare(peers, static_cast<std::size_t>(wire_bytes / 2));
    bare.run(each, window);

    usage used;
    usage bare_used;
    std::uint64_t allocated = 0;
    while (state.KeepRunningBatch(static_cast<std::int64_t>(batch))) {
        const auto allocated_before = bench::allocations();
        auto before = usage::now();
        sessions.run(each, window);
        used.add_since(before);
        allocated += bench::allocations() - allocated_before;
        state.PauseTiming();
        before = usage::now();
        bare.run(each, window);
        bare_used.add_since(before);
        state.ResumeTiming();
    }
    const auto count = static_cast<double>(state.iterations());
    state.counters["wall_us"] = used.wall_us / count;
    state.counters["cpu_us"] = used.cpu_us / count;
    state.counters["allocations"] = static_cast<double>(allocated) / count;
    state.counters["wire_bytes"] = wire_bytes;
    state.counters["bare_wall_us"] = bare_used.wall_us / count;
    state.counters["bare_cpu_us"] = bare_used.cpu_us / count;
    state.counters["wall_ratio"] = used.wall_us / bare_used.wall_us;
    state.counters["cpu_ratio"] = used.cpu_us / bare_used.cpu_us;
}

void over_tcp(benchmark::State& state, wire::link_mode mode) { round_trips<bare_echo>(state, address_kind::tcp, mode); }
void over_udp(benchmark::State& state, wire::link_mode mode) {
    round_trips<bare_datagrams>(state, address_kind::udp, mode);
}

void cases(benchmark::internal::Benchmark* of) {
    of->ArgNames({"peers", "window"})->Args({1, 1})->Args({1, 64})->Args({64, 1});
    of->UseRealTime()->Unit(benchmark::kMicrosecond);
}

BENCHMARK_CAPTURE(over_tcp, secured, wire::link_mode::secured)->Apply(cases);
BENCHMARK_CAPTURE(over_tcp, plain, wire::link_mode::plain)->Apply(cases);
BENCHMARK_CAPTURE(over_udp, secured, wire::link_mode::secured)->Apply(cases);
BENCHMARK_CAPTURE(over_udp, plain, wire::link_mode::plain)->Apply(cases);

}  // namespace
}  // namespace mydht::bench
