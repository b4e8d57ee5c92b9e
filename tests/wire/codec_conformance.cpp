#include "wire/codec_conformance.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "../bench/allocations.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "wire/decode_memory.hpp"
#include "wire/golden_messages.hpp"
#include "wire/random_messages.hpp"

namespace mydht::test {

namespace {

using namespace wire;

bytes encoded(const any_codec& codec, const envelope& what) {
    bytes out;
    const auto done = codec.encode(what, out);
    REQUIRE(done.has_value());
    return out;
}

/// What is made of any bytes: within the memory that they deserve, and with a reason when it is nothing.
result<envelope> decoded(const any_codec& codec, bytes_view data, const decode_limits& limits = {},
                         decode_error* why = nullptr) {
    decode_error own;
    if (why == nullptr) why = &own;
    const auto before = bench::allocated_bytes();
    auto got = codec.decode(data, limits, why);
    const auto taken = bench::allocated_bytes() - before;
    if (taken > decode_bytes_max(codec, data.size(), limits)) {
        CAPTURE(codec.name(), data.size(), taken);
        FAIL("decoding takes too much memory");
    }
    if (!got && got.error() != why->code) FAIL("the reason is not the error");
    if (!got && why->offset && *why->offset > data.size()) FAIL("what is wrong lies behind the end");
    return got;
}

void check_error(const any_codec& codec, bytes_view data, errc expected, const decode_limits& limits = {}) {
    decode_error why;
    const auto got = decoded(codec, data, limits, &why);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error() == expected);
    CHECK(why.code == expected);
    CHECK(codec.decode(data, limits).error() == expected);
}

/// Copies to memory that ends where the message ends, at every distance from an aligned place.
void check_at_every_alignment(const any_codec& codec, bytes_view data, const envelope& expected) {
    for (std::size_t shift = 0; shift < 8; ++shift) {
        bytes copy(shift);
        copy.insert(copy.end(), data.begin(), data.end());
        CAPTURE(shift);
        const auto got = codec.decode(bytes_view(copy).subspan(shift));
        REQUIRE(got.has_value());
        REQUIRE(*got == expected);
    }
}

void check_appends(const any_codec& codec, const envelope& what, bytes_view expected) {
    for (std::size_t before = 0; before < 9; ++before) {
        bytes out(before, 0xee);
        CAPTURE(before);
        REQUIRE(codec.encode(what, out).has_value());
        REQUIRE(bytes(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(before)) == bytes(before, 0xee));
        REQUIRE(std::ranges::equal(bytes_view(out).subspan(before), expected));
    }
}

void round_trip(const any_codec& codec, prng& random) {
    for (int round = 0; round < 60; ++round) {
        for (std::uint64_t kind = 0; kind < message_kinds; ++kind) {
            CAPTURE(round, kind);
            const auto sent = random_envelope(random, kind);
            bytes data;
            const auto done = codec.encode(sent, data);
            if (!done) {
                // Every part is within its limit, but all together need not be.
                REQUIRE(done.error() == errc::too_large);
                REQUIRE(data.empty());
                continue;
            }
            const auto got = codec.decode(data);
            REQUIRE(got.has_value());
            REQUIRE(*got == sent);
            if (round >= 10) continue;
            check_at_every_alignment(codec, data, sent);
            check_appends(codec, sent, data);
        }
    }
}

/// One message of each kind, small enough to try something at each of its bytes.
std::vector<envelope> small_messages(const any_codec& codec, prng& random) {
    constexpr std::size_t small = 1500;
    std::vector<envelope> out;
    for (std::uint64_t kind = 0; kind < message_kinds; ++kind) {
        envelope one;
        bytes data;
        do {
            data.clear();
            one = random_envelope(random, kind);
        } while (one.id == 0 || !codec.encode(one, data) || data.size() > small);
        out.push_back(std::move(one));
    }
    return out;
}

void truncation(const any_codec& codec, prng& random) {
    for (const auto& what : small_messages(codec, random)) {
        const auto data = encoded(codec, what);
        for (std::size_t size = 0; size < data.size(); ++size) {
            const bytes cut(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size));
            CAPTURE(what.body.index(), size, data.size());
            decode_error why;
            REQUIRE_FALSE(decoded(codec, cut, {}, &why).has_value());
            // Protocol Buffers have no end: what is cut off between two fields lacks those that have to be there.
            const bool may_be_whole = codec.name() == "protobuf" && why.code == errc::malformed;
            if (may_be_whole) continue;
            REQUIRE(why.code == errc::truncated);
            REQUIRE(why.offset == size);
        }
    }
}

