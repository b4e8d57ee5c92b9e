#include "query/branches.hpp"
#include "query/seen_tags.hpp"

#include "support/catch.hpp"
#include "support/contacts.hpp"

using namespace mydht;
using namespace mydht::detail;
using namespace std::chrono_literals;

namespace {

loop_tag tag(std::uint8_t number) {
    loop_tag out;
    out.data()[0] = number;
    return out;
}

constexpr steady_time start{1h};

std::vector<contact> some(std::size_t count) {
    prng random(1);
    std::vector<contact> out;
    for (std::size_t i = 0; i < count; ++i) {
        out.push_back(test::server_at(test::random_id(random), test::public_address(static_cast<std::uint32_t>(i))));
    }
    return out;
}

wire::forward query_of(std::uint8_t fan_out, std::uint8_t paths, std::uint8_t results) {
    wire::forward out;
    out.fan_out = fan_out;
    out.paths = paths;
    out.results = results;
    return out;
}

}  // namespace

TEST_CASE("a tag is known until its time is over", "[forward]") {
    seen_tags tags(10);
    CHECK(tags.note(tag(1), start, start + 5s));
    CHECK_FALSE(tags.note(tag(1), start + 4s, start + 9s));
    CHECK(tags.note(tag(2), start + 4s, start + 9s));
    CHECK(tags.note(tag(1), start + 5s, start + 8s));
    CHECK_FALSE(tags.note(tag(1), start + 7s, start + 9s));
    CHECK(tags.note(tag(3), start + 20s, start + 21s));
    CHECK(tags.size() == 1);
}

TEST_CASE("so many tags are remembered, the oldest is forgotten first", "[forward]") {
    seen_tags tags(3);
    for (std::uint8_t i = 0; i < 3; ++i) REQUIRE(tags.note(tag(i), start, start + 1h));
    CHECK_FALSE(tags.note(tag(0), start, start + 1h));
    CHECK(tags.note(tag(3), start, start + 1h));
    CHECK(tags.size() == 3);
    CHECK_FALSE(tags.note(tag(1), start, start + 1h));
    CHECK(tags.note(tag(0), start, start + 1h));
    CHECK(tags.size() == 3);
}

TEST_CASE("paths and results are shared out among so many peers", "[forward]") {
    const auto peers = some(5);
    branches out(peers, query_of(3, 8, 2));
    std::size_t paths = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto next = out.next();
        REQUIRE(next);
        CHECK(next->to == peers[i]);
        CHECK(next->results == 1);
        paths += next->paths;
    }
    CHECK(paths == 8);
    CHECK_FALSE(out.next());
    CHECK(out.under_way() == 3);
    for (int i = 0; i < 3; ++i) out.ended();
    CHECK_FALSE(out.next());
    CHECK(out.sent() == 3);
}

TEST_CASE("a query with one path goes to one peer at a time, and on where it was before", "[forward]") {
    const auto peers = some(5);
    branches out(peers, query_of(3, 1, 1));
    const auto first = out.next();
    REQUIRE(first);
    CHECK_FALSE(out.next());
    out.given_back(*first);
    CHECK(out.under_way() == 0);
    const auto second = out.next();
    REQUIRE(second);
    CHECK(second->to == peers[1]);
    out.given_back(*second);
    const auto third = out.next();
    REQUIRE(third);
    out.given_back(*third);
    CHECK_FALSE(out.next());
    CHECK(out.sent() == 3);
}

TEST_CASE("a path that came to an end is not taken again", "[forward]") {
    branches out(some(5), query_of(4, 1, 1));
    REQUIRE(out.next());
    out.ended();
    CHECK_FALSE(out.next());
    branches nobody({}, query_of(4, 4, 1));
    CHECK_FALSE(nobody.next());
}
