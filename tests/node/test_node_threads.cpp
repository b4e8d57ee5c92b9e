#include <atomic>
#include <thread>
#include <vector>

#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>

#include <mydht/node/node.hpp>
#include <mydht/runtime/deadline.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace std::chrono_literals;

namespace {

node_config listening() {
    node_config out;
    out.listen.push_back(*parse_address("tcp://127.0.0.1:0"));
    return out;
}

node_config joining(const node& through) {
    auto out = listening();
    out.bootstrap.push_back(*parse_location(through.addresses().front().text()));
    return out;
}

task<> put_and_get(node writer, node reader, int number, std::atomic<int>& good) {
    const auto stored = co_await writer.put(value::immutable("value " + std::to_string(number)));
    if (!stored) co_return;
    const auto found = co_await reader.get(*stored);
    if (found && found->text() == "value " + std::to_string(number)) ++good;
}

struct heard_events {
    int up = 0;
    int down = 0;
    std::error_code end;
};

task<> listen(event_stream from, heard_events& heard) {
    for (;;) {
        auto got = co_await from.next();
        if (!got) {
            heard.end = got.error();
            co_return;
        }
        heard.up += got->what == node_event::kind::peer_up ? 1 : 0;
        heard.down += got->what == node_event::kind::peer_down ? 1 : 0;
    }
}

task<> impatient(node reader, time_source& clock, int number, std::atomic<int>& ended) {
    id256 key;
    key.data()[0] = static_cast<std::uint8_t>(number);
    const auto limit = clock.now() + std::chrono::microseconds(number * 37 % 2000);
    const auto found = co_await with_deadline(clock, limit, reader.get(key));
    if (!found) ++ended;
}

}  // namespace

TEST_CASE("nodes on threads of their own serve callers with deadlines on another", "[node][threads]") {
    asio::io_context nodes(2);
    auto guard = asio::make_work_guard(nodes);
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) threads.emplace_back([&] { nodes.run(); });

    asio::io_context ears(1);
    heard_events heard;
    std::thread listener;
    int started = 0;
    std::atomic<int> good = 0;
    std::atomic<int> ended = 0;
    {
        asio::io_context here(1);
        const auto clock = make_system_clock(here.get_executor());
        node first(make_environment(asio::make_strand(nodes)), listening());
        asio::co_spawn(ears, listen(first.events(), heard), [](std::exception_ptr) {});
        listener = std::thread([&] { ears.run(); });
        asio::co_spawn(here, first.start(), [&](std::exception_ptr, result<join_report> r) { started += r ? 1 : 0; });
        here.run();
        node second(make_environment(asio::make_strand(nodes)), joining(first));
        here.restart();
        asio::co_spawn(here, second.start(), [&](std::exception_ptr, result<join_report> r) { started += r ? 1 : 0; });
        here.run();

        here.restart();
        for (int i = 0; i < 40; ++i) {
            asio::co_spawn(here, put_and_get(first, second, i, good), [](std::exception_ptr) {});
            asio::co_spawn(here, impatient(second, *clock, i, ended), [](std::exception_ptr) {});
        }
        here.run();

        here.restart();
        asio::co_spawn(here, first.stop(), [](std::exception_ptr) {});
        asio::co_spawn(here, second.stop(), [](std::exception_ptr) {});
        here.run();
    }
    // Before the nodes' threads end: each of its waits runs there.
    listener.join();
    guard.reset();
    for (auto& each : threads) each.join();
    CHECK(heard.up > 0);
    CHECK(heard.down == heard.up);
    CHECK(heard.end == errc::closed);
    CHECK(started == 2);
    CHECK(good == 40);
    CHECK(ended == 40);
}
