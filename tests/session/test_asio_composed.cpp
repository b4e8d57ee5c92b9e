// What others have built on Asio's stream concepts, on a stream of a session.

#include <memory_resource>
#include <string>
#include <thread>

#include <asio/bind_allocator.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/buffered_stream.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/experimental/deferred.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <asio/write.hpp>

#include <mydht/session/asio_stream.hpp>

#include "streams.hpp"
#include "two_peers.hpp"

namespace mydht::test {

namespace {

task<std::vector<std::string>> lines_of(asio_stream& from) {
    std::vector<std::string> out;
    std::string buffer;
    for (int i = 0; i < 3; ++i) {
        const auto size = co_await asio::async_read_until(from, asio::dynamic_buffer(buffer), std::string("\r\n"),
                                                          asio::use_awaitable);
        out.push_back(buffer.substr(0, size - 2));
        buffer.erase(0, size);
    }
    co_return out;
}

}  // namespace

TEST_CASE("lines are read from a stream until their ends", "[streams][asio]") {
    two_peers net;
    net.b.pool->serve("echo/1", echo_stream);
    asio_stream s(net.w.run(net.open()).value());
    const std::string text = "one\r\n" + std::string(9000, 'x') + "\r\n\r\nand more";
    auto written = asio::async_write(s, asio::buffer(text), asio::use_future);
    const auto lines = net.w.run(lines_of(s));
    CHECK(lines == std::vector<std::string>{"one", std::string(9000, 'x'), ""});
    CHECK(written.get() == text.size());
    net.w.run(net.stop());
}

namespace {

/// Many small writes and reads, of which the stream below sees few.
task<bool> talk_buffered(asio::buffered_stream<asio_stream&>& over) {
    const auto sent = pattern(3000);
    for (std::size_t i = 0; i < sent.size(); i += 10) {
        co_await asio::async_write(over, asio::buffer(sent.data() + i, 10), asio::use_awaitable);
    }
    co_await over.async_flush(asio::use_awaitable);
    bytes back(sent.size());
    for (std::size_t i = 0; i < back.size(); i += 10) {
        co_await asio::async_read(over, asio::buffer(back.data() + i, 10), asio::use_awaitable);
    }
    co_return back == sent;
}

}  // namespace

TEST_CASE("a stream is buffered by Asio's buffered_stream", "[streams][asio]") {
    two_peers net;
    net.b.pool->serve("echo/1", echo_stream);
    asio_stream s(net.w.run(net.open()).value());
    asio::buffered_stream<asio_stream&> over(s);
    CHECK(over.get_executor() == s.get_executor());
    CHECK(&over.lowest_layer() == &s);
    CHECK(net.w.run(talk_buffered(over)));
    net.w.run(net.stop());
}

TEST_CASE("a deferred operation begins when it is called, not when it is made", "[streams][asio]") {
    two_peers net;
    net.b.pool->serve("echo/1", echo_stream);
    asio_stream s(net.w.run(net.open()).value());
    const auto sent = pattern(10);
    bytes back(10);
    auto write = s.async_write_some(asio::buffer(sent), asio::experimental::deferred);
    auto read = s.async_read_some(asio::buffer(back), asio::experimental::deferred);
    net.w.poll();
    CHECK(net.b.pool->counters().streams_served == 1);
    std::size_t count = 0;
    std::move(read)([&](std::error_code failed, std::size_t n) { count = failed ? 0 : n; });
    net.w.poll();
    CHECK(count == 0);
    std::move(write)([](std::error_code, std::size_t) {});
    net.w.poll();
    CHECK(count == 10);
    CHECK(back == sent);
    net.w.run(net.stop());
}

TEST_CASE("a handler's executor, allocator and cancellation slot count together", "[streams][asio]") {
    std::array<std::byte, 4096> arena{};
    std::pmr::monotonic_buffer_resource memory(arena.data(), arena.size(), std::pmr::null_memory_resource());
    const std::pmr::polymorphic_allocator<std::byte> allocator(&memory);
    two_peers net;
    held_streams held;
    net.b.pool->serve("hold/1", held.handler());
    asio_stream s(net.w.run(net.open("hold/1")).value());
    asio::io_context elsewhere;
    asio::cancellation_signal signal;
    bytes into(10);
    int completed = 0;
    std::error_code failed;
    const auto begin = [&] {
        s.async_read_some(
            asio::buffer(into),
            asio::bind_executor(
                elsewhere.get_executor(),
                asio::bind_allocator(allocator,
                                     asio::bind_cancellation_slot(signal.slot(), [&](std::error_code why, std::size_t) {
                                         CHECK(elsewhere.get_executor().running_in_this_thread());
                                         ++completed;
                                         failed = why;
                                     }))));
    };
    begin();
    REQUIRE(net.w.run(held.streams[0].write(pattern(3))));
    net.w.poll();
    CHECK(completed == 0);  // its executor does not run
    elsewhere.run();
    CHECK(completed == 1);
    CHECK_FALSE(failed);

    begin();
    net.w.poll();
    signal.emit(asio::cancellation_type::total);
    net.w.poll();
    elsewhere.restart();
    elsewhere.run();
    CHECK(completed == 2);
    CHECK(failed == asio::error::operation_aborted);
    held.streams.clear();
    net.w.run(net.stop());
}

}  // namespace mydht::test
