#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <mydht/toml/load_rules.hpp>

#include "support/catch.hpp"

using namespace mydht;
using namespace std::chrono_literals;

namespace {

/// What is said of a file that is refused.
std::string said_of(std::string_view text) {
    std::string problem;
    const auto read = parse_rules(text, "my.toml", &problem);
    if (read) return "nothing";
    CHECK(read.error() == errc::bad_configuration);
    CHECK(problem.find('\n') == std::string::npos);
    return problem;
}

bool holds(const std::string& text, std::string_view part) {
    CAPTURE(text, part);
    return text.find(part) != std::string::npos;
}

travel_rules read(std::string_view text) {
    std::string problem;
    const auto out = parse_rules(text, "my.toml", &problem);
    CAPTURE(problem);
    REQUIRE(out);
    REQUIRE(validate(out->forwarding));
    return out->forwarding;
}

constexpr std::string_view everything = R"(# Every field there is.
preset = "dht"
table = "flat"
priority = 100
trace_max = 3
hide = true
walks = 9
walks_at_once = 2
results_max = 4
under_way_max = 10
busy_priority = 20
under_way_peer = 5
under_way_bytes = 1000000
tags_max = 1000
requests_max = 7
requests_peer = 6
requests_remembered = 500

[relays]
queries = { per_second = 4, burst = 5 }
prefix_queries = { per_second = 6, burst = 7 }
kibibytes = { per_second = 8, burst = 300 }
prefix_kibibytes = { per_second = 9, burst = 400 }
entries_max = 12

[[band]]
hops = 9
forwards_requests = false
rounds = 2

[[band]]
from_priority = 50
hops = 10
wander = 2
fan_out = 3
spread = 7
put_spread = 8
lifetime = "5 s"
along_the_path = true
cached = true
hops_max = 11
fan_out_max = 4
spread_max = 9
lifetime_max = "1m"
keeps_ends = false
keeps_passing = false
caches = false
cache_lifetime = "2 h"
level_links = 0.5
not_found_share = 1
)";

}  // namespace

TEST_CASE("every field of a rules file is read", "[rules]") {
    const auto rules = read(everything);
    CHECK(rules.priority == 100);
    CHECK(rules.trace_max == 3);
    CHECK(rules.hide);
    CHECK(rules.walks == 9);
    CHECK(rules.walks_at_once == 2);
    CHECK(rules.results_max == 4);
    CHECK(rules.under_way_max == 10);
    CHECK(rules.busy_priority == 20);
    CHECK(rules.under_way_peer == 5);
    CHECK(rules.under_way_bytes == 1'000'000);
    CHECK(rules.tags_max == 1000);
    CHECK(rules.requests_max == 7);
    CHECK(rules.requests_peer == 6);
    CHECK(rules.requests_remembered == 500);
    const auto is = [](const rate_limit& read, std::uint32_t per_second, std::uint32_t burst) {
        return read.per_second == per_second && read.burst == burst;
    };
    CHECK(is(rules.relays.queries, 4, 5));
    CHECK(is(rules.relays.prefix_queries, 6, 7));
    CHECK(is(rules.relays.kibibytes, 8, 300));
    CHECK(is(rules.relays.prefix_kibibytes, 9, 400));
    CHECK(rules.relays.entries_max == 12);
    REQUIRE(rules.bands.size() == 2);
    CHECK(rules.bands[0].hops == 9);
    CHECK_FALSE(rules.bands[0].forwards_requests);
    CHECK(rules.bands[0].rounds == 2);
    CHECK(rules.bands[0].spread == travel_band().spread);
    const auto& band = rules.bands[1];
    CHECK(band.from_priority == 50);
    CHECK(band.hops == 10);
    CHECK(band.wander == 2);
    CHECK(band.fan_out == 3);
    CHECK(band.spread == 7);
    CHECK(band.put_spread == 8);
    CHECK(band.lifetime == 5s);
    CHECK(band.along_the_path);
    CHECK(band.cached);
    CHECK(band.hops_max == 11);
    CHECK(band.fan_out_max == 4);
    CHECK(band.spread_max == 9);
    CHECK(band.lifetime_max == 1min);
    CHECK_FALSE(band.keeps_ends);
    CHECK_FALSE(band.keeps_passing);
    CHECK_FALSE(band.caches);
    CHECK(band.cache_lifetime == 2h);
    CHECK(band.level_links == 0.5);
    CHECK(band.not_found_share == 1);
    CHECK(parse_rules(everything, "x")->table);
    CHECK_FALSE(parse_rules("", "x")->table);
}

