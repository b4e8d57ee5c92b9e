#include <vector>

#include "session/loss_recovery.hpp"
#include "session/mtu_search.hpp"
#include "support/catch.hpp"

using namespace mydht;
using namespace std::chrono_literals;
using detail::mtu_search;

namespace {

const steady_time start{1h};

/// Probes until none is due; the sizes that were tried. Packets of more than `path` bytes do not come through.
std::vector<std::size_t> search_all(mtu_search& search, std::size_t path, steady_time now = start) {
    std::vector<std::size_t> tried;
    while (const auto size = search.probe_due(now)) {
        tried.push_back(*size);
        search.probe_sent();
        CHECK_FALSE(search.probe_due(now));
        if (*size <= path) {
            search.probe_acknowledged(*size, now);
        } else {
            search.probe_lost(*size, now);
        }
        REQUIRE(tried.size() < 100);
    }
    return tried;
}

using sizes = std::vector<std::size_t>;

}  // namespace

TEST_CASE("packets grow to what the path carries") {
    mtu_search search(65'507);
    CHECK(search.packet_bytes() == 1200);
    CHECK(search_all(search, 1472) == sizes{1232, 1372, 1452, 1472, 8952, 8952, 8952});
    CHECK(search.packet_bytes() == 1472);
    CHECK_FALSE(search.probe_due(start + 10min - 1ns));
    CHECK(search_all(search, 65'507, start + 10min) == sizes{8952, 16'336, 65'487, 65'507});
    CHECK(search.packet_bytes() == 65'507);
    CHECK(search_all(search, 65'507, start + 1h).empty());
}

TEST_CASE("packets stay within what the sockets take, and at the base if nothing larger passes") {
    mtu_search none(1200);
    CHECK(search_all(none, 9000).empty());
    mtu_search some(1400);
    CHECK(search_all(some, 9000) == sizes{1232, 1372, 1400});
    CHECK(some.packet_bytes() == 1400);
    mtu_search narrow(9000);
    CHECK(search_all(narrow, 1200) == sizes{1232, 1232, 1232});
    CHECK(narrow.packet_bytes() == 1200);
}

TEST_CASE("a probe that comes through by the third attempt counts") {
    mtu_search search(1472);
    for (int i = 0; i < 2; ++i) {
        search.probe_sent();
        search.probe_lost(1232, start);
        CHECK(search.probe_due(start) == 1232U);
    }
    search.probe_sent();
    search.probe_acknowledged(1232, start);
    CHECK(search.packet_bytes() == 1232);
    CHECK(search.probe_due(start) == 1372U);
    search.probe_sent();
    search.probe_lost(1232, start);  // an old one: says nothing
    search.probe_acknowledged(1200, start);
    search.probe_acknowledged(9000, start);
    CHECK(search.packet_bytes() == 1232);
    CHECK(search_all(search, 1452) == sizes{1372, 1452, 1472, 1472, 1472});
}

TEST_CASE("when large packets vanish, the search begins anew") {
    mtu_search search(1472);
    search_all(search, 1472);
    search.large_lost(7);
    CHECK(search.packet_bytes() == 1472);
    search.large_acknowledged();
    search.large_lost(7);
    CHECK(search.packet_bytes() == 1472);
    search.large_lost(1);
    CHECK(search.packet_bytes() == 1200);
    CHECK(search_all(search, 1400) == sizes{1232, 1372, 1452, 1452, 1452});
    search.large_lost(1000);
    CHECK(search.packet_bytes() == 1200);
    search_all(search, 1472);
    search.restart();
    CHECK(search.packet_bytes() == 1200);
    CHECK(search.probe_due(start) == 1232U);
}
