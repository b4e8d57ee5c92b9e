#include <mydht/transport/datagram_conformance.hpp>
#include <mydht/transport/memory.hpp>
#include <mydht/transport/udp.hpp>

#include "transport/subjects.hpp"

namespace mydht::test {

namespace {

void run_checks(real_world& world, const datagram_subject& subject) {
    for (const auto& check : datagram_checks()) {
        const auto findings = world.run(check.run(subject));
        for (const auto& finding : findings) FAIL_CHECK(check.name << ": " << finding);
        CHECK(findings.empty());
    }
}

void run_udp_checks(const char* at) {
    const auto offload = GENERATE(true, false);
    CAPTURE(offload);
    const auto where = parse_address(at).value();
    real_world world;
    udp_config config;
    config.offload = offload;
    datagram_subject subject;
    subject.env = world.env;
    subject.one = make_udp(world.env, config);
    subject.another = subject.one;
    subject.open_one_at = [where] { return where; };
    subject.open_another_at = subject.open_one_at;
    run_checks(world, subject);
}

bool machine_has(const char* at) {
    real_world world;
    return world.run(make_udp(world.env).open(parse_address(at).value())).has_value();
}

}  // namespace

TEST_CASE("UDP over IPv4 is a datagram transport", "[transport][udp][datagram]") {
    run_udp_checks("udp://127.0.0.1:0");
}

TEST_CASE("UDP over IPv6 is a datagram transport", "[transport][udp][datagram]") {
    if (!machine_has("udp://[::1]:0")) {
        WARN("this machine has no IPv6 loopback; not tested");
        return;
    }
    run_udp_checks("udp://[::1]:0");
}

TEST_CASE("The in-memory datagrams are a datagram transport", "[transport][memory][datagram]") {
    const auto packet_bytes_max = GENERATE(std::size_t{100}, std::size_t{1472}, std::size_t{65'507});
    CAPTURE(packet_bytes_max);
    memory_config config;
    config.packet_bytes_max = packet_bytes_max;
    real_world world;
    const memory_network network(config);
    datagram_subject subject;
    subject.env = world.env;
    subject.one = network.datagrams();
    subject.another = network.datagrams();
    subject.open_one_at = [] { return address::memory("node*").value(); };
    subject.open_another_at = subject.open_one_at;
    run_checks(world, subject);
}

}  // namespace mydht::test