TEST_CASE("a rules file changes what it names, from a preset or from the defaults", "[rules]") {
    CHECK(read("").bands.front().hops == travel_band().hops);
    const auto group = preset("small-group")->forwarding.bands.front();
    CHECK(group.along_the_path);
    const auto rules = read("preset = 'small-group'\n[[band]]\nfan_out = 2\n[[band]]\nfrom_priority = 9\n");
    REQUIRE(rules.bands.size() == 2);
    CHECK(rules.bands[0].fan_out == 2);
    CHECK(rules.bands[0].hops == group.hops);
    CHECK(rules.bands[1].fan_out == group.fan_out);
    CHECK(rules.bands[1].along_the_path);
    CHECK(parse_rules("preset = 'small-group'", "x")->table);
}

TEST_CASE("every preset has valid rules and a table", "[rules]") {
    for (const auto name : preset_names) {
        CAPTURE(name);
        const auto set = preset(name);
        REQUIRE(set);
        CHECK(validate(set->forwarding));
        CHECK(set->table.value_or(table_choice()).check());
    }
    CHECK_FALSE(preset("none"));
}

TEST_CASE("fields that are not known are named with their line, and those that are", "[rules]") {
    const auto top = said_of("priority = 1\nprioritee = 2\n");
    CHECK(holds(top, "my.toml:2: \"prioritee\" is no field"));
    CHECK(holds(top, "under_way_peer"));
    const auto band = said_of("[[band]]\n\n  hop = 2\n");
    CHECK(holds(band, "my.toml:3: \"hop\" is no field"));
    CHECK(holds(band, "hops_max"));
    CHECK(holds(said_of("hops = 3\n"), "my.toml:1: \"hops\" is no field"));
    CHECK(holds(said_of("[rules]\n"), "\"rules\" is no field"));
    CHECK(holds(said_of("\"a\\nb\" = 1"), "\"a?b\" is no field"));
}

TEST_CASE("durations without a unit, and with a wrong one", "[rules]") {
    const auto of = [](std::string_view given) { return said_of("[[band]]\nlifetime_max = " + std::string(given)); };
    CHECK(holds(of("5"), "my.toml:2: lifetime_max: 5 has no unit; write \"5 s\""));
    CHECK(holds(of("\"5\""), "5 has no unit; write \"5 s\""));
    for (const auto* text : {"\"5 seconds\"", "\"5  s\"", "\"-5 s\"", "\"0 s\"", "\"1.5 s\"", "\"s\"", "\"\"",
                             "\"99999999999999999999 s\"", "\"4000 d\"", "5.0", "true", "[\"5 s\"]", "12:00:00"}) {
        CHECK(holds(of(text), "give a whole number above zero and ms, s, m, h or d"));
    }
    for (const auto* text : {"\"31 s\"", "\"31s\"", "\"31000 ms\""}) {
        CHECK(read("[[band]]\nlifetime_max = " + std::string(text)).bands[0].lifetime_max == 31s);
    }
}

