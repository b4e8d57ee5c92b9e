#include <mydht/transport/conformance.hpp>

#include <algorithm>

#include <mydht/runtime/deadline.hpp>

#include "transport/conformance_run.hpp"
#include "transport/conformance_scene.hpp"

namespace mydht {

namespace {

using namespace detail;

/// Bytes from one end to the other. Written in the background: a transport may hold as little as one byte.
task<> carry(scene_ptr s, any_connection& from, any_connection& to, std::size_t size, std::uint8_t tag) {
    s->group().spawn("writer", write_pattern(s, from, size, tag));
    co_await read_pattern(s, to, size, tag);
    co_await s->group().join();
}

task<> write_and_close(scene_ptr s, any_connection& from, std::size_t size) {
    co_await write_pattern(s, from, size, 0);
    from.close();
}

task<> write_and_destroy(scene_ptr s, any_connection& from, std::size_t size) {
    co_await write_pattern(s, from, size, 0);
    from = any_connection();
}

task<> write_and_shut_down(scene_ptr s, any_connection& from, std::size_t size) {
    co_await write_pattern(s, from, size, 0);
    for (int i = 0; i < 2; ++i) {
        const auto ended = co_await from.shutdown_write();
        s->expect_success(ended, "shutdown_write");
    }
}

task<> listens_where_it_says(scene_ptr s) {
    if (const bool open = co_await open_listener(s); !open) co_return;
    const auto kind = s->subject.listening.kind();
    s->expect(kind == s->subject.dialing.kind(), "the two sides are of different kinds");
    s->expect(s->listener.local().kind() == kind, "local() of the listener is of another kind");
    auto second = co_await s->subject.listening.listen(s->subject.listen_at());
    if (!s->expect_success(second, "second listen")) co_return;
    s->expect(second->local() != s->listener.local(), "two listeners were given the same address");
}

task<> refuses_other_kinds(scene_ptr s) {
    const auto other = other_kind(s->subject.listening.kind());
    const auto listener = co_await s->subject.listening.listen(other);
    s->expect_error(listener, errc::unsupported_address, "listen at another kind");
    const auto connection = co_await s->subject.dialing.connect(other);
    s->expect_error(connection, errc::unsupported_address, "connect to another kind");
}

task<> refuses_an_address_in_use(scene_ptr s) {
    if (const bool open = co_await open_listener(s); !open) co_return;
    const auto taken = s->listener.local();
    const auto again = co_await s->subject.listening.listen(taken);
    s->expect_error(again, errc::address_in_use, "listen at an address in use");
    s->listener.close();
    const auto freed = co_await s->subject.listening.listen(taken);
    s->expect_success(freed, "listen at an address that was freed");
}

task<> connects(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    s->expect(s->dialed.remote() == s->listener.local(), "remote() of the dialler is not the address it dialled");
    s->expect(s->accepted.remote() == s->dialed.local(), "remote() of the accepted end is not local() of the dialler");
    s->expect(s->accepted.local() == s->dialed.remote(), "local() of the accepted end is not remote() of the dialler");
}

task<> is_refused_where_nobody_listens(scene_ptr s) {
    if (const bool open = co_await open_listener(s); !open) co_return;
    const auto where = s->listener.local();
    s->listener.close();
    const auto dialed = co_await s->subject.dialing.connect(where);
    s->expect_error(dialed, errc::connection_refused, "connect where nobody listens");
}

task<> carries_bytes_exactly(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    std::uint8_t tag = 0;
    for (const std::size_t size : {1U, 2U, 255U, 4096U, 65'535U, 65'536U, 65'537U, 1'048'576U}) {
        co_await carry(s, s->dialed, s->accepted, size, ++tag);
        if (!s->findings().empty()) co_return;
    }
}

task<> carries_both_directions_at_once(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    constexpr std::size_t size = 1'048'576;
    s->group().spawn("writer", write_pattern(s, s->dialed, size, 1));
    s->group().spawn("writer", write_pattern(s, s->accepted, size, 2));
    s->group().spawn("reader", read_pattern(s, s->dialed, size, 2));
    s->group().spawn("reader", read_pattern(s, s->accepted, size, 1));
    co_await s->group().join();
}

task<> takes_empty_buffers(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    const auto written = co_await s->dialed.write(bytes_view());
    s->expect_success(written, "write of nothing");
    const auto count = co_await s->dialed.read_some(bytes_span());
    if (s->expect_success(count, "read into nothing")) s->expect(*count == 0, "read into nothing gave bytes");
    co_await carry(s, s->dialed, s->accepted, 1, 0);
}

task<> half_closes(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    s->group().spawn("writer", write_and_shut_down(s, s->dialed, 1000));
    co_await expect_end(s, s->accepted, 1000, "read of a half-closed stream");
    co_await expect_end(s, s->accepted, 0, "second read at the end");
    co_await carry(s, s->accepted, s->dialed, 1000, 1);
    const bytes data(1);
    const auto late = co_await s->dialed.write(data);
    s->expect_error(late, errc::closed, "write after shutdown_write");
    s->accepted.close();
    co_await expect_end(s, s->dialed, 0, "read after the peer closed too");
}

task<> close_lets_written_bytes_arrive(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    s->group().spawn("writer", write_and_close(s, s->dialed, 10'000));
    co_await expect_end(s, s->accepted, 10'000, "read after the peer closed");
}

task<> destruction_closes(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    s->group().spawn("writer", write_and_destroy(s, s->accepted, 10));
    co_await expect_end(s, s->dialed, 10, "read after the peer's handle was destroyed");
}

task<> closed_connections_say_so(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    const auto local = s->dialed.local();
    const auto remote = s->dialed.remote();
    s->dialed.close();
    s->dialed.close();
    bytes data(16);
    const auto count = co_await s->dialed.read_some(data);
    s->expect_error(count, errc::closed, "read after close");
    const auto written = co_await s->dialed.write(data);
    s->expect_error(written, errc::closed, "write after close");
    const auto ended = co_await s->dialed.shutdown_write();
    s->expect_error(ended, errc::closed, "shutdown_write after close");
    s->expect(s->dialed.local() == local && s->dialed.remote() == remote, "close changed the addresses");
}

task<> close_wakes_a_read(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    s->data.resize(16);
    const auto reading = start(s, s->dialed.read_some(s->data));
    co_await let_others_run();
    s->expect(!reading->done, "a read completed without bytes");
    s->dialed.close();
    s->expect(!reading->done, "close completed a read from within");
    co_await s->group().join();
    s->expect_error(reading->value, errc::closed, "a read under way during close");
}

task<> close_wakes_a_write(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    s->data.resize(2 * s->subject.buffered_bytes_max);
    const auto writing = start(s, s->dialed.write(s->data));
    co_await let_others_run();
    s->expect(!writing->done, "a write completed that nobody reads");
    s->dialed.close();
    co_await s->group().join();
    s->expect_error(writing->value, errc::closed, "a write under way during close");
}

task<> close_wakes_an_accept(scene_ptr s) {
    if (const bool open = co_await open_listener(s); !open) co_return;
    const auto local = s->listener.local();
    const auto accepting = start(s, s->listener.accept());
    co_await let_others_run();
    s->listener.close();
    s->listener.close();
    co_await s->group().join();
    s->expect_error(accepting->value, errc::closed, "an accept under way during close");
    const auto late = co_await s->listener.accept();
    s->expect_error(late, errc::closed, "accept after close");
    s->expect(s->listener.local() == local, "close changed the listener's address");
}

task<> connections_outlive_their_listener(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    s->listener = any_listener();
    co_await carry(s, s->dialed, s->accepted, 100, 0);
    co_await carry(s, s->accepted, s->dialed, 100, 1);
}

/// How far the writer got ahead of the reader.
struct gauge {
    std::size_t written = 0;
    std::size_t read = 0;
    std::size_t ahead_max = 0;
};

task<> write_ahead(scene_ptr s, std::shared_ptr<gauge> g, std::size_t size) {
    const bytes data(std::min<std::size_t>(size, 64 * 1024));
    while (g->written < size) {
        const auto done = co_await s->dialed.write(data);
        if (!s->expect_success(done, "write")) co_return;
        g->written += data.size();
        g->ahead_max = std::max(g->ahead_max, g->written - g->read);
    }
    s->dialed.close();
}

task<> holds_a_fast_writer_back(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    auto g = std::make_shared<gauge>();
    s->group().spawn("writer", write_ahead(s, g, 2 * s->subject.buffered_bytes_max));
    bytes data(1024);
    for (;;) {
        const auto count = co_await s->accepted.read_some(data);
        if (!count) {
            s->expect_error(count, errc::end_of_stream, "read");
            break;
        }
        g->read += *count;
    }
    co_await s->group().join();
    s->expect(g->read == g->written, "bytes were lost under back-pressure");
    s->expect(g->ahead_max <= s->subject.buffered_bytes_max,
              "a writer got " + std::to_string(g->ahead_max) + " bytes ahead of its reader");
}

task<> a_stuck_connection_stops_no_other(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    s->data.resize(2 * s->subject.buffered_bytes_max);
    auto second = co_await connect_once(s);
    if (second.dialed.empty()) co_return;
    s->more.push_back(std::move(second));
    const auto writing = start(s, s->dialed.write(s->data));
    s->group().spawn("writer", write_pattern(s, s->more.front().dialed, 1000, 0));
    co_await read_pattern(s, s->more.front().accepted, 1000, 0);
    s->expect(!writing->done, "a write completed that nobody reads");
    s->dialed.close();
    co_await s->group().join();
}

task<> a_vanished_peer_ends_the_write(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    s->data.resize(2 * s->subject.buffered_bytes_max);
    const auto writing = start(s, s->dialed.write(s->data));
    // So little that the rest cannot fit into what the transport buffers.
    bytes some(1 + s->subject.buffered_bytes_max / 4);
    const auto count = co_await s->accepted.read_some(some);
    s->expect_success(count, "read");
    s->accepted.close();
    co_await s->group().join();
    s->expect_error(writing->value, errc::connection_reset, "a write whose reader went away");
}

task<> a_read_is_cancelled(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    bytes data(16);
    auto& time = *s->subject.env.time;
    const auto count = co_await with_deadline(time, time.now(), s->dialed.read_some(data));
    s->expect_error(count, errc::timed_out, "a read past its deadline");
    s->dialed.close();
    co_await expect_end(s, s->accepted, 0, "read after a cancelled peer closed");
}

task<> a_write_is_cancelled(scene_ptr s) {
    if (const bool open = co_await open_connection(s); !open) co_return;
    const bytes data(2 * s->subject.buffered_bytes_max);
    auto& time = *s->subject.env.time;
    const auto written = co_await with_deadline(time, time.now(), s->dialed.write(data));
    s->expect_error(written, errc::timed_out, "a write past its deadline");
    s->dialed.close();
    const auto late = co_await s->dialed.write(data);
    s->expect_error(late, errc::closed, "write after a cancelled write and close");
}

task<> an_accept_is_cancelled_and_goes_on(scene_ptr s) {
    if (const bool open = co_await open_listener(s); !open) co_return;
    auto& time = *s->subject.env.time;
    const auto accepted = co_await with_deadline(time, time.now(), s->listener.accept());
    s->expect_error(accepted, errc::timed_out, "an accept past its deadline");
    if (const bool open = co_await open_connection(s); !open) co_return;
    co_await carry(s, s->dialed, s->accepted, 10, 0);
}

/// A connect may be over before its deadline is noticed; what counts is that the transport is of use afterwards.
task<> a_connect_is_cancelled(scene_ptr s) {
    if (const bool open = co_await open_listener(s); !open) co_return;
    auto& time = *s->subject.env.time;
    const auto dialed = co_await with_deadline(time, time.now(), s->subject.dialing.connect(s->listener.local()));
    if (!dialed) s->expect_error(dialed, errc::timed_out, "a connect past its deadline");
    s->listener.close();
    s->listener = any_listener();
    if (const bool open = co_await open_connection(s); !open) co_return;
    co_await carry(s, s->dialed, s->accepted, 10, 0);
}

task<> holds_many_connections(scene_ptr s) {
    if (const bool open = co_await open_listener(s); !open) co_return;
    constexpr std::size_t count = 64;
    for (std::size_t i = 0; i < count; ++i) {
        auto ends = co_await connect_once(s);
        if (ends.dialed.empty()) co_return;
        s->more.push_back(std::move(ends));
    }
    for (std::size_t i = 0; i < count; ++i) {
        const auto tag = static_cast<std::uint8_t>(i);
        s->group().spawn("writer", write_pattern(s, s->more[i].dialed, 10'000, tag));
        s->group().spawn("reader", read_pattern(s, s->more[i].accepted, 10'000, tag));
    }
    co_await s->group().join();
}

template <task<> (*Check)(scene_ptr)>
constexpr auto* run_check = &run_check_on<scene, conformance_subject, Check>;

constexpr conformance_check checks[] = {
    {"listens where it says", run_check<listens_where_it_says>},
    {"refuses addresses of other kinds", run_check<refuses_other_kinds>},
    {"refuses an address in use", run_check<refuses_an_address_in_use>},
    {"connects", run_check<connects>},
    {"is refused where nobody listens", run_check<is_refused_where_nobody_listens>},
    {"carries bytes exactly", run_check<carries_bytes_exactly>},
    {"carries both directions at once", run_check<carries_both_directions_at_once>},
    {"takes empty buffers", run_check<takes_empty_buffers>},
    {"half-closes", run_check<half_closes>},
    {"close lets written bytes arrive", run_check<close_lets_written_bytes_arrive>},
    {"destruction closes", run_check<destruction_closes>},
    {"closed connections say so", run_check<closed_connections_say_so>},
    {"close wakes a read", run_check<close_wakes_a_read>},
    {"close wakes a write", run_check<close_wakes_a_write>},
    {"close wakes an accept", run_check<close_wakes_an_accept>},
    {"connections outlive their listener", run_check<connections_outlive_their_listener>},
    {"holds a fast writer back", run_check<holds_a_fast_writer_back>},
    {"a stuck connection stops no other", run_check<a_stuck_connection_stops_no_other>},
    {"a vanished peer ends the write", run_check<a_vanished_peer_ends_the_write>},
    {"a read is cancelled", run_check<a_read_is_cancelled>},
    {"a write is cancelled", run_check<a_write_is_cancelled>},
    {"an accept is cancelled and goes on", run_check<an_accept_is_cancelled_and_goes_on>},
    {"a connect is cancelled", run_check<a_connect_is_cancelled>},
    {"holds many connections", run_check<holds_many_connections>},
};

}  // namespace

std::span<const conformance_check> conformance_checks() noexcept { return checks; }

task<conformance_report> check_transport(conformance_subject subject) {
    return detail::run_all(conformance_checks(), std::move(subject));
}

}  // namespace mydht
