// What operations of a node cost in a simulated network of real nodes: the work of all nodes that take part, on one
// thread, with hashes in the place of key agreement. Times are of the machine; virtual_ms is what the operation took in
// the simulated world.
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <mydht/sim/scenario.hpp>

#include "samples.hpp"

namespace mydht::bench {
namespace {

constexpr std::size_t values_known = 100;

/// A network with some values in it; one for each size, made when it is first needed.
struct town {
    explicit town(std::size_t nodes) : net(make_config()) {
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

    static sim::scenario_config make_config() {
        sim::scenario_config out;
        out.seed = 1;
        return out;
    }

    static town& of(std::size_t nodes) {
        static std::map<std::size_t, std::unique_ptr<town>> made;
        auto& out = made[nodes];
        if (!out) out = std::make_unique<town>(nodes);
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
void operations(benchmark::State& state, Begin begin, Note note) {
    auto& in = town::of(static_cast<std::size_t>(state.range(0)));
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

void lookup(benchmark::State& state) {
    const auto begin = [](town& in) { return in.net.at(in.net.any()).lookup(random_id(in.random)); };
    operations(state, begin, [](totals& sum, const lookup_report& done) { sum.add(done, 0); });
}

void put(benchmark::State& state) {
    const auto begin = [](town& in) { return in.net.at(in.net.any()).put(in.next_value()); };
    const auto note = [](totals& sum, const put_report& done) {
        sum.add(done.lookup, done.stored + done.refused + done.failed);
    };
    operations(state, begin, note);
}

void get(benchmark::State& state) {
    const auto begin = [](town& in) {
        const auto& where = in.keys[in.random.below(in.keys.size())];
        return in.net.at(in.net.any()).get(where);
    };
    operations(state, begin, [](totals& sum, const get_report& done) { sum.add(done.lookup, 0); });
}

BENCHMARK(lookup)->ArgName("nodes")->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);
BENCHMARK(put)->ArgName("nodes")->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);
BENCHMARK(get)->ArgName("nodes")->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mydht::bench
