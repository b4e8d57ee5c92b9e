#include <mydht/value/value.hpp>

#include <limits>

#include <mydht/core/body.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/crypto/peer_record.hpp>
#include <mydht/value/lifetime.hpp>

#include "support/catch.hpp"
#include "value/value_support.hpp"

using namespace mydht;
using namespace std::chrono_literals;
using test::make_identity;
using test::noon;

namespace {

value make_immutable(std::string_view content) { return value::immutable(content).with_deadline(noon + 1h); }

value make_mutable(const identity& author) {
    return *value::signed_by(author, "content")
                .salt("salt")
                .sequence(7)
                .deadline(noon + 1h)
                .in_namespace("chat")
                .sign();
}

value make_tombstone(const identity& author) {
    return *value::tombstone_by(author, noon).salt("salt").sequence(8).in_namespace("chat").sign();
}

item make_peer_item(const identity& self) {
    peer_record record;
    record.sequence = 5;
    record.expiry = noon + 1h;
    record.name = "node";
    record.addresses = {address::ipv4(address_kind::tcp, {192, 0, 2, 1}, 4000)};
    auto made = *sign_record(self, record);
    item out;
    out.kind = item_kind::peer_record;
    out.body = made.body;
    out.sig = made.sig;
    return out;
}

std::error_code open_error(const id256& where, const item& what, wall_time now = noon) {
    auto opened = value::open(where, what, now);
    return opened ? std::error_code() : opened.error();
}

/// A signed item with any body at all.
item sign_raw(const identity& author, std::string_view kind, bytes body) {
    item out;
    out.kind = kind == "tombstone" ? item_kind::tombstone : item_kind::mutable_value;
    out.sig = author.sign(kind, body);
    out.body = std::move(body);
    return out;
}

body_writer mutable_head(const identity& author, std::uint8_t version = 1, std::string_view name_space = {},
                         std::string_view salt = {}) {
    body_writer out;
    out.u8(version).short_bytes(as_bytes(name_space)).fixed(author.key().view()).short_bytes(as_bytes(salt));
    return out;
}

std::uint64_t ms(wall_time when) { return static_cast<std::uint64_t>(when.time_since_epoch().count()); }

}  // namespace

TEST_CASE("an immutable value opens as what it was made of", "[value]") {
    const auto made = value::immutable("hello", "chat").with_deadline(noon + 1h);
    REQUIRE(made.check().has_value());
    CHECK(made.key() == immutable_key(as_bytes("chat"), as_bytes("hello")));

    const auto sent = made.to_item();
    CHECK(sent.kind == item_kind::immutable);
    CHECK(sent.deadline == noon + 1h);
    CHECK(sent.sig == signature{});
    CHECK(sent.body == body_writer().short_bytes(as_bytes("chat")).long_bytes(as_bytes("hello")).take());

    const auto opened = value::open(made.key(), sent, noon);
    REQUIRE(opened.has_value());
    CHECK(*opened == made);
    CHECK(opened->text() == "hello");
    CHECK(opened->name_space() == "chat");
    CHECK(opened->kind() == item_kind::immutable);
    CHECK(opened->deadline() == noon + 1h);
    CHECK(opened->sequence() == 0);
    CHECK_FALSE(opened->author().has_value());
    CHECK(opened->salt().empty());
    CHECK(opened->check().has_value());
    CHECK(opened->to_item() == sent);
}

TEST_CASE("the same content in another namespace lives under another key", "[value]") {
    CHECK(value::immutable("a", "b").key() != value::immutable("a").key());
    CHECK(value::immutable("b", "a").key() != value::immutable("a", "b").key());
}

TEST_CASE("empty content is a value, no value is none", "[value]") {
    const auto empty = make_immutable("");
    const auto opened = value::open(empty.key(), empty.to_item(), noon);
    REQUIRE(opened.has_value());
    CHECK(opened->content().empty());

    CHECK(value().check().error() == errc::bad_argument);
    CHECK(open_error(value().key(), value().with_deadline(noon + 1h).to_item()) == errc::truncated);
}

