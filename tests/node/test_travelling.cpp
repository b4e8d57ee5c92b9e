#include <string>

#include "node/few_known.hpp"
#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace mydht::test;
using namespace std::chrono_literals;

namespace {

put_options far_put() { return put_options().mode(proxied()); }
get_options far_get() { return get_options().mode(proxied()); }

}  // namespace

TEST_CASE("nodes that know six others find each other's values by passing queries on", "[travelling]") {
    const bool datagrams = GENERATE(false, true);
    CAPTURE(datagrams);
    scenario s(few_known(21, !datagrams, datagrams));
    REQUIRE(s.grow(40) == 0);
    int found = 0;
    for (int i = 0; i < 20; ++i) {
        const auto stored = s.run(s.at(s.any()).put(value::immutable("value " + std::to_string(i)), far_put()));
        REQUIRE(stored);
        CHECK(stored->stored > 0);
        lookup_report report;
        const auto got = s.run(s.at(s.any()).get(*stored, far_get().report_to(report)));
        found += got ? 1 : 0;
    }
    CHECK(found == 20);
    const auto missing = s.run(s.at(0).get(value::immutable("nobody has this").key(), far_get()));
    REQUIRE_FALSE(missing);
    CHECK(missing.error() == errc::not_found);
}

TEST_CASE("values of an author travel, newer ones over older ones", "[travelling]") {
    scenario s(few_known(21, true, false));
    REQUIRE(s.grow(20) == 0);
    const auto author =
        std::make_shared<const identity>(identity::generate(*s.world().driver_environment().secure_random));
    const auto until = s.world().driver_environment().time->wall_now() + 1h;
    id256 where;
    for (std::uint64_t n = 1; n <= 3; ++n) {
        const auto what = value::signed_by(*author, "version " + std::to_string(n)).sequence(n).deadline(until).sign();
        REQUIRE(what);
        where = what->key();
        REQUIRE(s.run(s.at(s.any()).put(*what, far_put().along_the_path())));
    }
    const auto got = s.run(s.at(s.any()).get(where, far_get().results(8)));
    REQUIRE(got);
    CHECK(got->text() == "version 3");
}
