#include <stdexcept>
#include <vector>

#include <asio/this_coro.hpp>

#include <mydht/runtime/deadline.hpp>
#include <mydht/runtime/race.hpp>
#include <mydht/runtime/wait_queue.hpp>

#include "runtime/fixture.hpp"

using namespace mydht;
using namespace mydht::test;

namespace {

task<result<int>> answer_after(time_source& on, duration wait, int value) {
    co_await sleep_for(on, wait);
    co_return value;
}

task<result<int>> fail_after(time_source& on, duration wait, errc code) {
    co_await sleep_for(on, wait);
    co_return failure(code);
}

task<result<int>> throw_after(time_source& on, duration wait) {
    co_await sleep_for(on, wait);
    throw std::runtime_error("broken");
}

/// Swallows its cancellation once and still gives a result a little later.
task<result<int>> stubborn(time_source& on) {
    try {
        co_await sleep_for(on, 1h);
    } catch (const std::system_error&) {
    }
    co_await asio::this_coro::reset_cancellation_state();
    co_await sleep_for(on, 1s);
    co_return 7;
}

task<> keep(task<result<int>> work, std::optional<result<int>>& into) { into.emplace(co_await std::move(work)); }

task<> keep_race(std::vector<task<result<int>>> branches, std::optional<race_outcome<int>>& into) {
    into.emplace(co_await race(std::move(branches)));
}

}  // namespace

TEST_CASE("work that is in time gives its own result", "[deadline]") {
    loop l;
    std::optional<result<int>> got;
    started run(l.context, keep(with_deadline(l.time, steady_time(2s), answer_after(l.time, 1s, 5)), got));
    l.poll();
    l.advance(1s);
    REQUIRE(got);
    CHECK(*got == 5);
    CHECK(l.time.armed() == 0);
}

TEST_CASE("work that is late is cancelled and the result is timed_out", "[deadline]") {
    loop l;
    std::optional<result<int>> got;
    started run(l.context, keep(with_deadline(l.time, steady_time(1s), answer_after(l.time, 2s, 5)), got));
    l.poll();
    l.advance(1s);
    REQUIRE(got);
    CHECK(got->error() == errc::timed_out);
    CHECK(l.time.armed() == 0);
}

TEST_CASE("a deadline waits until the work has ended, and a late result counts", "[deadline]") {
    loop l;
    std::optional<result<int>> got;
    started run(l.context, keep(with_deadline(l.time, steady_time(1s), stubborn(l.time)), got));
    l.poll();
    l.advance(1s);
    CHECK_FALSE(got);
    l.advance(1s);
    REQUIRE(got);
    CHECK(*got == 7);
}

TEST_CASE("a cancellation from outside unwinds, it is no timeout", "[deadline]") {
    loop l;
    std::optional<result<int>> got;
    started run(l.context, keep(with_deadline(l.time, steady_time(1s), answer_after(l.time, 2s, 5)), got));
    l.poll();
    run.cancel();
    l.poll();
    CHECK(run.cancelled());
    CHECK_FALSE(got);
    CHECK(l.time.armed() == 0);
}

TEST_CASE("an exception of the work arrives at the caller", "[deadline]") {
    loop l;
    std::optional<result<int>> got;
    started run(l.context, keep(with_deadline(l.time, steady_time(2s), throw_after(l.time, 1s)), got));
    l.poll();
    l.advance(1s);
    REQUIRE(run.ended());
    REQUIRE(run.error());
    CHECK_THROWS_AS(std::rethrow_exception(run.error()), std::runtime_error);
}

TEST_CASE("nested deadlines: the nearer one decides", "[deadline]") {
    loop l;
    std::optional<result<int>> got;
    auto inner = with_deadline(l.time, steady_time(5s), answer_after(l.time, 10s, 1));
    started run(l.context, keep(with_deadline(l.time, steady_time(1s), std::move(inner)), got));
    l.poll();
    l.advance(1s);
    REQUIRE(got);
    CHECK(got->error() == errc::timed_out);
    CHECK(l.time.armed() == 0);
}

TEST_CASE("a race is won by the first success, whatever fails before", "[race]") {
    loop l;
    std::optional<race_outcome<int>> got;
    std::vector<task<result<int>>> branches;
    branches.push_back(fail_after(l.time, 1s, errc::connection_refused));
    branches.push_back(answer_after(l.time, 5s, 1));
    branches.push_back(answer_after(l.time, 2s, 2));
    started run(l.context, keep_race(std::move(branches), got));
    l.poll();
    l.advance(1s);
    CHECK_FALSE(got);
    l.advance(1s);
    REQUIRE(got);
    CHECK(got->index == 2);
    CHECK(got->value == 2);
    CHECK(l.time.armed() == 0);  // the loser has ended
}

TEST_CASE("a race that nobody wins gives the last branch's error; one without branches is an argument error",
          "[race]") {
    loop l;
    std::optional<race_outcome<int>> got;
    std::vector<task<result<int>>> branches;
    branches.push_back(fail_after(l.time, 2s, errc::unreachable));
    branches.push_back(fail_after(l.time, 1s, errc::connection_refused));
    started run(l.context, keep_race(std::move(branches), got));
    l.poll();
    l.advance(2s);
    REQUIRE(got);
    CHECK(got->value.error() == errc::connection_refused);

    std::optional<race_outcome<int>> none;
    started empty(l.context, keep_race({}, none));
    l.poll();
    REQUIRE(none);
    CHECK(none->value.error() == errc::bad_argument);
}

TEST_CASE("cancelling a race ends every branch", "[race]") {
    loop l;
    std::optional<race_outcome<int>> got;
    std::vector<task<result<int>>> branches;
    branches.push_back(answer_after(l.time, 5s, 1));
    branches.push_back(answer_after(l.time, 6s, 2));
    started run(l.context, keep_race(std::move(branches), got));
    l.poll();
    CHECK(l.time.armed() == 2);
    run.cancel();
    l.poll();
    CHECK(run.cancelled());
    CHECK(l.time.armed() == 0);
}

TEST_CASE("deadlines and races can be killed after any number of handlers", "[deadline][race][sweep]") {
    for (int handlers = 0; handlers < 40; ++handlers) {
        CAPTURE(handlers);
        manual_clock time;
        {
            asio::io_context context(1);
            std::optional<race_outcome<int>> got;
            std::vector<task<result<int>>> branches;
            branches.push_back(with_deadline(time, steady_time(1s), answer_after(time, 2s, 1)));
            branches.push_back(with_deadline(time, steady_time(3s), answer_after(time, 2s, 2)));
            asio::co_spawn(context, keep_race(std::move(branches), got), [](std::exception_ptr) {});
            for (int i = 0; i < handlers; ++i) {
                if (context.poll_one() == 0) time.advance(500ms);
            }
        }
        CHECK(time.armed() == 0);
    }
}
