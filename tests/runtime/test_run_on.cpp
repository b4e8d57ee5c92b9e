#include <atomic>
#include <stdexcept>
#include <thread>

#include <asio/executor_work_guard.hpp>
#include <asio/system_executor.hpp>
#include <asio/this_coro.hpp>

#include <mydht/runtime/deadline.hpp>
#include <mydht/runtime/environment.hpp>
#include <mydht/runtime/run_on.hpp>
#include <mydht/runtime/wait_queue.hpp>

#include "runtime/fixture.hpp"

using namespace mydht;
using namespace mydht::test;

namespace {

/// Another executor, run by a thread of its own.
struct other_thread {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
    std::thread thread{[this] { context.run(); }};

    other_thread() = default;
    other_thread(const other_thread&) = delete;
    other_thread& operator=(const other_thread&) = delete;
    ~other_thread() {
        guard.reset();
        thread.join();
    }
};

task<std::thread::id> where() { co_return std::this_thread::get_id(); }

task<result<int>> wait_for_ever(wait_queue& queue) {
    co_await queue.wait();
    co_return 1;
}

task<int> broken() {
    throw std::runtime_error("broken");
    co_return 1;
}

task<> hop_once(executor target, std::thread::id& there, std::thread::id& back) {
    there = co_await run_on(target, where());
    back = std::this_thread::get_id();
}

}  // namespace

TEST_CASE("work runs on the other executor and comes back", "[run_on][threads]") {
    other_thread other;
    asio::io_context here(1);
    std::thread::id there;
    std::thread::id back;
    asio::co_spawn(here, hop_once(other.context.get_executor(), there, back), [](std::exception_ptr) {});
    here.run();
    CHECK(there == other.thread.get_id());
    CHECK(back == std::this_thread::get_id());
}

TEST_CASE("no hop is made when the caller is there already", "[run_on]") {
    loop l;
    std::thread::id there;
    std::thread::id back;
    started run(l.context, hop_once(l.context.get_executor(), there, back));
    l.poll();
    CHECK(run.ended());
    CHECK(there == std::this_thread::get_id());
}

TEST_CASE("exceptions cross the hop", "[run_on][threads]") {
    other_thread other;
    asio::io_context here(1);
    std::exception_ptr error;
    asio::co_spawn(here, run_on(other.context.get_executor(), broken()), [&](std::exception_ptr e, int) { error = e; });
    here.run();
    REQUIRE(error);
    CHECK_THROWS_AS(std::rethrow_exception(error), std::runtime_error);
}

TEST_CASE("callers with deadlines race their hops without a data race", "[run_on][threads]") {
    // The deadline is so near that some hops are cancelled before they begin, some within, some after.
    other_thread node;
    asio::io_context here(1);
    const auto clock = make_system_clock(here.get_executor());
    wait_queue* queue = nullptr;
    const auto on_node = [&](auto&& f) {
        std::atomic<bool> done = false;
        asio::post(node.context, [&] {
            f();
            done = true;
            done.notify_all();
        });
        done.wait(false);
    };
    on_node([&] { queue = new wait_queue; });
    int timed_out = 0;
    for (int i = 0; i < 500; ++i) {
        auto call = with_deadline(*clock, clock->now() + std::chrono::microseconds(i % 50),
                                  run_on(node.context.get_executor(), wait_for_ever(*queue)));
        asio::co_spawn(here, std::move(call), [&](std::exception_ptr e, result<int> r) {
            if (!e && !r && r.error() == errc::timed_out) ++timed_out;
        });
    }
    here.run();
    CHECK(timed_out == 500);
    bool empty = false;
    on_node([&] {
        empty = queue->empty();
        delete queue;
    });
    CHECK(empty);
}

namespace {

task<> offload_twice(int& got, bool& threw, std::thread::id& ran_on) {
    std::function<int()> job = [&ran_on] {
        ran_on = std::this_thread::get_id();
        return 42;
    };
    got = co_await offload<int>(asio::system_executor(), std::move(job));
    std::function<int()> failing = []() -> int { throw std::runtime_error("broken"); };
    try {
        co_await offload<int>(asio::system_executor(), std::move(failing));
    } catch (const std::runtime_error&) {
        threw = true;
    }
}

}  // namespace

TEST_CASE("blocking work runs on the workers, its result and its exception come back", "[offload][threads]") {
    asio::io_context here(1);
    int got = 0;
    bool threw = false;
    std::thread::id ran_on;
    asio::co_spawn(here, offload_twice(got, threw, ran_on), [](std::exception_ptr) {});
    here.run();
    CHECK(got == 42);
    CHECK(threw);
    CHECK(ran_on != std::this_thread::get_id());
}

namespace {

/// A worker that is inside a job until it is let go.
struct held_job {
    std::atomic<bool> begun = false;
    std::atomic<bool> released = false;

    int run() {
        begun = true;
        begun.notify_all();
        released.wait(false);
        return 1;
    }
    void release() {
        released = true;
        released.notify_all();
    }
};

task<> offload_held(executor workers, std::shared_ptr<held_job> job, bool& cancelled) {
    std::function<int()> work = [job] { return job->run(); };
    try {
        co_await offload<int>(workers, std::move(work));
    } catch (const std::system_error&) {
        cancelled = true;
        throw;
    }
}

}  // namespace

TEST_CASE("a cancelled offload does not wait for the function", "[offload][threads]") {
    other_thread workers;
    const auto job = std::make_shared<held_job>();
    bool cancelled = false;
    {
        asio::io_context here(1);
        started run(here, offload_held(workers.context.get_executor(), job, cancelled));
        here.poll();
        job->begun.wait(false);
        run.cancel();
        here.run();
        CHECK(run.cancelled());
    }
    CHECK(cancelled);
    job->release();
}

TEST_CASE("an io_context may go down while a worker runs", "[offload][threads]") {
    other_thread workers;
    for (int i = 0; i < 200; ++i) {
        const auto job = std::make_shared<held_job>();
        bool cancelled = false;
        auto here = std::make_unique<asio::io_context>(1);
        asio::co_spawn(*here, offload_held(workers.context.get_executor(), job, cancelled), [](std::exception_ptr) {});
        here->poll();
        job->begun.wait(false);
        // Before, while and after the worker comes back.
        if (i % 3 == 0) {
            job->release();
        } else if (i % 3 == 1) {
            here.reset();
            job->release();
        } else {
            job->release();
            here->run();
        }
        here.reset();
        CHECK_FALSE(cancelled);
    }
}
