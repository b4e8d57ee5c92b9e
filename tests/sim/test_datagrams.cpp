#include <map>

#include <mydht/runtime/task_group.hpp>
#include <mydht/sim/network.hpp>

#include "support/catch.hpp"

namespace mydht::sim::test {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

network_config constant_latency() {
    network_config config;
    config.latency = latency_model::constant(milliseconds(10));
    return config;
}

/// Two nodes with a socket each.
struct sockets {
    explicit sockets(network_config config, std::uint64_t seed = 1)
        : w(seed), net((w.add_node(), w.add_node(), w), config) {
        one = open(0);
        other = open(1);
    }

    any_datagram_socket open(node_index node, std::uint16_t port = 0) {
        auto made = w.run(net.datagrams(node).open(net.datagram_address_of(node, port)));
        REQUIRE(made);
        return std::move(*made);
    }

    bool send(std::size_t size, std::uint8_t value = 0) {
        const bytes data(size, value);
        return one.send(other.local(), data, size).value();
    }

    /// The first byte of each packet that is there.
    std::vector<std::uint8_t> take(any_datagram_socket& from) {
        std::vector<std::uint8_t> out;
        bytes into(from.batch_bytes_max());
        while (const auto got = from.receive(into).value()) {
            if (got->refused) {
                refused.push_back(got->from);
                continue;
            }
            for (std::size_t at = 0; at < got->bytes; at += got->packet_bytes) out.push_back(into[at]);
        }
        return out;
    }

    world w;
    network net;
    any_datagram_socket one;
    any_datagram_socket other;
    std::vector<address> refused;
};

task<> hold(any_datagram_socket& socket, std::error_code& into) {
    const auto ready = co_await socket.wait_readable();
    into = ready ? std::error_code() : ready.error();
}

task<> wait_for_room(any_datagram_socket& socket, const time_source& clock, steady_time& into) {
    const auto room = co_await socket.wait_writable();
    CHECK(room);
    into = clock.now();
}

}  // namespace

TEST_CASE("A datagram takes the latency of its link, and batches stay whole", "[sim][datagram]") {
    sockets s(constant_latency());
    const bytes data(25, 7);
    CHECK(s.one.send(s.other.local(), data, 10).value());
    s.w.run_for(milliseconds(10) - duration(1));
    CHECK(s.take(s.other).empty());
    s.w.run_for(duration(1));
    bytes into(100);
    const auto got = s.other.receive(into).value();
    REQUIRE(got);
    CHECK(got->from == s.one.local());
    CHECK(got->bytes == 25);
    CHECK(got->packet_bytes == 10);
    CHECK(s.net.counts().datagrams == 3);
    CHECK(s.net.counts().datagram_bytes == 25);
    CHECK(s.net.counts().datagrams_lost == 0);
}

