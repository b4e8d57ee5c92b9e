// Queries that travel, over UDP on loopback between real nodes in one process, on one thread: a value is got through a
// chain of proxies that pass the query on and the answer back. In turn with it, between the same nodes and under the
// same load of the machine: the same get done iteratively, and the bare round trip of a ping over a session that is
// there, what a hop would cost that did nothing else.
#include <algorithm>
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

#include "run_all.hpp"
#include "usage.hpp"

namespace mydht::bench {
namespace {

using namespace std::chrono_literals;

/// Nodes that know each other. Each passes queries on to the next one alone, and the last has a value that no other
/// has.
class chain {
public:
    explicit chain(std::size_t proxies) : env_(make_environment(context_.get_executor())) {
        for (std::size_t i = 0; i < proxies + 2; ++i) {
            nodes_.emplace_back(env_, config_of(i));
            run_one(start(nodes_.back()));
            contacts_.push_back(nodes_.back().as_contact());
        }
        run_one(keep_a_value());
        forwarded(1, 1);
    }
    chain(const chain&) = delete;
    chain& operator=(const chain&) = delete;
    ~chain() {
        for (auto& each : nodes_) run_one(each.stop());
    }

    static chain& of(std::size_t proxies) {
        static std::map<std::size_t, std::unique_ptr<chain>> made;
        auto& out = made[proxies];
        if (!out) out = std::make_unique<chain>(proxies);
        return *out;
    }

    // So many of them, at most `window` at once.
    void forwarded(std::size_t count, std::size_t window) { side_by_side(window, &chain::get_far, count); }
    void iterative(std::size_t count, std::size_t window) { side_by_side(window, &chain::get_near, count); }
    void pings(std::size_t count, std::size_t window) { side_by_side(window, &chain::ping, count); }

    /// Requests of the last iterative get.
    [[nodiscard]] std::size_t asked() const { return asked_; }

private:
    node_config config_of(std::size_t place) {
        node_config out;
        out.listen = {address::ipv4(address_kind::udp, {127, 0, 0, 1}, 0)};
        if (place > 0) out.bootstrap.push_back(*parse_location(nodes_.front().addresses().front().text()));
        out.forwarding.decisions.whom = [this, place](const travelling&, const std::vector<contact>&) {
            std::vector<contact> next;
            if (place + 1 < contacts_.size()) next.push_back(contacts_[place + 1]);
            return next;
        };
        return out;
    }

    void run_one(task<> what) {
        std::vector<task<>> work;
        work.push_back(std::move(what));
        run_all(context_, std::move(work));
    }

    void side_by_side(std::size_t window, task<> (chain::*what)(std::size_t), std::size_t count) {
        std::vector<task<>> work;
        for (std::size_t i = 0; i < window; ++i) work.push_back((this->*what)(count / window));
        run_all(context_, std::move(work));
    }

    static task<> start(node which) {
        const auto joined = co_await which.start();
        if (!joined) throw std::runtime_error("a node did not start");
    }

    /// One whose nearest node is the last, so that an iterative get is as short as it can be.
    task<> keep_a_value() {
        value kept;
        const auto nearest_is_last = [this](const id256& where) {
            const auto& last = contacts_.back().id;
            return std::ranges::none_of(contacts_, [&](const contact& c) { return closer(where, c.id, last); });
        };
        for (int i = 0;; ++i) {
            kept = value::immutable("value " + std::to_string(i));
            if (nearest_is_last(kept.key())) break;
        }
        key_ = kept.key();
        put_options options;
        options.local();
        const auto stored = co_await nodes_.back().put(kept, options);
        if (!stored) throw std::runtime_error("the value was not kept");
    }

    task<> get_far(std::size_t count) {
        get_options options;
        options.mode(proxied()).hops(static_cast<std::uint8_t>(nodes_.size() - 1));
        for (std::size_t i = 0; i < count; ++i) {
            const auto found = co_await nodes_.front().get(key_, options);
            if (!found) throw std::runtime_error("not found through the chain: " + found.error().message());
        }
    }

    task<> get_near(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto found = co_await nodes_.front().get(key_, get_options());
            if (!found) throw std::runtime_error("not found by asking: " + found.error().message());
            asked_ = found->lookup.asked;
        }
    }

    task<> ping(std::size_t count) {
        const auto where = nodes_[1].addresses().front();
        for (std::size_t i = 0; i < count; ++i) {
            const auto seen = co_await nodes_.front().ping(where, contacts_[1].id, 30s);
            if (!seen) throw std::runtime_error("no pong: " + seen.error().message());
        }
    }

    asio::io_context context_{1};
    environment env_;
    std::vector<node> nodes_;
    std::vector<contact> contacts_;
    id256 key_;
    std::size_t asked_ = 0;
};

/// The columns Time and CPU are of the queries that travel alone, all nodes together.
void through_proxies(benchmark::State& state) {
    const auto proxies = static_cast<std::size_t>(state.range(0));
    const auto window = static_cast<std::size_t>(state.range(1));
    constexpr std::size_t batch = 256;
    auto& in = chain::of(proxies);
    in.forwarded(batch, window);
    in.iterative(batch, window);
    in.pings(batch, window);

    usage far;
    usage near;
    usage bare;
    const auto add = [](usage& to, auto what) {
        const auto before = usage::now();
        what();
        to.add_since(before);
    };
    while (state.KeepRunningBatch(batch)) {
        add(far, [&] { in.forwarded(batch, window); });
        state.PauseTiming();
        add(near, [&] { in.iterative(batch, window); });
        add(bare, [&] { in.pings(batch, window); });
        state.ResumeTiming();
    }
    const auto count = static_cast<double>(state.iterations());
    const auto hops = static_cast<double>(proxies + 1);
    state.counters["wall_us"] = far.wall_us / count;
    state.counters["cpu_us"] = far.cpu_us / count;
    state.counters["per_cpu_s"] = 1e6 * count / far.cpu_us;
    state.counters["hop_wall_us"] = far.wall_us / count / hops;
    state.counters["hop_cpu_us"] = far.cpu_us / count / hops;
    state.counters["near_wall_us"] = near.wall_us / count;
    state.counters["near_cpu_us"] = near.cpu_us / count;
    state.counters["near_asked"] = static_cast<double>(in.asked());
    state.counters["ping_wall_us"] = bare.wall_us / count;
    state.counters["ping_cpu_us"] = bare.cpu_us / count;
    state.counters["hop_cpu_ratio"] = far.cpu_us / hops / bare.cpu_us;
    state.counters["hop_wall_ratio"] = far.wall_us / hops / bare.wall_us;
}

BENCHMARK(through_proxies)
    ->ArgNames({"proxies", "window"})
    ->ArgsProduct({{1, 2, 4, 8}, {1, 32}})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mydht::bench
