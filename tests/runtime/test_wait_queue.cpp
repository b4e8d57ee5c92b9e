#include <vector>

#include <mydht/runtime/wait_queue.hpp>

#include "runtime/fixture.hpp"

using namespace mydht;
using namespace mydht::test;

namespace {

task<> note_wait(wait_queue& queue, std::vector<int>& woken, int name) {
    co_await queue.wait();
    woken.push_back(name);
}

task<> note_wait_until(wait_queue& queue, time_source& on, steady_time deadline, std::vector<bool>& outcome) {
    const bool got = co_await queue.wait_until(on, deadline);
    outcome.push_back(got);
}

}  // namespace

TEST_CASE("waiters are woken one by one, the longest wait first", "[wait_queue]") {
    loop l;
    wait_queue queue;
    std::vector<int> woken;
    started one(l.context, note_wait(queue, woken, 1));
    started two(l.context, note_wait(queue, woken, 2));
    started three(l.context, note_wait(queue, woken, 3));
    l.poll();
    queue.notify_one();
    CHECK(woken.empty());  // not from within the call
    l.poll();
    CHECK(woken == std::vector<int>{1});
    queue.notify_all();
    l.poll();
    CHECK(woken == std::vector<int>{1, 2, 3});
    CHECK(queue.empty());
}

TEST_CASE("a wait ends at its deadline or with the notify, whichever comes first", "[wait_queue]") {
    loop l;
    wait_queue queue;
    std::vector<bool> outcome;
    started late(l.context, note_wait_until(queue, l.time, steady_time(1s), outcome));
    l.poll();
    l.advance(1s);
    CHECK(outcome == std::vector<bool>{false});
    CHECK(queue.empty());
    started early(l.context, note_wait_until(queue, l.time, steady_time(2s), outcome));
    l.poll();
    queue.notify_one();
    l.advance(5s);  // the deadline passes between the notify and the resumption: the notify counts
    CHECK(outcome == std::vector<bool>{false, true});
    CHECK(l.time.armed() == 0);
}

TEST_CASE("a cancelled waiter leaves the queue and the next one gets the notify", "[wait_queue]") {
    loop l;
    wait_queue queue;
    std::vector<int> woken;
    started one(l.context, note_wait(queue, woken, 1));
    started two(l.context, note_wait(queue, woken, 2));
    l.poll();
    one.cancel();
    queue.notify_one();
    l.poll();
    CHECK(one.cancelled());
    CHECK(woken == std::vector<int>{2});
}

TEST_CASE("a notify that was given is not lost to a later cancellation", "[wait_queue]") {
    loop l;
    wait_queue queue;
    std::vector<int> woken;
    started one(l.context, note_wait(queue, woken, 1));
    l.poll();
    queue.notify_one();
    one.cancel();
    l.poll();
    CHECK(woken == std::vector<int>{1});
}

TEST_CASE("a queue that dies cancels its waiters", "[wait_queue]") {
    loop l;
    std::vector<int> woken;
    auto queue = std::make_unique<wait_queue>();
    started one(l.context, note_wait(*queue, woken, 1));
    l.poll();
    queue.reset();
    l.poll();
    CHECK(one.cancelled());
}

namespace {

struct counted {
    explicit counted(int& alive_) : alive(alive_) { ++alive; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --alive; }
    int& alive;
};

task<> hold_and_wait(wait_queue& queue, time_source& on, int& alive) {
    const counted held(alive);
    co_await queue.wait_until(on, steady_time::max());
}

}  // namespace

TEST_CASE("an io_context that goes down destroys the coroutines that wait", "[wait_queue]") {
    int alive = 0;
    wait_queue queue;
    manual_clock clock;
    {
        asio::io_context context(1);
        for (int i = 0; i < 3; ++i)
            asio::co_spawn(context, hold_and_wait(queue, clock, alive), [](std::exception_ptr) {});
        context.poll();
        REQUIRE(alive == 3);
    }
    CHECK(alive == 0);
    CHECK(queue.empty());
    CHECK(clock.armed() == 0);
}