TEST_CASE("values of a wrong kind or out of range", "[rules]") {
    CHECK(holds(said_of("priority = 256"),
                "my.toml:1: priority: 256 is out of range; give a whole number from 0 to 255"));
    CHECK(holds(said_of("priority = -1"), "-1 is out of range"));
    CHECK(holds(said_of("priority = 'high'"), "priority: no whole number"));
    CHECK(holds(said_of("priority = 1.0"), "priority: no whole number"));
    CHECK(holds(said_of("table = 'tree'"), "table: \"tree\" is not known; give one of kbucket, flat"));
    CHECK(holds(said_of("table = 1"), "table: no word in quotes"));
    CHECK(
        holds(said_of("preset = 'tiny'"), "preset: \"tiny\" is not known; give one of small-group, dht, quiet-asker"));
    CHECK(holds(said_of("[[band]]\ncached = 'yes'"), "my.toml:2: cached: neither true nor false"));
    CHECK(holds(said_of("[[band]]\nlevel_links = '0.5'"), "level_links: no number"));
    CHECK(holds(said_of("band = 3"), "band: no list of tables; write [[band]]"));
    CHECK(holds(said_of("[band]\nhops = 3"), "band: no list of tables"));
    CHECK(holds(said_of("tags_max = 0"), "my.toml:1: tags_max: give at least 1"));
    CHECK(holds(said_of("trace_max = 65"), "trace_max: give 0 to 64"));
    CHECK(holds(said_of("results_max = 17"), "results_max: give 1 to 16"));
}

TEST_CASE("values that contradict each other are refused where the field stands", "[rules]") {
    const auto of = [](std::string_view band) { return said_of("\n[[band]]\n" + std::string(band)); };
    CHECK(holds(of("hops_max = 12\nhops = 20"),
                "my.toml:4: hops: 20 is more than may be; give 0 to hops_max, which is 12"));
    // The field that is not there is that of the defaults.
    CHECK(holds(of("hops_max = 12"), "my.toml:2: hops, which is not given and is as the preset has it: 16 is more"));
    CHECK(holds(of("hops = 2\nwander = 3"), "my.toml:4: wander: 3 is more than there are; give 0 to hops, which is 2"));
    CHECK(read("[[band]]\nhops = 2").bands.front().wander == 2);
    CHECK(holds(of("spread_max = 2"), "spread, which is not given and is as the preset has it: "));
    CHECK(said_of("walks = 2\nwalks_at_once = 3") == "my.toml:2: walks_at_once: give 1 to walks, which is 2");
    CHECK(read("walks = 2\nwalks_at_once = 2").walks_at_once == 2);
    CHECK(read("walks = 3").walks_at_once == 3);
    CHECK(said_of("walks_at_once = 33") == "my.toml:1: walks_at_once: give 1 to walks, which is 32");
    CHECK(holds(of("fan_out = 17"), "my.toml:3: fan_out: 17 cannot be; give 1 to fan_out_max, which is 16"));
    CHECK(holds(of("spread = 0"), "spread: 0 cannot be"));
    CHECK(holds(of("put_spread = 65"), "put_spread: 65 cannot be"));
    CHECK(holds(of("lifetime = '2 m'"), "my.toml:3: lifetime: longer than lifetime_max; give at most 60000 ms"));
    CHECK(holds(of("cache_lifetime = '49 h'"), "cache_lifetime: longer than a value may live; give at most 48 h"));
    CHECK(holds(of("level_links = 0.6"), "level_links: no such share; give 0 to 0.5"));
    CHECK(holds(of("level_links = nan"), "level_links: no such share"));
    CHECK(holds(of("not_found_share = 0"), "not_found_share: no such share"));
    CHECK(holds(of("hops_max = 0"), "hops_max: give at least 1"));
    CHECK(holds(of("from_priority = 1"), "my.toml:3: from_priority: the first band begins at 0"));
    CHECK(holds(of("[[band]]\nhops = 16"), "my.toml:3: from_priority: the first band begins at 0, and each one above"));
}

