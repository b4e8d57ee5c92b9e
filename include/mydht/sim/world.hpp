#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <mydht/core/log.hpp>
#include <mydht/core/time.hpp>
#include <mydht/runtime/deadline.hpp>
#include <mydht/runtime/environment.hpp>

namespace mydht::sim {

/// A simulated machine: its number, counted from 0.
using node_index = std::uint32_t;

/// Settings of a simulated world.
struct world_config {
    /// The calendar time at which the world begins, for nodes without skew.
    wall_time wall_start{std::chrono::sys_days{std::chrono::year{2030} / 1 / 1}};
    /// Each node's wall clock is wrong by up to this, early or late, drawn from the seed. The steady clocks agree.
    std::chrono::milliseconds wall_skew_max{0};
    /// Virtual time that run() gives a task. What takes longer hangs, and run() says so.
    duration patience = std::chrono::hours(24 * 7);
    /// Takes the lines of all nodes, with the virtual time and the node in front.
    logger log;
};

namespace detail {
class world_core;
}

/// A world in virtual time that replays from its seed. It owns one io_context, on which all of its nodes run; the time
/// stands still while anything is ready to run, then jumps to the next event. Events are ordered by (time, destination
/// node, source node, source's counter), so no address in memory and no thread decides anything. Everything on one
/// thread, without locks: nothing may be posted to it from another.
class world {
public:
    explicit world(std::uint64_t seed, world_config config = {});
    world(const world&) = delete;
    world& operator=(const world&) = delete;
    /// Destroys the coroutines that are left, then everything they use. Handles of the world may outlive it, but not be
    /// used.
    ~world();

    [[nodiscard]] std::uint64_t seed() const noexcept;

    /// A machine more, with clocks and random numbers of its own.
    node_index add_node();
    [[nodiscard]] std::size_t node_count() const noexcept;

    /// What the node knows of this world: the virtual clock with the node's skew, random numbers that follow from seed
    /// and index. Copies of one node's environment share their parts; `workers` is `exec`.
    [[nodiscard]] environment node_environment(node_index node) const;

    /// For the coroutines of a scenario, which stand outside all nodes: at equal times they run after every node.
    [[nodiscard]] environment driver_environment() const;

    /// Moves a node's wall clock, replacing the skew that was drawn.
    void set_wall_skew(node_index node, std::chrono::milliseconds skew);

    [[nodiscard]] steady_time now() const noexcept;

    /// Runs everything up to and including `when`; the time is `when` afterwards. A time that has passed runs what is
    /// ready.
    void run_until(steady_time when);
    void run_for(duration length);

    /// Runs until nothing is left to happen. False when that took longer than `at_most`; the time has moved by that
    /// then.
    [[nodiscard]] bool run_until_idle(duration at_most);

    /// Runs the world until `what`, started on its executor, has ended, and gives back its result or throws what it
    /// throws. Throws std::runtime_error when it takes longer than the patience of the configuration, or waits for
    /// something that can never happen; it is left behind then, to be destroyed with the world.
    template <typename T>
    T run(task<T> what) {
        auto kept = std::make_shared<std::optional<T>>();
        run(mydht::detail::keep_result(kept, std::move(what)));
        return std::move(**kept);
    }
    void run(task<> what);

    /// What happened so far, as one number: all deliveries of the network with time, source, counter, kind, size and
    /// content, hashed for each node, and the nodes' hashes combined in order.
    [[nodiscard]] std::uint64_t trace_hash() const;

    /// Deliveries and alarms so far.
    [[nodiscard]] std::uint64_t event_count() const noexcept;

    /// For parts of the simulation, such as networks.
    [[nodiscard]] detail::world_core& core() const noexcept { return *core_; }

private:
    std::unique_ptr<detail::world_core> core_;
};

}  // namespace mydht::sim
