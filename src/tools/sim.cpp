#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include <mydht/sim/scenario_modes.hpp>

#include "tools/command.hpp"
#include "tools/json.hpp"
#include "tools/output.hpp"
#include "tools/parse.hpp"
#include "tools/travel_choice.hpp"

namespace mydht::tools {

namespace {

constexpr std::uint64_t nodes_min = 8;
constexpr std::uint64_t nodes_max = 100'000;
constexpr std::uint64_t values_max = 100'000;

outcome<std::uint64_t> parse_between(std::string_view text, std::uint64_t least, std::uint64_t most) {
    const auto number = parse_number(text);
    if (number && *number >= least && *number <= most) return *number;
    return unusable(in_quotes(text) + " is out of range or no number; give " + std::to_string(least) + " to " +
                    std::to_string(most));
}

outcome<std::uint64_t> parse_nodes(std::string_view text) { return parse_between(text, nodes_min, nodes_max); }
outcome<std::uint64_t> parse_values(std::string_view text) { return parse_between(text, 1, values_max); }
outcome<std::uint64_t> parse_seed(std::string_view text) {
    return parse_between(text, 0, std::numeric_limits<std::uint64_t>::max());
}

outcome<sim::topology> parse_links(std::string_view text) {
    if (const auto known = sim::parse_topology(text)) return *known;
    return unusable(in_quotes(text) +
                    " is no topology; give everybody, ring, long-links, four-links, two-cliques or sheltered");
}

outcome<std::uint64_t> parse_hops(std::string_view text) {
    const travel_rules usual;
    return parse_between(text, 1, usual.band(usual.priority).hops_max);
}

outcome<std::string> parse_scenario(std::string_view text) {
    if (text == "modes") return std::string(text);
    return unusable("there is no scenario " + in_quotes(text) + "; give modes");
}

/// A column of the table: what stands above it, and how wide it is.
struct column {
    const char* name;
    std::size_t width;
};
constexpr std::array columns = {column{"", 15},          column{"found", 9},  column{"messages", 10}, column{"hops", 7},
                                column{"median ms", 11}, column{"p95 ms", 9}, column{"KiB", 9}};

std::string line_of(const std::array<std::string, columns.size()>& cells) {
    std::string out = cells[0];
    out.resize(std::max(columns[0].width, out.size()), ' ');
    for (std::size_t i = 1; i < cells.size(); ++i) {
        out.append(columns[i].width - std::min(columns[i].width, cells[i].size()), ' ').append(cells[i]);
    }
    return out + "\n";
}

/// `hops`: as text, since puts have none.
std::string row_of(std::string name, const sim::mode_figures& of, std::string hops) {
    return line_of({std::move(name),
                    fixed(100.0 * static_cast<double>(of.succeeded) / static_cast<double>(of.asked), 1),
                    fixed(of.messages, 1), std::move(hops), fixed(milliseconds_of(of.median), 1),
                    fixed(milliseconds_of(of.p95), 1), fixed(of.bytes / 1024, 1)});
}

std::string table_of(const sim::modes_config& config, const sim::modes_report& report) {
    std::string out = std::to_string(config.nodes) + " nodes, " + std::string(sim::name_of(config.shape)) + ", " +
                      std::to_string(config.values) + " values, seed " + std::to_string(config.seed) + "\n";
    std::array<std::string, columns.size()> head;
    for (std::size_t i = 0; i < columns.size(); ++i) head[i] = columns[i].name;
    head[1] = "found %";
    out += line_of(head) + row_of("put proxied", report.puts, "-");
    for (std::size_t i = 0; i < report.gets.size(); ++i) {
        out += row_of("get " + text_of(config.modes[i]), report.gets[i], fixed(report.gets[i].hops, 1));
    }
    return out;
}

std::string json_of(const sim::modes_config& config, std::string_view query, std::string_view mode,
                    const sim::mode_figures& of) {
    json_object out;
    out.text("query", query).text("mode", mode).text("topology", sim::name_of(config.shape));
    out.number("nodes", config.nodes).number("seed", config.seed).number("asked", of.asked);
    out.number("succeeded", of.succeeded).decimal("messages", of.messages).decimal("bytes", of.bytes);
    if (query == "get") out.decimal("hops", of.hops);
    out.decimal("median_ms", milliseconds_of(of.median)).decimal("p95_ms", milliseconds_of(of.p95));
    return out.line();
}

std::string json_of(const sim::modes_config& config, const sim::modes_report& report) {
    std::string out = json_of(config, "put", "proxied", report.puts);
    for (std::size_t i = 0; i < report.gets.size(); ++i) {
        out += json_of(config, "get", text_of(config.modes[i]), report.gets[i]);
    }
    return out;
}

}  // namespace

outcome<void> sim_command(std::string_view name, arguments given) {
    command_line line(
        name, "Simulate a network of real nodes in virtual time.",
        "modes: puts each value once, proxied, and gets it in every mode, or in those of --mode. Prints a table: share "
        "found, and for each "
        "query the\n"
        "requests that all nodes sent, how many hops away it was found, its median and 95th percentile in "
        "milliseconds of\n"
        "virtual time, and what the network carried.\n\n"
        "Example:\n"
        "  mydht sim modes --nodes 1000 --links four-links\n");
    std::optional<std::string> scenario;
    sim::modes_config config;
    bool json = false;
    std::optional<std::uint64_t> hops;
    std::vector<query_mode> modes;
    line.positional<std::string>("SCENARIO", scenario, parse_scenario, "modes");
    line.option<std::uint64_t>("--nodes", "N", config.nodes, parse_nodes, "How many nodes, 8 to 100000 (default: 100)");
    line.option<std::uint64_t>("--values", "N", config.values, parse_values, "How many values are put (default: 100)");
    line.option<std::uint64_t>("--seed", "N", config.seed, parse_seed, "What everything is drawn from (default: 1)");
    line.option<sim::topology>("--links", "NAME", config.shape, parse_links,
                               "Who reaches whom: everybody (default), ring, long-links (a ring and three more links "
                               "for each node), four-links, two-cliques, or sheltered (everybody, but three nodes in "
                               "ten let in only what answers them)");
    line.repeated<query_mode>("--mode", "MODE", modes, parse_mode,
                              "A mode to compare (default: iterative, direct, proxied and mixed:3)");
    line.option<std::uint64_t>("--hops", "N", hops, parse_hops, "How often queries that travel are passed on");
    line.flag("--json", json, "One JSON object a line");
    if (auto go = line.parse(given); !go) return go;
    if (!scenario) return missing_argument("SCENARIO", "give modes");
    if (!modes.empty()) config.modes = modes;
    if (hops) config.hops = static_cast<std::uint8_t>(*hops);
    for (const auto mode : config.modes) {
        if (hops && mode.proxies() > *hops) return unusable("--mode " + text_of(mode) + " needs as many --hops");
    }

    const auto report = sim::compare_modes(config);
    if (auto written = write_result(json ? json_of(config, report) : table_of(config, report)); !written)
        return written;
    if (report.failed_starts == 0) return {};
    problem some;
    some.text = std::to_string(report.failed_starts) + " nodes did not start; the figures are of a smaller network";
    return tl::unexpected<problem>(std::move(some));
}

}  // namespace mydht::tools
