// Streams of pools over datagrams, on a path that loses, repeats and reorders packets.
#include <asio/co_spawn.hpp>

#include <mydht/runtime/task_group.hpp>

#include "datagram_peers.hpp"
#include "two_peers.hpp"

namespace mydht::test {

namespace {

bytes numbered(std::size_t size) {
    bytes out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 31 + i / 253);
    return out;
}

task<result<bytes>> read_all(stream from) {
    bytes out;
    bytes part(9'000);
    for (;;) {
        const auto got = co_await from.read_some(part);
        if (!got && got.error() == errc::end_of_stream) co_return out;
        if (!got) co_return failure(got.error());
        out.insert(out.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*got));
    }
}

task<> write_all(stream to, bytes data, std::error_code& failed) {
    const auto written = co_await to.write(data);
    if (!written) failed = written.error();
    const auto finished = co_await to.finish();
    if (!finished) failed = finished.error();
}

task<result<bytes>> echoed(datagram_peers& both, bytes data) {
    auto opened = co_await both.a.pool->open(both.b.at(mem("b")), "echo/1", both.a.in(10s));
    if (!opened) co_return failure(opened.error());
    task_group group(both.w.context.get_executor(), [](std::string_view, const std::exception_ptr&) {});
    std::error_code failed;
    group.spawn("writer", write_all(*opened, std::move(data), failed));
    auto back = co_await read_all(*opened);
    co_await group.join();
    if (failed) co_return failure(failed);
    co_return back;
}

/// The peer of a stream that ends its own direction first, and reads on.
task<> half_closing(stream s, bytes& read) {
    const auto finished = co_await s.finish();
    if (!finished) co_return;
    auto all = co_await read_all(s);
    if (all) read = std::move(*all);
}

task<> resetting(stream s) {
    bytes one(1);
    const auto got = co_await s.read_some(one);
    if (got) s.reset(42);
}

void spoil(packet_net& net, std::uint64_t seed) {
    net.numbers = prng(seed);
    net.loss = 0.05;
    net.repeats = 0.05;
    net.jitter = 8ms;
}

}  // namespace

TEST_CASE("a stream comes through a bad path whole", "[datagrams]") {
    const auto seed = property_seed();
    CAPTURE(seed);
    datagram_peers both;
    both.b.pool->serve("echo/1", echo_stream);
    spoil(both.net, seed);
    const auto data = numbered(1024 * 1024);
    const auto back = both.w.run(echoed(both, data));
    REQUIRE(back);
    CHECK(*back == data);
    CHECK(both.a.closed.empty());
}

TEST_CASE("a stream goes on while the peer moves and the keys change", "[datagrams]") {
    datagram_peers both;
    both.b.pool->serve("echo/1", echo_stream);
    spoil(both.net, 3);
    std::optional<result<bytes>> back;
    const auto data = numbered(1024 * 1024);
    const auto keep = [&](const std::exception_ptr&, result<bytes> got) { back.emplace(std::move(got)); };
    REQUIRE(both.ask(wire::ping()));
    both.w.advance(119s);
    asio::co_spawn(both.w.context, echoed(both, data), keep);
    both.w.advance(700ms);
    CHECK_FALSE(back);
    both.net.rename(mem("dialler-1"), mem("moved"));
    for (int i = 0; i < 120 && !back; ++i) both.w.advance(1s);
    REQUIRE(back);
    REQUIRE(*back);
    CHECK(**back == data);
    CHECK(both.b.pool->counters().addresses_changed == 1);
    CHECK(both.a.pool->counters().dialled == 1);
}

TEST_CASE("either direction of a stream ends alone on a bad path", "[datagrams]") {
    datagram_peers both;
    bytes read;
    both.b.pool->serve("half/1", [&read](stream s) { return half_closing(std::move(s), read); });
    spoil(both.net, 5);
    auto opened = both.w.run(both.a.pool->open(both.b.at(mem("b")), "half/1", both.a.in(10s)));
    REQUIRE(opened);
    const auto none = both.w.run(read_all(*opened));
    REQUIRE(none);
    CHECK(none->empty());
    std::error_code failed;
    both.w.run(write_all(*opened, numbered(100'000), failed));
    CHECK_FALSE(failed);
    both.w.advance(5s);
    CHECK(read == numbered(100'000));
}

TEST_CASE("a reset comes through a bad path", "[datagrams]") {
    datagram_peers both;
    both.b.pool->serve("reset/1", resetting);
    spoil(both.net, 7);
    for (int i = 0; i < 20; ++i) {
        auto opened = both.w.run(both.a.pool->open(both.b.at(mem("b")), "reset/1", both.a.in(10s)));
        REQUIRE(opened);
        const bytes one(1);
        REQUIRE(both.w.run(opened->write(one)));
        CHECK(both.w.run(read_all(*opened)).error() == errc::stream_reset);
        CHECK(opened->reset_code() == 42);
    }
    CHECK(both.a.closed.empty());
}

TEST_CASE("whoever opens one stream too many over datagrams hears it, from the side that has no more",
          "[datagrams][streams]") {
    const bool own_limit = GENERATE(false, true);
    CAPTURE(own_limit);
    session_config few;
    few.streams_max = 3;
    held_streams held;
    datagram_peers both(own_limit ? few : session_config(), own_limit ? session_config() : few);
    both.b.pool->serve("hold/1", held.handler());
    const auto open = [&] { return both.w.run(both.a.pool->open(both.b.at(mem("b")), "hold/1", both.a.in(10s))); };
    std::vector<stream> opened;
    for (int i = 0; i < 3; ++i) {
        auto one = open();
        REQUIRE(one);
        opened.push_back(*one);
    }
    CHECK(open().error() == errc::too_many_streams);
    CHECK(both.b.pool->counters().streams_refused == (own_limit ? 0 : 1));
    CHECK(held.running == 3);
    opened.front().reset();
    both.w.advance(1s);
    held.streams.clear();
    both.w.advance(1s);
    CHECK(open());
    CHECK(both.b.closed.empty());
    opened.clear();
    held.streams.clear();
}

}  // namespace mydht::test
