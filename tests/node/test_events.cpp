#include <optional>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "node/event_hub.hpp"
#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::detail;
using namespace std::chrono_literals;

namespace {

struct hub_fixture {
    [[nodiscard]] event_stream subscribe(std::size_t capacity) {
        const auto queue = std::make_shared<event_queue>(context.get_executor(), capacity);
        hub.subscribe(queue);
        return event_stream(queue);
    }
    void tell(int seconds) {
        node_event what;
        what.time = std::chrono::seconds(seconds);
        hub.tell(what);
    }
    /// Nothing when next() waits.
    [[nodiscard]] std::optional<result<node_event>> next(event_stream from) {
        std::optional<result<node_event>> out;
        asio::cancellation_signal stop;
        asio::co_spawn(context, from.next(),
                       asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e, result<node_event> got) {
                           if (!e) out.emplace(std::move(got));
                       }));
        run();
        stop.emit(asio::cancellation_type::terminal);
        run();
        return out;
    }
    void run() {
        context.restart();
        context.poll();
    }

    asio::io_context context{1};
    event_hub hub;
};

}  // namespace

TEST_CASE("every subscriber gets every event, in order", "[events]") {
    hub_fixture f;
    f.tell(0);
    auto one = f.subscribe(10);
    auto two = f.subscribe(10);
    CHECK_FALSE(f.next(one));
    for (int i = 1; i <= 3; ++i) f.tell(i);
    for (auto& each : {one, two}) {
        for (int i = 1; i <= 3; ++i) {
            const auto got = f.next(each);
            REQUIRE(got);
            CHECK((*got)->time == std::chrono::seconds(i));
            CHECK((*got)->missed == 0);
        }
        CHECK_FALSE(f.next(each));
    }
}

TEST_CASE("a slow subscriber loses the oldest events and hears how many", "[events]") {
    hub_fixture f;
    auto slow = f.subscribe(2);
    for (int i = 1; i <= 2; ++i) f.tell(i);
    CHECK(f.next(slow).value()->missed == 0);
    for (int i = 3; i <= 7; ++i) f.tell(i);
    const auto first = f.next(slow).value();
    CHECK(first->time == 6s);
    CHECK(first->missed == 4);
    const auto second = f.next(slow).value();
    CHECK(second->time == 7s);
    CHECK(second->missed == 0);
}

TEST_CASE("a waiting reader is woken, and one that was cancelled takes nothing", "[events]") {
    hub_fixture f;
    auto stream = f.subscribe(4);
    CHECK_FALSE(f.next(stream));  // cancelled while it waits
    std::vector<duration> got;
    for (int i = 0; i < 2; ++i) {
        asio::co_spawn(f.context, stream.next(),
                       [&](std::exception_ptr, result<node_event> what) { got.push_back(what->time); });
    }
    f.run();
    f.tell(1);
    f.tell(2);
    f.run();
    CHECK(got == std::vector<duration>{1s, 2s});
}

TEST_CASE("a closed hub gives what is left, then errc::closed", "[events]") {
    hub_fixture f;
    auto stream = f.subscribe(4);
    std::optional<std::error_code> waiting;
    auto other = f.subscribe(4);
    asio::co_spawn(f.context, other.next(), [&](std::exception_ptr, result<node_event> got) {
        waiting = got ? std::error_code() : got.error();
    });
    f.run();
    CHECK_FALSE(waiting);
    f.hub.close();
    f.run();
    CHECK(waiting == make_error_code(errc::closed));
    CHECK(f.next(stream).value().error() == errc::closed);
    auto late = f.subscribe(4);
    CHECK(f.next(late).value().error() == errc::closed);
}

TEST_CASE("what was told before the close can still be taken", "[events]") {
    hub_fixture f;
    auto stream = f.subscribe(4);
    f.tell(5);
    f.hub.close();
    f.tell(6);
    CHECK(f.next(stream).value()->time == 5s);
    CHECK(f.next(stream).value().error() == errc::closed);
}

TEST_CASE("subscribers that went cost nothing", "[events]") {
    hub_fixture f;
    auto kept = f.subscribe(4);
    for (int i = 0; i < 100; ++i) (void)f.subscribe(4);
    CHECK(f.hub.subscribers() <= 2);
    f.tell(1);
    CHECK(f.hub.subscribers() == 1);
    CHECK(f.next(kept));
}

TEST_CASE("a capacity of nothing is one", "[events]") {
    hub_fixture f;
    auto stream = f.subscribe(0);
    f.tell(1);
    f.tell(2);
    const auto got = f.next(stream).value();
    CHECK(got->time == 2s);
    CHECK(got->missed == 1);
}
