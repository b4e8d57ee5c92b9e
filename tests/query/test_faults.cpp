#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
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
    /// Values are of an author, and found when their newest version is; stale() then.
    bool versions = false;
};

constexpr fault faults[] = {
    {"denies", denies},   {"drops", drops},         {"delays", delays}, {"lies", lies},
    {"replays", replays}, {"stale", nullptr, true}, {"burns", burns},
};

/// First versions by their keys.
using old_versions = std::map<id256, value>;

/// Gives the version before the newest, which is as valid, and keeps no other; of those who wait for answers to be
/// brought it is one that has the old version and nothing else against them.
linked_network::manner stale(linked_network& net, const old_versions& versions) {
    return [&](std::size_t who, const wire::forward& query) -> task<std::optional<wire::message>> {
        wire::gathered out;
        out.outcome = wire::gathered_outcome::found;
        if (std::holds_alternative<wire::store>(query.goal)) {
            out.copies = 1;
            co_return wire::message(out);
        }
        const auto* const sought = std::get_if<wire::find_value>(&query.goal);
        const auto old = sought != nullptr ? versions.find(sought->target) : versions.end();
        if (old == versions.end()) co_return std::nullopt;
        if (query.asker) {
            (void)co_await net.at(who).queries.put(old->second, put_options().local());
            co_return std::nullopt;
        }
        out.items.push_back(old->second.to_item());
        co_return wire::message(out);
    };
}

/// How gets are made.
struct way {
    const char* name;
    query_mode mode;
    bool hidden = false;
    /// Percent found beside one peer in ten, and in five, that has one of the faults, in their order: three under the
    /// median of the seeds 1 to 20, as the test "how much is found beside faults" prints it. Beside stale ones networks
    /// differ so much that these are what one seed in a thousand may miss; docs/queries.md has the medians.
    int beside_ten[7];
    int beside_five[7];
};

const way ways[] = {
    {"proxied", proxied(), false, {97, 97, 97, 97, 97, 76, 97}, {97, 97, 97, 97, 97, 28, 97}},
    {"direct", direct(), false, {95, 95, 97, 95, 97, 80, 95}, {76, 77, 97, 83, 97, 33, 76}},
    {"mixed", mixed(2), false, {97, 97, 97, 97, 97, 76, 97}, {97, 97, 97, 97, 97, 28, 97}},
    {"hidden", proxied(), true, {97, 97, 97, 97, 97, 84, 97}, {91, 89, 97, 97, 97, 33, 91}},
};

constexpr int values = 50;

/// The second version of an author's value; peers that are behind give the first one.
value newest_version(linked_network& net, int number, old_versions& old) {
    const auto author = identity::generate(*net.env.secure_random);
    const auto until = net.env.time->wall_now() + std::chrono::hours(24);
    const auto text = "value " + std::to_string(number);
    auto first = value::signed_by(author, "first " + text).sequence(1).deadline(until).sign().value();
    auto second = value::signed_by(author, text).sequence(2).deadline(until).sign().value();
    const auto key = first.key();
    old.emplace(key, std::move(first));
    return second;
}

/// Percent that is found of so many values when one of `one_in` of 400 peers, with six links each, behaves so.
int found_beside(const fault& what, int one_in, std::uint64_t seed, const way& how) {
    old_versions old;
    linked_network net(400, seed);
    net.regular(6);
    for (int i = 0; i < 400 / one_in; ++i)
        net.at(net.any()).behaves = what.versions ? stale(net, old) : what.manner(net);
    const auto honest = [&net] {
        auto who = net.any();
        while (net.at(who).behaves) who = net.any();
        return who;
    };
    int found = 0;
    for (int i = 0; i < values; ++i) {
        const auto sought =
            what.versions ? newest_version(net, i, old) : value::immutable("value " + std::to_string(i));
        const auto putter = honest();
        const auto getter = honest();
        if (!net.put(putter, sought, put_options().mode(proxied()))) continue;
        auto get = get_options().mode(how.mode);
        if (how.hidden) get.hide();
        const auto got = net.get(getter, sought.key(), get);
        found += got && got->best.text() == sought.text() ? 1 : 0;
    }
    return 100 * found / values;
}

}  // namespace

TEST_CASE("most values are found although one peer in ten, or in five, is of no help", "[faults]") {
    const auto& how = ways[GENERATE(0, 1, 2, 3)];
    const bool many = GENERATE(false, true);
    const auto number = GENERATE(0, 1, 2, 3, 4, 5, 6);
    const auto& what = faults[number];
    CAPTURE(how.name, many, what.name);
    const auto found = found_beside(what, many ? 5 : 10, 1, how);
    CHECK(found >= (many ? how.beside_five : how.beside_ten)[number]);
}

TEST_CASE("how much is found beside faults", "[.measure]") {
    for (const auto& how : ways) {
        for (const int one_in : {10, 5}) DYNAMIC_SECTION(how.name << ", one in " << one_in) {
                std::string row;
                for (const auto& what : faults) {
                    std::vector<int> found;
                    for (std::uint64_t seed = 1; seed <= 20; ++seed)
                        found.push_back(found_beside(what, one_in, seed, how));
                    std::ranges::sort(found);
                    row += std::string(" ") + what.name + " " + std::to_string((found[9] + found[10]) / 2);
                }
                WARN(how.name << ", one in " << one_in << ":" << row);
            }
    }
}
