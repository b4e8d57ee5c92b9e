#include "fixture.hpp"
#include "session/admission_gate.hpp"

namespace mydht::test {

using namespace detail;

namespace {

address at(const std::string& text) { return parse_address(text).value(); }

node_id id_with(std::uint8_t first) {
    node_id out;
    out.data()[0] = first;
    return out;
}

using opinion = admission_gate::opinion;

}  // namespace

TEST_CASE("without lists everybody is asked about", "[admission]") {
    const admission_gate gate{admission_config()};
    CHECK(gate.about(id_with(1), at("tcp://1.2.3.4:5"), steady_time(1h)) == opinion::ask);
}

TEST_CASE("the deny list comes before the allow list", "[admission]") {
    admission_config config;
    config.allow = {id_with(1), id_with(2)};
    config.deny = {id_with(2), id_with(3)};
    const admission_gate gate(config);
    const auto from = at("tcp://1.2.3.4:5");
    CHECK(gate.about(id_with(1), from, steady_time(1h)) == opinion::ask);
    CHECK(gate.about(id_with(2), from, steady_time(1h)) == opinion::refuse);
    CHECK(gate.about(id_with(3), from, steady_time(1h)) == opinion::refuse);
    CHECK(gate.about(id_with(4), from, steady_time(1h)) == opinion::refuse);
    CHECK(gate.dialable_of(id_with(1), {from}, steady_time(1h)).size() == 1);
    CHECK(gate.dialable_of(id_with(4), {from}, steady_time(1h)).empty());
}

TEST_CASE("an empty allow list lets nobody in", "[admission]") {
    admission_config config;
    config.allow.emplace();
    const admission_gate gate(config);
    CHECK(gate.about(id_with(1), at("tcp://1.2.3.4:5"), steady_time(1h)) == opinion::refuse);
}

TEST_CASE("a block holds for its time, its peer and its host", "[admission]") {
    admission_gate gate{admission_config()};
    const steady_time now(1h);
    CHECK(gate.block(id_with(1), at("tcp://1.2.3.4:5"), 10s, now) == now + 10s);
    CHECK(gate.about(id_with(1), at("tcp://1.2.3.4:5"), now) == opinion::blocked);
    CHECK(gate.about(id_with(1), at("udp://1.2.3.4:77"), now + 10s - 1ns) == opinion::blocked);
    CHECK(gate.about(id_with(1), at("tcp://1.2.3.4:5"), now + 10s) == opinion::ask);
    CHECK(gate.about(id_with(1), at("tcp://1.2.3.5:5"), now) == opinion::ask);
    CHECK(gate.about(id_with(2), at("tcp://1.2.3.4:5"), now) == opinion::ask);

    const std::vector<address> all = {at("tcp://1.2.3.4:5"), at("udp://1.2.3.4:5"), at("udp://9.2.3.4:5")};
    CHECK(gate.dialable_of(id_with(1), all, now) == std::vector{all.back()});
    CHECK(gate.dialable_of(id_with(1), all, now + 10s) == all);
}

TEST_CASE("names of different kinds are different hosts", "[admission]") {
    admission_gate gate{admission_config()};
    const steady_time now(1h);
    (void)gate.block(id_with(1), mem("a"), 10s, now);
    CHECK(gate.about(id_with(1), mem("a"), now) == opinion::blocked);
    CHECK(gate.about(id_with(1), mem("b"), now) == opinion::ask);
    const auto relay = address::from_bytes(address_kind::relay, mem("a").data()).value();
    CHECK(gate.about(id_with(1), relay, now) == opinion::ask);
}

TEST_CASE("blocks are bounded in number and time", "[admission]") {
    admission_config config;
    config.blocks_max = 2;
    config.block_max = std::chrono::hours(1);
    admission_gate gate(config);
    const steady_time now(1h);
    const auto from = at("tcp://1.2.3.4:5");
    for (std::uint8_t i = 1; i <= 3; ++i) CHECK(gate.block(id_with(i), from, duration::max(), now) == now + 1h);
    CHECK(gate.blocks() == 2);
    CHECK(gate.about(id_with(1), from, now) == opinion::ask);
    CHECK(gate.about(id_with(2), from, now) == opinion::blocked);
    // A time in the past is none.
    CHECK(gate.block(id_with(4), from, -5s, now) == now);
    CHECK(gate.about(id_with(4), from, now) == opinion::ask);
}

TEST_CASE("an admission that can never work is refused", "[admission]") {
    CHECK(check(admission_config()));
    admission_config config;
    config.blocks_max = 0;
    CHECK_FALSE(check(config));
    config.blocks_max = 1;
    config.block_max = std::chrono::hours(0);
    CHECK_FALSE(check(config));
}

TEST_CASE("verdicts say what they were made with", "[admission]") {
    CHECK(admission_verdict::refuse().what() == admission_verdict::kind::refuse);
    const auto block = admission_verdict::block(5s);
    CHECK(block.what() == admission_verdict::kind::block);
    CHECK(block.time() == 5s);
    const auto accept = admission_verdict::accept(255);
    CHECK(accept.what() == admission_verdict::kind::accept);
    CHECK(accept.priority() == 255);
    CHECK(admission_verdict::accept().priority() == 0);
}

}  // namespace mydht::test
