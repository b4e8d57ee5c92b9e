#include <mydht/sim/world.hpp>

#include "sim/world_core.hpp"

namespace mydht::sim {

world::world(std::uint64_t seed, world_config config)
    : core_(std::make_unique<detail::world_core>(seed, std::move(config))) {}

world::~world() = default;

std::uint64_t world::seed() const noexcept { return core_->seed(); }

node_index world::add_node() { return core_->add_node(); }

std::size_t world::node_count() const noexcept { return core_->node_count(); }

environment world::node_environment(node_index node) const { return core_->environment_of(node); }

environment world::driver_environment() const { return core_->environment_of(detail::driver); }

void world::set_wall_skew(node_index node, std::chrono::milliseconds skew) { core_->set_wall_skew(node, skew); }

steady_time world::now() const noexcept { return core_->now(); }

void world::run_until(steady_time when) { core_->run_until(when); }

void world::run_for(duration length) { core_->run_until(core_->now() + length); }

bool world::run_until_idle(duration at_most) { return core_->run_until_idle(core_->now() + at_most); }

void world::run(task<> what) { core_->run_task(std::move(what)); }

std::uint64_t world::trace_hash() const { return core_->trace_hash(); }

std::uint64_t world::event_count() const noexcept { return core_->event_count(); }

}  // namespace mydht::sim
