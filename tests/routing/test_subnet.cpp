#include <mydht/routing/subnet.hpp>

#include <map>

#include <mydht/core/random.hpp>

#include "support/catch.hpp"
#include "support/contacts.hpp"
#include "support/seed.hpp"

using namespace mydht;

namespace {

address parsed(std::string_view text) { return parse_address(text).value(); }

}  // namespace

TEST_CASE("subnets are equal where network prefixes are", "[subnet]") {
    const auto of = [](std::string_view text) { return subnet::of(parsed(text)); };
    CHECK(of("tcp://1.2.3.4:1") == of("udp://1.2.3.5:2"));
    CHECK(of("tcp://1.2.3.4:1") == of("tcp://[::ffff:1.2.3.5]:1"));
    CHECK(of("tcp://1.2.3.4:1") != of("tcp://1.2.4.4:1"));
    CHECK(of("tcp://[2001:db8:1::1]:1") == of("tcp://[2001:db8:1:9::1]:1"));
    CHECK(of("tcp://[2001:db8:1::1]:1") != of("tcp://[2001:db8:2::1]:1"));
    CHECK(of("mem://a") == of("mem://a"));
    CHECK(of("mem://a") != of("mem://b"));
    CHECK(of("tcp://1.2.3.4:1").is_ip());
    CHECK(of("tcp://[::1]:1").is_ip());
    CHECK_FALSE(of("mem://a").is_ip());
    CHECK_FALSE(of("mem://a").empty());
    CHECK(subnet().empty());
    CHECK(subnet().is_ip());
}

TEST_CASE("local addresses are exempt where the node says so", "[subnet]") {
    for (const auto* text : {"tcp://127.0.0.1:1", "tcp://10.1.2.3:1", "tcp://[fe80::1]:1"}) {
        CAPTURE(text);
        CHECK(subnet::counted(parsed(text), true).empty());
        CHECK(subnet::counted(parsed(text), false) == subnet::of(parsed(text)));
    }
    CHECK_FALSE(subnet::counted(parsed("tcp://1.2.3.4:1"), true).empty());
    CHECK_FALSE(subnet::counted(parsed("mem://a"), true).empty());
}

TEST_CASE("a cap counts addresses by subnet up to its limit", "[subnet]") {
    subnet_cap cap(2, false);
    CHECK(cap.has_room(parsed("tcp://1.2.3.1:1")));
    CHECK(cap.add(parsed("tcp://1.2.3.1:1")));
    CHECK(cap.add(parsed("udp://1.2.3.2:1")));
    CHECK_FALSE(cap.has_room(parsed("tcp://1.2.3.3:1")));
    CHECK_FALSE(cap.add(parsed("tcp://1.2.3.3:1")));
    CHECK(cap.count(subnet::of(parsed("tcp://1.2.3.9:1"))) == 2);
    CHECK(cap.add(parsed("tcp://1.2.4.1:1")));

    const auto full = subnet::of(parsed("tcp://1.2.3.9:1"));
    cap.remove(full);
    CHECK(cap.add(full));
    CHECK_FALSE(cap.add(full));
    cap.remove(subnet::of(parsed("tcp://9.9.9.9:1")));
    CHECK_FALSE(cap.has_room(full));
}

TEST_CASE("a cap does not count what is exempt", "[subnet]") {
    subnet_cap cap(1, true);
    for (int i = 0; i < 5; ++i) CHECK(cap.add(parsed("tcp://127.0.0.1:1")));
    CHECK(cap.add(parsed("tcp://1.2.3.1:1")));
    CHECK_FALSE(cap.add(parsed("tcp://1.2.3.1:1")));
}

TEST_CASE("a cap agrees with counting in a map", "[subnet][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    subnet_cap cap(3, false);
    std::map<bytes, std::size_t> model;
    for (int round = 0; round < 5000; ++round) {
        const auto a = test::public_address(static_cast<std::uint32_t>(random.below(40)));
        auto& count = model[network_prefix(a)];
        if (random.below(2) == 0) {
            REQUIRE(cap.add(a) == (count < 3));
            count = std::min<std::size_t>(count + 1, 3);
        } else {
            cap.remove(cap.counted(a));
            count -= count > 0 ? 1 : 0;
        }
        REQUIRE(cap.count(subnet::of(a)) == count);
    }
}
