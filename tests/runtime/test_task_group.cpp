#include <stdexcept>
#include <string>
#include <vector>

#include <asio/this_coro.hpp>

#include <mydht/runtime/task_group.hpp>

#include "runtime/fixture.hpp"

using namespace mydht;
using namespace mydht::test;

namespace {

task<> sleep_then(time_source& on, duration wait, int& done) {
    co_await sleep_for(on, wait);
    ++done;
}

task<> throw_now() {
    throw std::runtime_error("broken");
    co_return;
}

task<> shielded(time_source& on, duration wait, int& done) {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_await sleep_for(on, wait);
    ++done;
}

struct group_fixture : loop {
    std::vector<std::string> errors;
    task_group group{context.get_executor(),
                     [this](std::string_view name, const std::exception_ptr&) { errors.emplace_back(name); }};
    int done = 0;
};

}  // namespace

TEST_CASE("join waits for all tasks, also for those spawned meanwhile", "[task_group]") {
    group_fixture f;
    f.group.spawn("one", sleep_then(f.time, 1s, f.done));
    CHECK(f.group.size() == 1);
    started join(f.context, f.group.join());
    f.poll();
    f.group.spawn("two", sleep_then(f.time, 2s, f.done));
    f.poll();
    f.advance(1s);
    CHECK_FALSE(join.ended());
    f.advance(1s);
    CHECK(join.ended());
    CHECK(f.done == 2);
    CHECK(f.group.size() == 0);
}

TEST_CASE("an exception reaches the handler with the task's name; a cancellation does not", "[task_group]") {
    group_fixture f;
    f.group.spawn("breaks", throw_now());
    f.group.spawn("sleeps", sleep_then(f.time, 1h, f.done));
    f.poll();
    f.group.cancel();
    f.poll();
    CHECK(f.errors == std::vector<std::string>{"breaks"});
    CHECK(f.group.size() == 0);
    CHECK(f.done == 0);
}

TEST_CASE("stop gives tasks their grace and then ends them", "[task_group]") {
    group_fixture f;
    f.group.spawn("willing", sleep_then(f.time, 1h, f.done));
    f.group.spawn("finishing", shielded(f.time, 2s, f.done));
    f.group.spawn("too slow", shielded(f.time, 1h, f.done));
    f.poll();
    started stop(f.context, f.group.stop(f.time, 10s));
    f.poll();
    CHECK(f.group.size() == 2);  // the willing one left at once
    f.advance(2s);
    CHECK(f.group.size() == 1);
    CHECK(f.done == 1);
    f.advance(8s);
    CHECK(stop.ended());
    CHECK(f.group.size() == 0);
    CHECK(f.done == 1);
    CHECK(f.time.armed() == 0);
}

TEST_CASE("a task that is spawned after or just before the cancellation does not run", "[task_group]") {
    group_fixture f;
    f.group.spawn("before", sleep_then(f.time, 0s, f.done));
    f.group.cancel();
    f.group.spawn("after", sleep_then(f.time, 0s, f.done));
    f.poll();
    f.advance(1s);
    CHECK(f.group.size() == 0);
    CHECK(f.done == 0);
}

TEST_CASE("a handle cancels its task alone, begun or not", "[task_group]") {
    group_fixture f;
    task_handle first;
    task_handle second;
    f.group.spawn("first", first, sleep_then(f.time, 1s, f.done));
    f.group.spawn("second", second, sleep_then(f.time, 1s, f.done));
    f.group.spawn("third", sleep_then(f.time, 1s, f.done));
    first.cancel();
    f.poll();
    CHECK_FALSE(first.running());
    CHECK(second.running());
    second.cancel();
    f.poll();
    CHECK(f.group.size() == 1);
    f.advance(1s);
    CHECK(f.done == 1);
    first.cancel();
    CHECK(f.group.size() == 0);
}

TEST_CASE("a task runs on when its handle dies", "[task_group]") {
    group_fixture f;
    {
        task_handle gone;
        f.group.spawn("task", gone, sleep_then(f.time, 1s, f.done));
    }
    f.poll();
    f.advance(1s);
    CHECK(f.done == 1);
}

namespace {

task<> count_now(int& done) {
    ++done;
    co_return;
}

task<> spawn_and_look(task_group& group, int& done, int& seen) {
    group.spawn("counts", count_now(done));
    seen = done;
    co_return;
}

}  // namespace

TEST_CASE("a task begins soon, never from within the spawn", "[task_group]") {
    group_fixture f;
    int seen = -1;
    started run(f.context, spawn_and_look(f.group, f.done, seen));
    f.poll();
    CHECK(seen == 0);
    CHECK(f.done == 1);
}

namespace {

task<> begin_and_look(task_group& group, task_handle& quick, task_handle& slow, time_source& time, int& done,
                      std::vector<int>& seen) {
    group.begin("counts", quick, count_now(done));
    seen.push_back(done);
    group.begin("sleeps", slow, sleep_then(time, 1s, done));
    seen.push_back(done);
    co_return;
}

}  // namespace

TEST_CASE("a task that is begun runs within the call until it first waits", "[task_group]") {
    group_fixture f;
    task_handle quick;
    task_handle slow;
    std::vector<int> seen;
    started run(f.context, begin_and_look(f.group, quick, slow, f.time, f.done, seen));
    f.poll();
    CHECK(seen == std::vector{1, 1});
    CHECK_FALSE(quick.running());
    REQUIRE(slow.running());

    SECTION("and then goes on") {
        f.advance(1s);
        CHECK(f.done == 2);
    }
    SECTION("or is cancelled as others are") {
        slow.cancel();
        f.poll();
        CHECK_FALSE(slow.running());
        CHECK(f.done == 1);
    }
    CHECK(f.group.size() == 0);
}

TEST_CASE("a handle that has left its task can be used for another one", "[task_group]") {
    group_fixture f;
    task_handle handle;
    f.group.spawn("first", handle, sleep_then(f.time, 1s, f.done));
    f.poll();
    handle.leave();
    CHECK_FALSE(handle.running());
    f.group.spawn("second", handle, sleep_then(f.time, 1s, f.done));
    f.poll();
    handle.cancel();
    f.poll();
    CHECK(f.group.size() == 1);
    f.advance(1s);
    CHECK(f.done == 1);
}