void trailing_bytes(const any_codec& codec, prng& random) {
    for (const auto& what : small_messages(codec, random)) {
        for (const std::size_t more : {1U, 7U, 8U, 16U}) {
            auto data = encoded(codec, what);
            data.resize(data.size() + more);
            CAPTURE(what.body.index(), more);
            check_error(codec, data, errc::trailing_bytes);
        }
    }
}

/// Whatever decodes is a message like any other.
void check_damaged(const any_codec& codec, bytes_view data) {
    const auto got = decoded(codec, data);
    if (got) REQUIRE(codec.decode(encoded(codec, *got)).value() == *got);
}

void flipped_bits(const any_codec& codec, const std::vector<envelope>& messages) {
    for (const auto& what : messages) {
        auto data = encoded(codec, what);
        for (std::size_t bit = 0; bit < 8 * data.size(); ++bit) {
            const auto mask = static_cast<std::uint8_t>(1U << bit % 8);
            data[bit / 8] ^= mask;
            CAPTURE(what.body.index(), bit);
            check_damaged(codec, data);
            data[bit / 8] ^= mask;
        }
    }
}

void damage(const any_codec& codec, prng& random) {
    const auto messages = small_messages(codec, random);
    for (int round = 0; round < 5000; ++round) {
        auto data = encoded(codec, messages[static_cast<std::size_t>(random.below(messages.size()))]);
        for (auto left = 1 + random.below(6); left > 0; --left) {
            const auto at = static_cast<std::size_t>(random.below(data.size()));
            data[at] = static_cast<std::uint8_t>(random());
        }
        check_damaged(codec, data);
    }
    flipped_bits(codec, messages);
    flipped_bits(codec, golden_messages());
    for (std::size_t size = 0; size < 200; ++size) {
        const auto noise = random_bytes(random, size);
        decode_error why;
        if (!decoded(codec, noise, {}, &why)) CHECK(make_error_code(why.code).message() != "");
    }
    CHECK_FALSE(decoded(codec, {}).has_value());
    CHECK_FALSE(decoded(codec, bytes(4096)).has_value());
}

contact with_addresses(std::size_t count) {
    return contact_of({}, 0, std::vector<address>(count, address::ipv4(address_kind::tcp, {1, 2, 3, 4}, 5)));
}

item with_body(std::size_t size) {
    item out;
    out.body.resize(size);
    return out;
}

/// A message that uses a limit to the full or one beyond, by `count`.
using sample_of = envelope (*)(std::size_t count);

void limit(const any_codec& codec, std::size_t decode_limits::*field, std::size_t protocol_max, sample_of sample) {
    CAPTURE(protocol_max);
    const auto full = encoded(codec, sample(protocol_max));
    CHECK(codec.decode(full).value() == sample(protocol_max));
    decode_limits less;
    less.*field = protocol_max - 1;
    check_error(codec, full, errc::too_large, less);
    CHECK(codec.decode(encoded(codec, sample(protocol_max - 1)), less).has_value());

    bytes out = to_bytes("kept");
    const auto beyond = codec.encode(sample(protocol_max + 1), out);
    REQUIRE_FALSE(beyond.has_value());
    CHECK(beyond.error() == errc::too_large);
    CHECK(out == to_bytes("kept"));
}

