#include <optional>
#include <string>

#include <mydht/runtime/deadline.hpp>
#include <mydht/runtime/task_group.hpp>
#include <mydht/session/stream.hpp>

#include "streams.hpp"
#include "two_peers.hpp"

namespace mydht::test {

namespace {

task<> throw_at_once(stream) {
    throw std::runtime_error("on purpose");
    co_return;
}

task<result<bytes>> read_to_end(stream from) {
    bytes out;
    bytes part(7000);
    for (;;) {
        const auto got = co_await from.read_some(part);
        if (!got && got.error() == errc::end_of_stream) co_return out;
        if (!got) co_return failure(got.error());
        out.insert(out.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*got));
    }
}

task<> write_and_finish(stream to, bytes data, std::error_code& failed) {
    const auto written = co_await to.write(data);
    if (!written) failed = written.error();
    const auto finished = co_await to.finish();
    if (!finished) failed = finished.error();
}

/// Sends everything through an echo, reading beside it.
task<result<bytes>> through_echo(two_peers& net, bytes data) {
    auto opened = co_await net.open();
    if (!opened) co_return failure(opened.error());
    task_group group(net.w.context.get_executor(), [](std::string_view, const std::exception_ptr&) {});
    std::error_code failed;
    group.spawn("writer", write_and_finish(*opened, std::move(data), failed));
    auto back = co_await read_to_end(*opened);
    co_await group.join();
    if (failed) co_return failure(failed);
    co_return back;
}

}  // namespace

