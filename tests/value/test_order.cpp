#include <mydht/value/order.hpp>

#include <algorithm>
#include <vector>

#include <mydht/core/random.hpp>
#include <mydht/crypto/hash.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "value/value_support.hpp"

using namespace mydht;
using namespace std::chrono_literals;
using test::make_identity;
using test::noon;

namespace {

value written(const identity& author, std::string_view content, std::uint64_t sequence,
              wall_time deadline = noon + 1h) {
    return *value::signed_by(author, content).sequence(sequence).deadline(deadline).sign();
}

value deleted(const identity& author, std::uint64_t sequence) {
    return *value::tombstone_by(author, noon).sequence(sequence).sign();
}

/// From a small world, so that ties in every field are frequent.
rank random_rank(prng& random) {
    rank out;
    out.sequence = random.below(3);
    out.tombstone = random.below(2) == 1;
    out.digest.data()[31] = static_cast<std::uint8_t>(random.below(3));
    out.deadline = noon + std::chrono::milliseconds(random.below(3));
    return out;
}

value random_value(const identity& author, prng& random) {
    const auto sequence = random.below(3);
    if (random.below(4) == 0) return deleted(author, sequence);
    const auto letter = static_cast<char>('a' + random.below(3));
    const auto hours = std::chrono::hours(1 + random.below(3));
    return written(author, std::string(1, letter), sequence, noon + hours);
}

}  // namespace

TEST_CASE("the sequence decides first, then a tombstone, the digest and the deadline", "[order]") {
    rank low;
    low.sequence = 5;
    low.deadline = noon;

    rank high = low;
    CHECK(high == low);
    high.deadline = noon + 1ms;
    CHECK(high > low);

    low.deadline = noon + 1h;
    high.digest.data()[31] = 1;
    CHECK(high > low);

    low.digest.data()[0] = 1;
    high.tombstone = true;
    CHECK(high > low);

    low.tombstone = true;
    high.tombstone = false;
    high.sequence = 6;
    CHECK(high > low);
}

TEST_CASE("values of one key rank as their authors meant", "[order]") {
    const auto author = make_identity(1);
    const auto first = rank_of(written(author, "a", 1));
    const auto renewed = rank_of(written(author, "a", 1, noon + 2h));
    const auto removed = rank_of(deleted(author, 1));
    const auto second = rank_of(written(author, "b", 2));

    CHECK(first < renewed);
    CHECK(same_content(first, renewed));
    CHECK(renewed < removed);
    CHECK_FALSE(same_content(renewed, removed));
    CHECK(removed < second);
    CHECK(rank_of(written(author, "a", 1)) == first);
}

TEST_CASE("two writes with one sequence are told apart by content, not by deadline", "[order]") {
    const auto author = make_identity(1);
    const auto a = rank_of(written(author, "a", 1, noon + 1h));
    const auto b = rank_of(written(author, "b", 1, noon + 1h));
    REQUIRE(a != b);
    const auto loser = a < b ? "a" : "b";
    const auto winner = std::max(a, b);
    CHECK(rank_of(written(author, loser, 1, noon + 9h)) < winner);

    const auto elsewhere = *value::signed_by(author, "a").deadline(noon + 1h).in_namespace("other").sign();
    CHECK_FALSE(same_content(rank_of(elsewhere), a));
}

TEST_CASE("the digest is the documented one", "[order]") {
    const auto author = make_identity(1);
    const auto v = *value::signed_by(author, "a").deadline(noon + 1h).in_namespace("chat").sign();
    CHECK(rank_of(v).digest == hash_id("mydht.order", {as_bytes("chat"), as_bytes("a"), bytes{0}}));
    CHECK(rank_of(deleted(author, 1)).digest == hash_id("mydht.order", {{}, {}, bytes{1}}));
}

TEST_CASE("of an immutable value only the deadline counts", "[order]") {
    const auto early = rank_of(value::immutable("x").with_deadline(noon + 1h));
    const auto late = rank_of(value::immutable("x").with_deadline(noon + 2h));
    CHECK(early < late);
    CHECK(same_content(early, late));
    CHECK(early.digest == id256());
}

TEST_CASE("the order of ranks is total", "[order][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 20'000; ++round) {
        const auto a = random_rank(random);
        const auto b = random_rank(random);
        const auto c = random_rank(random);
        REQUIRE(((a < b) + (b < a) + (a == b)) == 1);
        if (a < b && b < c) REQUIRE(a < c);
        if (a <= b && b <= c) REQUIRE(a <= c);
        REQUIRE((a <=> b) == (0 <=> (b <=> a)));
        if (same_content(a, b)) REQUIRE((a < b) == (a.deadline < b.deadline));
    }
}

TEST_CASE("holders agree on the newest value whatever order they saw", "[order][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    const auto author = make_identity(1);
    for (int round = 0; round < 50; ++round) {
        std::vector<value> seen;
        const auto count = 1 + random.below(6);
        while (seen.size() < count) seen.push_back(random_value(author, random));
        const auto winner = seen[newest(seen)];
        for (const auto& one : seen) REQUIRE(rank_of(one) <= rank_of(winner));
        shuffle(seen, random);
        REQUIRE(seen[newest(seen)] == winner);
        REQUIRE(*std::find(seen.begin(), seen.end(), winner) == winner);
    }
}

TEST_CASE("values of equal rank are the same value", "[order][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    const auto author = make_identity(1);
    for (int round = 0; round < 200; ++round) {
        const auto a = random_value(author, random);
        const auto b = random_value(author, random);
        REQUIRE((rank_of(a) == rank_of(b)) == (a == b));
    }
}

TEST_CASE("of equal values the first is chosen", "[order]") {
    const auto author = make_identity(1);
    const std::vector<value> same{written(author, "a", 1), written(author, "a", 1)};
    CHECK(newest(same) == 0);
}
