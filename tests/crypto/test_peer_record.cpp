#include <limits>

#include <mydht/core/body.hpp>
#include <mydht/crypto/peer_record.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace std::chrono_literals;

namespace {

const auto self = *identity::from_seed(bytes(32, 0xab));
const wall_time now{1'700'000'000'000ms};

address ip(std::uint8_t last) { return address::ipv4(address_kind::tcp, {192, 0, 2, last}, 4000); }
address onion() { return *address::from_bytes(address_kind::tor, bytes(34, 0x11)); }
address garlic() { return *address::from_bytes(address_kind::i2p, bytes(32, 0x22)); }

peer_record example() {
    peer_record out;
    out.peer = self.key();
    out.sequence = 7;
    out.expiry = now + 24h;
    out.capabilities = 0x80000001;
    out.name = "caf\xc3\xa9";
    out.addresses = {ip(1), address::ipv6(address_kind::udp, {0x20, 0x01, 0x0d, 0xb8}, 4001)};
    return out;
}

std::error_code sign_error(const peer_record& record) {
    const auto done = sign_record(self, record);
    return done ? std::error_code{} : done.error();
}

/// What opening the body says when it carries a good signature over whatever it is.
std::error_code open_error(bytes_view body) {
    const auto done = open_record(body, self.sign(peer_record_kind, body), now);
    return done ? std::error_code{} : done.error();
}

/// The fields of a body up to the addresses.
body_writer head(std::string_view name, std::uint8_t group, std::uint8_t version = 1) {
    body_writer out;
    out.u8(version).fixed(self.key().view()).u64(7);
    out.u64(static_cast<std::uint64_t>((now + 1h).time_since_epoch().count())).u32(0);
    out.short_bytes(as_bytes(name)).u8(group);
    return out;
}

}  // namespace

TEST_CASE("a signed record opens to what was signed", "[peer_record]") {
    const auto made = sign_record(self, example());
    REQUIRE(made);
    const auto opened = open_record(made->body, made->sig, now);
    REQUIRE(opened);
    CHECK(*opened == example());

    auto tor = example();
    tor.group = address_group::tor;
    tor.addresses = {onion()};
    const auto hidden = sign_record(self, tor);
    REQUIRE(hidden);
    CHECK(*open_record(hidden->body, hidden->sig, now) == tor);

    auto bare = example();
    bare.name.clear();
    bare.addresses.clear();
    const auto empty = sign_record(self, bare);
    REQUIRE(empty);
    CHECK(*open_record(empty->body, empty->sig, now) == bare);
}

TEST_CASE("a record's body has the documented layout", "[peer_record]") {
    auto record = example();
    record.name = "ab";
    record.addresses = {ip(1)};
    record.peer = public_key{};  // the signer's key takes its place
    const auto made = sign_record(self, record);
    REQUIRE(made);
    const auto expiry = static_cast<std::uint64_t>(record.expiry.time_since_epoch().count());
    body_writer expected;
    expected.u8(1).fixed(self.key().view()).u64(7).u64(expiry).u32(0x80000001).short_bytes(as_bytes("ab"));
    expected.u8(1).u8(1).u8(1).short_bytes(record.addresses[0].data());
    CHECK(made->body == expected.data());
    CHECK(verify(self.key(), "peer", made->body, made->sig));
}

TEST_CASE("a record of another signer or with a byte changed is refused", "[peer_record]") {
    const auto made = *sign_record(self, example());
    const auto other = *identity::from_seed(bytes(32, 0xcd));
    CHECK(open_record(made.body, other.sign("peer", made.body), now).error() == errc::bad_signature);
    CHECK(open_record(made.body, self.sign("value", made.body), now).error() == errc::bad_signature);
    for (std::size_t at = 0; at < made.body.size(); ++at) {
        auto changed = made.body;
        changed[at] ^= 0x01U;
        CAPTURE(at);
        CHECK_FALSE(open_record(changed, made.sig, now));
    }
}

TEST_CASE("a record that ends too soon or too late is refused at every length", "[peer_record]") {
    const auto made = *sign_record(self, example());
    for (std::size_t size = 0; size < made.body.size(); ++size) {
        CAPTURE(size);
        CHECK(open_error(bytes_view(made.body).first(size)) == errc::truncated);
    }
    auto longer = made.body;
    longer.push_back(0);
    CHECK(open_error(longer) == errc::trailing_bytes);
}

TEST_CASE("a record of another version or group is refused", "[peer_record]") {
    CHECK_FALSE(open_error(head("", 1).u8(0).take()));
    CHECK(open_error(head("", 1, 0).u8(0).take()) == errc::unknown_version);
    CHECK(open_error(head("", 1, 2).u8(0).take()) == errc::unknown_version);
    CHECK(open_error(head("", 0).u8(0).take()) == errc::malformed);
    CHECK(open_error(head("", 4).u8(0).take()) == errc::malformed);
}

TEST_CASE("a record's name and list stop at their limits", "[peer_record]") {
    auto record = example();
    record.name = std::string(limits::peer_name_bytes, 'n');
    record.addresses.assign(limits::addresses_per_contact, ip(1));
    const auto made = sign_record(self, record);
    REQUIRE(made);
    CHECK(open_record(made->body, made->sig, now).has_value());
    CHECK(made->body.size() <= peer_record_bytes_max);

    record.name += 'n';
    CHECK(sign_error(record) == errc::too_large);
    record.name.clear();
    record.addresses.push_back(ip(1));
    CHECK(sign_error(record) == errc::too_large);

    CHECK(open_error(head(std::string(limits::peer_name_bytes + 1, 'n'), 1).u8(0).take()) == errc::too_large);
    auto list = head("", 1).u8(limits::addresses_per_contact + 1);
    for (std::size_t i = 0; i <= limits::addresses_per_contact; ++i) list.u8(1).short_bytes(ip(1).data());
    CHECK(open_error(list.take()) == errc::too_large);
    auto followed = head("", 1).u8(0).take();
    followed.resize(peer_record_bytes_max, 0);
    CHECK(open_error(followed) == errc::trailing_bytes);
    followed.push_back(0);
    CHECK(open_error(followed) == errc::too_large);
    CHECK(open_error(head("", 1).u8(1).u8(1).short_bytes(bytes(address::size_max + 1)).take()) == errc::too_large);
}

