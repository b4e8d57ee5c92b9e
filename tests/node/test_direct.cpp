#include <algorithm>
#include <string>

#include "node/few_known.hpp"
#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

get_options get_by(query_mode how) { return get_options().mode(how); }

forward_counters forwarded(scenario& s, node_index i) { return s.run(s.at(i).status()).forwarded; }

}  // namespace

TEST_CASE("nodes that know six others have values brought to them, over each carrier", "[direct]") {
    const bool datagrams = GENERATE(false, true);
    CAPTURE(datagrams);
    scenario s(few_known(22, !datagrams, datagrams));
    REQUIRE(s.grow(30) == 0);
    std::uint64_t collected = 0;
    for (int i = 0; i < 10; ++i) {
        const auto large = std::string(i % 2 == 0 ? 10 : 20'000, 'x') + std::to_string(i);
        const auto stored = s.run(s.at(s.any()).put(value::immutable(large), put_options().mode(proxied())));
        REQUIRE(stored);
        for (const auto how : {direct(), mixed(2)}) {
            const auto asker = s.any();
            const auto got = s.run(s.at(asker).get(*stored, get_by(how)));
            REQUIRE(got);
            CHECK(got->text() == large);
        }
    }
    for (const auto i : s.running()) collected += forwarded(s, i).collected;
    CHECK(collected > 0);
    const auto kept = s.run(s.at(3).put(value::immutable("straight"), put_options().mode(direct())));
    REQUIRE(kept);
    CHECK(kept->stored > 0);
    const auto missing = s.run(s.at(0).get(value::immutable("nobody has this").key(), get_by(direct())));
    REQUIRE_FALSE(missing);
    CHECK(missing.error() == errc::not_found);
}

TEST_CASE("an answer comes over another transport than its query went by", "[direct]") {
    // The asker dials streams and listens for datagrams; the others do the opposite, so that whoever has the answer
    // dials it.
    auto config = few_known(22, true, true);
    const auto few = config.configure;
    constexpr node_index asker = 11;
    config.configure = [few](node_index index, node_config& each) {
        few(index, each);
        const auto unwanted = index == asker ? address_kind::tcp : address_kind::udp;
        std::erase_if(each.listen, [&](const address& a) { return a.kind() == unwanted; });
        if (index != asker) return;
        for (auto& place : each.bootstrap) place.kind = address_kind::tcp;
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(12) == 0);
    for (const auto& where : s.at(asker).addresses()) CHECK(where.kind() == address_kind::udp);
    for (const node_index holder : {2U, 5U, 8U}) {
        const auto text = "over there " + std::to_string(holder);
        const auto stored = s.run(s.at(holder).put(value::immutable(text), put_options().local()));
        REQUIRE(stored);
        const auto got = s.run(s.at(asker).get(*stored, get_by(direct())));
        REQUIRE(got);
        CHECK(got->text() == text);
    }
    CHECK(forwarded(s, asker).collected == 3);
}

TEST_CASE("a node that nobody can dial gets no direct answers, and is told why", "[direct]") {
    auto config = few_known(22, false, true);
    const auto few = config.configure;
    config.configure = [few](node_index index, node_config& each) {
        few(index, each);
        if (index == 5) each.listen.clear();
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(6) == 0);
    const auto stored = s.run(s.at(3).put(value::immutable("for others"), put_options().mode(proxied())));
    REQUIRE(stored);
    CHECK(s.run(s.at(5).get(*stored, get_by(direct()))).error() == errc::unsupported_address);
    CHECK(s.run(s.at(5).get(*stored, get_by(mixed(1)))));
}
