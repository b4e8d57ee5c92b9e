#include <mydht/session/asio_stream.hpp>

#include <future>
#include <memory_resource>
#include <string>
#include <thread>

#include <asio/bind_allocator.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/streambuf.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <asio/write.hpp>

#include "streams.hpp"
#include "two_peers.hpp"

namespace mydht::test {

namespace {

/// Everything of one operation, told by a plain callback.
struct told {
    int count = 0;
    std::error_code failed;
    std::size_t size = 0;

    auto callback() {
        return [this](std::error_code e, std::size_t n) {
            ++count;
            failed = e;
            size = n;
        };
    }
};

}  // namespace

TEST_CASE("Asio's algorithms work on a stream", "[streams][asio]") {
    two_peers net;
    net.b.pool->serve("echo/1", echo_stream);
    auto opened = net.w.run(net.open());
    REQUIRE(opened);
    asio_stream s(*opened);
    CHECK(s.get_executor() == executor(net.w.context.get_executor()));

    const auto sent = pattern(300'000);
    told written;
    told read;
    bytes back(sent.size());
    asio::async_write(s, asio::buffer(sent), written.callback());
    asio::async_read(s, asio::buffer(back), read.callback());
    CHECK(written.count == 0);
    net.w.poll();
    CHECK(written.count == 1);
    CHECK_FALSE(written.failed);
    CHECK(written.size == sent.size());
    CHECK(read.count == 1);
    CHECK(back == sent);

    // Several buffers, empty ones among them.
    std::string first = "one ";
    std::string second = "line\nand more";
    told gathered;
    const std::array parts{asio::const_buffer(), asio::const_buffer(asio::buffer(first)), asio::const_buffer(),
                           asio::const_buffer(asio::buffer(second))};
    asio::async_write(s, parts, gathered.callback());
    asio::streambuf lines;
    told line;
    asio::async_read_until(s, lines, '\n', line.callback());
    net.w.poll();
    CHECK(gathered.size == first.size() + second.size());
    CHECK(line.size == 9);

    s.close();
    told end;
    bytes more(1);
    s.async_read_some(asio::buffer(more), end.callback());
    net.w.poll();
    CHECK(end.failed == errc::closed);
    net.w.run(net.stop());
}

TEST_CASE("the end of a stream is the end of file that Asio's algorithms know", "[streams][asio]") {
    two_peers net;
    held_streams held;
    net.b.pool->serve("hold/1", held.handler());
    auto opened = net.w.run(net.open("hold/1"));
    REQUIRE(opened);
    asio_stream s(*opened);
    REQUIRE(net.w.run(held.streams[0].write(pattern(10))));
    REQUIRE(net.w.run(held.streams[0].finish()));
    bytes into(20);
    told read;
    asio::async_read(s, asio::buffer(into), read.callback());
    told nothing;
    s.async_read_some(asio::mutable_buffer(), nothing.callback());
    net.w.poll();
    CHECK(read.failed == asio::error::eof);
    CHECK(read.size == 10);
    CHECK(nothing.count == 1);
    CHECK_FALSE(nothing.failed);
    held.streams[0].reset(3);
    net.w.poll();
    told refused;
    s.async_write_some(asio::buffer(into), refused.callback());
    net.w.poll();
    CHECK(refused.failed == errc::stream_reset);
    held.streams.clear();
    net.w.run(net.stop());
}

TEST_CASE("an operation of Asio's is cancelled by its slot, and the stream stays usable", "[streams][asio]") {
    two_peers net;
    held_streams held;
    net.b.pool->serve("hold/1", held.handler());
    auto opened = net.w.run(net.open("hold/1"));
    REQUIRE(opened);
    asio_stream s(*opened);
    bytes into(20);
    told read;
    asio::cancellation_signal signal;
    s.async_read_some(asio::buffer(into), asio::bind_cancellation_slot(signal.slot(), read.callback()));
    net.w.poll();
    CHECK(read.count == 0);
    signal.emit(asio::cancellation_type::partial);
    net.w.poll();
    CHECK(read.count == 1);
    CHECK(read.failed == asio::error::operation_aborted);
    CHECK_FALSE(signal.slot().has_handler());

    REQUIRE(net.w.run(held.streams[0].write(pattern(5))));
    s.async_read_some(asio::buffer(into), asio::bind_cancellation_slot(signal.slot(), read.callback()));
    net.w.poll();
    CHECK(read.size == 5);
    // The last handle takes the operation with it.
    told last;
    s.async_read_some(asio::buffer(into), last.callback());
    *opened = stream();
    s.handle() = stream();
    net.w.poll();
    CHECK(last.failed == errc::closed);
    held.streams.clear();
    net.w.run(net.stop());
}

namespace {

/// Counts what it gives out and gets back.
class counting_memory final : public std::pmr::memory_resource {
public:
    std::size_t given = 0;
    std::size_t back = 0;

private:
    void* do_allocate(std::size_t size, std::size_t alignment) override {
        ++given;
        return std::pmr::new_delete_resource()->allocate(size, alignment);
    }
    void do_deallocate(void* at, std::size_t size, std::size_t alignment) override {
        ++back;
        std::pmr::new_delete_resource()->deallocate(at, size, alignment);
    }
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

}  // namespace

TEST_CASE("a handler keeps its allocator, and an operation that never ends gives its memory back", "[streams][asio]") {
    counting_memory memory;
    {
        two_peers net;
        held_streams held;
        net.b.pool->serve("hold/1", held.handler());
        auto opened = net.w.run(net.open("hold/1"));
        REQUIRE(opened);
        asio_stream s(*opened);
        bytes into(20);
        told read;
        const std::pmr::polymorphic_allocator<std::byte> allocator(&memory);
        s.async_read_some(asio::buffer(into), asio::bind_allocator(allocator, read.callback()));
        REQUIRE(net.w.run(held.streams[0].write(pattern(5))));
        net.w.poll();
        CHECK(read.size == 5);
        CHECK(memory.given > 0);
        CHECK(memory.given == memory.back);
        const auto before = memory.given;
        s.async_read_some(asio::buffer(into), asio::bind_allocator(allocator, read.callback()));
        net.w.poll();
        CHECK(memory.given == before + 1);
        CHECK(memory.back == before);
        held.streams.clear();
    }
    CHECK(memory.given == memory.back);
}

namespace {

task<int> talk_from_elsewhere(asio_stream& s, std::thread::id here, int rounds) {
    int right = 0;
    for (int i = 0; i < rounds; ++i) {
        const auto sent = pattern(1000, static_cast<std::size_t>(i));
        bytes back(sent.size());
        co_await asio::async_write(s, asio::buffer(sent), asio::use_awaitable);
        const auto count = co_await asio::async_read(s, asio::buffer(back), asio::use_awaitable);
        right += count == sent.size() && back == sent && std::this_thread::get_id() == here ? 1 : 0;
        // The handle itself, from here.
        auto handle = s.handle();
        const auto written = co_await handle.write(sent);
        const auto read = co_await handle.read(back);
        right += written && read && back == sent && std::this_thread::get_id() == here ? 1 : 0;
    }
    co_return right;
}

}  // namespace

TEST_CASE("a stream is used from another thread, with each sort of token", "[streams][asio][threads]") {
    two_peers net;
    net.b.pool->serve("echo/1", echo_stream);
    auto opened = net.w.run(net.open());
    REQUIRE(opened);
    net.w.context.restart();
    auto work = asio::make_work_guard(net.w.context);
    std::thread runs([&] { net.w.context.run(); });

    asio::io_context here;
    asio_stream s(*opened, here.get_executor());
    int right = 0;
    asio::co_spawn(here, talk_from_elsewhere(s, std::this_thread::get_id(), 50),
                   [&](const std::exception_ptr&, int count) { right = count; });
    here.run();
    CHECK(right == 100);

    const auto sent = pattern(100'000);
    bytes back(sent.size());
    auto written = asio::async_write(s, asio::buffer(sent), asio::use_future);
    auto read = asio::async_read(s, asio::buffer(back), asio::use_future);
    here.restart();
    here.run();
    CHECK(written.get() == sent.size());
    CHECK(read.get() == sent.size());
    CHECK(back == sent);

    // Cancelled from here, while it waits over there.
    told cancelled;
    asio::cancellation_signal signal;
    s.async_read_some(asio::buffer(back), asio::bind_cancellation_slot(signal.slot(), cancelled.callback()));
    asio::post(here, [&] { signal.emit(asio::cancellation_type::total); });
    here.restart();
    here.run();
    CHECK(cancelled.failed == asio::error::operation_aborted);

    s.handle() = stream();
    *opened = stream();
    work.reset();
    net.w.context.stop();
    runs.join();
    net.w.run(net.stop());
}

}  // namespace mydht::test
