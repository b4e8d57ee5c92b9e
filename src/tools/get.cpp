#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/get_result.hpp"
#include "tools/parse.hpp"
#include "tools/travel_choice.hpp"

namespace mydht::tools {

outcome<void> get_command(std::string_view name, arguments given) {
    command_line line(name, "Find a value and write it to standard output, byte for byte.",
                      "Only on a terminal a new line follows the value. With --json it is the field value_base64. Ends "
                      "with 3 when enough nodes answered and none has it,\n"
                      "with 4 when the time ran out.\n\n"
                      "Examples:\n"
                      "  mydht get --bootstrap udp://127.0.0.1:4000 KEY\n"
                      "  mydht get --bootstrap udp://127.0.0.1:4000 --json KEY | jq -r .value_base64 | base64 -d\n");
    client_options options;
    std::optional<id256> key;
    travel_choice travel;
    bool hide = false;
    declare_client(line, options);
    declare_travel(line, travel);
    declare_results(line, travel);
    declare_rules(line, options.rules);
    line.flag("--hide", hide, "Proxied, and so that peers cannot tell who asks from who passes it on; no anonymity");
    line.positional<id256>("KEY", key, parse_id, "The key that mydht put printed");
    if (auto go = line.parse(given); !go) return go;
    if (auto fits = travel.check_hiding(hide, options.rules.forwarding); !fits) return fits;
    if (auto fits = travel.check(options.rules.forwarding); !fits) return fits;
    if (!key) return missing_argument("KEY", "give the key that mydht put or mydht publish printed");
    if (auto enough = require_bootstrap(options); !enough) return enough;

    options.listen = travel.reachable();
    const auto found = ask<get_report>(options, key->hex(), [&](client with) {
        get_options how;
        how.timeout(with.left);
        travel.apply(how);
        if (travel.results) how.results(static_cast<std::size_t>(*travel.results));
        if (hide) how.hide();
        return with.peer.get(*key, how);
    });
    if (!found) return problem_of(found);
    return print_found(*found, options.common.json);
}

}  // namespace mydht::tools