void all_limits(const any_codec& codec) {
    using limits_of = decode_limits;
    limit(codec, &limits_of::contacts, limits::contacts_per_message, [](std::size_t count) {
        return envelope{1, nodes{std::vector<contact>(count, with_addresses(1))}};
    });
    limit(codec, &limits_of::contacts, limits::contacts_per_message, [](std::size_t count) {
        return envelope{1, values{{}, std::vector<contact>(count, with_addresses(0))}};
    });
    limit(codec, &limits_of::addresses_per_contact, limits::addresses_per_contact, [](std::size_t count) {
        return envelope{1, nodes{{with_addresses(count)}}};
    });
    limit(codec, &limits_of::items, limits::values_per_message, [](std::size_t count) {
        return envelope{1, values{std::vector<item>(count, with_body(3)), {}}};
    });
    limit(codec, &limits_of::item_body_bytes, limits::item_body_bytes, [](std::size_t count) {
        return envelope{1, values{{with_body(count)}, {}}};
    });
    limit(codec, &limits_of::item_body_bytes, limits::item_body_bytes, [](std::size_t count) {
        return envelope{1, store{{}, with_body(count), {}}};
    });
    limit(codec, &limits_of::text_bytes, limits::error_text_bytes, [](std::size_t count) {
        return envelope{1, error{error_code::internal, std::string(count, 'x')}};
    });
    limit(codec, &limits_of::contacts, limits::contacts_per_message, [](std::size_t count) {
        gathered out;
        out.contacts.assign(count, with_addresses(1));
        return envelope{1, out};
    });
    limit(codec, &limits_of::items, limits::values_per_message, [](std::size_t count) {
        deliver out;
        out.what.items.assign(count, with_body(3));
        return envelope{1, out};
    });
    limit(codec, &limits_of::item_body_bytes, limits::item_body_bytes, [](std::size_t count) {
        forward out;
        out.goal = store{{}, with_body(count), {}};
        return envelope{1, out};
    });
    limit(codec, &limits_of::trace, limits::trace_per_message, [](std::size_t count) {
        forward out;
        out.trace.resize(count);
        out.trace_max = static_cast<std::uint8_t>(count);
        return envelope{1, out};
    });
    limit(codec, &limits_of::ticket_bytes, limits::ticket_bytes, [](std::size_t count) {
        forward out;
        out.asker.emplace().body.resize(count);
        return envelope{1, out};
    });
    limit(codec, &limits_of::request_body_bytes, limits::request_body_bytes, [](std::size_t count) {
        forward out;
        out.goal = request{{}, "echo/1", bytes(count, 7)};
        return envelope{1, out};
    });
}

/// A name that is too long is no name.
void service_name_limit(const any_codec& codec) {
    const auto named = [](std::size_t size) {
        forward out;
        out.goal = request{{}, std::string(size, 's'), {}};
        return envelope{1, out};
    };
    const auto full = encoded(codec, named(limits::service_name_bytes));
    CHECK(codec.decode(full).value() == named(limits::service_name_bytes));
    decode_limits less;
    less.service_name_bytes = limits::service_name_bytes - 1;
    check_error(codec, full, errc::too_large, less);
    bytes out = to_bytes("kept");
    CHECK(codec.encode(named(limits::service_name_bytes + 1), out).error() == errc::bad_argument);
    CHECK(out == to_bytes("kept"));
}

/// Each message is refused below some depth, and decodes from there on.
void nesting_limit(const any_codec& codec) {
    const decode_limits usual;
    for (const auto& what : golden_messages()) {
        const auto data = encoded(codec, what);
        decode_limits limits;
        std::size_t refused = 0;
        for (limits.nesting = 0; limits.nesting <= usual.nesting; ++limits.nesting) {
            const auto got = decoded(codec, data, limits);
            CAPTURE(what.id, limits.nesting, refused);
            if (got) continue;
            REQUIRE(refused == limits.nesting);
            ++refused;
            // Cap'n Proto's library does not tell nesting from other faults.
            const bool is_capnp = codec == capnp_codec() || codec == capnp_packed_codec();
            REQUIRE(got.error() == (is_capnp ? errc::malformed : errc::too_large));
        }
        CAPTURE(what.id, refused);
        CHECK(refused > 0);
        CHECK(refused <= 8);
    }
}

/// A text whose bytes are no UTF-8 is refused in its place.
void invalid_texts(const any_codec& codec) {
    const std::string_view kept = "abcdefgh";
    const auto whole = encoded(codec, {5, error{error_code::busy, std::string(kept)}});
    const auto at = std::search(whole.begin(), whole.end(), kept.begin(), kept.end()) - whole.begin();
    // A byte that continues nothing, overlong forms, surrogates, too large, cut off, never used.
    for (const std::string_view wrong : {"\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xed\xa0\x80",
                                         "\xf4\x90\x80\x80", "\xe2\x82", "\xff"}) {
        auto data = whole;
        // Also at the end of the text.
        std::copy(wrong.begin(), wrong.end(),
                  data.begin() + at + static_cast<std::ptrdiff_t>(kept.size() - wrong.size()));
        decode_error why;
        CAPTURE(wrong.size(), to_hex(as_bytes(wrong)));
        CHECK_FALSE(decoded(codec, data, {}, &why).has_value());
        CHECK(why.code == errc::malformed);
        CHECK(why.field == "body.error.text");
        if (codec == capnp_packed_codec()) continue;
        REQUIRE(why.offset.has_value());
        CHECK(*why.offset <= static_cast<std::size_t>(at) + kept.size());
    }
}