TEST_CASE("a mutable value has the documented body", "[value]") {
    const auto author = make_identity(1);
    const auto made = make_mutable(author);
    const auto sent = made.to_item();
    auto body =
        mutable_head(author, 1, "chat", "salt").u64(7).u64(ms(noon + 1h)).long_bytes(as_bytes("content")).take();
    CHECK(sent.body == body);
    CHECK(sent.kind == item_kind::mutable_value);
    CHECK(sent.deadline == wall_time{});
    CHECK(sent.sig == author.sign("mutable", body));
    CHECK(made.key() == mutable_key(author.key(), as_bytes("salt")));

    const auto opened = value::open(made.key(), sent, noon);
    REQUIRE(opened.has_value());
    CHECK(*opened == made);
    CHECK(opened->text() == "content");
    CHECK(as_text(opened->salt()) == "salt");
    CHECK(opened->sequence() == 7);
    CHECK(opened->author() == author.key());
    CHECK(opened->name_space() == "chat");
    CHECK(opened->deadline() == noon + 1h);
    CHECK(opened->sig() == sent.sig);
    CHECK_FALSE(opened->is_tombstone());
}

TEST_CASE("a tombstone lives under the key of what it deletes, for the longest lifetime", "[value]") {
    const auto author = make_identity(1);
    const auto made = make_tombstone(author);
    const auto sent = made.to_item();
    auto body = mutable_head(author, 1, "chat", "salt").u64(8).u64(ms(noon + limits::value_lifetime_max)).take();
    CHECK(sent.body == body);
    CHECK(sent.sig == author.sign("tombstone", body));
    CHECK(made.key() == make_mutable(author).key());

    const auto opened = value::open(made.key(), sent, noon);
    REQUIRE(opened.has_value());
    CHECK(*opened == made);
    CHECK(opened->is_tombstone());
    CHECK(opened->content().empty());

    const auto shortened = value::tombstone_by(author, noon).deadline(noon + 1h).sign();
    CHECK(shortened->deadline() == noon + limits::value_lifetime_max);
    const auto lengthened = value::tombstone_by(author, noon).deadline(noon + 48h + 1min).sign();
    CHECK(lengthened->deadline() == noon + 48h + 1min);
}

TEST_CASE("a peer record opens under the id of its peer", "[value]") {
    const auto self = make_identity(3);
    const auto sent = make_peer_item(self);
    const auto opened = value::open(self.id(), sent, noon);
    REQUIRE(opened.has_value());
    CHECK(opened->kind() == item_kind::peer_record);
    CHECK(opened->key() == self.id());
    CHECK(opened->author() == self.key());
    CHECK(opened->sequence() == 5);
    CHECK(opened->deadline() == noon + 1h);
    CHECK(to_bytes(opened->content()) == sent.body);
    CHECK(opened->name_space().empty());
    CHECK(opened->to_item() == sent);

    CHECK(open_error(make_identity(4).id(), sent) == errc::wrong_key);
    CHECK(open_error(self.id(), sent, noon + 1h) == errc::value_expired);
    auto forged = sent;
    forged.body.back() ^= 1;
    CHECK(open_error(self.id(), forged) == errc::bad_signature);
    forged.body.clear();
    CHECK(open_error(self.id(), forged) == errc::truncated);
    auto dated = sent;
    dated.deadline = noon;
    CHECK(open_error(self.id(), dated) == errc::malformed);
}

TEST_CASE("an item cut at any byte does not open", "[value]") {
    const auto author = make_identity(1);
    for (const auto& whole : {make_immutable("hello"), make_mutable(author), make_tombstone(author)}) {
        const auto sent = whole.to_item();
        for (std::size_t size = 0; size < sent.body.size(); ++size) {
            auto cut = sent;
            cut.body.resize(size);
            CAPTURE(size, static_cast<int>(sent.kind));
            CHECK(open_error(whole.key(), cut) == errc::truncated);
        }
        auto longer = sent;
        longer.body.push_back(0);
        CHECK(open_error(whole.key(), longer) == errc::trailing_bytes);
    }
}

