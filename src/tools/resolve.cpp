#include <mydht/crypto/ids.hpp>

#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/get_result.hpp"
#include "tools/parse.hpp"

namespace mydht::tools {

outcome<void> resolve_command(std::string_view name, arguments given) {
    command_line line(name,
                      "Find the newest value of a key that an author publishes under, and write it byte for byte.",
                      "Give the KEY, or the author's public key (mydht id prints it) and the salt.\n"
                      "Only on a terminal a new line follows the value. With --json it is the field value_base64. Ends "
                      "with 3 when enough nodes answered and none has it,\n"
                      "with 4 when the time ran out.\n\n"
                      "Examples:\n"
                      "  mydht resolve --bootstrap udp://127.0.0.1:4000 KEY\n"
                      "  mydht resolve --bootstrap udp://127.0.0.1:4000 --author PUBLIC-KEY --salt notes\n");
    client_options options;
    std::optional<id256> key;
    std::optional<public_key> author;
    std::optional<std::string> salt;
    declare_client(line, options);
    line.option<public_key>("--author", "PUBLIC-KEY", author, parse_public_key, "Whose value, instead of KEY");
    line.option<std::string>("--salt", "TEXT", salt, parse_salt, "Which of the author's values");
    line.positional<id256>("KEY", key, parse_id, "The key that mydht publish printed");
    if (auto go = line.parse(given); !go) return go;
    if (key && author) return unusable("KEY and --author were both given; give one of them");
    if (!author && salt) return unusable("--salt was given without --author; give the author's public key too");
    if (!key && !author) return missing_argument("KEY", "give the key that mydht publish printed, or --author");
    if (auto enough = require_bootstrap(options); !enough) return enough;

    const auto where = key ? *key : mutable_key(*author, as_bytes(salt.value_or("")));
    lookup_report seen;
    const auto found = ask<get_report>(options, where.hex(), [&](client with) {
        get_options how;
        how.timeout(with.left).report_to(seen);
        return with.peer.get(where, how);
    });
    if (!found) return problem_of_get(found, where, seen);
    return print_found(*found, options.common.json);
}

}  // namespace mydht::tools
