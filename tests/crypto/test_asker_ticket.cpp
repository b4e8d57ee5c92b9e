#include <mydht/core/body.hpp>
#include <mydht/crypto/asker_ticket.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace std::chrono_literals;

namespace {

const auto self = *identity::from_seed(bytes(32, 0xab));
const wall_time now{1'700'000'000'000ms};
constexpr auto lifetime_max = 60'000ms;

address ip(std::uint8_t last) { return address::ipv4(address_kind::udp, {192, 0, 2, last}, 4000); }
address onion() { return *address::from_bytes(address_kind::tor, bytes(34, 0x11)); }

asker_ticket example() {
    asker_ticket out;
    out.goal = ticket_goal::find_value;
    out.target.data()[0] = 1;
    out.tag.data()[0] = 2;
    out.asker = self.key();
    out.deadline = now + 5s;
    out.results = 3;
    out.addresses = {ip(1), address::ipv6(address_kind::tcp, {0x20, 0x01, 0x0d, 0xb8}, 4001)};
    return out;
}

std::error_code sign_error(const asker_ticket& ticket) {
    const auto done = sign_ticket(self, ticket);
    return done ? std::error_code{} : done.error();
}

/// What opening the body says when it carries a good signature over whatever it is.
std::error_code open_error(bytes_view body, wall_time at = now) {
    const auto done = open_ticket(body, self.sign(asker_ticket_kind, body), at, lifetime_max);
    return done ? std::error_code{} : done.error();
}

/// The fields of a body up to the addresses.
body_writer head(std::uint8_t version = 1, std::uint8_t goal = 2, std::uint8_t results = 1) {
    body_writer out;
    out.u8(version).u8(goal).fixed(id256().view()).fixed(loop_tag().view()).fixed(self.key().view());
    out.u64(static_cast<std::uint64_t>((now + 5s).time_since_epoch().count())).u8(results);
    return out;
}

body_writer& add(body_writer& out, const address& where) {
    out.u8(static_cast<std::uint8_t>(where.kind())).u8(static_cast<std::uint8_t>(where.data().size()));
    return out.fixed(where.data());
}

}  // namespace

TEST_CASE("a signed ticket opens to what was signed", "[asker_ticket]") {
    const auto made = sign_ticket(self, example());
    REQUIRE(made);
    const auto opened = open_ticket(made->body, made->sig, now, lifetime_max);
    REQUIRE(opened);
    CHECK(*opened == example());
    auto full = example();
    full.addresses.assign(limits::addresses_per_contact, *address::memory(std::string(address::size_max, 'a')));
    const auto largest = sign_ticket(self, full);
    REQUIRE(largest);
    CHECK(largest->body.size() <= limits::ticket_bytes);
    CHECK(open_ticket(largest->body, largest->sig, now, lifetime_max) == full);
}

TEST_CASE("no ticket is signed that nobody would open", "[asker_ticket]") {
    auto ticket = example();
    ticket.addresses.clear();
    CHECK(sign_error(ticket) == errc::bad_argument);
    ticket.addresses.assign(limits::addresses_per_contact + 1, ip(1));
    CHECK(sign_error(ticket) == errc::too_large);
    ticket.addresses = {ip(1), onion()};
    CHECK(sign_error(ticket) == errc::bad_argument);
    ticket.addresses = {address::ipv4(address_kind::udp, {0, 0, 0, 0}, 4000)};
    CHECK(sign_error(ticket) == errc::bad_argument);
    ticket = example();
    ticket.results = 0;
    CHECK(sign_error(ticket) == errc::bad_argument);
}

TEST_CASE("a ticket counts from ten minutes before its time until ten minutes after it", "[asker_ticket]") {
    const auto body = sign_ticket(self, example()).value().body;
    const auto deadline = example().deadline;
    CHECK_FALSE(open_error(body, deadline + limits::clock_skew_max - 1ms));
    CHECK(open_error(body, deadline + limits::clock_skew_max) == errc::value_expired);
    CHECK_FALSE(open_error(body, deadline - lifetime_max - limits::clock_skew_max));
    CHECK(open_error(body, deadline - lifetime_max - limits::clock_skew_max - 1ms) == errc::value_expired);
}

TEST_CASE("every byte of a ticket and of its signature counts", "[asker_ticket]") {
    const auto made = sign_ticket(self, example()).value();
    for (std::size_t i = 0; i < made.body.size(); ++i) {
        auto body = made.body;
        body[i] ^= 1;
        CHECK_FALSE(open_ticket(body, made.sig, now, lifetime_max));
        CHECK_FALSE(open_ticket(bytes_view(made.body).first(i), made.sig, now, lifetime_max));
    }
    auto sig = made.sig;
    sig.data()[0] ^= 1;
    CHECK_FALSE(open_ticket(made.body, sig, now, lifetime_max));
    // The same bytes, signed as something else.
    const auto other = self.sign(peer_record_kind, made.body);
    CHECK(open_ticket(made.body, other, now, lifetime_max).error() == errc::bad_signature);
}

TEST_CASE("what no asker signs is refused although its signature is right", "[asker_ticket]") {
    CHECK(open_error(head().take()) == errc::malformed);
    auto good = head();
    CHECK_FALSE(open_error(add(good, ip(1)).data()));
    auto version = head(2);
    CHECK(open_error(add(version, ip(1)).data()) == errc::unknown_version);
    for (const int goal : {0, 5}) {
        auto out = head(1, static_cast<std::uint8_t>(goal));
        CHECK(open_error(add(out, ip(1)).data()) == errc::malformed);
    }
    auto nothing_wanted = head(1, 2, 0);
    CHECK(open_error(add(nothing_wanted, ip(1)).data()) == errc::malformed);
    auto many = head();
    for (std::uint8_t i = 0; i <= limits::addresses_per_contact; ++i) add(many, ip(i));
    CHECK(open_error(many.data()) == errc::too_large);
    auto mixed = head();
    add(mixed, ip(1));
    CHECK(open_error(add(mixed, onion()).data()) == errc::malformed);
    CHECK(open_error(bytes(limits::ticket_bytes + 1, 1)) == errc::too_large);
}