TEST_CASE("an item with any bit changed does not open under its key", "[value]") {
    const auto author = make_identity(1);
    for (const auto& whole : {make_immutable("hi"), make_mutable(author), make_tombstone(author)}) {
        const auto sent = whole.to_item();
        for (std::size_t bit = 0; bit < sent.body.size() * 8; ++bit) {
            auto changed = sent;
            changed.body[bit / 8] = static_cast<std::uint8_t>(changed.body[bit / 8] ^ (1U << (bit % 8)));
            CAPTURE(bit, static_cast<int>(sent.kind));
            CHECK(open_error(whole.key(), changed) != std::error_code());
        }
        for (std::size_t byte = 0; byte < signature::size; ++byte) {
            auto data = sent.sig.data();
            data[byte] ^= 1;
            auto changed = sent;
            changed.sig = signature(data);
            CAPTURE(byte, static_cast<int>(sent.kind));
            CHECK(open_error(whole.key(), changed) ==
                  (sent.kind == item_kind::immutable ? errc::malformed : errc::bad_signature));
        }
    }
}

TEST_CASE("each wrong field has its own error", "[value]") {
    const auto author = make_identity(1);
    const auto stranger = make_identity(2);
    const auto where = mutable_key(author.key(), {});
    const auto rest = [&](body_writer head) { return head.u64(1).u64(ms(noon + 1h)).long_bytes(as_bytes("x")).take(); };
    const auto good = rest(mutable_head(author));
    CHECK(open_error(where, sign_raw(author, "mutable", good)) == std::error_code());

    CHECK(open_error(where, sign_raw(author, "mutable", rest(mutable_head(author, 0)))) == errc::unknown_version);
    CHECK(open_error(where, sign_raw(author, "mutable", rest(mutable_head(author, 2)))) == errc::unknown_version);
    CHECK(open_error(where, sign_raw(stranger, "mutable", good)) == errc::bad_signature);
    CHECK(open_error(where, sign_raw(stranger, "mutable", rest(mutable_head(stranger)))) == errc::wrong_key);

    auto relabelled = sign_raw(author, "tombstone", good);
    relabelled.kind = item_kind::mutable_value;
    CHECK(open_error(where, relabelled) == errc::bad_signature);
    auto unknown = sign_raw(author, "mutable", good);
    for (const int kind : {0, 5, 255}) {
        unknown.kind = item_kind{static_cast<std::uint8_t>(kind)};
        CHECK(open_error(where, unknown) == errc::malformed);
    }
    auto dated = sign_raw(author, "mutable", good);
    dated.deadline = noon + 1h;
    CHECK(open_error(where, dated) == errc::malformed);

    const auto far = mutable_head(author).u64(1).u64(std::numeric_limits<std::uint64_t>::max()).long_bytes({}).take();
    CHECK(open_error(where, sign_raw(author, "mutable", far)) == errc::value_expired);
}

TEST_CASE("a signer that is no curve point is refused", "[value]") {
    body_writer body;
    const public_key zero;
    body.u8(1).short_bytes({}).fixed(zero.view()).short_bytes({}).u64(1).u64(ms(noon + 1h)).long_bytes({});
    item what;
    what.kind = item_kind::mutable_value;
    what.body = body.take();
    CHECK(open_error(mutable_key(zero, {}), what) == errc::bad_key);
}

