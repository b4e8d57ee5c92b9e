#include <vector>

#include <mydht/crypto/ids.hpp>
#include <mydht/routing/table_choice.hpp>

#include "node/neighbours.hpp"
#include "support/catch.hpp"
#include "support/contacts.hpp"
#include "support/manual_clock.hpp"

using namespace mydht;
using namespace mydht::test;

namespace {

struct table_fixture {
    static environment environment_with(manual_clock& time) {
        environment out;
        out.time = std::shared_ptr<time_source>(std::shared_ptr<void>(), &time);
        return out;
    }

    peer_info peer(std::uint8_t number) {
        peer_info out;
        public_key key;
        key.data()[0] = number;
        out.who = contact_of(key, static_cast<std::uint32_t>(capability::server), {public_address(number)});
        out.observed = public_address(number);
        out.proven = true;
        return out;
    }

    manual_clock time;
    environment env = environment_with(time);
    any_routing_table table = table_choice().make(node_id(), false);
    std::vector<contact> pinged;
    std::vector<address> to_verify;
    detail::neighbours around{env, table, [this](const contact& who) { pinged.push_back(who); },
                              [this](const peer_info&, const address& where) { to_verify.push_back(where); }};
};

}  // namespace

TEST_CASE("who proved to be there enters the table, who stops answering turns bad", "[neighbours]") {
    table_fixture f;
    const auto one = f.peer(1);
    f.around.proved(one);
    REQUIRE(f.table.find(one.who.id) != nullptr);
    for (int i = 0; i < 3; ++i) f.around.failed(one.who.id, errc::timed_out);
    CHECK(f.table.is_bad(*f.table.find(one.who.id)));
    f.around.answered(one.who.id);
    CHECK_FALSE(f.table.is_bad(*f.table.find(one.who.id)));
}

TEST_CASE("failures of this side do not count against a peer", "[neighbours]") {
    table_fixture f;
    const auto one = f.peer(1);
    f.around.proved(one);
    for (int i = 0; i < 5; ++i) {
        f.around.failed(one.who.id, errc::too_many_requests);
        f.around.unreachable(one.who, errc::too_many_sessions);
        f.around.unreachable(one.who, errc::out_of_descriptors);
    }
    CHECK(f.table.find(one.who.id)->failures == 0);
}

TEST_CASE("a liar who names a contact at an invented address does not push it out", "[neighbours]") {
    table_fixture f;
    const auto one = f.peer(1);
    f.around.proved(one);
    auto lie = one.who;
    lie.addresses = {public_address(99)};
    for (int i = 0; i < 5; ++i) {
        f.around.unreachable(lie, errc::identity_mismatch);
        f.around.unreachable(lie, errc::timed_out);
    }
    REQUIRE(f.table.find(one.who.id) != nullptr);
    CHECK(f.table.find(one.who.id)->failures == 0);
    // Where the table itself says that it is, somebody else is proof.
    f.around.unreachable(one.who, errc::identity_mismatch);
    CHECK(f.table.find(one.who.id) == nullptr);
}

TEST_CASE("an address that a peer claims elsewhere enters the table once it was dialled", "[neighbours]") {
    table_fixture f;
    auto one = f.peer(1);
    const auto here = one.observed;
    const auto here_too = here.with_port(9);
    const auto elsewhere = public_address(77);
    one.observed = here.with_port(50'000);
    one.who.addresses = {elsewhere, here, here_too};
    f.around.proved(one);
    REQUIRE(f.table.find(one.who.id) != nullptr);
    CHECK(f.table.find(one.who.id)->contact.addresses == std::vector{here, here_too});
    CHECK(f.to_verify == std::vector{elsewhere});

    f.around.found_at(one, elsewhere);
    CHECK(f.table.find(one.who.id)->contact.addresses == std::vector{here, here_too, elsewhere});
    // Found true, it stays so; what is not claimed any more goes.
    one.who.addresses = {here, elsewhere};
    f.to_verify.clear();
    f.around.proved(one);
    CHECK(f.to_verify.empty());
    CHECK(f.table.find(one.who.id)->contact.addresses == std::vector{here, elsewhere});
}

TEST_CASE("a peer that claims only addresses elsewhere waits outside the table", "[neighbours]") {
    table_fixture f;
    auto one = f.peer(1);
    const auto elsewhere = public_address(77);
    one.who.addresses = {elsewhere, public_address(78)};
    f.around.proved(one);
    CHECK(f.table.find(one.who.id) == nullptr);
    CHECK(f.to_verify == one.who.addresses);
    f.around.found_at(one, elsewhere);
    REQUIRE(f.table.find(one.who.id) != nullptr);
    CHECK(f.table.find(one.who.id)->contact.addresses == std::vector{elsewhere});
    CHECK(f.table.find(one.who.id)->from == subnet::of(elsewhere));
}

TEST_CASE("addresses of clients are not dialled", "[neighbours]") {
    table_fixture f;
    auto one = f.peer(1);
    one.who.capabilities = 0;
    one.who.addresses = {public_address(77)};
    f.around.proved(one);
    CHECK(f.to_verify.empty());
    CHECK(f.table.empty());
}

TEST_CASE("a known contact is not taken out by claims that nobody has checked", "[neighbours]") {
    table_fixture f;
    auto one = f.peer(1);
    f.around.proved(one);
    const auto before = f.table.find(one.who.id)->contact;
    one.who.addresses = {public_address(77)};
    f.around.proved(one);
    CHECK(f.table.find(one.who.id)->contact == before);
}
