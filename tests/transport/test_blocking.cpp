#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include <mydht/runtime/deadline.hpp>
#include <mydht/transport/blocking.hpp>

#include "transport/posix_streams.hpp"
#include "transport/subjects.hpp"

namespace mydht::test {

namespace {

address at(const char* text) { return parse_address(text).value(); }

/// Calls that block until they are told to return.
class stuck_calls {
public:
    void wait() {
        std::unique_lock lock(mutex_);
        ++waiting_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return released_; });
        --waiting_;
    }
    void release() {
        const std::scoped_lock lock(mutex_);
        released_ = true;
        changed_.notify_all();
    }
    /// Blocks until that many calls wait.
    void wait_for(int count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this, count] { return waiting_ >= count; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int waiting_ = 0;
    bool released_ = false;
};

using stuck_calls_ptr = std::shared_ptr<stuck_calls>;

class stuck_connection final : public blocking_connection {
public:
    explicit stuck_connection(stuck_calls_ptr calls) : calls_(std::move(calls)) {}
    result<std::size_t> read(bytes_span) override {
        calls_->wait();
        return failure(errc::connection_reset);
    }
    result<void> write(bytes_view) override {
        calls_->wait();
        return failure(errc::connection_reset);
    }
    result<void> shutdown_write() override { return {}; }
    void close() noexcept override { calls_->release(); }
    [[nodiscard]] address local() const override { return at("tcp://127.0.0.1:1"); }
    [[nodiscard]] address remote() const override { return at("tcp://127.0.0.1:2"); }

private:
    stuck_calls_ptr calls_;
};

/// Connections whose reads and writes never end by themselves; dials of port 9 neither.
class stuck_streams {
public:
    explicit stuck_streams(stuck_calls_ptr calls) : calls_(std::move(calls)) {}

    [[nodiscard]] address_kind kind() const { return address_kind::tcp; }
    result<std::unique_ptr<blocking_listener>> listen(const address&) { return failure(errc::address_not_permitted); }
    result<std::unique_ptr<blocking_connection>> connect(const address& to, std::stop_token stop) {
        if (to.port() == 9) {
            const std::stop_callback stopping(stop, [this] { calls_->release(); });
            calls_->wait();
            return failure(errc::unreachable);
        }
        return std::make_unique<stuck_connection>(calls_);
    }

private:
    stuck_calls_ptr calls_;
};

task<result<std::size_t>> read_until(environment env, any_connection& from, bytes& into, steady_time deadline) {
    co_return co_await with_deadline(*env.time, deadline, from.read_some(into));
}

}  // namespace

TEST_CASE("Blocking sockets become a stream transport", "[transport][blocking]") {
    real_world world;
    conformance_subject subject;
    subject.env = world.env;
    subject.listening = make_blocking(world.env, posix_streams());
    subject.dialing = make_blocking(world.env, posix_streams());
    subject.listen_at = [] { return at("tcp://127.0.0.1:0"); };
    // Two buffers of the system grow between a writer and its reader; see the same number for TCP.
    subject.buffered_bytes_max = 24U << 20U;
    for (const auto& check : conformance_checks()) report(check, world.run(check.run(subject)));
}

TEST_CASE("There are as many blocking connections as the settings say", "[transport][blocking]") {
    real_world world;
    blocking_config config;
    config.connections_max = 2;
    auto transport = make_blocking(world.env, posix_streams(), config);
    auto other = make_blocking(world.env, posix_streams());
    auto listener = std::move(world.run(other.listen(at("tcp://127.0.0.1:0"))).value());
    auto first = world.run(transport.connect(listener.local()));
    auto second = world.run(transport.connect(listener.local()));
    REQUIRE((first && second));
    const auto third = world.run(transport.connect(listener.local()));
    REQUIRE(!third);
    CHECK(third.error() == make_error_code(errc::out_of_descriptors));
    *first = any_connection();
    CHECK(world.run(transport.connect(listener.local())));
}

