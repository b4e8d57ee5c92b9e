#include <algorithm>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mydht/transport/interfaces.hpp>
#include <mydht/transport/resolve.hpp>
#include <mydht/transport/udp.hpp>

#include "transport/segment_use.hpp"
#include "transport/socket_address.hpp"
#include "transport/subjects.hpp"

namespace mydht::test {

namespace {

address at(const char* text) { return parse_address(text).value(); }

/// Two sockets on loopback.
struct sockets {
    explicit sockets(udp_config config = {}) : transport(make_udp(world.env, config)) {
        one = open("udp://127.0.0.1:0");
        other = open("udp://127.0.0.1:0");
    }

    any_datagram_socket open(const char* where) {
        auto made = world.run(transport.open(at(where)));
        REQUIRE(made);
        return std::move(*made);
    }

    datagrams wait_and_take(any_datagram_socket& from, bytes_span into) {
        for (;;) {
            const auto got = from.receive(into);
            REQUIRE(got);
            if (*got) return **got;
            REQUIRE(world.run(from.wait_readable()));
        }
    }

    real_world world;
    any_datagram_transport transport;
    any_datagram_socket one;
    any_datagram_socket other;
};

bool machine_has_offload() {
    const int probe = ::socket(AF_INET, SOCK_DGRAM, 0);
    REQUIRE(probe >= 0);
    const int on = 1;
    const bool joins = ::setsockopt(probe, SOL_UDP, UDP_GRO, &on, sizeof on) == 0;
    int size = 0;
    socklen_t length = sizeof size;
    const bool cuts = ::getsockopt(probe, SOL_UDP, UDP_SEGMENT, &size, &length) == 0;
    ::close(probe);
    return joins && cuts;
}

}  // namespace

TEST_CASE("Addresses that UDP cannot use", "[transport][udp]") {
    sockets s;
    const auto open = [&](const char* where) { return s.world.run(s.transport.open(at(where))); };
    // TEST-NET-3 (RFC 5737): no machine has it.
    CHECK(open("udp://203.0.113.1:0").error() == make_error_code(errc::address_not_available));
    CHECK(open("tcp://127.0.0.1:0").error() == make_error_code(errc::unsupported_address));
    const auto wildcard = open("udp://0.0.0.0:0");
    REQUIRE(wildcard);
    CHECK(wildcard->local().is_wildcard());
    CHECK(wildcard->local().port() != 0);
    const bytes data(10);
    const auto send = [&](const char* where) { return s.one.send(at(where), data, data.size()); };
    CHECK(send("udp://[::1]:4000").error() == make_error_code(errc::unsupported_address));
    CHECK(send("tcp://127.0.0.1:4000").error() == make_error_code(errc::unsupported_address));
    CHECK(send("udp://0.0.0.0:4000").error() == make_error_code(errc::unreachable));
    CHECK(send("udp://127.0.0.1:0").error() == make_error_code(errc::unreachable));
    // A socket of loopback has no way out, and broadcasts are not for us.
    CHECK(send("udp://203.0.113.1:4000").error() == make_error_code(errc::unreachable));
    CHECK(send("udp://255.255.255.255:4000").error() == make_error_code(errc::unreachable));
    CHECK(s.one.send(s.other.local(), data, data.size()).value());
}

TEST_CASE("Where to open a UDP socket for somebody", "[transport][udp]") {
    real_world world;
    const auto transport = make_udp(world.env);
    CHECK(transport.anywhere(at("udp://127.0.0.1:4000")) == at("udp://127.0.0.1:0"));
    CHECK(transport.anywhere(at("udp://192.0.2.1:4000")) == at("udp://0.0.0.0:0"));
    CHECK(transport.anywhere(at("udp://[::1]:4000")) == at("udp://[::1]:0"));
    CHECK(transport.anywhere(at("udp://[2001:db8::1]:4000")) == at("udp://[::]:0"));
    CHECK(!transport.simulated());
}

TEST_CASE("A batch arrives as one where the system cuts and joins, and packet by packet elsewhere",
          "[transport][udp]") {
    const auto offload = GENERATE(true, false);
    udp_config config;
    config.offload = offload;
    sockets s(config);
    const bytes data(10 * 1200 + 100, 7);
    CHECK(s.one.send(s.other.local(), data, 1200).value());
    bytes into(s.other.batch_bytes_max());
    const auto got = s.wait_and_take(s.other, into);
    CHECK(got.packet_bytes == 1200);
    // Loopback joins what was cut on the same machine, where the system can at all.
    const bool joins = offload && machine_has_offload();
    CHECK(got.bytes == (joins ? data.size() : 1200));
    std::size_t seen = got.bytes;
    while (seen < data.size()) {
        const auto more = s.wait_and_take(s.other, into);
        CHECK(more.bytes > 0);
        seen += more.bytes;
    }
    CHECK(seen == data.size());
}

TEST_CASE("An empty packet is one too", "[transport][udp]") {
    const auto offload = GENERATE(true, false);
    udp_config config;
    config.offload = offload;
    sockets s(config);
    // A stranger's: ours are never empty.
    const int stranger = ::socket(AF_INET, SOCK_DGRAM, 0);
    REQUIRE(stranger >= 0);
    const auto to = detail::to_system(s.other.local());
    REQUIRE(::sendto(stranger, "", 0, 0, to.data(), to.size) == 0);
    ::close(stranger);
    bytes into(s.other.batch_bytes_max());
    const auto room = GENERATE(std::size_t{100}, std::size_t{65'507});
    const auto got = s.wait_and_take(s.other, bytes_span(into).first(room));
    CHECK(got.bytes == 0);
    CHECK(got.packet_bytes == 0);
    CHECK(!got.refused);
}

TEST_CASE("Refusals do not keep a socket from sending to others", "[transport][udp]") {
    sockets s;
    const auto third = s.open("udp://127.0.0.1:0");
    const auto gone = s.other.local();
    s.other.close();
    const bytes data(10);
    // The system reports the last refusal with the next send, whoever that is for.
    for (int i = 0; i < 200; ++i) {
        CHECK(s.one.send(gone, data, data.size()).value());
        CHECK(s.one.send(third.local(), data, data.size()).value());
    }
    REQUIRE(s.world.run(s.one.wait_readable()));
    bytes into(100);
    std::size_t refused = 0;
    while (const auto got = s.one.receive(into).value()) {
        CHECK(got->refused);
        CHECK(got->from == gone);
        ++refused;
    }
    CHECK(refused > 0);
}

TEST_CASE("Nothing is readable any more when all refusals were fetched", "[transport][udp]") {
    sockets s;
    const auto gone = s.other.local();
    s.other.close();
    const bytes data(10);
    bytes into(100);
    // One that a send reports, so that no receive does.
    for (int i = 0; i < 2; ++i) CHECK(s.one.send(gone, data, data.size()).value());
    std::size_t refused = 0;
    while (refused < 2) {
        CHECK(s.wait_and_take(s.one, into).refused);
        ++refused;
    }
    CHECK(!s.one.receive(into).value());
    s.other = s.open("udp://127.0.0.1:0");
    CHECK(s.other.send(s.one.local(), data, data.size()).value());
    CHECK(s.wait_and_take(s.one, into).bytes == 10);
}

TEST_CASE("A packet that is too long for the interface leaves the socket as it was", "[transport][udp]") {
    sockets s;
    const bytes longest(s.one.packet_bytes_max() + 1);
    CHECK(s.one.send(s.other.local(), longest, longest.size()).error() == make_error_code(errc::too_large));
    const auto fitting = bytes_view(longest).first(s.one.packet_bytes_max());
    CHECK(s.one.send(s.other.local(), fitting, fitting.size()).value());
    bytes into(s.other.batch_bytes_max());
    CHECK(s.wait_and_take(s.other, into).bytes == fitting.size());
    CHECK(!s.one.receive(into).value());
}

TEST_CASE("A wildcard UDP socket has the machine's addresses", "[transport][udp]") {
    sockets s;
    const auto wildcard = s.open("udp://0.0.0.0:0");
    const auto found = dialable(wildcard.local());
    const auto loopback = at("udp://127.0.0.1:0").with_port(wildcard.local().port());
    CHECK(std::ranges::find(found, loopback) != found.end());
    for (const auto& each : found) CHECK(each.kind() == address_kind::udp);
    const auto resolved = s.world.run(resolve(s.world.env, parse_location("udp://localhost:4000").value()));
    REQUIRE(resolved);
    CHECK(std::ranges::find(*resolved, at("udp://127.0.0.1:4000")) != resolved->end());
}

TEST_CASE("The machine knows which addresses it has", "[transport][udp]") {
    real_world world;
    const auto udp = make_udp(world.env);
    CHECK(udp.has_address(at("udp://127.0.0.1:4000")) == true);
    // TEST-NET-3 (RFC 5737) and the documentation prefix of IPv6 (RFC 3849): no machine has them.
    CHECK(udp.has_address(at("udp://203.0.113.1:4000")) == false);
    CHECK(udp.has_address(at("udp://[2001:db8::1]:4000")) == false);
    CHECK_FALSE(udp.has_address(at("udp://0.0.0.0:4000")));
    CHECK_FALSE(udp.has_address(at("udp://[::]:4000")));
    CHECK_FALSE(udp.has_address(at("tcp://127.0.0.1:4000")));
    CHECK_FALSE(any_datagram_transport().has_address(at("udp://127.0.0.1:4000")));
    const auto own = dialable(at("udp://0.0.0.0:4000"));
    CHECK(std::ranges::all_of(own, [&](const address& each) { return udp.has_address(each) == true; }));
}

TEST_CASE("UDP settings that can never work are refused by name", "[transport][udp]") {
    real_world world;
    udp_config config;
    config.receive_buffer_bytes = -1;
    CHECK_THROWS_WITH(make_udp(world.env, config), Catch::Contains("receive_buffer_bytes"));
    config.receive_buffer_bytes = 0;
    CHECK_NOTHROW(make_udp(world.env, config));
    config.send_buffer_bytes = -1;
    CHECK_THROWS_WITH(make_udp(world.env, config), Catch::Contains("send_buffer_bytes"));
    config.send_buffer_bytes = 0;
    CHECK_NOTHROW(make_udp(world.env, config));
    config.shortage_pause = std::chrono::milliseconds(0);
    CHECK_THROWS_WITH(make_udp(world.env, config), Catch::Contains("shortage_pause"));
}

TEST_CASE("nothing that a forged packet may have said stops batches for ever", "[udp]") {
    detail::segment_use segments;
    CHECK_FALSE(segments.next());
    segments.enable();
    CHECK(segments.next());
    // How many batches go packet by packet after each refusal.
    const auto pause = [&] {
        segments.refused();
        std::size_t out = 0;
        while (!segments.next()) ++out;
        return out;
    };
    auto expected = detail::segment_use::pause_min;
    for (int i = 0; i < 20; ++i) {
        CHECK(pause() == expected);
        expected = std::min(2 * expected, detail::segment_use::pause_max);
    }
    CHECK(pause() == detail::segment_use::pause_max);
    segments.taken();
    CHECK(segments.next());
    CHECK(pause() == detail::segment_use::pause_min);
}

}  // namespace mydht::test
