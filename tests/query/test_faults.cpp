#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "query/linked_network.hpp"
#include "query/manners.hpp"
#include "support/seed.hpp"

using namespace mydht;
using namespace mydht::test;

namespace {

using manner_maker = linked_network::manner (*)(linked_network&);

struct fault {
    const char* name;
    manner_maker manner;
};

constexpr fault faults[] = {
    {"denies", denies}, {"drops", drops}, {"delays", delays}, {"lies", lies}, {"replays", replays},
};

/// How gets are made.
struct way {
    const char* name;
    query_mode mode;
    bool hidden = false;
    /// Percent found beside one peer in ten, and in five, that has one of the faults, in their order: three under the
    /// median of the seeds 1 to 20, as the test "how much is found beside faults" prints it.
    int beside_ten[5];
    int beside_five[5];
};

const way ways[] = {
    {"proxied", proxied(), false, {97, 97, 97, 97, 97}, {97, 97, 97, 97, 97}},
    {"direct", direct(), false, {95, 95, 97, 95, 97}, {76, 77, 97, 83, 97}},
    {"mixed", mixed(2), false, {97, 97, 97, 97, 97}, {97, 97, 97, 97, 97}},
    {"hidden", proxied(), true, {97, 97, 97, 97, 97}, {91, 89, 97, 97, 97}},
};

constexpr int values = 50;

/// Percent that is found of so many values when one of `one_in` of 400 peers, with six links each, behaves so.
int found_beside(manner_maker manner, int one_in, std::uint64_t seed, const way& how) {
    linked_network net(400, seed);
    net.regular(6);
    for (int i = 0; i < 400 / one_in; ++i) net.at(net.any()).behaves = manner(net);
    const auto honest = [&net] {
        auto who = net.any();
        while (net.at(who).behaves) who = net.any();
        return who;
    };
    int found = 0;
    for (int i = 0; i < values; ++i) {
        const auto what = value::immutable("value " + std::to_string(i));
        const auto putter = honest();
        const auto getter = honest();
        if (!net.put(putter, what, put_options().mode(proxied()))) continue;
        auto get = get_options().mode(how.mode);
        if (how.hidden) get.hide();
        found += net.get(getter, what.key(), get) ? 1 : 0;
    }
    return 100 * found / values;
}

}  // namespace

TEST_CASE("most values are found although one peer in ten, or in five, is of no help", "[faults]") {
    const auto& how = ways[GENERATE(0, 1, 2, 3)];
    const bool many = GENERATE(false, true);
    const auto number = GENERATE(0, 1, 2, 3, 4);
    const auto& what = faults[number];
    CAPTURE(how.name, many, what.name);
    const auto found = found_beside(what.manner, many ? 5 : 10, 1, how);
    CHECK(found >= (many ? how.beside_five : how.beside_ten)[number]);
}

TEST_CASE("how much is found beside faults", "[.measure]") {
    for (const auto& how : ways) {
        for (const int one_in : {10, 5}) DYNAMIC_SECTION(how.name << ", one in " << one_in) {
                std::string row;
                for (const auto& what : faults) {
                    std::vector<int> found;
                    for (std::uint64_t seed = 1; seed <= 20; ++seed)
                        found.push_back(found_beside(what.manner, one_in, seed, how));
                    std::ranges::sort(found);
                    row += std::string(" ") + what.name + " " + std::to_string((found[9] + found[10]) / 2);
                }
                WARN(how.name << ", one in " << one_in << ":" << row);
            }
    }
}
