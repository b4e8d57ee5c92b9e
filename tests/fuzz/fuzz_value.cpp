#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mydht/core/body.hpp>
#include <mydht/core/limits.hpp>
#include <mydht/crypto/identity.hpp>
#include <mydht/crypto/ids.hpp>
#include <mydht/value/lifetime.hpp>
#include <mydht/value/namespaces.hpp>
#include <mydht/value/order.hpp>
#include <mydht/value/value.hpp>

using namespace mydht;

// An input is the item's kind and its body. The items are signed here by an identity that the corpus knows: a fuzzer
// would never find a signature, and what lies behind the signature check is to be reached too.

namespace {

constexpr wall_time now{std::chrono::milliseconds(1'780'000'000'000)};

void check(bool holds) {
    if (!holds) std::abort();
}

const identity& author() {
    static const identity made = *identity::from_seed(std::array<std::uint8_t, identity::seed_size>{1});
    return made;
}

/// Where a body of this kind would live, if it were well-formed.
id256 where(item_kind kind, bytes_view body) {
    body_reader in(body);
    if (kind == item_kind::immutable) {
        const auto name_space = in.short_bytes(limits::namespace_bytes);
        return immutable_key(name_space, in.long_bytes(body.size()));
    }
    if (kind == item_kind::peer_record) return author().id();
    in.u8();
    in.short_bytes(limits::namespace_bytes);
    in.fixed(public_key::size);
    return mutable_key(author().key(), in.short_bytes(limits::salt_bytes));
}

void check_opened(const value& v, const item& from, const id256& expected) {
    check(v.key() == expected);
    check(v.to_item() == from);
    check(v.check().has_value());
    check(check_deadline(v.deadline(), now).has_value());
    check(v.content().size() <= limits::inline_value_bytes);
    check(v.salt().size() <= limits::salt_bytes);
    check(v.name_space().size() <= limits::namespace_bytes);
    check(v.author().has_value() == (v.kind() != item_kind::immutable));
    check(!v.is_tombstone() || v.content().empty());
    check(rank_of(v) == rank_of(value::open(expected, from, now).value()));
    const namespaces rules;
    check(rules.validate(v).has_value() == v.name_space().empty());
    if (v.kind() == item_kind::mutable_value || v.kind() == item_kind::tombstone) {
        const auto later = v.renewed(author(), v.deadline() + std::chrono::milliseconds(1));
        check(later.has_value() && rank_of(*later) > rank_of(v));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    item what;
    what.kind = item_kind{data[0]};
    what.body = to_bytes(bytes_view(data + 1, size - 1));
    if (what.kind == item_kind::immutable) {
        what.deadline = now + std::chrono::hours(1);
    } else {
        const bool record = what.kind == item_kind::peer_record;
        what.sig = author().sign(record                              ? "peer"
                                 : what.kind == item_kind::tombstone ? "tombstone"
                                                                     : "mutable",
                                 what.body);
    }

    const auto expected = where(what.kind, what.body);
    if (const auto opened = value::open(expected, what, now)) check_opened(*opened, what, expected);
    check(!value::open(id256(), what, now));
    return 0;
}
