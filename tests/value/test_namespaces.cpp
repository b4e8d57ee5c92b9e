#include <mydht/value/namespaces.hpp>

#include <vector>

#include <mydht/core/limits.hpp>

#include "support/catch.hpp"
#include "value/value_support.hpp"

using namespace mydht;
using namespace std::chrono_literals;
using test::make_identity;
using test::noon;

namespace {

value written(const identity& author, std::string_view content, std::uint64_t sequence,
              std::string_view name_space = "chat") {
    return *value::signed_by(author, content).sequence(sequence).deadline(noon + 1h).in_namespace(name_space).sign();
}

result<void> refuse_long(const value& v) {
    if (v.content().size() > 3) return failure(errc::invalid_value);
    return {};
}

std::size_t shortest(std::span<const value> candidates) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < candidates.size(); ++i) {
        if (candidates[i].content().size() < candidates[best].content().size()) best = i;
    }
    return best;
}

}  // namespace

TEST_CASE("the default namespace accepts everything, an unknown one nothing", "[namespaces]") {
    const namespaces rules;
    CHECK(rules.knows(""));
    CHECK_FALSE(rules.knows("chat"));
    CHECK(rules.validate(value::immutable("x")).has_value());
    CHECK(rules.validate(value::immutable("x", "chat")).error() == errc::unknown_namespace);
    const auto gone = value::tombstone_by(make_identity(1), noon).in_namespace("chat").sign();
    CHECK(rules.validate(*gone).error() == errc::unknown_namespace);
}

TEST_CASE("a namespace's own check is asked, but not about tombstones", "[namespaces]") {
    namespaces rules;
    REQUIRE(rules.add("chat", {refuse_long, {}}).has_value());
    REQUIRE(rules.add("log", {[](const value&) -> result<void> { return failure(errc::invalid_value); }, {}}));
    CHECK(rules.validate(value::immutable("abc", "chat")).has_value());
    CHECK(rules.validate(value::immutable("abcd", "chat")).error() == errc::invalid_value);
    CHECK(rules.validate(value::immutable("abcd")).has_value());
    const auto gone = value::tombstone_by(make_identity(1), noon).in_namespace("log").sign();
    CHECK(rules.validate(*gone).has_value());
}

TEST_CASE("a name can be added once and up to its limit", "[namespaces]") {
    namespaces rules;
    const std::string longest(limits::namespace_bytes, 'n');
    CHECK(rules.add(longest, {}).has_value());
    CHECK(rules.knows(longest));
    CHECK(rules.add(longest + "n", {}).error() == errc::too_large);
    CHECK(rules.add(longest, {}).error() == errc::bad_argument);
    CHECK(rules.add("", {}).error() == errc::bad_argument);
}

TEST_CASE("a get returns the newest value unless the namespace chooses", "[namespaces]") {
    const auto author = make_identity(1);
    const std::vector<value> found{written(author, "long", 1), written(author, "x", 2), written(author, "longer", 3)};
    namespaces rules;
    CHECK(rules.select(found) == 2);
    REQUIRE(rules.add("chat", {{}, shortest}).has_value());
    CHECK(rules.select(found) == 1);
    CHECK(rules.select(std::span(found).first(1)) == 0);
}

TEST_CASE("the newest value's namespace chooses, and never over a tombstone", "[namespaces]") {
    const auto author = make_identity(1);
    namespaces rules;
    REQUIRE(rules.add("chat", {{}, shortest}).has_value());

    const std::vector<value> moved{written(author, "x", 1), written(author, "moved", 2, "")};
    CHECK(rules.select(moved) == 1);
    const auto gone = *value::tombstone_by(author, noon).sequence(2).in_namespace("chat").sign();
    const std::vector<value> ended{gone, written(author, "", 1)};
    CHECK(rules.select(ended) == 0);
    const std::vector<value> written_again{written(author, "x", 1), gone, written(author, "longer", 3),
                                           written(author, "long", 4)};
    CHECK(rules.select(written_again) == 3);
    CHECK(rules.select(std::span(written_again).first(3)) == 2);
}

TEST_CASE("a choice out of range falls back to the order", "[namespaces]") {
    const auto author = make_identity(1);
    namespaces rules;
    REQUIRE(rules.add("chat", {{}, [](std::span<const value> all) { return all.size(); }}).has_value());
    const std::vector<value> found{written(author, "b", 2), written(author, "a", 1)};
    CHECK(rules.select(found) == 0);
    const auto gone = *value::tombstone_by(author, noon).sequence(1).in_namespace("chat").sign();
    const std::vector<value> after{gone, found[1], found[0]};
    CHECK(rules.select(after) == 2);
}
