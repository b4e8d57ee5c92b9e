#include <mydht/value/value.hpp>

#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/input.hpp"
#include "tools/json.hpp"
#include "tools/output.hpp"
#include "tools/parse.hpp"
#include "tools/put_result.hpp"
#include "tools/travel_choice.hpp"

namespace mydht::tools {

outcome<void> put_command(std::string_view name, arguments given) {
    command_line line(
        name, "Store a value under the hash of its content. Prints the key.",
        "VALUE is stored byte for byte; - and no VALUE mean standard input, which is no terminal. A value that\n"
        "begins with a dash goes behind two dashes.\n\n"
        "Examples:\n"
        "  mydht put --bootstrap udp://127.0.0.1:4000 hello\n"
        "  mydht put --bootstrap udp://127.0.0.1:4000 -- --really\n"
        "  mydht put --bootstrap udp://127.0.0.1:4000 --ttl 2h - < picture.png\n");
    client_options options;
    std::optional<std::string> text;
    std::optional<std::chrono::milliseconds> lifetime;
    travel_choice travel;
    declare_client(line, options);
    declare_travel(line, travel);
    declare_rules(line, options.rules);
    line.option<std::chrono::milliseconds>("--ttl", "DURATION", lifetime, parse_lifetime,
                                           "How long the value is kept, up to 48h (default: 24h)");
    line.positional("VALUE", text, "The value, at most 65536 bytes; - means standard input");
    if (auto go = line.parse(given); !go) return go;
    if (auto enough = require_bootstrap(options); !enough) return enough;

    if (auto fits = travel.check(options.rules.forwarding); !fits) return fits;
    const auto content = read_value(text);
    if (!content) return problem_of(content);
    const auto what = value::immutable(*content);
    options.listen = travel.reachable();
    const auto report = ask<put_report>(options, what.key().hex(), [&](client with) {
        put_options how;
        how.timeout(with.left);
        travel.apply(how);
        if (lifetime) how.lifetime(*lifetime);
        return with.peer.put(what, how);
    });
    if (!report) return problem_of(report);
    return print_put(*report, options.common.json);
}

}  // namespace mydht::tools
