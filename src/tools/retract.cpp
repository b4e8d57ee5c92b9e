#include <mydht/crypto/ids.hpp>

#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/input.hpp"
#include "tools/parse.hpp"
#include "tools/put_result.hpp"

namespace mydht::tools {

outcome<void> retract_command(std::string_view name, arguments given) {
    command_line line(name,
                      "Take back what was published: sign a mark that nothing stands there any more. Prints the key.",
                      "From then on the key is not found. The author may publish under it again.\n\n"
                      "Examples:\n"
                      "  mydht retract --identity me.identity --bootstrap udp://127.0.0.1:4000\n"
                      "  mydht retract --identity me.identity --bootstrap udp://127.0.0.1:4000 --salt notes --cas 3\n");
    client_options options;
    std::optional<std::string> identity_file;
    std::optional<std::string> salt;
    std::optional<std::uint64_t> sequence;
    std::optional<std::uint64_t> expected;
    line.option("--identity", "FILE", identity_file, "Who signs: the file that mydht keygen --out wrote");
    declare_client(line, options);
    line.option<std::string>("--salt", "TEXT", salt, parse_salt, "Which of the author's values");
    line.option<std::uint64_t>(
        "--seq", "N", sequence, parse_number,
        "The sequence number, higher is newer (default: one more than the newest found, else 1)");
    line.option<std::uint64_t>("--cas", "N", expected, parse_number,
                               "Only retract the value with this sequence number; each holder decides for itself");
    if (auto go = line.parse(given); !go) return go;
    if (!identity_file) return missing_argument("--identity", "give the file that mydht keygen --out wrote");
    if (auto enough = require_bootstrap(options); !enough) return enough;

    const auto author = read_identity(*identity_file);
    if (!author) return problem_of(author);
    const auto where = mutable_key((*author)->key(), as_bytes(salt.value_or("")));
    const auto report = ask<put_report>(options, where.hex(), [&](client with) {
        publish_options how;
        how.timeout(with.left);
        if (salt) how.salt(std::string_view(*salt));
        if (sequence) how.sequence(*sequence);
        if (expected) how.expect_sequence(*expected);
        return with.peer.retract(*author, how);
    });
    if (!report) return problem_of(report);
    return print_put(*report, options.common.json);
}

}  // namespace mydht::tools
