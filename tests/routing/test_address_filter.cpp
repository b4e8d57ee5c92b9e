#include <mydht/routing/address_filter.hpp>

#include <mydht/core/contact.hpp>
#include <mydht/core/limits.hpp>

#include "support/catch.hpp"
#include "support/contacts.hpp"

using namespace mydht;

namespace {

std::vector<address> parsed(std::initializer_list<std::string_view> texts) {
    std::vector<address> out;
    for (const auto text : texts) out.push_back(parse_address(text).value());
    return out;
}

std::vector<address> filtered(std::vector<address> addresses, address_scope observed) {
    filter_addresses(addresses, observed);
    return addresses;
}

}  // namespace

TEST_CASE("a peer is believed only addresses of its own scope or a wider one", "[address_filter]") {
    const auto all =
        parsed({"tcp://127.0.0.1:1", "tcp://[fe80::1]:1", "tcp://10.0.0.1:1", "tcp://1.2.3.4:1", "mem://a"});
    CHECK(filtered(all, address_scope::loopback) == all);
    CHECK(filtered(all, address_scope::link) ==
          parsed({"tcp://[fe80::1]:1", "tcp://10.0.0.1:1", "tcp://1.2.3.4:1", "mem://a"}));
    CHECK(filtered(all, address_scope::private_net) == parsed({"tcp://10.0.0.1:1", "tcp://1.2.3.4:1", "mem://a"}));
    CHECK(filtered(all, address_scope::global) == parsed({"tcp://1.2.3.4:1", "mem://a"}));
}

TEST_CASE("spellings of local addresses do not pass the filter", "[address_filter]") {
    CHECK(filtered(
              parsed({"tcp://[::ffff:127.0.0.1]:1", "tcp://[::ffff:192.168.0.1]:1", "tcp://[::]:1", "tcp://0.0.0.0:1"}),
              address_scope::global)
              .empty());
}

TEST_CASE("what cannot be dialled is dropped", "[address_filter]") {
    auto some = parsed({"tcp://0.0.0.0:1", "udp://[::]:1", "tcp://127.0.0.1:0", "tcp://127.0.0.1:1"});
    some.emplace_back();
    CHECK(filtered(some, address_scope::loopback) == parsed({"tcp://127.0.0.1:1"}));
}

TEST_CASE("repetitions are dropped and the order stays", "[address_filter]") {
    CHECK(filtered(parsed({"mem://b", "mem://a", "mem://b", "mem://c", "mem://a"}), address_scope::global) ==
          parsed({"mem://b", "mem://a", "mem://c"}));
}

TEST_CASE("at most the limit of addresses stays", "[address_filter]") {
    for (const auto count : {limits::addresses_per_contact, limits::addresses_per_contact + 1}) {
        contact c;
        // Dropped ones do not count.
        c.addresses = parsed({"tcp://127.0.0.1:1"});
        for (std::uint32_t i = 0; i < count; ++i) c.addresses.push_back(test::public_address(i));
        filter_addresses(c, address_scope::global);
        REQUIRE(c.addresses.size() == limits::addresses_per_contact);
        CHECK(c.addresses[0] == test::public_address(0));
    }
}
