#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <mydht/node/node.hpp>
#include <mydht/sim/network.hpp>
#include <mydht/sim/world.hpp>

namespace mydht::sim {

/// A network of real nodes in a simulated world.
struct scenario_config {
    std::uint64_t seed = 1;
    world_config world;
    network_config network;
    /// How each node is set up beyond identity, transport, listening and bootstrap, which the scenario sees to.
    std::function<void(node_index, node_config&)> configure;
    /// Hashes in the place of key agreement (noise::fast_dh): the same messages and states, a fraction of the time.
    bool fast_crypto = true;
    /// Nodes listen for streams, for datagrams, or for both, and find each other by what they have in common.
    bool streams = true;
    bool datagrams = false;
    /// Nodes that a newcomer is told of, drawn from those that run.
    std::size_t bootstraps = 3;
    /// Newcomers start this far apart.
    duration join_interval = std::chrono::milliseconds(20);
};

/// Starts, kills and asks the nodes of a simulated network, and knows the truth that they can only approach. The same
/// configuration and calls give the same trace.
class scenario {
public:
    explicit scenario(scenario_config config);
    scenario(const scenario&) = delete;
    scenario& operator=(const scenario&) = delete;
    ~scenario();

    [[nodiscard]] sim::world& world() noexcept;
    [[nodiscard]] sim::network& network() noexcept;

    /// Adds `count` nodes, one after the other, each told of some that run, and runs the world until all have joined.
    /// The number of those whose start failed.
    std::size_t grow(std::size_t count);

    [[nodiscard]] std::size_t size() const noexcept;
    /// Valid while the node runs.
    [[nodiscard]] node& at(node_index index);
    [[nodiscard]] const node_id& id_of(node_index index) const;
    [[nodiscard]] bool runs(node_index index) const;
    /// The nodes that run, in order.
    [[nodiscard]] std::vector<node_index> running() const;
    /// One of them, drawn from the seed.
    [[nodiscard]] node_index any();

    /// Takes a node down without a goodbye.
    void crash(node_index index, crash_kind kind);
    /// Brings a crashed node back: the same identity and address, an empty store and table.
    [[nodiscard]] result<join_report> restart(node_index index);

    /// The nearest running nodes to a target, nearest first: what a perfect lookup by `asker`, who does not ask itself,
    /// would find.
    [[nodiscard]] std::vector<node_id> truth(const id256& target, std::size_t count, node_index asker) const;
    /// The share of the true nearest, as many as `count` or as run, that are among those found.
    [[nodiscard]] double recall(const id256& target, const std::vector<contact>& found, std::size_t count,
                                node_index asker) const;

    /// Runs the world until the operation has ended.
    template <typename T>
    T run(task<T> operation) {
        return world().run(std::move(operation));
    }

    /// Runs the world until all of them have, side by side. What they gave, in their order.
    template <typename T>
    std::vector<T> run_all(std::vector<task<T>> operations) {
        auto kept = std::make_shared<std::vector<std::optional<T>>>(operations.size());
        std::vector<task<>> children;
        children.reserve(operations.size());
        for (std::size_t i = 0; i < operations.size(); ++i)
            children.push_back(keep_at(kept, i, std::move(operations[i])));
        run(side_by_side(std::move(children)));
        std::vector<T> out;
        out.reserve(kept->size());
        for (auto& each : *kept) out.push_back(std::move(*each));
        return out;
    }

private:
    template <typename T>
    static task<> keep_at(std::shared_ptr<std::vector<std::optional<T>>> into, std::size_t index, task<T> work) {
        (*into)[index].emplace(co_await std::move(work));
    }
    [[nodiscard]] task<> side_by_side(std::vector<task<>> operations);

    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace mydht::sim
