#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <mydht/runtime/deadline.hpp>
#include <mydht/runtime/task_group.hpp>
#include <mydht/runtime/wait_queue.hpp>
#include <mydht/sim/world.hpp>

#include "support/catch.hpp"

namespace mydht::sim {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

task<duration> measure(environment env, duration length) {
    const auto before = env.time->now();
    co_await sleep_for(*env.time, length);
    co_return env.time->now() - before;
}

task<> note(environment env, duration after, int what, std::vector<int>& into) {
    co_await sleep_for(*env.time, after);
    into.push_back(what);
}

/// One note for each environment after the same time, begun in an order that is not theirs.
task<> note_all(std::vector<environment> envs, std::vector<int>& into) {
    task_group group(envs[0].exec, [](std::string_view, const std::exception_ptr&) {});
    for (const std::size_t i : {3U, 2U, 0U, 1U}) {
        group.spawn("note", note(envs[i], milliseconds(10), static_cast<int>(i), into));
    }
    co_await group.join();
}

task<result<int>> answer_after(environment env, duration length) {
    co_await sleep_for(*env.time, length);
    co_return 42;
}

task<> forever() {
    wait_queue nobody;
    co_await nobody.wait();
}

task<int> throws() {
    throw std::logic_error("on purpose");
    co_return 0;
}

class recorder final : public log_sink {
public:
    void write(log_level, std::string_view component, std::string_view line) override {
        lines.push_back(std::string(component) + "|" + std::string(line));
    }
    std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("Virtual time passes to the nanosecond, and only while something waits for it", "[sim][world]") {
    world w(1);
    const auto node = w.add_node();
    const auto start = w.now();
    CHECK(w.run(measure(w.node_environment(node), duration(123'456'789))) == duration(123'456'789));
    CHECK(w.now() - start == duration(123'456'789));
    CHECK(w.run(measure(w.node_environment(node), duration(0))) == duration(0));
    CHECK(w.run(measure(w.driver_environment(), hours(24))) == hours(24));
    w.run_for(seconds(5));
    CHECK(w.now() - start == duration(123'456'789) + hours(24) + seconds(5));
    w.run_until(start);
    CHECK(w.now() - start == duration(123'456'789) + hours(24) + seconds(5));
}

TEST_CASE("At equal times nodes run in their order and the driver last", "[sim][world]") {
    std::vector<int> order;
    world w(1);
    for (int i = 0; i < 3; ++i) w.add_node();
    std::vector<environment> envs;
    for (node_index node = 0; node < 3; ++node) envs.push_back(w.node_environment(node));
    envs.push_back(w.driver_environment());
    w.run(note_all(envs, order));
    CHECK(order == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("A deadline that did not come leaves no time to pass", "[sim][world]") {
    world w(1);
    const auto env = w.node_environment(w.add_node());
    const auto start = w.now();
    const auto in_time = w.run(with_deadline(*env.time, start + seconds(60), answer_after(env, milliseconds(1))));
    CHECK(in_time == 42);
    CHECK(w.run_until_idle(hours(1)));
    CHECK(w.now() == start + milliseconds(1));
    const auto late = w.run(with_deadline(*env.time, w.now() + seconds(60), answer_after(env, seconds(61))));
    REQUIRE(!late);
    CHECK(late.error() == make_error_code(errc::timed_out));
    CHECK(w.now() == start + milliseconds(1) + seconds(60));
    CHECK(w.run_until_idle(hours(1)));
    CHECK(w.now() == start + milliseconds(1) + seconds(60));
}

TEST_CASE("Earlier alarms that come later, and alarms taken back in front of others, are kept", "[sim][world]") {
    struct bell final : alarm {
        void fire() noexcept override { ++rung; }
        int rung = 0;
    };
    world w(1);
    const auto env = w.node_environment(w.add_node());
    const auto start = w.now();
    bell first;
    bell second;
    bell third;
    env.time->arm(second, start + seconds(20));
    env.time->arm(third, start + seconds(30));
    env.time->arm(first, start + seconds(10));
    env.time->disarm(second);
    w.run_until(start + seconds(10) - duration(1));
    CHECK(first.rung == 0);
    w.run_until(start + seconds(10));
    CHECK(first.rung == 1);
    w.run_until(start + seconds(30) - duration(1));
    CHECK(third.rung == 0);
    w.run_until(start + seconds(30));
    CHECK(third.rung == 1);
    CHECK(second.rung == 0);
    // A time that has passed: at once, but not from within.
    env.time->arm(second, start);
    CHECK(second.rung == 0);
    CHECK(w.run_until_idle(seconds(0)));
    CHECK(second.rung == 1);
    CHECK(w.event_count() == 3);
}

TEST_CASE("A world that is not idle says so and moves its time", "[sim][world]") {
    world w(1);
    const auto env = w.node_environment(w.add_node());
    struct bell final : alarm {
        void fire() noexcept override {}
    } late;
    env.time->arm(late, w.now() + seconds(10));
    const auto start = w.now();
    CHECK_FALSE(w.run_until_idle(seconds(9)));
    CHECK(w.now() == start + seconds(9));
    CHECK(w.run_until_idle(seconds(9)));
    CHECK(w.now() == start + seconds(10));
}

TEST_CASE("A task that hangs fails loudly, and what a task throws arrives", "[sim][world]") {
    world_config config;
    config.patience = hours(1);
    world w(1, config);
    const auto env = w.driver_environment();
    CHECK_THROWS_WITH(w.run(forever()), Catch::Contains("never happen"));
    CHECK_THROWS_WITH(w.run(measure(env, hours(1) + duration(1))), Catch::Contains("patience"));
    CHECK(w.run(measure(env, hours(1))) == hours(1));
    CHECK_THROWS_WITH(w.run(throws()), "on purpose");
}

TEST_CASE("Handles may outlive the world that they belong to", "[sim][world]") {
    environment env;
    steady_time last;
    {
        world w(1);
        env = w.node_environment(w.add_node());
        w.run_for(seconds(3));
        last = w.now();
    }
    CHECK(env.time->now() == last);
}

TEST_CASE("Wall clocks are wrong by up to the skew, steady clocks are not", "[sim][world]") {
    world_config config;
    config.wall_skew_max = seconds(2);
    world w(5, config);
    bool early = false;
    bool late = false;
    for (int i = 0; i < 100; ++i) {
        const auto env = w.node_environment(w.add_node());
        const auto skew = env.time->wall_now() - config.wall_start;
        CHECK(skew >= -seconds(2));
        CHECK(skew <= seconds(2));
        early = early || skew < -seconds(1);
        late = late || skew > seconds(1);
        CHECK(env.time->now() == w.now());
    }
    CHECK(early);
    CHECK(late);
    CHECK(w.driver_environment().time->wall_now() == config.wall_start);
    w.set_wall_skew(3, -hours(5));
    w.run_for(milliseconds(1'500) + duration(999'999));
    CHECK(w.node_environment(3).time->wall_now() == config.wall_start - hours(5) + milliseconds(1'500));
}

TEST_CASE("Random numbers follow from seed and node", "[sim][world]") {
    const auto draw = [](std::uint64_t seed, node_index node) {
        world w(seed);
        while (w.node_count() <= node) w.add_node();
        const auto env = w.node_environment(node);
        const auto secret = env.secure_random->next();
        const auto sample = (*env.random)();
        CHECK(secret != sample);
        return std::pair(secret, sample);
    };
    CHECK(draw(1, 0) == draw(1, 0));
    CHECK(draw(1, 0) != draw(1, 1));
    CHECK(draw(1, 0) != draw(2, 0));
    world w(1);
    const auto env = w.node_environment(w.add_node());
    bytes thirteen(13);
    env.secure_random->fill(thirteen);
    CHECK(std::count(thirteen.begin(), thirteen.end(), std::uint8_t{0}) < 4);
}

TEST_CASE("Log lines carry the virtual time and the node", "[sim][world]") {
    auto sink = std::make_shared<recorder>();
    world_config config;
    config.log = logger(sink, log_level::info);
    world w(1, config);
    w.add_node();
    const auto env = w.node_environment(w.add_node());
    w.run_for(milliseconds(3));
    env.log.write(log_level::debug, "part", "too small");
    env.log.write(log_level::info, "part", "hello");
    w.driver_environment().log.write(log_level::error, "part", "bye");
    CHECK(sink->lines == std::vector<std::string>{"part|3000us 1: hello", "part|3000us driver: bye"});
}

}  // namespace mydht::sim
