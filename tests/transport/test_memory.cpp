#include <stdexcept>

#include <mydht/transport/memory.hpp>

#include "transport/subjects.hpp"

namespace mydht::test {

namespace {

address named(std::string_view name) { return address::memory(name).value(); }

struct fixture {
    explicit fixture(memory_config config = {}) : network(config), transport(network.transport()) {}

    result<any_listener> listen(std::string_view name) { return world.run(transport.listen(named(name))); }
    result<any_connection> connect(std::string_view name) { return world.run(transport.connect(named(name))); }

    real_world world;
    memory_network network;
    any_transport transport;
};

}  // namespace

TEST_CASE("A name with a star becomes a free name", "[transport][memory]") {
    fixture f;
    const auto fixed = f.listen("node1");
    const auto first = f.listen("node*");
    const auto second = f.listen("*");
    REQUIRE((fixed && first && second));
    CHECK(fixed->local() == named("node1"));
    CHECK(as_text(first->local().data()).starts_with("node"));
    CHECK(first->local() != fixed->local());
    CHECK(second->local() != first->local());
    // A tenth name needs a digit more.
    for (int i = 0; i < 10; ++i) REQUIRE(f.listen("*"));
    const auto none = f.listen(std::string(address::size_max - 1, 'x') + "*");
    REQUIRE(!none);
    CHECK(none.error() == make_error_code(errc::address_not_available));
}

TEST_CASE("A listener keeps as many waiting connections as it says", "[transport][memory]") {
    memory_config config;
    config.backlog = 3;
    fixture f(config);
    auto listener = f.listen("node");
    REQUIRE(listener);
    std::vector<any_connection> kept;
    for (int i = 0; i < 3; ++i) {
        auto made = f.connect("node");
        REQUIRE(made);
        kept.push_back(std::move(*made));
    }
    const auto fourth = f.connect("node");
    REQUIRE(!fourth);
    CHECK(fourth.error() == make_error_code(errc::connection_refused));
    CHECK(f.world.run(listener->accept()));
    CHECK(f.connect("node"));
}

TEST_CASE("Connections that nobody accepted end with their listener", "[transport][memory]") {
    fixture f;
    auto listener = f.listen("node");
    auto made = f.connect("node");
    REQUIRE((listener && made));
    listener->close();
    bytes data(10);
    const auto count = f.world.run(made->read_some(data));
    REQUIRE(!count);
    CHECK(count.error() == make_error_code(errc::end_of_stream));
    const auto written = f.world.run(made->write(data));
    REQUIRE(!written);
    CHECK(written.error() == make_error_code(errc::connection_reset));
}

TEST_CASE("Networks do not see each other's names", "[transport][memory]") {
    fixture one;
    fixture other;
    const auto listener = one.listen("node");
    const auto made = other.connect("node");
    REQUIRE(!made);
    CHECK(made.error() == make_error_code(errc::connection_refused));
    CHECK(one.connect("node"));
}

TEST_CASE("Memory settings that can never work are refused by name", "[transport][memory]") {
    memory_config config;
    config.pipe_bytes = 0;
    CHECK_THROWS_WITH(memory_network(config), Catch::Contains("pipe_bytes"));
    config.pipe_bytes = 1;
    CHECK_NOTHROW(memory_network(config));
    config.backlog = 0;
    CHECK_THROWS_WITH(memory_network(config), Catch::Contains("backlog"));
}

TEST_CASE("Empty handles answer instead of crashing", "[transport]") {
    real_world world;
    const auto closed = make_error_code(errc::closed);
    any_connection connection;
    bytes data(1);
    CHECK(world.run(connection.read_some(data)).error() == closed);
    CHECK(world.run(connection.write(data)).error() == closed);
    CHECK(world.run(connection.shutdown_write()).error() == closed);
    connection.close();
    CHECK(connection.local().empty());
    CHECK(connection.remote().empty());
    any_listener listener;
    CHECK(world.run(listener.accept()).error() == closed);
    listener.close();
    CHECK(listener.local().empty());
    any_transport transport;
    CHECK(transport.kind() == address_kind::none);
    const auto unsupported = make_error_code(errc::unsupported_address);
    CHECK(world.run(transport.listen(named("x"))).error() == unsupported);
    CHECK(world.run(transport.connect(named("x"))).error() == unsupported);
}

}  // namespace mydht::test
