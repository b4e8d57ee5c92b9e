#include <mydht/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace mydht;

namespace {

/// Gives out 1, 2, 3, ...
class counting_source final : public random_source {
public:
    void fill(bytes_span out) override {
        for (auto& byte : out) byte = ++last_;
    }

private:
    std::uint8_t last_ = 0;
};

}  // namespace

TEST_CASE("prng gives the numbers of xoshiro256** seeded by SplitMix64", "[random]") {
    // From an independent implementation that was checked against the authors' C code; seed 0 as rand_xoshiro documents
    // it.
    const std::pair<std::uint64_t, std::vector<std::uint64_t>> known[] = {
        {0, {11091344671253066420U, 13793997310169335082U, 1900383378846508768U, 7684712102626143532U}},
        {1, {12966619160104079557U, 9600361134598540522U, 10590380919521690900U, 7218738570589545383U}},
        {0xdeadbeef, {14219364052333592195U, 7332719151195188792U, 6122488799882574371U, 4799409443904522999U}},
    };
    for (const auto& [seed, numbers] : known) {
        CAPTURE(seed);
        prng random(seed);
        for (const auto number : numbers) CHECK(random() == number);
    }
}

TEST_CASE("below stays below its bound and reaches all of it", "[random]") {
    prng random(7);
    CHECK(random.below(0) == 0);
    for (std::uint64_t bound = 1; bound <= 20; ++bound) {
        std::set<std::uint64_t> seen;
        for (int i = 0; i < 1000; ++i) seen.insert(random.below(bound));
        CAPTURE(bound);
        CHECK(seen.size() == bound);
        CHECK(*seen.rbegin() == bound - 1);
    }
}

TEST_CASE("below has no modulo bias", "[random]") {
    // With a bound of three quarters of the range, taking remainders would put the lowest third of the results twice as
    // often as the rest: one half instead of one third.
    constexpr std::uint64_t bound = 3ULL << 62U;
    constexpr int draws = 30'000;
    prng random(11);
    int low = 0;
    for (int i = 0; i < draws; ++i) low += random.below(bound) < bound / 3 ? 1 : 0;
    CHECK(std::abs(low / double{draws} - 1.0 / 3.0) < 0.02);
    // The same for multiplying without rejection: it gives every third result twice as often.
    std::array<int, 3> residues{};
    for (int i = 0; i < draws; ++i) ++residues[random.below(bound) % 3];
    for (const int count : residues) CHECK(std::abs(count / double{draws} - 1.0 / 3.0) < 0.02);
}

TEST_CASE("below spreads evenly over a small bound", "[random]") {
    constexpr std::size_t bound = 10;
    constexpr int draws = 100'000;
    prng random(13);
    std::array<int, bound> counts{};
    for (int i = 0; i < draws; ++i) ++counts[random.below(bound)];
    double chi_squared = 0;
    for (const int count : counts) {
        const double expected = draws / double{bound};
        chi_squared += (count - expected) * (count - expected) / expected;
    }
    CHECK(chi_squared < 27.9);  // 9 degrees of freedom, p = 0.001
}

TEST_CASE("unit lies in [0, 1)", "[random]") {
    prng random(17);
    double sum = 0;
    for (int i = 0; i < 10'000; ++i) {
        const double value = random.unit();
        REQUIRE(value >= 0.0);
        REQUIRE(value < 1.0);
        sum += value;
    }
    CHECK(std::abs(sum / 10'000 - 0.5) < 0.02);
}

TEST_CASE("a fork is reproducible and leaves the generator as it was", "[random]") {
    const prng parent(19);
    prng first = parent.fork(1);
    prng again = parent.fork(1);
    prng second = parent.fork(2);
    prng copy = parent;
    const auto number = first();
    CHECK(number == again());
    CHECK(number != second());
    CHECK(number != copy());
    CHECK(prng(19)() == prng(parent)());
}

TEST_CASE("shuffle permutes and favours no order", "[random][property]") {
    const auto seed = test::property_seed();
    CAPTURE(seed);
    prng random(seed);
    std::vector<int> items(50);
    std::iota(items.begin(), items.end(), 0);
    const auto sorted = items;
    shuffle(items, random);
    CHECK(items != sorted);
    CHECK(std::is_permutation(items.begin(), items.end(), sorted.begin()));

    std::array<int, 6> orders{};
    for (int i = 0; i < 6000; ++i) {
        std::array<int, 3> three{0, 1, 2};
        shuffle(three, random);
        ++orders[static_cast<std::size_t>(three[0] * 2 + (three[1] > three[2] ? 1 : 0))];
    }
    for (const int count : orders) CHECK(std::abs(count - 1000) < 200);
}

TEST_CASE("a random source's number is its bytes, most significant first", "[random]") {
    counting_source source;
    CHECK(source.next() == 0x0102030405060708U);
    CHECK(source.next() == 0x090a0b0c0d0e0f10U);
}
