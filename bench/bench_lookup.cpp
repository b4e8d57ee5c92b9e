// What operations of a node cost in a simulated network of real nodes: the work of all nodes that take part, on one
// thread, with hashes in the place of key agreement. Times are of the machine; virtual_ms is what the operation took in
// the simulated world. Lookups also with every codec, in simulation and between nodes with real sockets on loopback.
#include <chrono>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <asio/io_context.hpp>

#include <mydht/node/node.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/sim/scenario.hpp>
#include <mydht/wire/codec.hpp>

#include "run_all.hpp"
#include "samples.hpp"
#include "usage.hpp"

namespace mydht::bench {
namespace {

constexpr std::size_t values_known = 100;

/// A network with some values in it; one for each size and codec, made when it is first needed.
struct town {
    town(std::size_t nodes, wire::any_codec codec) : net(make_config(codec)) {
        const auto began = std::chrono::steady_clock::now();
        failed = net.grow(nodes);
        const auto took = std::chrono::steady_clock::now() - began;
        join_ms = std::chrono::duration<double, std::milli>(took).count() / static_cast<double>(nodes);
        while (keys.size() < values_known) {
            const auto stored = net.run(net.at(net.any()).put(next_value()));
            if (!stored) break;
            keys.push_back(*stored);
        }
    }

    static sim::scenario_config make_config(wire::any_codec codec) {
        sim::scenario_config out;
        out.seed = 1;
        out.configure = [codec](sim::node_index, node_config& each) {
            each.sessions.codecs = wire::codecs_preferring(codec);
        };
        return out;
    }

    static town& of(std::size_t nodes, wire::any_codec codec) {
        static std::map<std::pair<std::size_t, wire::codec_id>, std::unique_ptr<town>> made;
        auto& out = made[{nodes, codec.id()}];
        if (!out) out = std::make_unique<town>(nodes, codec);
        return *out;
    }

    value next_value() { return value::immutable("value " + std::to_string(++values)); }
    [[nodiscard]] bool usable() const { return failed == 0 && keys.size() == values_known; }

    sim::scenario net;
    std::size_t failed = 0;
    double join_ms = 0;
    std::size_t values = 0;
    std::vector<key> keys;
    prng random{7};
};

/// What one benchmark's operations took, in sum.
class totals {
public:
    explicit totals(town& in) : in_(&in), before_(in.net.network().counts()) {}

    void add(const lookup_report& walk, std::size_t more_requests) {
        requests_ += walk.asked + more_requests;
        hops_ += walk.hops;
        virtual_ms_ += std::chrono::duration<double, std::milli>(walk.took).count();
    }

    void report(benchmark::State& state) const {
        const auto after = in_->net.network().counts();
        const auto average = [](double sum) { return benchmark::Counter(sum, benchmark::Counter::kAvgIterations); };
        state.counters["requests"] = average(static_cast<double>(requests_));
        state.counters["hops"] = average(static_cast<double>(hops_));
        state.counters["segments"] = average(static_cast<double>(after.segments - before_.segments));
        state.counters["bytes"] = average(static_cast<double>(after.bytes - before_.bytes));
        state.counters["dials"] = average(static_cast<double>(after.dials - before_.dials));
        state.counters["virtual_ms"] = average(virtual_ms_);
        state.counters["join_ms"] = in_->join_ms;
    }

private:
    town* in_;
    sim::network_counts before_;
    std::size_t requests_ = 0;
    std::size_t hops_ = 0;
    double virtual_ms_ = 0;
};

/// Operations that run side by side, each at a node of its own choice. Virtual time passes for all of them at once, so
/// what idle nodes do meanwhile hardly counts.
constexpr std::size_t side_by_side = 50;

/// Begins operations with `begin(town)`, and hands each result to `note(totals, result)`.
template <typename Begin, typename Note>
void operations(benchmark::State& state, town& in, Begin begin, Note note) {
    if (!in.usable()) return state.SkipWithError("the network did not form");
    totals sum(in);
    while (state.KeepRunningBatch(side_by_side)) {
        std::vector<decltype(begin(in))> work;
        for (std::size_t i = 0; i < side_by_side; ++i) work.push_back(begin(in));
        for (const auto& done : in.net.run_all(std::move(work))) {
            if (!done) return state.SkipWithError("an operation failed");
            note(sum, *done);
        }
    }
    sum.report(state);
}

town& usual_town(const benchmark::State& state) {
    return town::of(static_cast<std::size_t>(state.range(0)), wire::capnp_codec());
}

void lookups_in(benchmark::State& state, town& in) {
    const auto begin = [](town& where) { return where.net.at(where.net.any()).lookup(random_id(where.random)); };
    operations(state, in, begin, [](totals& sum, const lookup_report& done) { sum.add(done, 0); });
}

void lookup(benchmark::State& state) { lookups_in(state, usual_town(state)); }

void put(benchmark::State& state) {
    const auto begin = [](town& in) { return in.net.at(in.net.any()).put(in.next_value()); };
    const auto note = [](totals& sum, const put_report& done) {
        sum.add(done.lookup, done.stored + done.refused + done.failed);
    };
    operations(state, usual_town(state), begin, note);
}

void get(benchmark::State& state) {
    const auto begin = [](town& in) {
        const auto& where = in.keys[in.random.below(in.keys.size())];
        return in.net.at(in.net.any()).get(where);
    };
    operations(state, usual_town(state), begin, [](totals& sum, const get_report& done) { sum.add(done.lookup, 0); });
}

/// Nodes over UDP on loopback, all in one process, on one thread.
class neighbours {
public:
    neighbours(std::size_t count, wire::any_codec codec) : env_(make_environment(context_.get_executor())) {
        for (std::size_t i = 0; i < count; ++i) {
            node_config config;
            config.listen = {address::ipv4(address_kind::udp, {127, 0, 0, 1}, 0)};
            config.sessions.codecs = wire::codecs_preferring(codec);
            if (i > 0) config.bootstrap.push_back(*parse_location(nodes_.front().addresses().front().text()));
            nodes_.emplace_back(env_, std::move(config));
            run_one(start(nodes_.back()));
        }
    }
    neighbours(const neighbours&) = delete;
    neighbours& operator=(const neighbours&) = delete;
    ~neighbours() {
        for (auto& each : nodes_) run_one(each.stop());
    }

