// What a routing table and the decisions of a lookup cost; no I/O.
#include <array>
#include <unordered_map>
#include <vector>

#include <benchmark/benchmark.h>

#include <mydht/query/shortlist.hpp>
#include <mydht/routing/kbucket_table.hpp>

#include "samples.hpp"

namespace mydht::bench {
namespace {

using table = kbucket_table<node_id, contact>;

constexpr steady_time start{};

std::vector<contact> make_contacts(std::size_t count) {
    prng random(1);
    std::vector<contact> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(sample_contact(static_cast<std::uint32_t>(i), random));
    return out;
}

table make_table(const node_id& own, const std::vector<contact>& offered) {
    table out(own, kbucket_config());
    for (const auto& c : offered) out.insert_verified(c, c.addresses.front(), start);
    return out;
}

node_id own_id() {
    prng random(2);
    return random_id(random);
}

std::vector<node_id> make_targets(std::size_t count) {
    prng random(3);
    std::vector<node_id> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(random_id(random));
    return out;
}

/// Time of one contact, of so many that are offered to an empty table.
void insert(benchmark::State& state) {
    const auto offered = make_contacts(static_cast<std::size_t>(state.range(0)));
    std::size_t kept = 0;
    while (state.KeepRunningBatch(state.range(0))) {
        const auto filled = make_table(own_id(), offered);
        kept = filled.size();
        benchmark::DoNotOptimize(kept);
    }
    state.counters["kept"] = static_cast<double>(kept);
}

/// A contact that is in the table is seen again.
void update(benchmark::State& state) {
    const auto offered = make_contacts(static_cast<std::size_t>(state.range(0)));
    auto filled = make_table(own_id(), offered);
    std::vector<contact> known;
    filled.for_each([&known](const table::entry& e) { known.push_back(e.contact); });
    std::size_t at = 0;
    for (auto _ : state) {
        const auto& c = known[at++ % known.size()];
        benchmark::DoNotOptimize(filled.insert_verified(c, c.addresses.front(), start).status);
    }
    state.counters["kept"] = static_cast<double>(known.size());
}

void closest(benchmark::State& state) {
    const auto filled = make_table(own_id(), make_contacts(static_cast<std::size_t>(state.range(0))));
    const auto targets = make_targets(1024);
    std::size_t at = 0;
    for (auto _ : state) benchmark::DoNotOptimize(filled.closest(targets[at++ % targets.size()], 20).data());
    state.counters["kept"] = static_cast<double>(filled.size());
}

/// What every node of a network answers for one target.
struct answers {
    node_id target;
    std::vector<contact> seeds;
    std::unordered_map<node_id, std::vector<contact>> of;
};

std::vector<answers> make_answers(const std::vector<contact>& network, std::size_t count) {
    std::vector<answers> out;
    for (const auto& target : make_targets(count)) {
        out.emplace_back();
        out.back().target = target;
        out.back().seeds = make_table(own_id(), network).closest(target, 20);
    }
    for (const auto& each : network) {
        const auto knows = make_table(each.id, network);
        for (auto& one : out) one.of[each.id] = knows.closest(one.target, 20);
    }
    return out;
}

/// All decisions of one lookup in a network where everybody answers at once.
void shortlist_lookup(benchmark::State& state) {
    const auto network = make_contacts(static_cast<std::size_t>(state.range(0)));
    const auto known = make_answers(network, 4);
    shortlist_config config;
    config.paths = static_cast<std::size_t>(state.range(1));
    std::size_t at = 0;
    std::size_t asked = 0;
    for (auto _ : state) {
        const auto& from = known[at++ % known.size()];
        shortlist<node_id, contact> walk(from.target, own_id(), from.seeds, config);
        while (!walk.finished()) {
            const auto next = walk.next(start);
            if (!next) return state.SkipWithError("the lookup is stuck");
            walk.on_answer(next->to, next->to.addresses.front(), from.of.at(next->to.id));
        }
        asked += walk.report().asked;
        benchmark::DoNotOptimize(walk.closest(20).data());
    }
    state.counters["asked"] = benchmark::Counter(static_cast<double>(asked), benchmark::Counter::kAvgIterations);
}

BENCHMARK(insert)->Arg(100)->Arg(1000);
BENCHMARK(update)->Arg(100)->Arg(1000);
BENCHMARK(closest)->Arg(100)->Arg(1000);
BENCHMARK(shortlist_lookup)->ArgNames({"nodes", "paths"})->Args({100, 1})->Args({1000, 1})->Args({1000, 3});

}  // namespace
}  // namespace mydht::bench
