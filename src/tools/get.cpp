#include "tools/command.hpp"
#include "tools/get_choice.hpp"
#include "tools/get_result.hpp"

namespace mydht::tools {

outcome<void> get_command(std::string_view name, arguments given) {
    command_line line(name, "Find a value and write it to standard output, byte for byte.",
                      "Only on a terminal a new line follows the value. With --json it is the field value_base64. Ends "
                      "with 3 when enough nodes answered and none has it,\n"
                      "with 4 when the time ran out.\n\n"
                      "Examples:\n"
                      "  mydht get --bootstrap udp://127.0.0.1:4000 KEY\n"
                      "  mydht get --bootstrap udp://127.0.0.1:4000 --json KEY | jq -r .value_base64 | base64 -d\n");
    get_choice wanted;
    wanted.declare(line, "The key that mydht put printed");
    if (auto go = line.parse(given); !go) return go;
    if (auto fits = wanted.check(); !fits) return fits;

    lookup_report seen;
    const auto found = ask<get_report>(wanted.client, wanted.key->hex(), [&](client with) {
        return with.peer.get(*wanted.key, wanted.options(with.left).report_to(seen));
    });
    if (!found) return problem_of_get(found, *wanted.key, seen);
    return print_found(*found, wanted.client.common.json);
}

}  // namespace mydht::tools