TEST_CASE("Datagrams are lost as often as the network says", "[sim][datagram]") {
    auto config = constant_latency();
    config.datagram_queue_packets = 100'000;
    const auto arrived = [&config](std::uint32_t per_million, std::uint64_t seed) {
        config.loss_per_million = per_million;
        sockets s(config, seed);
        for (int i = 0; i < 10'000; ++i) CHECK(s.send(10));
        CHECK(s.w.run_until_idle(seconds(1)));
        const auto counts = s.net.counts();
        CHECK(counts.datagrams + counts.datagrams_lost == 10'000);
        CHECK(s.take(s.other).size() == counts.datagrams);
        return counts.datagrams;
    };
    CHECK(arrived(0, 1) == 10'000);
    CHECK(arrived(1'000'000, 1) == 0);
    // Five standard deviations of a binomial distribution.
    const auto tenth = arrived(100'000, 1);
    CHECK(tenth > 9'000 - 150);
    CHECK(tenth < 9'000 + 150);
    CHECK(arrived(100'000, 1) == tenth);
    CHECK(arrived(100'000, 2) != tenth);
}

TEST_CASE("Datagrams arrive twice as often as the network says", "[sim][datagram]") {
    auto config = constant_latency();
    config.datagram_queue_packets = 100'000;
    config.duplicates_per_million = 100'000;
    sockets s(config);
    for (int i = 0; i < 10'000; ++i) CHECK(s.send(10));
    CHECK(s.w.run_until_idle(seconds(1)));
    const auto count = s.take(s.other).size();
    CHECK(count > 11'000 - 150);
    CHECK(count < 11'000 + 150);
    CHECK(s.net.counts().datagrams_lost == 0);
}

TEST_CASE("Datagrams stay in order unless the network says otherwise", "[sim][datagram]") {
    auto config = constant_latency();
    config.jitter_max = milliseconds(5);
    const auto inversions = [](const network_config& with) {
        sockets s(with);
        for (std::uint8_t i = 0; i < 200; ++i) CHECK(s.send(10, i));
        CHECK(s.w.run_until_idle(seconds(1)));
        const auto got = s.take(s.other);
        REQUIRE(got.size() == 200);
        int count = 0;
        for (std::size_t i = 1; i < got.size(); ++i) count += got[i] < got[i - 1] ? 1 : 0;
        return count;
    };
    CHECK(inversions(config) == 0);
    config.reorder_per_million = 100'000;
    CHECK(inversions(config) > 5);
    config.jitter_max = duration(0);
    CHECK(inversions(config) > 5);
    config.reorder_per_million = 0;
    CHECK(inversions(config) == 0);
}

TEST_CASE("What is longer than the path carries vanishes, what is longer than the interface is refused",
          "[sim][datagram]") {
    auto config = constant_latency();
    config.datagram_bytes_max = 1'300;
    sockets s(config);
    CHECK(s.one.packet_bytes_max() == 1'472);
    CHECK(s.send(1'300, 1));
    CHECK(s.send(1'301, 2));
    CHECK(s.send(1'472, 3));
    const bytes data(1'473);
    CHECK(s.one.send(s.other.local(), data, data.size()).error() == make_error_code(errc::too_large));
    CHECK(s.w.run_until_idle(seconds(1)));
    CHECK(s.take(s.other) == std::vector<std::uint8_t>{1});
    CHECK(s.net.counts().datagrams_lost == 2);
}

TEST_CASE("A router's queue drops what does not fit behind what waits for the upload", "[sim][datagram]") {
    auto config = constant_latency();
    config.upload_bytes_per_second = 1'000'000;
    config.upload_queue_bytes = 5'000;
    sockets s(config);
    // 1,000 bytes each on the wire, headers included.
    for (std::uint8_t i = 0; i < 8; ++i) CHECK(s.send(972, i));
    CHECK(s.net.counts().datagrams_lost == 3);
    s.w.run_for(milliseconds(1));
    CHECK(s.send(972, 8));
    CHECK(s.send(972, 9));
    CHECK(s.net.counts().datagrams_lost == 4);
    CHECK(s.w.run_until_idle(seconds(1)));
    CHECK(s.take(s.other) == std::vector<std::uint8_t>{0, 1, 2, 3, 4, 8});
}

TEST_CASE("A socket has no room while too much waits for the upload", "[sim][datagram]") {
    auto config = constant_latency();
    config.upload_bytes_per_second = 1'000'000;
    config.datagram_send_bytes = 4'000;
    sockets s(config);
    for (std::uint8_t i = 0; i < 4; ++i) CHECK(s.send(972, i));
    CHECK(!s.send(972, 99));
    const auto env = s.w.driver_environment();
    task_group group(env.exec, [](std::string_view, const std::exception_ptr&) { FAIL_CHECK("threw"); });
    steady_time room{};
    const auto begin = env.time->now();
    group.spawn("wait", wait_for_room(s.one, *env.time, room));
    s.w.run(group.join());
    CHECK(room - begin == milliseconds(2));
    CHECK(s.send(972, 4));
    CHECK(s.w.run_until_idle(seconds(1)));
    CHECK(s.take(s.other) == std::vector<std::uint8_t>{0, 1, 2, 3, 4});
    CHECK(s.net.counts().datagrams_lost == 0);
}

TEST_CASE("A socket holds as many packets as the network says", "[sim][datagram]") {
    auto config = constant_latency();
    config.datagram_queue_packets = 3;
    sockets s(config);
    for (std::uint8_t i = 0; i < 4; ++i) CHECK(s.send(10, i));
    CHECK(s.w.run_until_idle(seconds(1)));
    CHECK(s.take(s.other) == std::vector<std::uint8_t>{0, 1, 2});
    CHECK(s.net.counts().datagrams_lost == 1);
}

TEST_CASE("A closed port refuses, a host that is down or cut off says nothing", "[sim][datagram]") {
    sockets s(constant_latency());
    const auto gone = s.other.local();
    s.other.close();
    const bytes data(10);
    const auto refusals = [&] {
        s.refused.clear();
        CHECK(s.one.send(gone, data, data.size()).value());
        CHECK(s.w.run_until_idle(seconds(1)));
        CHECK(s.take(s.one).empty());
        return s.refused;
    };
    CHECK(refusals() == std::vector<address>{gone});
    s.net.partition({1});
    CHECK(refusals().empty());
    s.net.heal();
    CHECK(refusals() == std::vector<address>{gone});
    // Cut behind the packet: the refusal cannot come back.
    CHECK(s.one.send(gone, data, data.size()).value());
    s.net.partition({1});
    CHECK(s.w.run_until_idle(seconds(1)));
    s.refused.clear();
    CHECK(s.take(s.one).empty());
    CHECK(s.refused.empty());
    s.net.heal();
    s.net.crash(1, crash_kind::reset);
    CHECK(refusals().empty());
    s.net.restart(1);
    CHECK(refusals() == std::vector<address>{gone});
    // Nobody's host.
    const auto nowhere = parse_address("udp://9.9.9.9:1").value();
    CHECK(s.one.send(nowhere, data, data.size()).value());
    CHECK(s.w.run_until_idle(seconds(1)));
    CHECK(s.take(s.one).empty());
    CHECK(s.one.send(nowhere.with_port(0), data, 10).error() == make_error_code(errc::unreachable));
}

TEST_CASE("A cut link loses datagrams, what is under way arrives", "[sim][datagram]") {
    sockets s(constant_latency());
    CHECK(s.send(10, 1));
    s.net.partition({1});
    CHECK(s.send(10, 2));
    CHECK(s.w.run_until_idle(seconds(1)));
    s.net.heal();
    CHECK(s.send(10, 3));
    CHECK(s.w.run_until_idle(seconds(1)));
    CHECK(s.take(s.other) == std::vector<std::uint8_t>{1, 3});
}

TEST_CASE("A sheltered node takes answers, for as long as its mapping lives", "[sim][datagram]") {
    auto config = constant_latency();
    config.mapping_timeout = seconds(30);
    sockets s(config);
    s.net.shelter(1);
    const bytes data(10);
    const auto back = [&] { return s.other.send(s.one.local(), data, data.size()).value(); };
    CHECK(s.send(10, 1));
    CHECK(s.w.run_until_idle(seconds(1)));
    CHECK(s.take(s.other).empty());
    CHECK(s.net.counts().datagrams_lost == 1);
    CHECK(back());
    CHECK(s.send(10, 2));
    CHECK(s.w.run_until_idle(seconds(1)));
    CHECK(s.take(s.other) == std::vector<std::uint8_t>{2});
    s.w.run_for(seconds(31));
    CHECK(s.send(10, 3));
    CHECK(s.w.run_until_idle(seconds(1)));
    CHECK(s.take(s.other).empty());
    // Another host is not one that it has sent to.
    CHECK(back());
    const auto third = s.w.add_node();
    auto stranger = s.w.run(s.net.datagrams(third).open(s.net.datagram_address_of(third, 0)));
    REQUIRE(stranger);
    CHECK(stranger->send(s.other.local(), data, data.size()).value());
    CHECK(s.w.run_until_idle(seconds(1)));
    CHECK(s.take(s.other).empty());
}

TEST_CASE("A crash closes the sockets of its node", "[sim][datagram]") {
    sockets s(constant_latency());
    const auto env = s.w.driver_environment();
    task_group group(env.exec, [](std::string_view, const std::exception_ptr&) { FAIL_CHECK("threw"); });
    std::error_code ended;
    group.spawn("wait", hold(s.other, ended));
    s.w.run_for(milliseconds(1));
    const auto kind = GENERATE(crash_kind::reset, crash_kind::silence);
    s.net.crash(1, kind);
    s.w.run(group.join());
    CHECK(ended == make_error_code(errc::closed));
    const auto closed = s.w.run(s.net.datagrams(1).open(s.net.datagram_address_of(1, 0)));
    REQUIRE(!closed);
    CHECK(closed.error() == make_error_code(errc::network_failed));
    s.net.restart(1);
    s.other = s.open(1, s.other.local().port());
    CHECK(s.send(10, 1));
    CHECK(s.w.run_until_idle(seconds(1)));
    CHECK(s.take(s.other) == std::vector<std::uint8_t>{1});
}

TEST_CASE("Ports of datagrams are apart from those of streams", "[sim][datagram]") {
    sockets s(constant_latency());
    const auto port = s.one.local().port();
    CHECK(s.w.run(s.net.transport(0).listen(s.net.address_of(0, port))));
    const auto taken = s.w.run(s.net.datagrams(0).open(s.one.local()));
    REQUIRE(!taken);
    CHECK(taken.error() == make_error_code(errc::address_in_use));
    CHECK(s.net.datagrams(0).simulated());
}

TEST_CASE("A socket may outlive its world", "[sim][datagram]") {
    any_datagram_socket left;
    {
        sockets s(constant_latency());
        left = std::move(s.one);
    }
    bytes into(10);
    CHECK(left.receive(into).error() == make_error_code(errc::closed));
    CHECK(left.packet_bytes_max() == 1'472);
    left.close();
}

TEST_CASE("Datagrams replay: the same seed gives the same run", "[sim][datagram][replay]") {
    const auto run = [](std::uint64_t seed) {
        auto config = constant_latency();
        config.jitter_max = milliseconds(5);
        config.loss_per_million = 50'000;
        config.duplicates_per_million = 50'000;
        config.reorder_per_million = 50'000;
        config.upload_bytes_per_second = 1'000'000;
        config.upload_queue_bytes = 20'000;
        sockets s(config, seed);
        for (std::size_t i = 0; i < 300; ++i) {
            CHECK(s.send(1 + i * 4, static_cast<std::uint8_t>(i)));
            s.w.run_for(milliseconds(1));
        }
        CHECK(s.w.run_until_idle(seconds(10)));
        CHECK(s.net.counts().datagrams_lost > 0);
        return s.w.trace_hash();
    };
    CHECK(run(1) == run(1));
    CHECK(run(1) != run(2));
    // The same in every process and with every compiler. Changes of the simulation change this number.
    CHECK(run(42) == 0x227a5822bda84b44ULL);
}

}  // namespace mydht::sim::test