    /// So many lookups by each node, all nodes at once.
    void look_up(std::size_t each) {
        std::vector<task<>> work;
        for (auto& from : nodes_) work.push_back(look_up_from(from, each));
        run_all(context_, std::move(work));
    }

    [[nodiscard]] std::size_t requests() const noexcept { return requests_; }
    [[nodiscard]] std::size_t failed() const noexcept { return failed_; }

private:
    void run_one(task<> what) {
        std::vector<task<>> work;
        work.push_back(std::move(what));
        run_all(context_, std::move(work));
    }

    static task<> start(node which) {
        const auto joined = co_await which.start();
        if (!joined) throw std::runtime_error("a node did not start");
    }

    task<> look_up_from(node from, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto target = random_id(random_);
            const auto done = co_await from.lookup(target);
            // On a machine that others keep busy a lookup may run out of time, which the figures then say.
            if (!done) ++failed_;
            requests_ += done ? done->asked : 0;
        }
    }

    asio::io_context context_{1};
    environment env_;
    std::vector<node> nodes_;
    prng random_{7};
    std::size_t requests_ = 0;
    std::size_t failed_ = 0;
};

/// In the column CPU, and for each second of it.
void over_udp(benchmark::State& state, wire::any_codec codec) {
    constexpr std::size_t count = 32;
    constexpr std::size_t each = 4;
    neighbours in(count, codec);
    in.look_up(each);
    const auto asked_before = in.requests();
    usage used;
    while (state.KeepRunningBatch(count * each)) {
        const auto before = usage::now();
        in.look_up(each);
        used.add_since(before);
    }
    state.counters["requests"] =
        benchmark::Counter(static_cast<double>(in.requests() - asked_before), benchmark::Counter::kAvgIterations);
    state.counters["per_cpu_s"] = 1e6 * static_cast<double>(state.iterations()) / used.cpu_us;
    state.counters["failed"] = static_cast<double>(in.failed());
}

/// The nodes of both prefer the codec.
[[maybe_unused]] const bool added = [] {
    for (const auto& codec : wire::all_codecs()) {
        const std::string name(codec.name());
        const auto simulated = [codec](benchmark::State& state) { lookups_in(state, town::of(100, codec)); };
        const auto real = [codec](benchmark::State& state) { over_udp(state, codec); };
        benchmark::RegisterBenchmark(("simulated/" + name).c_str(), simulated)->Unit(benchmark::kMicrosecond);
        benchmark::RegisterBenchmark(("over_udp/" + name).c_str(), real)->Unit(benchmark::kMicrosecond);
    }
    return true;
}();

BENCHMARK(lookup)->ArgName("nodes")->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);
BENCHMARK(put)->ArgName("nodes")->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);
BENCHMARK(get)->ArgName("nodes")->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mydht::bench
