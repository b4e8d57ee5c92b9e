#include <mydht/transport/memory.hpp>
#include <mydht/transport/tcp.hpp>

#include "transport/subjects.hpp"

namespace mydht::test {

namespace {

// Two buffers of the system grow between a writer and its reader; on Linux to some megabytes each (tcp(7), tcp_wmem and
// tcp_rmem).
constexpr std::size_t tcp_buffers_max = 24U << 20U;

void run_tcp_checks(const char* at) {
    const auto where = parse_address(at).value();
    real_world world;
    conformance_subject subject;
    subject.env = world.env;
    subject.listening = make_tcp(world.env);
    subject.dialing = subject.listening;
    subject.listen_at = [where] { return where; };
    subject.buffered_bytes_max = tcp_buffers_max;
    for (const auto& check : conformance_checks()) report(check, world.run(check.run(subject)));
}

bool machine_has(const char* at) {
    real_world world;
    return world.run(make_tcp(world.env).listen(parse_address(at).value())).has_value();
}

}  // namespace

TEST_CASE("TCP over IPv4 is a stream transport", "[transport][tcp]") { run_tcp_checks("tcp://127.0.0.1:0"); }

TEST_CASE("TCP over IPv6 is a stream transport", "[transport][tcp]") {
    if (!machine_has("tcp://[::1]:0")) {
        WARN("this machine has no IPv6 loopback; not tested");
        return;
    }
    run_tcp_checks("tcp://[::1]:0");
}

TEST_CASE("The in-memory transport is a stream transport", "[transport][memory]") {
    const auto pipe_bytes = GENERATE(std::size_t{7}, std::size_t{1000}, std::size_t{64 * 1024});
    CAPTURE(pipe_bytes);
    memory_config config;
    config.pipe_bytes = pipe_bytes;
    real_world world;
    const memory_network network(config);
    conformance_subject subject;
    subject.env = world.env;
    subject.listening = network.transport();
    subject.dialing = network.transport();
    subject.listen_at = [] { return address::memory("node*").value(); };
    subject.buffered_bytes_max = pipe_bytes;
    for (const auto& check : conformance_checks()) report(check, world.run(check.run(subject)));
}

}  // namespace mydht::test
