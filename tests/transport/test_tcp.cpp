#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <asio/error.hpp>

#include <mydht/transport/resolve.hpp>
#include <mydht/transport/tcp.hpp>

#include "transport/socket_address.hpp"
#include "transport/subjects.hpp"
#include "transport/system_errors.hpp"

// The sanitizers' check of a virtual call opens a pipe, and takes it for a bad object when it cannot.
#if defined(__SANITIZE_ADDRESS__)
#define MYDHT_NEEDS_DESCRIPTORS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define MYDHT_NEEDS_DESCRIPTORS
#endif
#endif

namespace mydht::test {

namespace {

std::error_code system_error(int number) { return {number, asio::error::get_system_category()}; }

address at(const char* text) { return parse_address(text).value(); }

#ifndef MYDHT_NEEDS_DESCRIPTORS
/// Time that passes only when the test says so.
class manual_clock final : public time_source {
public:
    [[nodiscard]] steady_time now() const noexcept override { return now_; }
    [[nodiscard]] wall_time wall_now() const noexcept override { return {}; }
    void arm(alarm& a, steady_time when) override { alarms.arm(a, when); }
    void disarm(alarm& a) noexcept override { alarms.disarm(a); }

    void advance_to(steady_time when) {
        now_ = when;
        while (auto* due = alarms.take_due(now_)) due->fire();
    }

