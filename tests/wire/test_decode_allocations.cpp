#include <optional>

#include <mydht/crypto/ids.hpp>
#include <mydht/wire/codec.hpp>

#include "../bench/allocations.hpp"
#include "support/catch.hpp"

namespace mydht::test {

using namespace wire;

namespace {

/// How often `what` asks for memory.
template <typename What>
std::uint64_t allocations_of(What what) {
    const auto before = bench::allocations();
    what();
    return bench::allocations() - before;
}

envelope twenty_contacts() {
    nodes out;
    for (std::uint8_t i = 0; i < 20; ++i) {
        public_key peer;
        peer.data()[0] = i;
        out.contacts.push_back(contact_of(peer, 1,
                                          {address::ipv4(address_kind::udp, {127, 0, 0, i}, 4000),
                                           address::ipv4(address_kind::tcp, {127, 0, 0, i}, 4000)}));
    }
    return {7, out};
}

}  // namespace

TEST_CASE("a reply with contacts is decoded into no more memory than it takes itself", "[allocations]") {
    const auto sent = twenty_contacts();
    bytes data;
    REQUIRE(capnp_codec().encode(sent, data).has_value());
    REQUIRE(reinterpret_cast<std::uintptr_t>(data.data()) % 8 == 0);
    std::optional<result<envelope>> got;
    const auto decoding = allocations_of([&] { got.emplace(capnp_codec().decode(data)); });
    std::optional<envelope> copy;
    const auto copying = allocations_of([&] { copy.emplace(**got); });
    CHECK(**got == sent);
    CHECK(*copy == sent);
    // The contacts, and the addresses of each.
    CHECK(copying == 21);
    CHECK(decoding == copying);
}

}  // namespace mydht::test
