#include <mydht/transport/datagram_conformance.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include <mydht/runtime/deadline.hpp>

#include "transport/conformance_run.hpp"

namespace mydht {

namespace {

using namespace detail;

/// What one check works with.
class stage : public conformance_notes {
public:
    explicit stage(datagram_subject subject_) : conformance_notes(subject_.env), subject(std::move(subject_)) {}

    void close_all() {
        one.close();
        another.close();
    }

    datagram_subject subject;
    any_datagram_socket one;
    any_datagram_socket another;
};

using stage_ptr = std::shared_ptr<stage>;

/// What a receiver saw of one source, packet by packet.
struct packet {
    address from;
    bytes data;
};

bytes pattern(std::size_t size, std::uint8_t tag) {
    bytes out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>((i * 131 + i / 251 + tag) & 0xff);
    return out;
}

task<bool> open_both(stage_ptr s) {
    auto one = co_await s->subject.one.open(s->subject.open_one_at());
    if (!s->expect_success(one, "open")) co_return false;
    auto another = co_await s->subject.another.open(s->subject.open_another_at());
    if (!s->expect_success(another, "second open")) co_return false;
    s->one = std::move(*one);
    s->another = std::move(*another);
    co_return true;
}

/// Sends, waiting for room when there is none.
task<> send_all(stage_ptr s, any_datagram_socket& from, address to, bytes data, std::size_t packet_bytes) {
    for (;;) {
        const auto sent = from.send(to, data, packet_bytes);
        if (!s->expect_success(sent, "send") || *sent) co_return;
        const auto room = co_await from.wait_writable();
        if (!s->expect_success(room, "wait_writable")) co_return;
    }
}

task<datagrams> receive_some(stage_ptr s, any_datagram_socket& at, bytes_span into) {
    for (;;) {
        const auto got = at.receive(into);
        if (!s->expect_success(got, "receive")) co_return datagrams();
        if (*got) co_return **got;
        const auto ready = co_await at.wait_readable();
        if (!s->expect_success(ready, "wait_readable")) co_return datagrams();
    }
}

/// The next `count` packets, each for itself. Notes a batch that is none.
task<std::vector<packet>> receive_packets(stage_ptr s, any_datagram_socket& at, std::size_t count, std::size_t room) {
    std::vector<packet> out;
    bytes into(room);
    while (out.size() < count && s->findings().empty()) {
        const auto got = co_await receive_some(s, at, into);
        s->expect(!got.refused, "a refusal came that nothing was the cause of");
        s->expect(got.bytes <= room, "more was received than there was room for");
        s->expect(got.packet_bytes > 0 && got.packet_bytes <= got.bytes, "the size of packets is not one");
        if (!s->findings().empty()) break;
        for (std::size_t at_byte = 0; at_byte < got.bytes; at_byte += got.packet_bytes) {
            const auto part = bytes_view(into).subspan(at_byte, std::min(got.packet_bytes, got.bytes - at_byte));
            packet next;
            next.from = got.from;
            next.data.assign(part.begin(), part.end());
            out.push_back(std::move(next));
        }
    }
    s->expect(out.size() == count, "another number of packets came than were sent");
    co_return std::move(out);
}

task<> expect_packet(stage_ptr s, any_datagram_socket& at, address from, bytes data, std::string what) {
    const auto got = co_await receive_packets(s, at, 1, at.batch_bytes_max());
    if (got.size() != 1) co_return;
    s->expect(got.front().data == data, what + ": other bytes came than were sent");
    s->expect(got.front().from == from, what + ": it came from another address than it was sent from");
}

/// One packet from one side to the other and one back.
task<> carry(stage_ptr s, std::uint8_t tag) {
    const auto data = pattern(100, tag);
    co_await send_all(s, s->one, s->another.local(), data, data.size());
    co_await expect_packet(s, s->another, s->one.local(), data, "a packet");
    co_await send_all(s, s->another, s->one.local(), data, data.size());
    co_await expect_packet(s, s->one, s->another.local(), data, "a packet back");
}

// --- checks ----------------------------------------------------------------------------------------------------------

task<> opens_where_it_says(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto kind = s->subject.one.kind();
    s->expect(kind == s->subject.another.kind(), "the two sides are of different kinds");
    s->expect(s->one.local().kind() == kind, "local() is of another kind");
    s->expect(s->one.local() != s->another.local(), "two sockets were given the same address");
    s->expect(s->one.packet_bytes_max() > 0, "no packet is short enough");
    s->expect(s->one.batch_bytes_max() >= s->one.packet_bytes_max(), "a batch holds less than a packet");
}

task<> refuses_other_kinds(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto other = other_kind(s->subject.one.kind());
    const auto opened = co_await s->subject.one.open(other);
    s->expect_error(opened, errc::unsupported_address, "open at another kind");
    const bytes data(10);
    const auto sent = s->one.send(other, data, data.size());
    s->expect_error(sent, errc::unsupported_address, "send to another kind");
    co_await carry(s, 1);
}

task<> refuses_an_address_in_use(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto taken = s->one.local();
    const auto again = co_await s->subject.one.open(taken);
    s->expect_error(again, errc::address_in_use, "open at an address in use");
    s->one.close();
    auto freed = co_await s->subject.one.open(taken);
    if (!s->expect_success(freed, "open at an address that was freed")) co_return;
    s->one = std::move(*freed);
    co_await carry(s, 1);
}

task<> destruction_closes(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto taken = s->one.local();
    s->one = any_datagram_socket();
    const auto again = co_await s->subject.one.open(taken);
    s->expect_success(again, "open at the address of a socket that was destroyed");
}

task<> carries_packets_exactly(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto most = s->one.packet_bytes_max();
    std::uint8_t tag = 0;
    for (const std::size_t wanted : {std::size_t{1}, std::size_t{2}, std::size_t{255}, std::size_t{1200}, most}) {
        const auto data = pattern(std::min(wanted, most), ++tag);
        co_await send_all(s, s->one, s->another.local(), data, data.size());
        co_await expect_packet(s, s->another, s->one.local(), data, std::to_string(data.size()) + " bytes");
    }
}

task<> answers_reach_the_sender(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    for (std::uint8_t tag = 0; tag < 5; ++tag) co_await carry(s, tag);
}

/// Batches with a shorter last packet, received with `room` packets' room.
task<> carry_batches(stage_ptr s, std::size_t packet_bytes, std::size_t count, std::size_t room) {
    const auto size = std::min(packet_bytes * (count - 1) + 1 + packet_bytes / 2, s->one.batch_bytes_max());
    const auto data = pattern(size, 9);
    const auto packets = (size + packet_bytes - 1) / packet_bytes;
    co_await send_all(s, s->one, s->another.local(), data, packet_bytes);
    const auto got = co_await receive_packets(s, s->another, packets, room);
    std::size_t at = 0;
    for (const auto& each : got) {
        const auto part = bytes_view(data).subspan(at, std::min(packet_bytes, size - at));
        s->expect(std::ranges::equal(each.data, part), "a packet of a batch is wrong");
        s->expect(each.from == s->one.local(), "a packet of a batch came from another address");
        at += part.size();
    }
}

task<> carries_batches(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto most = s->one.packet_bytes_max();
    for (const std::size_t wanted : {std::size_t{300}, std::size_t{1000}, std::size_t{1200}}) {
        const auto packet_bytes = std::min(wanted, most);
        for (const std::size_t count : {2U, 3U, 10U}) {
            co_await carry_batches(s, packet_bytes, count, s->another.batch_bytes_max());
        }
    }
}

task<> carries_batches_of_many_small_packets(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto packet_bytes = std::min<std::size_t>(40, s->one.packet_bytes_max());
    const auto count = std::min<std::size_t>(150, s->one.batch_bytes_max() / packet_bytes);
    co_await carry_batches(s, packet_bytes, count, s->another.batch_bytes_max());
}

task<> hands_a_batch_over_in_parts(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto packet_bytes = std::min<std::size_t>(1000, s->one.packet_bytes_max());
    for (const std::size_t room : {packet_bytes, packet_bytes + 1, 2 * packet_bytes + packet_bytes / 2}) {
        co_await carry_batches(s, packet_bytes, 7, room);
    }
    co_await carry(s, 1);
}

task<> drops_what_there_is_no_room_for(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto size = std::min<std::size_t>(100, s->one.packet_bytes_max());
    const auto fitting = pattern(size - 1, 2);
    co_await send_all(s, s->one, s->another.local(), pattern(size, 1), size);
    co_await send_all(s, s->one, s->another.local(), fitting, fitting.size());
    const auto got = co_await receive_packets(s, s->another, 1, size - 1);
    if (got.size() == 1) s->expect(got.front().data == fitting, "a packet was cut to the room there was");
}

task<> refuses_what_is_too_long(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto to = s->another.local();
    const bytes long_packet(s->one.packet_bytes_max() + 1);
    const auto packet_sent = s->one.send(to, long_packet, long_packet.size());
    s->expect_error(packet_sent, errc::too_large, "send of a packet that is too long");
    const bytes long_batch(s->one.batch_bytes_max() + 1);
    const auto batch_sent = s->one.send(to, long_batch, 1 + s->one.packet_bytes_max() / 2);
    s->expect_error(batch_sent, errc::too_large, "send of a batch that is too long");
    const auto nothing_sent = s->one.send(to, bytes_view(), 10);
    s->expect_error(nothing_sent, errc::bad_argument, "send of nothing");
    const auto no_packets = s->one.send(to, bytes_view(long_packet).first(1), 0);
    s->expect_error(no_packets, errc::bad_argument, "send in packets of nothing");
    co_await carry(s, 1);
}

task<> a_receive_does_not_wait(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    bytes into(100);
    const auto got = s->one.receive(into);
    if (s->expect_success(got, "receive of nothing")) s->expect(!*got, "something came that nobody sent");
    // What has come already is reason enough to be readable.
    const auto data = pattern(10, 1);
    co_await send_all(s, s->another, s->one.local(), data, data.size());
    for (int i = 0; i < 2; ++i) {
        const auto ready = co_await s->one.wait_readable();
        s->expect_success(ready, "wait_readable");
    }
    co_await expect_packet(s, s->one, s->another.local(), data, "a packet that waited");
}

task<> an_arrival_wakes(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto ready = start(s, s->another.wait_readable());
    co_await let_others_run();
    s->expect(!ready->done, "a socket is readable without packets");
    const auto data = pattern(10, 1);
    co_await send_all(s, s->one, s->another.local(), data, data.size());
    co_await s->group().join();
    s->expect_success(ready->value, "wait_readable");
    co_await expect_packet(s, s->another, s->one.local(), data, "a packet that woke");
}

task<> close_wakes(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto ready = start(s, s->one.wait_readable());
    co_await let_others_run();
    s->expect(!ready->done, "a socket is readable without packets");
    s->one.close();
    s->expect(!ready->done, "close completed a wait from within");
    co_await s->group().join();
    s->expect_error(ready->value, errc::closed, "wait_readable during close");
}

task<> closed_sockets_say_so(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto local = s->one.local();
    const auto data = pattern(10, 1);
    co_await send_all(s, s->another, local, data, data.size());
    s->one.close();
    s->one.close();
    bytes into(16);
    const auto got = s->one.receive(into);
    s->expect_error(got, errc::closed, "receive after close");
    const auto sent = s->one.send(s->another.local(), data, data.size());
    s->expect_error(sent, errc::closed, "send after close");
    const auto readable = co_await s->one.wait_readable();
    s->expect_error(readable, errc::closed, "wait_readable after close");
    const auto writable = co_await s->one.wait_writable();
    s->expect_error(writable, errc::closed, "wait_writable after close");
    s->expect(s->one.local() == local, "close changed the address");
}

task<> a_wait_is_cancelled_and_goes_on(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    auto& time = *s->subject.env.time;
    const auto ready = co_await with_deadline(time, time.now(), s->one.wait_readable());
    s->expect_error(ready, errc::timed_out, "wait_readable past its deadline");
    co_await carry(s, 1);
}

task<> there_is_room_at_first(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto room = co_await s->one.wait_writable();
    s->expect_success(room, "wait_writable");
    co_await carry(s, 1);
}

/// More than a receiver holds may be lost, but whatever arrives is whole, and the sockets are of use afterwards.
task<> a_flood_breaks_nothing(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto size = std::min<std::size_t>(1000, s->one.packet_bytes_max());
    const auto data = pattern(size, 1);
    for (int i = 0; i < 20'000; ++i) {
        const auto sent = s->one.send(s->another.local(), data, size);
        if (!s->expect_success(sent, "send") || !*sent) break;
    }
    const auto last = pattern(size - 1, 2);
    bytes into(s->another.batch_bytes_max());
    bool seen = false;
    while (!seen && s->findings().empty()) {
        const auto got = s->another.receive(into);
        if (!s->expect_success(got, "receive")) co_return;
        if (!*got) {
            co_await send_all(s, s->one, s->another.local(), last, last.size());
            const auto ready = co_await s->another.wait_readable();
            s->expect_success(ready, "wait_readable");
            continue;
        }
        const auto& batch = **got;
        s->expect(batch.packet_bytes == size || batch.packet_bytes == last.size(), "a packet's length changed");
        seen = std::ranges::equal(bytes_view(into).subspan(batch.bytes - last.size(), last.size()), last);
    }
}

task<> one_socket_hears_many(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    std::vector<any_datagram_socket> senders;
    for (std::size_t i = 0; i < 20; ++i) {
        auto made = co_await s->subject.one.open(s->subject.open_one_at());
        if (!s->expect_success(made, "open")) co_return;
        senders.push_back(std::move(*made));
        const auto data = pattern(50, static_cast<std::uint8_t>(i));
        co_await send_all(s, senders.back(), s->another.local(), data, data.size());
    }
    const auto got = co_await receive_packets(s, s->another, senders.size(), s->another.batch_bytes_max());
    for (const auto& each : got) {
        const auto from = std::ranges::find(senders, each.from, &any_datagram_socket::local);
        if (from == senders.end()) {
            s->expect(false, "a packet came from an address that nobody has");
            continue;
        }
        s->expect(each.data == pattern(50, static_cast<std::uint8_t>(from - senders.begin())),
                  "a packet came from the wrong address");
    }
}

task<> anywhere_leads_there(stage_ptr s) {
    if (const bool open = co_await open_both(s); !open) co_return;
    auto made = co_await s->subject.one.open(s->subject.one.anywhere(s->another.local()));
    if (!s->expect_success(made, "open at anywhere()")) co_return;
    s->one = std::move(*made);
    const auto data = pattern(10, 1);
    co_await send_all(s, s->one, s->another.local(), data, data.size());
    const auto got = co_await receive_packets(s, s->another, 1, 100);
    if (got.size() != 1) co_return;
    s->expect(got.front().data == data, "other bytes came than were sent");
    co_await send_all(s, s->another, got.front().from, data, data.size());
    co_await expect_packet(s, s->one, s->another.local(), data, "an answer to anywhere()");
}

task<> says_when_nobody_is_there(stage_ptr s) {
    if (!s->subject.reports_refused) co_return;
    if (const bool open = co_await open_both(s); !open) co_return;
    const auto gone = s->another.local();
    s->another.close();
    const auto data = pattern(10, 1);
    bytes into(100);
    for (int i = 0; i < 3; ++i) {
        co_await send_all(s, s->one, gone, data, data.size());
        const auto got = co_await receive_some(s, s->one, into);
        s->expect(got.refused && got.bytes == 0, "a packet came where a refusal should");
        s->expect(got.from == gone, "the refusal is of another address");
    }
    auto another = co_await s->subject.another.open(s->subject.open_another_at());
    if (!s->expect_success(another, "open")) co_return;
    s->another = std::move(*another);
    co_await carry(s, 1);
}

template <task<> (*Check)(stage_ptr)>
constexpr auto* run_check = &run_check_on<stage, datagram_subject, Check>;

constexpr datagram_check checks[] = {
    {"opens where it says", run_check<opens_where_it_says>},
    {"refuses addresses of other kinds", run_check<refuses_other_kinds>},
    {"refuses an address in use", run_check<refuses_an_address_in_use>},
    {"destruction closes", run_check<destruction_closes>},
    {"carries packets exactly", run_check<carries_packets_exactly>},
    {"answers reach the sender", run_check<answers_reach_the_sender>},
    {"carries batches", run_check<carries_batches>},
    {"carries batches of many small packets", run_check<carries_batches_of_many_small_packets>},
    {"hands a batch over in parts", run_check<hands_a_batch_over_in_parts>},
    {"drops what there is no room for", run_check<drops_what_there_is_no_room_for>},
    {"refuses what is too long", run_check<refuses_what_is_too_long>},
    {"a receive does not wait", run_check<a_receive_does_not_wait>},
    {"an arrival wakes", run_check<an_arrival_wakes>},
    {"close wakes", run_check<close_wakes>},
    {"closed sockets say so", run_check<closed_sockets_say_so>},
    {"a wait is cancelled and goes on", run_check<a_wait_is_cancelled_and_goes_on>},
    {"there is room at first", run_check<there_is_room_at_first>},
    {"a flood breaks nothing", run_check<a_flood_breaks_nothing>},
    {"one socket hears many", run_check<one_socket_hears_many>},
    {"anywhere leads there", run_check<anywhere_leads_there>},
    {"says when nobody is there", run_check<says_when_nobody_is_there>},
};

}  // namespace

std::span<const datagram_check> datagram_checks() noexcept { return checks; }

task<conformance_report> check_datagrams(datagram_subject subject) {
    return detail::run_all(datagram_checks(), std::move(subject));
}

}  // namespace mydht