TEST_CASE("a record never mixes groups of addresses", "[peer_record]") {
    const std::vector<address> examples{ip(1), onion(), garlic()};
    for (std::size_t first = 0; first < 3; ++first) {
        for (std::size_t second = 0; second < 3; ++second) {
            auto record = example();
            record.group = static_cast<address_group>(first + 1);
            record.addresses = {examples[first], examples[second]};
            auto body = head("", static_cast<std::uint8_t>(first + 1)).u8(2);
            for (const auto& where : record.addresses) {
                body.u8(static_cast<std::uint8_t>(where.kind())).short_bytes(where.data());
            }
            CAPTURE(first, second);
            if (first == second) {
                CHECK_FALSE(sign_error(record));
                CHECK_FALSE(open_error(body.data()));
            } else {
                CHECK(sign_error(record) == errc::bad_argument);
                CHECK(open_error(body.data()) == errc::malformed);
            }
        }
    }
    CHECK(*group_of(address_kind::memory) == address_group::ip);
    for (const auto kind : {address_kind::none, address_kind::relay, static_cast<address_kind>(200)}) {
        CHECK(group_of(kind).error() == errc::unsupported_address);
    }
}

TEST_CASE("a record has only addresses that can be dialled", "[peer_record]") {
    const auto wildcard = address::ipv4(address_kind::tcp, {0, 0, 0, 0}, 4000);
    auto record = example();
    record.addresses = {wildcard};
    CHECK(sign_error(record) == errc::bad_argument);
    CHECK(open_error(head("", 1).u8(1).u8(1).short_bytes(wildcard.data()).take()) == errc::malformed);
    CHECK(open_error(head("", 1).u8(1).u8(1).short_bytes(bytes(5, 1)).take()) == errc::malformed);
    CHECK(open_error(head("", 1).u8(1).u8(200).short_bytes(bytes(5, 1)).take()) == errc::malformed);
}

TEST_CASE("a name is UTF-8 without control characters", "[peer_record]") {
    const std::vector<std::string> good{"",
                                        "plain",
                                        "\xc2\xa0",
                                        "\xdf\xbf",
                                        "\xe0\xa0\x80",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xf0\x90\x80\x80",
                                        "\xf4\x8f\xbf\xbf",
                                        "a\xf0\x9f\x8c\x8d!"};
    // Control characters, lone and missing continuation bytes, overlong forms, surrogates, numbers over U+10FFFF.
    const std::vector<std::string> bad{"\n",
                                       std::string(1, '\0'),
                                       "\x7f",
                                       "\x1b[2J",
                                       "\xc2\x80",
                                       "\xc2\x9f",
                                       "\x80",
                                       "\xc3",
                                       "a\xe2\x82",
                                       "\xc3(",
                                       "\xe2(\xa1",
                                       "\xe2\x82(",
                                       "\xc0\x80",
                                       "\xc1\xbf",
                                       "\xe0\x9f\xbf",
                                       "\xf0\x8f\xbf\xbf",
                                       "\xed\xa0\x80",
                                       "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80",
                                       "\xff"};
    for (const auto& name : good) {
        CAPTURE(to_hex(as_bytes(name)));
        auto record = example();
        record.name = name;
        CHECK_FALSE(sign_error(record));
        CHECK_FALSE(open_error(head(name, 1).u8(0).take()));
    }
    for (const auto& name : bad) {
        CAPTURE(to_hex(as_bytes(name)));
        auto record = example();
        record.name = name;
        CHECK(sign_error(record) == errc::bad_argument);
        CHECK(open_error(head(name, 1).u8(0).take()) == errc::malformed);
    }
}

TEST_CASE("a record holds from now to two days ahead", "[peer_record]") {
    const auto opens = [](wall_time expiry) {
        auto record = example();
        record.expiry = expiry;
        const auto made = *sign_record(self, record);
        const auto done = open_record(made.body, made.sig, now);
        if (!done) CHECK(done.error() == errc::value_expired);
        return done.has_value();
    };
    const auto latest = now + limits::value_lifetime_max + limits::clock_skew_max;
    CHECK(opens(now + 1ms));
    CHECK_FALSE(opens(now));
    CHECK_FALSE(opens(now - 1ms));
    CHECK(opens(latest));
    CHECK_FALSE(opens(latest + 1ms));
    CHECK_FALSE(opens(wall_time::min()));
    CHECK_FALSE(opens(wall_time::max()));
}

TEST_CASE("sequences follow the time and always grow", "[peer_record]") {
    constexpr auto last = std::numeric_limits<std::uint64_t>::max();
    CHECK(next_sequence(0, now) == 1'700'000'000'000);
    CHECK(next_sequence(1'699'999'999'999, now) == 1'700'000'000'000);
    CHECK(next_sequence(1'700'000'000'000, now) == 1'700'000'000'001);
    CHECK(next_sequence(last - 1, now) == last);
    CHECK(next_sequence(last, now) == last);
    CHECK(next_sequence(4, wall_time{-5ms}) == 5);
}