    alarm_queue alarms;

private:
    steady_time now_{std::chrono::hours(1)};
};

class counting_sink final : public log_sink {
public:
    void write(log_level level, std::string_view, std::string_view) override {
        if (level == log_level::warning) ++warnings;
    }
    int warnings = 0;
};

/// No file descriptor can be opened while this lives.
class descriptor_shortage {
public:
    descriptor_shortage() {
        REQUIRE(getrlimit(RLIMIT_NOFILE, &before_) == 0);
        const int lowest_free = dup(0);
        REQUIRE(lowest_free >= 0);
        close(lowest_free);
        auto limited = before_;
        limited.rlim_cur = static_cast<rlim_t>(lowest_free);
        REQUIRE(setrlimit(RLIMIT_NOFILE, &limited) == 0);
    }
    ~descriptor_shortage() { setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

struct short_world {
    short_world() {
        env.time = time;
        env.log = logger(sink, log_level::warning);
        tcp_config config;
        config.shortage_pause = std::chrono::milliseconds(250);
        transport = make_tcp(env, config);
    }

    /// Starts an accept that meets a shortage, with one connection waiting for it.
    void start_accept() {
        listener = std::move(world.run(transport.listen(at("tcp://127.0.0.1:0"))).value());
        dialed = std::move(world.run(transport.connect(listener.local())).value());
        shortage.emplace();
        world.context.restart();
        asio::co_spawn(world.context, listener.accept(), [this](std::exception_ptr error, result<any_connection> made) {
            REQUIRE(!error);
            accepted = std::move(made);
        });
        wait_for_pause();
    }

    void wait_for_pause() {
        while (time->alarms.empty()) REQUIRE(world.context.run_one() == 1);
    }
    void wait_for_outcome() {
        while (!accepted) REQUIRE(world.context.run_one() == 1);
    }

    real_world world;
    std::shared_ptr<manual_clock> time = std::make_shared<manual_clock>();
    std::shared_ptr<counting_sink> sink = std::make_shared<counting_sink>();
    environment env = world.env;
    any_transport transport;
    any_listener listener;
    any_connection dialed;
    std::optional<descriptor_shortage> shortage;
    std::optional<result<any_connection>> accepted;
};
#endif

}  // namespace

TEST_CASE("What the system's errors mean", "[transport][errors]") {
    using detail::accept_trouble;
    CHECK(detail::listen_error(system_error(EADDRINUSE)) == errc::address_in_use);
    CHECK(detail::listen_error(system_error(EADDRNOTAVAIL)) == errc::address_not_available);
    CHECK(detail::listen_error(system_error(EAFNOSUPPORT)) == errc::address_not_available);
    CHECK(detail::listen_error(system_error(EACCES)) == errc::address_not_permitted);
    CHECK(detail::listen_error(system_error(EMFILE)) == errc::out_of_descriptors);

    CHECK(detail::connect_error(system_error(ECONNREFUSED)) == errc::connection_refused);
    CHECK(detail::connect_error(system_error(ECONNRESET)) == errc::connection_reset);
    CHECK(detail::connect_error(system_error(ETIMEDOUT)) == errc::unreachable);
    CHECK(detail::connect_error(system_error(ENETUNREACH)) == errc::unreachable);
    CHECK(detail::connect_error(system_error(EHOSTUNREACH)) == errc::unreachable);
    CHECK(detail::connect_error(system_error(EPERM)) == errc::unreachable);
    CHECK(detail::connect_error(system_error(EADDRNOTAVAIL)) == errc::address_not_available);
    CHECK(detail::connect_error(system_error(EMFILE)) == errc::out_of_descriptors);

    CHECK(detail::stream_error(asio::error::eof) == errc::end_of_stream);
    CHECK(detail::stream_error(system_error(ECONNRESET)) == errc::connection_reset);
    CHECK(detail::stream_error(system_error(EPIPE)) == errc::connection_reset);
    CHECK(detail::stream_error(system_error(ETIMEDOUT)) == errc::connection_reset);
    CHECK(detail::stream_error(system_error(ENOTCONN)) == errc::connection_reset);
    CHECK(detail::stream_error(system_error(EIO)) == errc::network_failed);
    // The same number in another category is another error.
    CHECK(detail::stream_error({EPIPE, error_category()}) == errc::network_failed);
    CHECK(detail::stream_error(std::error_code(EPIPE, std::system_category())) == errc::connection_reset);

    for (const int number : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
        CHECK(detail::classify_accept(system_error(number)) == accept_trouble::shortage);
    }
    for (const int number : {ECONNABORTED, ECONNRESET, EPROTO, ENETDOWN, EHOSTUNREACH, EPERM}) {
        CHECK(detail::classify_accept(system_error(number)) == accept_trouble::one_connection);
    }
    CHECK(detail::classify_accept(system_error(EBADF)) == accept_trouble::broken);
    CHECK(detail::classify_accept(system_error(EINVAL)) == accept_trouble::broken);
}

#ifndef MYDHT_NEEDS_DESCRIPTORS
TEST_CASE("An accept without file descriptors waits, says so once, and goes on", "[transport][tcp]") {
    short_world w;
    w.start_accept();
    CHECK(w.sink->warnings == 1);
    for (int i = 0; i < 3; ++i) {
        CHECK(w.time->alarms.next() == w.time->now() + std::chrono::milliseconds(250));
        w.time->advance_to(w.time->alarms.next());
        w.wait_for_pause();
    }
    CHECK(w.sink->warnings == 1);
    CHECK(!w.accepted);
    w.shortage.reset();
    w.time->advance_to(w.time->alarms.next());
    w.wait_for_outcome();
    REQUIRE(w.accepted->has_value());
    CHECK((**w.accepted).remote() == w.dialed.local());
}

TEST_CASE("A listener that waits for file descriptors can be closed", "[transport][tcp]") {
    short_world w;
    w.start_accept();
    w.listener.close();
    w.wait_for_outcome();
    REQUIRE(!w.accepted->has_value());
    CHECK(w.accepted->error() == make_error_code(errc::closed));
    CHECK(w.time->alarms.empty());
}
#endif

TEST_CASE("Addresses that TCP cannot use", "[transport][tcp]") {
    real_world world;
    const auto transport = std::make_shared<any_transport>(make_tcp(world.env));
    const auto listen = [&](const char* where) { return world.run(transport->listen(at(where))); };
    const auto connect = [&](const char* where) { return world.run(transport->connect(at(where))); };
    // TEST-NET-3 (RFC 5737): no machine has it.
    CHECK(listen("tcp://203.0.113.1:0").error() == make_error_code(errc::address_not_available));
    CHECK(listen("udp://127.0.0.1:0").error() == make_error_code(errc::unsupported_address));
    CHECK(connect("mem://x").error() == make_error_code(errc::unsupported_address));
    CHECK(connect("tcp://0.0.0.0:4000").error() == make_error_code(errc::address_not_available));
    CHECK(connect("tcp://[::]:4000").error() == make_error_code(errc::address_not_available));
    CHECK(connect("tcp://127.0.0.1:0").error() == make_error_code(errc::address_not_available));
    const auto wildcard = listen("tcp://0.0.0.0:0");
    REQUIRE(wildcard);
    CHECK(wildcard->local().is_wildcard());
    CHECK(wildcard->local().port() != 0);
    // A listener of one host leaves no room for one of all hosts, and the other way round.
    const auto port = wildcard->local().port();
    const auto inside = world.run(transport->listen(at("tcp://127.0.0.1:0").with_port(port)));
    REQUIRE(!inside);
    CHECK(inside.error() == make_error_code(errc::address_in_use));
}

TEST_CASE("A listener can come back at once at the port of its last run", "[transport][tcp]") {
    real_world world;
    auto transport = make_tcp(world.env);
    auto listener = std::move(world.run(transport.listen(at("tcp://127.0.0.1:0"))).value());
    const auto where = listener.local();
    auto dialed = std::move(world.run(transport.connect(where)).value());
    auto accepted = std::move(world.run(listener.accept()).value());
    // The side that closes first keeps the port for minutes (TIME_WAIT).
    accepted.close();
    bytes data(1);
    CHECK(world.run(dialed.read_some(data)).error() == make_error_code(errc::end_of_stream));
    dialed.close();
    listener.close();
    CHECK(world.run(transport.listen(where)));
}

TEST_CASE("Little waits unsent in the system on both ends of a connection", "[transport][tcp]") {
    const auto limit_of = [](const any_connection& connection) {
        for (int descriptor = 0; descriptor < 1024; ++descriptor) {
            detail::socket_address name;
            name.size = sizeof name.storage;
            if (::getpeername(descriptor, name.data(), &name.size) != 0) continue;
            if (detail::from_system(*name.data(), address_kind::tcp) != connection.remote()) continue;
            int limit = 0;
            socklen_t size = sizeof limit;
            REQUIRE(::getsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &limit, &size) == 0);
            return limit;
        }
        FAIL("the connection has no socket");
        return 0;
    };
    const auto limit = GENERATE(1, 5'000, 16 * 1024);
    real_world world;
    tcp_config config;
    config.unsent_bytes_max = limit;
    auto transport = make_tcp(world.env, config);
    auto listener = std::move(world.run(transport.listen(at("tcp://127.0.0.1:0"))).value());
    const auto dialed = std::move(world.run(transport.connect(listener.local())).value());
    const auto accepted = std::move(world.run(listener.accept()).value());
    CHECK(limit_of(dialed) == limit);
    CHECK(limit_of(accepted) == limit);
}

TEST_CASE("TCP settings that can never work are refused by name", "[transport][tcp]") {
    real_world world;
    tcp_config config;
    config.backlog = 0;
    CHECK_THROWS_WITH(make_tcp(world.env, config), Catch::Contains("backlog"));
    config.backlog = 1;
    CHECK_NOTHROW(make_tcp(world.env, config));
    config.unsent_bytes_max = -1;
    CHECK_THROWS_WITH(make_tcp(world.env, config), Catch::Contains("unsent_bytes_max"));
    config.unsent_bytes_max = 0;
    CHECK_NOTHROW(make_tcp(world.env, config));
    config.shortage_pause = std::chrono::milliseconds(0);
    CHECK_THROWS_WITH(make_tcp(world.env, config), Catch::Contains("shortage_pause"));
}

TEST_CASE("Locations are resolved", "[transport][resolve]") {
    real_world world;
    const auto ask = [&world](const location& where) { return world.run(resolve(world.env, where)); };
    const auto read = [](const char* text) { return parse_location(text).value(); };
    CHECK(ask(read("tcp://127.0.0.1:4000")).value() == std::vector<address>{at("tcp://127.0.0.1:4000")});
    CHECK(ask(read("udp://[::1]:4000")).value() == std::vector<address>{at("udp://[::1]:4000")});
    CHECK(ask(read("mem://somewhere")).value() == std::vector<address>{at("mem://somewhere")});
    const auto local = ask(read("tcp://localhost:4000"));
    REQUIRE(local);
    REQUIRE(!local->empty());
    for (const auto& found : *local) {
        CHECK(scope_of(found) == address_scope::loopback);
        CHECK(found.port() == 4000);
        CHECK(found.kind() == address_kind::tcp);
        CHECK(std::count(local->begin(), local->end(), found) == 1);
    }
    CHECK(ask(read("tcp://Mine.LOCALHOST:4000")).value() == *local);
    // Never a name that exists (RFC 6761), with or without a name server.
    const auto unknown = ask(read("tcp://nobody.invalid:1"));
    REQUIRE(!unknown);
    CHECK(unknown.error() == make_error_code(errc::unknown_host));
}

}  // namespace mydht::test