TEST_CASE("A blocking listener over the limit accepts when others have ended", "[transport][blocking]") {
    real_world world;
    blocking_config config;
    config.connections_max = 1;
    auto transport = make_blocking(world.env, posix_streams(), config);
    auto other = make_blocking(world.env, posix_streams());
    auto listener = std::move(world.run(transport.listen(at("tcp://127.0.0.1:0"))).value());
    auto first = world.run(other.connect(listener.local()));
    auto second = world.run(other.connect(listener.local()));
    REQUIRE((first && second));
    auto accepted = world.run(listener.accept());
    REQUIRE(accepted);
    std::optional<result<any_connection>> next;
    asio::co_spawn(world.context, listener.accept(), [&](std::exception_ptr error, result<any_connection> made) {
        REQUIRE(!error);
        next = std::move(made);
    });
    // The connection that waits is one that the system has accepted for us.
    bytes data(1, 7);
    REQUIRE(world.run(second->write(data)));
    CHECK(!next);
    *accepted = any_connection();
    world.context.restart();
    while (!next) REQUIRE(world.context.run_one() == 1);
    REQUIRE(*next);
    CHECK((**next).remote() == second->local());
    bytes into(10);
    CHECK(world.run((**next).read_some(into)).value() == 1);
}

TEST_CASE("Calls that block hold nothing up that is closed or gone", "[transport][blocking]") {
    const auto calls = std::make_shared<stuck_calls>();
    real_world world;
    auto transport = make_blocking(world.env, stuck_streams(calls));
    SECTION("a read is cancelled at once, and its connection destroyed") {
        auto connection = std::move(world.run(transport.connect(at("tcp://127.0.0.1:1"))).value());
        bytes into(10);
        const auto now = world.env.time->now();
        CHECK(world.run(read_until(world.env, connection, into, now)).error() == make_error_code(errc::timed_out));
        calls->wait_for(1);
        // The call that was cancelled still has the reader's thread.
        CHECK(world.run(connection.read_some(into)).error() == make_error_code(errc::connection_reset));
        CHECK(connection.remote() == at("tcp://127.0.0.1:2"));
    }
    SECTION("a dial is cancelled at once, and told to stop") {
        auto& time = *world.env.time;
        const auto dialed = world.run(with_deadline(time, time.now(), transport.connect(at("tcp://127.0.0.1:9"))));
        REQUIRE(!dialed);
        CHECK(dialed.error() == make_error_code(errc::timed_out));
    }
    SECTION("everything goes down with a read and a write under way") {
        auto connection = std::move(world.run(transport.connect(at("tcp://127.0.0.1:1"))).value());
        bytes into(10);
        const auto ignore = [](const std::exception_ptr&, const auto&) {};
        asio::co_spawn(world.context, connection.read_some(into), ignore);
        asio::co_spawn(world.context, connection.write(into), ignore);
        world.context.restart();
        world.context.poll();
        calls->wait_for(2);
        CHECK(!connection.empty());
    }
    SECTION("an address of another kind is none") {
        const auto unsupported = make_error_code(errc::unsupported_address);
        CHECK(world.run(transport.connect(at("mem://x"))).error() == unsupported);
        CHECK(world.run(transport.listen(at("mem://x"))).error() == unsupported);
        CHECK(world.run(transport.listen(at("tcp://127.0.0.1:0"))).error() ==
              make_error_code(errc::address_not_permitted));
    }
}

TEST_CASE("A blocking connection may outlive the world it was made for", "[transport][blocking]") {
    const auto calls = std::make_shared<stuck_calls>();
    bytes into(10);
    any_connection left;
    {
        real_world world;
        auto transport = make_blocking(world.env, stuck_streams(calls));
        left = std::move(world.run(transport.connect(at("tcp://127.0.0.1:1"))).value());
        asio::co_spawn(world.context, left.read_some(into), [](const std::exception_ptr&, const auto&) {});
        world.context.restart();
        world.context.poll();
        calls->wait_for(1);
    }
    CHECK(left.remote() == at("tcp://127.0.0.1:2"));
    left.close();
    CHECK(left.remote() == at("tcp://127.0.0.1:2"));
}

TEST_CASE("Settings of blocking transports that can never work are refused by name", "[transport][blocking]") {
    real_world world;
    blocking_config config;
    config.connections_max = 0;
    CHECK_THROWS_WITH(make_blocking(world.env, posix_streams(), config), Catch::Contains("connections_max"));
    config.connections_max = 1;
    CHECK_NOTHROW(make_blocking(world.env, posix_streams(), config));
}

}  // namespace mydht::test
