#include <memory>
#include <string>
#include <utility>

#include <mydht/sim/scenario.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace mydht::sim;
using namespace std::chrono_literals;

namespace {

scenario_config with_table(const table_choice& choice) {
    scenario_config config;
    config.seed = 11;
    config.bootstraps = 1;
    config.configure = [choice](node_index, node_config& each) { each.table = choice; };
    return config;
}

flat_table_config looking_for(std::size_t live) {
    flat_table_config out;
    out.list.live_wanted = live;
    return out;
}

void check_values_are_found(scenario& s) {
    for (int i = 0; i < 10; ++i) {
        const auto stored = s.run(s.at(s.any()).put(value::immutable("value " + std::to_string(i))));
        REQUIRE(stored);
        CHECK(s.run(s.at(s.any()).get(*stored)));
    }
}

/// Counts the lookups that it is told of.
class counting_table : public flat_table {
public:
    counting_table(const node_id& own, std::shared_ptr<std::size_t> noted)
        : flat_table(own, looking_for(8)), noted_(std::move(noted)) {}
    void note_lookup(const id256&, steady_time) { ++*noted_; }

private:
    std::shared_ptr<std::size_t> noted_;
};

}  // namespace

TEST_CASE("only walks of a node's own that somebody answered count as lookups of its table", "[table]") {
    const auto noted = std::make_shared<std::size_t>();
    scenario_config config;
    config.seed = 12;
    config.bootstraps = 1;
    config.configure = [noted](node_index index, node_config& each) {
        // It looks up nothing by itself meanwhile.
        each.neighbours_interval = 24h;
        each.upkeep_interval = 24h;
        if (index != 5) return;
        each.table =
            table_choice([noted](const node_id& own, bool) { return any_routing_table(counting_table(own, noted)); });
    };
    scenario s(std::move(config));
    REQUIRE(s.grow(8) == 0);
    const auto key = value::immutable("nowhere").key();
    const auto counted = [&](const get_options& options) {
        const auto before = *noted;
        REQUIRE_FALSE(s.run(s.at(5).get(key, options)));
        return *noted - before;
    };
    CHECK(counted(get_options()) == 1);
    CHECK(counted(get_options().mode(proxied())) == 0);
    CHECK(counted(get_options().hide()) == 0);
    const auto looked_up = [&](const id256& target, const get_options& options) {
        const auto before = *noted;
        (void)s.run(s.at(5).lookup(target, options));
        return *noted - before;
    };
    CHECK(looked_up(key, get_options()) == 1);
    CHECK(looked_up(s.id_of(2), get_options().mode(proxied())) == 0);
    // Nobody is left to answer.
    for (node_index i = 0; i < 8; ++i) {
        if (i != 5) s.run(s.at(i).stop());
    }
    CHECK(counted(get_options().timeout(20s)) == 0);
    CHECK(looked_up(key, get_options().timeout(20s)) == 0);
}

TEST_CASE("nodes with flat tables make a network and keep so many live peers", "[table]") {
    scenario s(with_table(looking_for(12)));
    REQUIRE(s.grow(24) == 0);
    s.world().run_for(10min);
    for (const auto i : s.running()) CHECK(s.run(s.at(i).status()).contacts >= 12);
    check_values_are_found(s);
    // Those that are left look for others in the place of those that died.
    for (node_index i = 0; i < 8; ++i) s.crash(i, crash_kind::silence);
    s.world().run_for(1h);
    for (const auto i : s.running()) {
        std::size_t alive = 0;
        for (const auto& each : s.run(s.at(i).contacts())) {
            for (const auto j : s.running()) alive += s.id_of(j) == each.id ? 1 : 0;
        }
        CAPTURE(i);
        CHECK(alive >= 12);
    }
    check_values_are_found(s);
}

TEST_CASE("nodes with trust tables make a network, and a full table keeps the trusted", "[table]") {
    const auto trust = [](const node_id& id) { return static_cast<double>(id.data().back()); };
    trust_table_config config;
    config.list.contacts_max = 8;
    config.list.live_wanted = 8;
    config.trust = trust;
    scenario s(with_table(config));
    REQUIRE(s.grow(24) == 0);
    s.world().run_for(10min);
    double kept = 0;
    double all = 0;
    for (const auto i : s.running()) {
        all += trust(s.id_of(i)) / 24;
        const auto known = s.run(s.at(i).contacts());
        REQUIRE(known.size() == 8);
        for (const auto& each : known) kept += trust(each.id) / (8 * 24);
    }
    CHECK(kept > all + 30);
    check_values_are_found(s);
}

TEST_CASE("tables of different kinds find each other's values", "[table]") {
    scenario_config mixed;
    mixed.seed = 13;
    mixed.configure = [](node_index i, node_config& each) {
        if (i % 2 == 0) each.table = flat_table_config();
    };
    scenario s(std::move(mixed));
    REQUIRE(s.grow(30) == 0);
    check_values_are_found(s);
}
