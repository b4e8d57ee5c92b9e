#include <stdexcept>

#include <mydht/transport/memory.hpp>

#include "transport/subjects.hpp"

namespace mydht::test {

namespace {

address named(std::string_view name) { return address::memory(name).value(); }

struct fixture {
    explicit fixture(memory_config config = {}) : network(config), transport(network.datagrams()) {}

    result<any_datagram_socket> open(std::string_view name) { return world.run(transport.open(named(name))); }

    real_world world;
    memory_network network;
    any_datagram_transport transport;
};

std::size_t count_packets(any_datagram_socket& from) {
    bytes into(from.batch_bytes_max());
    std::size_t count = 0;
    for (;;) {
        const auto got = from.receive(into);
        REQUIRE(got);
        if (!*got) return count;
        count += ((*got)->bytes + (*got)->packet_bytes - 1) / (*got)->packet_bytes;
    }
}

}  // namespace

TEST_CASE("Datagram sockets get free names, apart from those of listeners", "[transport][memory][datagram]") {
    fixture f;
    const auto listener = f.world.run(f.network.transport().listen(named("node")));
    const auto fixed = f.open("node");
    const auto first = f.open("node*");
    const auto second = f.open("node*");
    REQUIRE((listener && fixed && first && second));
    CHECK(fixed->local() == named("node"));
    CHECK(as_text(first->local().data()).starts_with("node"));
    CHECK(first->local() != second->local());
    // A tenth name needs a digit more.
    for (int i = 0; i < 10; ++i) REQUIRE(f.open("*"));
    const auto none = f.open(std::string(address::size_max - 1, 'x') + "*");
    REQUIRE(!none);
    CHECK(none.error() == make_error_code(errc::address_not_available));
}

TEST_CASE("A socket keeps as many packets as it says, and loses the others", "[transport][memory][datagram]") {
    memory_config config;
    config.packet_bytes_max = 10;
    config.datagram_queue_packets = 5;
    fixture f(config);
    auto from = f.open("from");
    auto to = f.open("to");
    REQUIRE((from && to));
    const bytes data(10, 7);
    for (int i = 0; i < 5; ++i) CHECK(from->send(to->local(), data, 10).value());
    CHECK(count_packets(*to) == 5);
    for (int i = 0; i < 6; ++i) CHECK(from->send(to->local(), data, 10).value());
    CHECK(count_packets(*to) == 5);
    // What was lost is no debt.
    CHECK(from->send(to->local(), data, 10).value());
    CHECK(count_packets(*to) == 1);
}

TEST_CASE("Packets of one source that lie behind one another come in one batch", "[transport][memory][datagram]") {
    memory_config config;
    config.packet_bytes_max = 10;
    fixture f(config);
    auto one = f.open("one");
    auto other = f.open("other");
    auto to = f.open("to");
    REQUIRE((one && other && to));
    const bytes data(100, 7);
    CHECK(one->send(to->local(), bytes_view(data).first(25), 10).value());
    CHECK(one->send(to->local(), bytes_view(data).first(5), 5).value());
    CHECK(one->send(to->local(), bytes_view(data).first(6), 6).value());
    CHECK(other->send(to->local(), bytes_view(data).first(5), 10).value());
    bytes into(100);
    const auto first = to->receive(into).value();
    REQUIRE(first);
    CHECK(first->from == one->local());
    CHECK(first->bytes == 25);
    CHECK(first->packet_bytes == 10);
    const auto second = to->receive(into).value();
    REQUIRE(second);
    CHECK(second->from == one->local());
    CHECK(second->bytes == 5);
    // A longer one begins a batch of its own.
    const auto longer = to->receive(into).value();
    REQUIRE(longer);
    CHECK(longer->bytes == 6);
    CHECK(longer->packet_bytes == 6);
    const auto third = to->receive(into).value();
    REQUIRE(third);
    CHECK(third->from == other->local());
    CHECK(!to->receive(into).value());
}

TEST_CASE("Datagram settings that can never work are refused by name", "[transport][memory][datagram]") {
    memory_config config;
    config.packet_bytes_max = 0;
    CHECK_THROWS_WITH(memory_network(config), Catch::Contains("packet_bytes_max"));
    config.packet_bytes_max = 65'508;
    CHECK_THROWS_WITH(memory_network(config), Catch::Contains("packet_bytes_max"));
    config.packet_bytes_max = 65'507;
    CHECK_NOTHROW(memory_network(config));
    config.datagram_queue_packets = 0;
    CHECK_THROWS_WITH(memory_network(config), Catch::Contains("datagram_queue_packets"));
}

TEST_CASE("Empty datagram handles answer instead of crashing", "[transport][datagram]") {
    real_world world;
    const auto closed = make_error_code(errc::closed);
    any_datagram_socket socket;
    bytes data(1);
    CHECK(socket.empty());
    CHECK(socket.receive(data).error() == closed);
    CHECK(socket.send(named("x"), data, 1).error() == closed);
    CHECK(world.run(socket.wait_readable()).error() == closed);
    CHECK(world.run(socket.wait_writable()).error() == closed);
    socket.close();
    CHECK(socket.local().empty());
    CHECK(socket.packet_bytes_max() == 0);
    CHECK(socket.batch_bytes_max() == 0);
    any_datagram_transport transport;
    CHECK(transport.empty());
    CHECK(transport.kind() == address_kind::none);
    CHECK(transport.anywhere(named("x")).empty());
    CHECK(!transport.simulated());
    CHECK(world.run(transport.open(named("x"))).error() == make_error_code(errc::unsupported_address));
}

}  // namespace mydht::test