TEST_CASE("a service answers over a stream, also much more than any window", "[streams]") {
    two_peers net(GENERATE(carried_by::connections, carried_by::datagrams));
    net.b.pool->serve("echo/1", echo_stream);
    for (const auto size : {std::size_t{0}, std::size_t{1}, std::size_t{100'000}, std::size_t{3'000'000}}) {
        CAPTURE(size);
        const auto back = net.w.run(through_echo(net, pattern(size)));
        REQUIRE(back);
        CHECK(*back == pattern(size));
    }
    CHECK(net.a.pool->counters().streams_opened == 4);
    CHECK(net.b.pool->counters().streams_served == 4);
    CHECK(net.a.pool->counters().dialled == 1);
    net.w.run(net.stop());
    CHECK(net.w.time->armed() == 0);
}

namespace {

task<std::error_code> error_of_open(two_peers& net, std::string service) {
    const auto opened = co_await net.open(std::move(service));
    co_return opened ? std::error_code() : opened.error();
}

task<std::error_code> error_of_throwing(two_peers& net, std::optional<std::uint32_t>& code) {
    auto opened = co_await net.open("throws/1");
    if (!opened) co_return opened.error();
    bytes one(1);
    const auto got = co_await opened->read_some(one);
    code = opened->reset_code();
    co_return got ? std::error_code() : got.error();
}

}  // namespace

TEST_CASE("what a service cannot do is told to the opener", "[streams]") {
    two_peers net(GENERATE(carried_by::connections, carried_by::datagrams));
    net.b.pool->serve("throws/1", throw_at_once);
    CHECK(net.w.run(error_of_open(net, "other/1")) == errc::no_service);
    CHECK(net.w.run(error_of_open(net, "")) == errc::bad_argument);
    CHECK(net.w.run(error_of_open(net, std::string(256, 'x'))) == errc::bad_argument);
    CHECK(net.w.run(error_of_open(net, std::string(255, 'x'))) == errc::no_service);
    CHECK(net.w.run(error_of_open(net, "with space")) == errc::bad_argument);
    std::optional<std::uint32_t> code;
    CHECK(net.w.run(error_of_throwing(net, code)) == errc::stream_reset);
    CHECK(code == static_cast<std::uint32_t>(wire::stream_code::handler_failed));
    CHECK(net.w.log->count("on purpose") == 1);
    CHECK_THROWS_AS(net.b.pool->serve("", echo_stream), std::invalid_argument);
    CHECK_THROWS_AS(net.b.pool->serve("a b", echo_stream), std::invalid_argument);
    CHECK_THROWS_AS(net.b.pool->serve("a", service_handler()), std::invalid_argument);
    CHECK(net.b.pool->unserve("throws/1"));
    CHECK_FALSE(net.b.pool->unserve("throws/1"));
    CHECK(net.w.run(error_of_open(net, "throws/1")) == errc::no_service);
    net.w.run(net.stop());
}

TEST_CASE("an empty handle says that it is closed", "[streams]") {
    world w;
    stream none;
    bytes one(1);
    CHECK(none.empty());
    CHECK(w.run(none.read_some(one)).error() == errc::closed);
    CHECK(w.run(none.read(one)).error() == errc::closed);
    CHECK(w.run(none.write(one)).error() == errc::closed);
    CHECK(w.run(none.finish()).error() == errc::closed);
    CHECK(w.run(none.flushed()).error() == errc::closed);
    CHECK(w.run(none.accepted()).error() == errc::closed);
    CHECK(none.reset_code() == std::nullopt);
    none.reset();
    none.close();
    CHECK(none == stream());
}

TEST_CASE("a service is cancelled when its stream is broken off, and when the session ends", "[streams]") {
    two_peers net(GENERATE(carried_by::connections, carried_by::datagrams));
    held_streams held;
    net.b.pool->serve("hold/1", held.handler());
    auto first = net.w.run(net.open("hold/1"));
    auto second = net.w.run(net.open("hold/1"));
    REQUIRE((first && second));
    REQUIRE(held.streams.size() == 2);
    CHECK(held.streams[0].service() == "hold/1");
    CHECK(held.streams[0].peer().who.id == net.a.self->id());
    first->reset(5);
    net.w.poll();
    CHECK(held.cancelled == 1);
    bytes one(1);
    CHECK(net.w.run(held.streams[0].read_some(one)).error() == errc::stream_reset);
    CHECK(held.streams[0].reset_code() == 5);
    net.a.pool->find(net.b.self->id()).close();
    CHECK(net.w.run(second->read_some(one)).error() == errc::session_closed);
    net.w.poll();
    CHECK(held.cancelled == 2);
    CHECK(net.w.run(held.streams[1].write(one)).error() == errc::session_closed);
    held.streams.clear();
    net.w.run(net.stop());
}

TEST_CASE("the last handle takes an unfinished stream with it", "[streams]") {
    two_peers net(GENERATE(carried_by::connections, carried_by::datagrams));
    held_streams held;
    net.b.pool->serve("hold/1", held.handler());
    auto opened = net.w.run(net.open("hold/1"));
    REQUIRE(opened);
    auto copy = *opened;
    *opened = stream();
    net.w.poll();
    CHECK(held.cancelled == 0);
    copy = stream();
    net.w.poll();
    CHECK(held.cancelled == 1);
    bytes one(1);
    CHECK(net.w.run(held.streams[0].read_some(one)).error() == errc::stream_reset);

    // With its end said, it leaves in order, and what it wrote arrives.
    opened = net.w.run(net.open("hold/1"));
    REQUIRE(opened);
    REQUIRE(net.w.run(opened->write(pattern(50'000))));
    REQUIRE(net.w.run(opened->finish()));
    *opened = stream();
    const auto got = net.w.run(read_to_end(held.streams[1]));
    REQUIRE(got);
    CHECK(*got == pattern(50'000));
    CHECK(held.cancelled == 1);
    held.streams.clear();
    net.w.run(net.stop());
}

namespace {

task<bool> read_cancelled(two_peers& net, stream from, bytes_span into) {
    auto work = from.read_some(into);
    const auto got = co_await with_deadline(*net.w.time, net.a.in(1s), std::move(work));
    co_return !got && got.error() == errc::timed_out;
}

}  // namespace

TEST_CASE("a cancelled read leaves the stream as it was", "[streams]") {
    two_peers net(GENERATE(carried_by::connections, carried_by::datagrams));
    held_streams held;
    net.b.pool->serve("hold/1", held.handler());
    auto opened = net.w.run(net.open("hold/1"));
    REQUIRE(opened);
    bytes into(100);
    CHECK(net.w.run(read_cancelled(net, *opened, into)));
    REQUIRE(net.w.run(held.streams[0].write(pattern(60))));
    REQUIRE(net.w.run(opened->read(bytes_span(into).first(60))));
    CHECK(to_bytes(bytes_view(into).first(60)) == pattern(60));
    held.streams[0].close();
    CHECK(net.w.run(opened->read(into)).error() == errc::end_of_stream);
    held.streams.clear();
    net.w.run(net.stop());
}

TEST_CASE("read() fills its memory or says where the end came", "[streams]") {
    two_peers net(GENERATE(carried_by::connections, carried_by::datagrams));
    held_streams held;
    net.b.pool->serve("hold/1", held.handler());
    auto opened = net.w.run(net.open("hold/1"));
    REQUIRE(opened);
    auto theirs = held.streams[0];
    REQUIRE(net.w.run(theirs.write(pattern(90))));
    REQUIRE(net.w.run(theirs.finish()));
    REQUIRE(net.w.run(theirs.flushed()));
    CHECK(net.w.run(theirs.write(pattern(1))).error() == errc::closed);
    bytes into(50);
    REQUIRE(net.w.run(opened->read(into)));
    CHECK(net.w.run(opened->read(into)).error() == errc::truncated);
    CHECK(net.w.run(opened->read(into)).error() == errc::end_of_stream);
    CHECK(net.w.run(opened->read_some({})) == 0);
    theirs = stream();
    held.streams.clear();
    net.w.run(net.stop());
}

TEST_CASE("writes wait for the reader, and go on when it reads", "[streams]") {
    two_peers net(GENERATE(carried_by::connections, carried_by::datagrams));
    held_streams held;
    net.b.pool->serve("hold/1", held.handler());
    auto opened = net.w.run(net.open("hold/1"));
    REQUIRE(opened);
    std::error_code failed;
    bool done = false;
    const std::size_t size = 2'000'000;
    asio::co_spawn(net.w.context, write_and_finish(*opened, pattern(size), failed),
                   [&](const std::exception_ptr&) { done = true; });
    net.w.advance(30s);
    CHECK_FALSE(done);
    const auto got = net.w.run(read_to_end(held.streams[0]));
    REQUIRE(got);
    CHECK(*got == pattern(size));
    CHECK(done);
    CHECK_FALSE(failed);
    held.streams.clear();
    net.w.run(net.stop());
}

TEST_CASE("open streams keep a session from being idle, a rest without them does not", "[streams]") {
    session_config config;
    config.idle_timeout = 10s;
    two_peers net(config, GENERATE(carried_by::connections, carried_by::datagrams));
    held_streams held;
    net.b.pool->serve("hold/1", held.handler());
    auto opened = net.w.run(net.open("hold/1"));
    REQUIRE(opened);
    net.w.advance(60s);
    CHECK(net.a.pool->size() == 1);
    CHECK(net.b.pool->size() == 1);
    opened->reset();
    net.w.advance(30s);
    CHECK(net.a.pool->size() == 0);
    CHECK(net.a.pool->counters().idle_closed + net.b.pool->counters().idle_closed >= 1);
    held.streams.clear();
    net.w.run(net.stop());
}

namespace {

task<int> open_many(two_peers& net, std::vector<stream>& kept, int count) {
    int opened = 0;
    for (int i = 0; i < count; ++i) {
        auto one = co_await net.open();
        if (!one) continue;
        ++opened;
        kept.push_back(*one);
        (void)co_await kept.back().write(pattern(static_cast<std::size_t>(i)));
        (void)co_await kept.back().finish();
    }
    co_return opened;
}

}  // namespace

TEST_CASE("a thousand streams share a session", "[streams]") {
    session_config config;
    config.streams_max = 1000;
    two_peers net(config, GENERATE(carried_by::connections, carried_by::datagrams));
    held_streams held;
    net.b.pool->serve("echo/1", echo_stream);
    net.b.pool->serve("hold/1", held.handler());
    std::vector<stream> streams;
    CHECK(net.w.run(open_many(net, streams, 1000)) == 1000);
    int right = 0;
    for (std::size_t i = 0; i < streams.size(); ++i) {
        const auto back = net.w.run(read_to_end(streams[i]));
        right += back && *back == pattern(i) ? 1 : 0;
    }
    CHECK(right == 1000);
    streams.clear();
    net.w.poll();
    for (int i = 0; i < 1000; ++i) {
        auto opened = net.w.run(net.open("hold/1"));
        REQUIRE(opened);
        streams.push_back(*opened);
    }
    CHECK(net.w.run(error_of_open(net, "hold/1")) == errc::too_many_streams);
    CHECK(held.running == 1000);
    streams.pop_back();
    net.w.poll();
    held.streams.pop_back();
    net.w.poll();
    CHECK(net.w.run(error_of_open(net, "hold/1")) == std::error_code());
    streams.clear();
    held.streams.clear();
    net.w.run(net.stop());
}

}  // namespace mydht::test