TEST_CASE("limits hold at n and n + 1 when making a value", "[value]") {
    const auto author = make_identity(1);
    const bytes full(limits::inline_value_bytes, 'v');
    const bytes over(limits::inline_value_bytes + 1, 'v');
    const std::string space(limits::namespace_bytes, 'n');
    const std::string salt(limits::salt_bytes, 's');

    const auto largest = value::immutable(full, space).with_deadline(noon + 1h);
    CHECK(largest.check().has_value());
    CHECK(value::open(largest.key(), largest.to_item(), noon).has_value());
    CHECK(value::immutable(over).check().error() == errc::value_too_large);
    CHECK(value::immutable("x", space + "n").check().error() == errc::too_large);
    CHECK(value::immutable("x", std::string(100'000, 'n')).check().error() == errc::too_large);
    CHECK(value::immutable(over).to_item().body.empty());

    const auto signed_full = value::signed_by(author, full).salt(salt).in_namespace(space).deadline(noon + 1h).sign();
    REQUIRE(signed_full.has_value());
    CHECK(value::open(signed_full->key(), signed_full->to_item(), noon).has_value());
    CHECK(value::signed_by(author, over).deadline(noon + 1h).sign().error() == errc::value_too_large);
    CHECK(value::signed_by(author, "x").salt(salt + "s").deadline(noon + 1h).sign().error() == errc::too_large);
    CHECK(value::signed_by(author, "x").in_namespace(space + "n").deadline(noon + 1h).sign().error() ==
          errc::too_large);
    CHECK(value::signed_by(author, "x").sign().error() == errc::bad_argument);
    CHECK(value::signed_by(author, "x").deadline(wall_time(-1ms)).sign().error() == errc::bad_argument);
}

TEST_CASE("limits hold at n + 1 when opening what somebody else made", "[value]") {
    const auto author = make_identity(1);
    const bytes over(limits::inline_value_bytes + 1, 'v');
    const std::string space(limits::namespace_bytes + 1, 'n');
    const std::string salt(limits::salt_bytes + 1, 's');
    const auto where = mutable_key(author.key(), {});

    item immutable;
    immutable.deadline = noon + 1h;
    immutable.body = body_writer().short_bytes({}).long_bytes(over).take();
    CHECK(open_error(immutable_key({}, over), immutable) == errc::value_too_large);
    immutable.body = body_writer().short_bytes(as_bytes(space)).long_bytes({}).take();
    CHECK(open_error(immutable_key(as_bytes(space), {}), immutable) == errc::too_large);

    const auto body = [&](body_writer head, bytes_view content) {
        return head.u64(1).u64(ms(noon + 1h)).long_bytes(content).take();
    };
    CHECK(open_error(where, sign_raw(author, "mutable", body(mutable_head(author), over))) == errc::value_too_large);
    CHECK(open_error(where, sign_raw(author, "mutable", body(mutable_head(author, 1, space), {}))) == errc::too_large);
    const auto salted = mutable_key(author.key(), as_bytes(salt));
    CHECK(open_error(salted, sign_raw(author, "mutable", body(mutable_head(author, 1, {}, salt), {}))) ==
          errc::too_large);
}

TEST_CASE("a deadline is passed from itself on and may lie ahead as far as lifetime and skew", "[value]") {
    const auto author = make_identity(1);
    const auto farthest = noon + limits::value_lifetime_max + limits::clock_skew_max;
    for (const auto deadline : {noon + 1ms, wall_time(farthest)}) {
        const auto plain = value::immutable("x").with_deadline(deadline);
        const auto made = value::signed_by(author, "x").deadline(deadline).sign();
        CHECK(value::open(plain.key(), plain.to_item(), noon).has_value());
        CHECK(value::open(made->key(), made->to_item(), noon).has_value());
    }
    for (const auto deadline : {noon, noon - 1h, wall_time(farthest + 1ms)}) {
        const auto plain = value::immutable("x").with_deadline(deadline);
        const auto made = value::signed_by(author, "x").deadline(deadline).sign();
        CHECK(open_error(plain.key(), plain.to_item()) == errc::value_expired);
        CHECK(open_error(made->key(), made->to_item()) == errc::value_expired);
    }
    const auto never = value::immutable("x");
    CHECK(open_error(never.key(), never.to_item()) == errc::value_expired);
}

TEST_CASE("a renewal keeps all but the deadline", "[value]") {
    const auto author = make_identity(1);
    for (const auto& old : {make_mutable(author), make_tombstone(author)}) {
        const auto later = old.deadline() + 5min;
        const auto next = old.renewed(author, later);
        REQUIRE(next.has_value());
        CHECK(next->deadline() == later);
        CHECK(next->key() == old.key());
        CHECK(next->sequence() == old.sequence());
        CHECK(next->name_space() == old.name_space());
        CHECK(to_bytes(next->content()) == to_bytes(old.content()));
        CHECK(next->kind() == old.kind());
        CHECK(value::open(old.key(), next->to_item(), noon).has_value());

        CHECK(old.renewed(author, old.deadline()).error() == errc::bad_argument);
        CHECK(old.renewed(make_identity(2), later).error() == errc::identity_mismatch);
        CHECK(old.with_deadline(later) == old);
    }
    CHECK(make_immutable("x").renewed(author, noon + 2h).error() == errc::bad_argument);
    const auto record = value::open(author.id(), make_peer_item(author), noon);
    CHECK(record->renewed(author, noon + 2h).error() == errc::bad_argument);
}

TEST_CASE("a value gives its bytes away when it is given up", "[value]") {
    auto made = make_mutable(make_identity(1));
    const auto kept = made.to_item();
    CHECK(std::move(made).to_item() == kept);
}