TEST_CASE("what neighbours may send is read, and what lets nothing through is named", "[rules]") {
    const auto rules = read("[relays]\nqueries = { burst = 900 }\n").relays;
    CHECK(rules.queries.burst == 900);
    CHECK(rules.queries.per_second == relay_limits().queries.per_second);
    CHECK(rules.kibibytes.burst == relay_limits().kibibytes.burst);
    const auto of = [](std::string_view text) { return said_of("\n[relays]\n" + std::string(text)); };
    CHECK(holds(of("queries = { per_second = 3 }"), "my.toml:3: queries: give at least 4 per_second"));
    CHECK(holds(of("prefix_queries = { burst = 3 }"), "my.toml:3: prefix_queries: give at least 4 per_second"));
    CHECK(holds(of("queries = { per_second = 1000001 }"), "queries: give at least 4 per_second, at most 1000000"));
    CHECK(holds(of("kibibytes = { burst = 259 }"), "kibibytes: give at least 4 per_second"));
    CHECK(holds(of("kibibytes = { burst = 259 }"), "a burst of at least 260"));
    CHECK(read("[relays]\nkibibytes = { burst = 260 }\n").relays.kibibytes.burst == 260);
    CHECK(holds(of("prefix_kibibytes = { per_second = 0 }"), "prefix_kibibytes: "));
    CHECK(holds(of("entries_max = 0"), "my.toml:3: entries_max: give at least 1"));
    CHECK(holds(of("queries = 3"), "my.toml:3: queries: no rate; give one as in {"));
    CHECK(holds(of("queries = { second = 3 }"), "my.toml:3: queries: \"second\" is no field here"));
    CHECK(holds(of("queries = { burst = -1 }"), "my.toml:3: queries: burst: -1 is out of range"));
    CHECK(holds(of("bytes = 3"), "my.toml:3: \"bytes\" is no field here; the fields are queries, "));
    CHECK(holds(said_of("relays = 3"), "my.toml:1: relays: no table; write [relays]"));
    CHECK(holds(said_of("under_way_bytes = 0"), "my.toml:1: under_way_bytes: give at least 1"));
}

TEST_CASE("what is no TOML is refused with its line", "[rules]") {
    CHECK(holds(said_of("priority = 1\nhops"), "my.toml:2: no TOML: "));
    CHECK(holds(said_of("priority = 1\npriority = 2"), "my.toml:2: no TOML: "));
    CHECK(holds(said_of("x = \"a"), "my.toml:1: no TOML: "));
    CHECK(holds(said_of(std::string_view("a = 1\0b", 7)), "no TOML: "));
    CHECK(holds(said_of("\xff\xfe"), "no TOML: "));
    CHECK(holds(said_of("a = " + std::string(5000, '[')), "no TOML: "));
}

TEST_CASE("rules files that cannot be read", "[rules]") {
    std::string problem;
    const auto missing = load_rules("/no/such/file.toml", &problem);
    REQUIRE_FALSE(missing);
    CHECK(missing.error() == errc::file_unreadable);
    CHECK(holds(problem, "/no/such/file.toml: "));
    const auto folder = load_rules(std::filesystem::temp_directory_path(), &problem);
    REQUIRE_FALSE(folder);
    CHECK(folder.error() == errc::file_unreadable);
    CHECK_FALSE(load_rules("/no/such/file.toml"));
}

TEST_CASE("a rules file is read from the disk, up to a size", "[rules]") {
    std::string name = (std::filesystem::temp_directory_path() / "mydht-rules-XXXXXX").native();
    const int made = ::mkstemp(name.data());
    REQUIRE(made >= 0);
    ::close(made);
    const auto write = [&name](const std::string& text) { std::ofstream(name, std::ios::binary) << text; };
    write(std::string(everything));
    CHECK(load_rules(name)->forwarding.priority == 100);
    const std::string comment = "#" + std::string((1 << 20) - 2, 'x') + "\n";
    write(comment);
    CHECK(load_rules(name));
    write(comment + "\n");
    std::string problem;
    CHECK_FALSE(load_rules(name, &problem));
    CHECK(holds(problem, "longer than any rules"));
    std::filesystem::remove(name);
}
