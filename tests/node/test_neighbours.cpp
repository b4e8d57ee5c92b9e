#include <vector>

#include <mydht/crypto/ids.hpp>

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
    routing_table table{node_id(), kbucket_config()};
    std::vector<contact> pinged;
    detail::neighbours around{env, table, [this](const contact& who) { pinged.push_back(who); }};
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