void message_size(const any_codec& codec, prng& random) {
    for (const auto& what : small_messages(codec, random)) {
        const auto data = encoded(codec, what);
        decode_limits exact;
        exact.message_bytes = data.size();
        CHECK(codec.decode(data, exact).value() == what);
        --exact.message_bytes;
        check_error(codec, data, errc::too_large, exact);
    }
    // No single part is over its limit, but the whole is.
    bytes out = to_bytes("kept");
    const envelope large{1,
                         values{std::vector<item>(limits::values_per_message, with_body(limits::item_body_bytes)), {}}};
    CHECK(codec.encode(large, out).error() == errc::too_large);
    CHECK(out == to_bytes("kept"));
}

void unacceptable_fields(const any_codec& codec) {
    const auto refuse = [&](const envelope& what) {
        bytes out = to_bytes("kept");
        const auto done = codec.encode(what, out);
        REQUIRE_FALSE(done.has_value());
        CHECK(done.error() == errc::bad_argument);
        CHECK(out == to_bytes("kept"));
    };
    item no_kind;
    no_kind.kind = item_kind{0};
    refuse({1, store{{}, no_kind, {}}});
    refuse({1, values{{no_kind}, {}}});
    refuse({1, error{error_code::busy, "\xff"}});
    contact no_address;
    no_address.addresses.emplace_back();
    refuse({1, nodes{{no_address}}});
    refuse({1, values{{}, {no_address}}});
}

void newer_builds(const any_codec& codec, const newer_messages& newer) {
    const auto check = [&](const bytes& data, errc expected, message_role role, std::string_view field) {
        decode_error why;
        const auto got = decoded(codec, data, {}, &why);
        REQUIRE_FALSE(got.has_value());
        CHECK(got.error() == expected);
        CHECK(why.id == newer_messages::id);
        CHECK(why.role == role);
        CHECK(why.field == field);
    };
    check(newer.unknown_request, errc::not_supported, message_role::request, "body");
    check(newer.unknown_answer, errc::not_supported, message_role::answer, "body");
    check(newer.unknown_notice, errc::not_supported, message_role::notice, "body");
    check(newer.newer_version, errc::unknown_version, message_role::request, "version");
    check(newer.wrong_role, errc::malformed, message_role::answer, "role");
    CHECK(codec.decode(newer.unknown_error_code).value() ==
          envelope{newer_messages::id, error{error_code::unknown, "later"}});
    REQUIRE_FALSE(newer.unknown_fields.empty());
    for (const auto& [data, expected] : newer.unknown_fields) {
        CAPTURE(expected.body.index());
        const auto got = codec.decode(data);
        REQUIRE(got.has_value());
        CHECK(*got == expected);
    }
}

/// The id is never read: a contact whose id was changed comes back with the right one.
void ids_are_computed(const any_codec& codec) {
    auto lie = with_addresses(1);
    lie.peer.data()[0] = 7;
    lie.id = {};
    const auto got = codec.decode(encoded(codec, {1, nodes{{lie}}})).value();
    CHECK(std::get<nodes>(got.body).contacts[0].id == node_id_of(lie.peer));
}

}  // namespace

void conform(const any_codec& codec, const newer_messages& newer) {
    const auto seed = property_seed();
    INFO("codec " << codec.name());
    CAPTURE(seed);
    prng random(seed);
    round_trip(codec, random);
    truncation(codec, random);
    trailing_bytes(codec, random);
    damage(codec, random);
    all_limits(codec);
    service_name_limit(codec);
    nesting_limit(codec);
    invalid_texts(codec);
    message_size(codec, random);
    unacceptable_fields(codec);
    newer_builds(codec, newer);
    ids_are_computed(codec);
}

}  // namespace mydht::test
