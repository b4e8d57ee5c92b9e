#pragma once

#include <deque>
#include <memory>
#include <vector>

#include <asio/io_context.hpp>

#include <mydht/sim/world.hpp>

#include "sim/event_queue.hpp"

namespace mydht::sim::detail {

class sim_clock;

/// The steady clocks do not begin at zero, which means "no time" in places.
inline constexpr steady_time beginning{std::chrono::hours(1)};

/// Stands for whoever acts from outside all nodes.
inline constexpr node_index driver = ~node_index{0};

/// 64 bits that follow from a seed and the numbers of what they are for.
[[nodiscard]] std::uint64_t derive(std::uint64_t seed, std::uint64_t what, std::uint64_t first,
                                   std::uint64_t second) noexcept;

/// What derived numbers are for.
enum purpose : std::uint64_t { for_secrets = 1, for_sampling, for_skew, for_link, for_network };

class world_core {
public:
    world_core(std::uint64_t seed, world_config config);
    ~world_core();

    [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
    [[nodiscard]] const world_config& config() const noexcept { return config_; }
    [[nodiscard]] steady_time now() const noexcept { return now_; }
    [[nodiscard]] std::size_t node_count() const noexcept { return nodes_.size(); }
    [[nodiscard]] std::uint64_t event_count() const noexcept { return events_; }

    node_index add_node();
    [[nodiscard]] const environment& environment_of(node_index node) const;
    void set_wall_skew(node_index node, std::chrono::milliseconds skew);

    /// Keeps the sink as long as the world lives.
    void add_sink(std::shared_ptr<event_sink> sink);

    /// Makes something happen at `to`, later than now unless a node does it to itself. The number it got from the
    /// source's counter.
    std::uint64_t push(node_index from, node_index to, steady_time when, event_body body);

    void run_until(steady_time when);
    [[nodiscard]] bool run_until_idle(steady_time limit);
    void run_task(task<> what);
    [[nodiscard]] std::uint64_t trace_hash() const noexcept;

private:
    struct member {
        environment env;
        std::shared_ptr<sim_clock> clock;
        std::uint64_t counter = 0;
        std::uint64_t trace = 0;
    };

    [[nodiscard]] member& member_of(node_index node) { return node == driver ? driver_ : nodes_[node]; }
    [[nodiscard]] member make_member(node_index node);
    /// Lets the next event happen, if it is not later than `limit`.
    [[nodiscard]] bool step(steady_time limit);
    void drop_stale();
    static void add_to_trace(member& of, event& e) noexcept;

    std::uint64_t seed_;
    world_config config_;
    steady_time now_;
    std::uint64_t events_ = 0;
    event_queue queue_;
    std::deque<member> nodes_;
    member driver_;
    std::vector<std::shared_ptr<event_sink>> sinks_;
    std::unique_ptr<asio::io_context> io_;
    asio::any_io_executor work_;
};

}  // namespace mydht::sim::detail
