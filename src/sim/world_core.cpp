#include "sim/world_core.hpp"

#include <bit>
#include <cassert>
#include <limits>
#include <stdexcept>
#include <string>

#include <asio/co_spawn.hpp>
#include <asio/detail/concurrency_hint.hpp>

#include "sim/sim_clock.hpp"

namespace mydht::sim::detail {

namespace {

constexpr std::uint64_t golden = 0x9e3779b97f4a7c15ULL;

/// One step of a hash that tells runs apart; nothing needs it to resist an adversary.
std::uint64_t mix(std::uint64_t state, std::uint64_t value) noexcept {
    state = std::rotl(state ^ (value * golden), 31) * 0xbf58476d1ce4e5b9ULL;
    return state ^ (state >> 29U);
}

std::uint64_t digest(bytes_view data) noexcept {
    std::uint64_t state = data.size();
    std::size_t at = 0;
    for (; at + 8 <= data.size(); at += 8) {
        std::uint64_t word = 0;
        for (unsigned i = 0; i < 8; ++i) word |= std::uint64_t{data[at + i]} << (8 * i);
        state = mix(state, word);
    }
    for (; at < data.size(); ++at) state = mix(state, data[at]);
    return state;
}

class seeded_random final : public random_source {
public:
    explicit seeded_random(std::uint64_t seed) : from_(seed) {}

    void fill(bytes_span out) override {
        for (std::size_t at = 0; at < out.size(); at += 8) {
            const auto word = from_();
            const auto end = std::min<std::size_t>(at + 8, out.size());
            for (auto i = at; i < end; ++i) out[i] = static_cast<std::uint8_t>(word >> (8 * (i - at)));
        }
    }

private:
    prng from_;
};

/// Puts the virtual time and the node in front of each line.
class node_sink final : public log_sink {
public:
    node_sink(logger to, std::shared_ptr<sim_clock> clock, node_index node)
        : to_(std::move(to)), clock_(std::move(clock)), name_(node == driver ? "driver" : std::to_string(node)) {}

