#include <mydht/sim/network.hpp>
#include <mydht/transport/datagram_conformance.hpp>

#include "support/catch.hpp"

namespace mydht::sim::test {

namespace {

std::uint64_t run_checks(const network_config& config) {
    std::uint64_t traces = 0;
    for (const auto& check : datagram_checks()) {
        world w(7);
        w.add_node();
        w.add_node();
        const network net(w, config);
        datagram_subject subject;
        subject.env = w.driver_environment();
        subject.one = net.datagrams(0);
        subject.another = net.datagrams(1);
        subject.open_one_at = [&net] { return net.datagram_address_of(0, 0); };
        subject.open_another_at = [&net] { return net.datagram_address_of(1, 0); };
        subject.patience = std::chrono::hours(10);
        for (const auto& finding : w.run(check.run(subject))) FAIL_CHECK(check.name << ": " << finding);
        CHECK(w.run_until_idle(std::chrono::hours(1)));
        traces = traces * 31 + w.trace_hash();
    }
    return traces;
}

}  // namespace

TEST_CASE("The simulated network is a datagram transport", "[sim][datagram]") {
    network_config config;
    SECTION("with its starting values") {}
    SECTION("with long datagrams") { config.datagram_bytes_max = 9'000; }
    SECTION("with jitter and a narrow upload") {
        config.jitter_max = std::chrono::milliseconds(30);
        config.upload_bytes_per_second = 100'000;
    }
    CHECK(run_checks(config) == run_checks(config));
}

}  // namespace mydht::sim::test
