#include <mydht/sim/network.hpp>
#include <mydht/transport/conformance.hpp>

#include "support/catch.hpp"

namespace mydht::sim::test {

namespace {

std::uint64_t run_checks(const network_config& config) {
    std::uint64_t traces = 0;
    for (const auto& check : conformance_checks()) {
        world w(7);
        w.add_node();
        w.add_node();
        const network net(w, config);
        conformance_subject subject;
        subject.env = w.driver_environment();
        subject.listening = net.transport(1);
        subject.dialing = net.transport(0);
        subject.listen_at = [&net] { return net.address_of(1, 0); };
        subject.buffered_bytes_max = config.window_bytes;
        subject.patience = std::chrono::hours(10);
        for (const auto& finding : w.run(check.run(subject))) FAIL_CHECK(check.name << ": " << finding);
        CHECK(w.run_until_idle(std::chrono::hours(1)));
        CHECK(net.open_connections(0) == 0);
        CHECK(net.open_connections(1) == 0);
        traces = traces * 31 + w.trace_hash();
    }
    return traces;
}

}  // namespace

TEST_CASE("The simulated network is a stream transport", "[sim][network]") {
    network_config config;
    SECTION("with its starting values") {}
    SECTION("with a tiny window") { config.window_bytes = 1000; }
    SECTION("with jitter and a narrow upload") {
        config.jitter_max = std::chrono::milliseconds(30);
        config.upload_bytes_per_second = 100'000;
    }
    CHECK(run_checks(config) == run_checks(config));
}

}  // namespace mydht::sim::test
