// One application stream that carries bulk data from one thread to another, beside bare sealed records of the same size
// that do so in turn with it: the ratio compares what ran under the same load of the machine.
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <mydht/crypto/ids.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/session/session_pool.hpp>
#include <mydht/transport/tcp.hpp>
#include <mydht/transport/udp.hpp>

#include "bare_bulk.hpp"
#include "run_all.hpp"
#include "usage.hpp"

namespace mydht::bench {
namespace {

using namespace std::chrono_literals;

/// What an application gives to one write or read.
constexpr std::size_t part_bytes = 256 * 1024;

task<wire::message> answer_pong(peer_info, wire::message) { co_return wire::pong(); }

class side {
public:
    explicit side(asio::io_context& on)
        : env_(make_environment(on.get_executor())),
          self_(std::make_shared<const identity>(identity::generate(*env_.secure_random))),
          pool_(env_, self_, session_config(), answer_pong, session_events()) {
        pool_.add_transport(make_tcp(env_));
        pool_.add_transport(make_udp(env_));
    }

    session_pool& pool() { return pool_; }
    [[nodiscard]] contact at(address where) const { return contact_of(self_->key(), 1, {std::move(where)}); }
    [[nodiscard]] steady_time soon() const { return env_.time->now() + 30s; }

private:
    environment env_;
    std::shared_ptr<const identity> self_;
    session_pool pool_;
};

/// Says a byte for each mebibyte that has come.
task<> take_all(stream s) {
    bytes part(part_bytes);
    const bytes word(1);
    for (std::size_t got = 0;;) {
        const auto count = co_await s.read_some(part);
        if (!count) break;
        for (got += *count; got >= 4 * part_bytes; got -= 4 * part_bytes) {
            const auto told = co_await s.write(word);
            if (!told) co_return;
        }
    }
    s.close();
}

/// A stream between two threads.
class bulk {
public:
    explicit bulk(const char* listen_at) : work_(there_.get_executor()) {
        taker_.pool().serve("bulk/1", take_all);
        std::promise<address> bound;
        asio::co_spawn(there_, listen(parse_address(listen_at).value(), bound), [](const std::exception_ptr&) {});
        thread_ = std::thread([this] { there_.run(); });
        const auto where = bound.get_future().get();
        run_one(open(where));
    }
    bulk(const bulk&) = delete;
    bulk& operator=(const bulk&) = delete;
    ~bulk() {
        stream_ = stream();
        run_one(giver_.pool().stop(0s));
        asio::co_spawn(there_, taker_.pool().stop(0s), [this](const std::exception_ptr&) { work_.reset(); });
        thread_.join();
    }

    void run(std::size_t size) { run_one(give(size)); }

private:
    void run_one(task<> what) {
        std::vector<task<>> work;
        work.push_back(std::move(what));
        run_all(here_, std::move(work));
    }
    task<> listen(address at, std::promise<address>& bound) {
        const auto where = co_await taker_.pool().listen(std::move(at));
        bound.set_value(where.value_or(address()));
    }
    task<> open(address where) {
        auto opened = co_await giver_.pool().open(taker_.at(std::move(where)), "bulk/1", giver_.soon());
        if (!opened) throw std::runtime_error("no stream: " + opened.error().message());
        stream_ = std::move(*opened);
    }
    task<> give(std::size_t size) {
        const bytes part(part_bytes);
        bytes word(1);
        for (std::size_t done = 0; done < size; done += part.size()) {
            const auto written = co_await stream_.write(part);
            if (!written) throw std::runtime_error("no write: " + written.error().message());
        }
        for (std::size_t told = 0; told < size; told += 4 * part_bytes) {
            const auto read = co_await stream_.read(word);
            if (!read) throw std::runtime_error("no word: " + read.error().message());
        }
    }

    asio::io_context here_{1};
    asio::io_context there_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    side giver_{here_};
    side taker_{there_};
    stream stream_;
    std::thread thread_;
};

void one_stream(benchmark::State& state, const char* listen_at) {
    // Long enough for the clocks, short enough that a change of the machine's load meets both.
    constexpr std::size_t size = 32 * 1024 * 1024;
    bulk streams(listen_at);
    bare_bulk bare(wire::stream_frame_bytes);
    streams.run(size);
    bare.run(size);
    usage used;
    usage bare_used;
    for ([[maybe_unused]] auto _ : state) {
        auto before = usage::now();
        streams.run(size);
        used.add_since(before);
        state.PauseTiming();
        before = usage::now();
        bare.run(size);
        bare_used.add_since(before);
        state.ResumeTiming();
    }
    const auto megabytes = static_cast<double>(state.iterations()) * static_cast<double>(size) / 1e6;
    state.counters["MB_per_s"] = megabytes / used.wall_us * 1e6;
    state.counters["bare_MB_per_s"] = megabytes / bare_used.wall_us * 1e6;
    state.counters["ratio"] = bare_used.wall_us / used.wall_us;
    state.counters["cpu_us_per_MB"] = used.cpu_us / megabytes;
    state.counters["bare_cpu_us_per_MB"] = bare_used.cpu_us / megabytes;
    state.counters["cpu_ratio"] = used.cpu_us / bare_used.cpu_us;
}

BENCHMARK_CAPTURE(one_stream, tcp, "tcp://127.0.0.1:0")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(one_stream, udp, "udp://127.0.0.1:0")->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mydht::bench
