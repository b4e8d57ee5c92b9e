#include <algorithm>

#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/explain.hpp"
#include "tools/json.hpp"
#include "tools/output.hpp"
#include "tools/parse.hpp"
#include "tools/travel_choice.hpp"

namespace mydht::tools {

namespace {

std::vector<std::string> texts_of(const std::vector<address>& addresses) {
    std::vector<std::string> out(addresses.size());
    std::transform(addresses.begin(), addresses.end(), out.begin(), [](const address& a) { return a.text(); });
    return out;
}

outcome<void> print_nearest(const lookup_report& report, bool json) {
    std::string lines;
    for (const auto& peer : report.closest) {
        const auto addresses = texts_of(peer.addresses);
        if (json) {
            json_object object;
            object.text("id", peer.id.hex()).text("public_key", peer.peer.hex()).list("addresses", addresses);
            lines += object.line();
            continue;
        }
        lines += peer.id.hex();
        for (const auto& text : addresses) lines += " " + text;
        lines += "\n";
    }
    return write_result(lines);
}

}  // namespace

outcome<void> lookup_command(std::string_view name, arguments given) {
    command_line line(name,
                      "List the nodes nearest to an id or key, nearest first: a line each, the id and the addresses.",
                      "In another --mode than iterative: the node of this id alone, without an address when it is "
                      "known only by\n"
                      "sessions that it has.\n\n"
                      "Examples:\n"
                      "  mydht lookup --bootstrap udp://127.0.0.1:4000 ID\n"
                      "  mydht lookup --bootstrap udp://127.0.0.1:4000 --mode proxied ID\n");
    client_options options;
    std::optional<id256> target;
    travel_choice travel;
    declare_client(line, options);
    declare_travel(line, travel);
    declare_rounds(line, travel);
    declare_rules(line, options.rules);
    line.positional<id256>("ID", target, parse_id, "The id of a node, or a key: 64 lower-case hexadecimal digits");
    if (auto go = line.parse(given); !go) return go;
    if (!target) return missing_argument("ID", "give the id of a node, or a key");
    if (auto enough = require_bootstrap(options); !enough) return enough;

    if (auto fits = travel.check(options.rules.forwarding); !fits) return fits;
    options.listen = travel.reachable();
    options.what = sought::peer;
    const auto report = ask<lookup_report>(options, target->hex(), [&](client with) {
        get_options how;
        how.timeout(with.left);
        travel.apply(how);
        if (travel.rounds) how.rounds(static_cast<std::uint8_t>(*travel.rounds));
        return with.peer.lookup(*target, how);
    });
    if (!report) return problem_of(report);
    if (report->closest.empty()) {
        return tl::unexpected<problem>(explain(target->hex(), report->exhausted ? errc::no_peers : errc::timed_out));
    }
    return print_nearest(*report, options.common.json);
}

}  // namespace mydht::tools
