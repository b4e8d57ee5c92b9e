// What a running node does without being asked.

#include <functional>
#include <string>

#include <mydht/routing/table_file.hpp>
#include <mydht/runtime/run_on.hpp>

#include "node/node_core.hpp"

namespace mydht::detail {

namespace {

/// Values dropped in one step, so that a store that expires at once does not hold the node up.
constexpr std::size_t expired_at_once = 256;

/// Peers that requests to services of this node can come by: some of them may be away.
constexpr std::size_t ways_in = 4;

}  // namespace

/// A tenth more or less: nodes that were started together drift apart.
duration node_core::jittered(duration interval) {
    return std::chrono::duration_cast<duration>(interval * (0.9 + 0.2 * env_.random->unit()));
}

task<> node_core::keep_neighbours() {
    for (;;) {
        co_await sleep_for(*env_.time, jittered(config_.neighbours_interval));
        if (table_.empty()) continue;
        const auto deadline = env_.time->now() + config_.queries.query_timeout;
        // Who answers enters the table on the way, who does not leaves it; nobody reads the report.
        [[maybe_unused]] const auto around = co_await queries_.lookup(self_->id(), 1, deadline);
        table_.note_lookup(self_->id(), env_.time->now());
    }
}

task<> node_core::upkeep() {
    auto save_at = env_.time->now() + config_.table_save_interval;
    for (;;) {
        co_await sleep_for(*env_.time, jittered(config_.upkeep_interval));
        co_await drop_expired();
        for (const auto& target : table_.lookups_due(env_.time->now(), config_.refresh_after, *env_.random)) {
            co_await look_up(target, env_.time->now() + config_.queries.query_timeout);
        }
        if (env_.time->now() >= save_at) {
            co_await save_contacts();
            save_at = env_.time->now() + config_.table_save_interval;
        }
    }
}

/// Requests go towards this node's id, and over the session of whoever has one with it. So the nearest peers are to
/// have one, which is not closed for being idle.
task<> node_core::keep_ways_in() {
    bool looked = keeps_values();  // then the join has
    for (;;) {
        const auto next = env_.time->now() + jittered(config_.sessions.idle_timeout / 3);
        (void)co_await ways_in_wanted_.wait_until(*env_.time, next);
        if (travelling_services_.empty()) continue;
        if (!looked && !table_.empty()) {
            looked = true;
            co_await look_up(self_->id(), env_.time->now() + config_.queries.query_timeout);
        }
        for (auto& each : table_.closest(self_->id(), ways_in)) {
            background_.spawn("a ping that keeps a session", check(std::move(each)));
        }
        warn_of_no_way_in();
    }
}

void node_core::warn_of_no_way_in() {
    const auto& rules = forwarding_.rules();
    std::string_view why;
    if (!keeps_values() && table_.empty() && joins_ == 0) why = "this node listens nowhere and knows no peer";
    if (!rules.band(rules.priority).forwards_requests) why = "its rules let no requests through";
    if (!why.empty() && !warned_of_no_way_in_) {
        log(log_level::warning, "requests that travel do not reach the services of this node: " + std::string(why));
    }
    warned_of_no_way_in_ = !why.empty();
}

task<> node_core::drop_expired() {
    for (;;) {
        const auto dropped = co_await values_.expire(env_.time->wall_now(), expired_at_once);
        if (!dropped) log(log_level::error, "expiring values failed: " + dropped.error().message());
        if (!dropped || *dropped < expired_at_once) co_return;
    }
}

task<> node_core::save_contacts() {
    if (!config_.table_file || table_.empty()) co_return;
    auto picture = snapshot(self_->id(), table_, env_.time->now(), env_.time->wall_now());
    std::function<result<void>()> save = [path = *config_.table_file, picture = std::move(picture)] {
        return save_table(path, picture);
    };
    const auto saved = co_await offload<result<void>>(env_.workers, std::move(save));
    if (!saved) {
        log(log_level::error,
            "saving contacts to " + config_.table_file->string() + " failed: " + saved.error().message());
    }
}

}  // namespace mydht::detail