    void write(log_level level, std::string_view component, std::string_view line) override {
        const auto elapsed = clock_->now() - beginning;
        const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count();
        to_.write(level, component, std::to_string(micros) + "us " + name_ + ": " + std::string(line));
    }

private:
    logger to_;
    std::shared_ptr<sim_clock> clock_;
    std::string name_;
};

logger node_logger(const logger& to, const std::shared_ptr<sim_clock>& clock, node_index node) {
    for (const auto level :
         {log_level::trace, log_level::debug, log_level::info, log_level::warning, log_level::error}) {
        if (to.enabled(level)) return {std::make_shared<node_sink>(to, clock, node), level};
    }
    return {};
}

}  // namespace

std::uint64_t derive(std::uint64_t seed, std::uint64_t what, std::uint64_t first, std::uint64_t second) noexcept {
    return prng(mix(mix(mix(seed, what), first), second))();
}

world_core::world_core(std::uint64_t seed, world_config config)
    : seed_(seed),
      config_(std::move(config)),
      now_(beginning),
      // One thread for good: no locks inside.
      io_(std::make_unique<asio::io_context>(ASIO_CONCURRENCY_HINT_UNSAFE)),
      work_(asio::prefer(asio::any_io_executor(io_->get_executor()), asio::execution::outstanding_work.tracked)) {
    driver_ = make_member(driver);
}

world_core::~world_core() {
    // Coroutines first: what they destroy on their way may still act on the network and the clocks.
    work_ = {};
    io_.reset();
    for (const auto& sink : sinks_) sink->shut_down();
    for (const auto& node : nodes_) node.clock->detach();
    driver_.clock->detach();
}

world_core::member world_core::make_member(node_index node) {
    std::chrono::milliseconds skew{0};
    const auto most = config_.wall_skew_max.count();
    if (most > 0 && node != driver) {
        prng draw(derive(seed_, for_skew, node, 0));
        skew = std::chrono::milliseconds(
            static_cast<std::int64_t>(draw.below(2 * static_cast<std::uint64_t>(most) + 1)) - most);
    }
    member made;
    made.clock = std::make_shared<sim_clock>(*this, node, config_.wall_start + skew);
    made.env.exec = io_->get_executor();
    made.env.workers = made.env.exec;
    made.env.time = made.clock;
    made.env.secure_random = std::make_shared<seeded_random>(derive(seed_, for_secrets, node, 0));
    made.env.random = std::make_shared<prng>(derive(seed_, for_sampling, node, 0));
    made.env.log = node_logger(config_.log, made.clock, node);
    return made;
}

node_index world_core::add_node() {
    const auto index = static_cast<node_index>(nodes_.size());
    nodes_.push_back(make_member(index));
    return index;
}

const environment& world_core::environment_of(node_index node) const {
    assert(node == driver || node < nodes_.size());
    return node == driver ? driver_.env : nodes_[node].env;
}

void world_core::set_wall_skew(node_index node, std::chrono::milliseconds skew) {
    member_of(node).clock->set_wall_start(config_.wall_start + skew);
}

void world_core::add_sink(std::shared_ptr<event_sink> sink) { sinks_.push_back(std::move(sink)); }

std::uint64_t world_core::push(node_index from, node_index to, steady_time when, event_body body) {
    assert(from == to ? when >= now_ : when > now_);
    const auto counter = ++member_of(from).counter;
    queue_.push({when, to, from, counter}, std::move(body));
    return counter;
}

void world_core::drop_stale() {
    while (!queue_.empty() && queue_.front_body().sink == nullptr) {
        const auto& key = queue_.front();
        // The key is copied: a clock that asks for another event moves the queue.
        const auto copy = key;
        if (member_of(copy.to).clock->confirm(copy)) return;
        // Whatever was asked for is later than the stale event, which is still in front.
        [[maybe_unused]] const auto dropped = queue_.pop();
        assert(dropped.key == copy);
    }
}

bool world_core::step(steady_time limit) {
    drop_stale();
    if (queue_.empty() || queue_.front().when > limit) return false;
    auto e = queue_.pop();
    now_ = e.key.when;
    ++events_;
    auto& to = member_of(e.key.to);
    if (e.body.sink == nullptr) {
        to.clock->fire_due();
    } else {
        add_to_trace(to, e);
        e.body.sink->deliver(e);
    }
    io_->poll();
    return true;
}

void world_core::add_to_trace(member& of, event& e) noexcept {
    auto state = mix(of.trace, static_cast<std::uint64_t>(e.key.when.time_since_epoch().count()));
    state = mix(state, e.key.from);
    state = mix(state, e.key.counter);
    state = mix(state, e.body.kind);
    state = mix(state, e.body.amount);
    if (e.body.data) state = mix(state, digest(e.body.data->rest()));
    of.trace = state;
}

void world_core::run_until(steady_time when) {
    io_->poll();
    while (step(when)) {
    }
    now_ = std::max(now_, when);
}

bool world_core::run_until_idle(steady_time limit) {
    io_->poll();
    while (step(limit)) {
    }
    if (queue_.empty()) return true;
    now_ = std::max(now_, limit);
    return false;
}

void world_core::run_task(task<> what) {
    struct outcome {
        bool ended = false;
        std::exception_ptr error;
    };
    // Shared, because a task that is left behind may still end while the world goes on.
    const auto out = std::make_shared<outcome>();
    asio::co_spawn(*io_, std::move(what), [out](std::exception_ptr e) {
        out->error = std::move(e);
        out->ended = true;
    });
    const auto limit = now_ + config_.patience;
    io_->poll();
    while (!out->ended) {
        if (step(limit)) continue;
        const bool stuck = queue_.empty();
        throw std::runtime_error(stuck ? "simulation: the task waits for something that can never happen"
                                       : "simulation: the task has not ended after the patience of the world");
    }
    if (out->error) std::rethrow_exception(out->error);
}

std::uint64_t world_core::trace_hash() const noexcept {
    std::uint64_t state = nodes_.size();
    for (const auto& node : nodes_) state = mix(state, node.trace);
    return state;
}

}  // namespace mydht::sim::detail
