#include <mydht/crypto/ids.hpp>

#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/input.hpp"
#include "tools/parse.hpp"
#include "tools/put_result.hpp"

namespace mydht::tools {

namespace {

constexpr std::string_view about =
    "The key depends on the author and the salt only, so the author can publish again and replace the value. The "
    "identity\n"
    "only signs: the command joins the network as somebody else.\n\n"
    "Examples:\n"
    "  mydht publish --identity me.identity --bootstrap udp://127.0.0.1:4000 \"I am here\"\n"
    "  mydht publish --identity me.identity --bootstrap udp://127.0.0.1:4000 --salt notes --cas 3 - < notes.txt\n";

struct publish_arguments {
    client_options client;
    std::optional<std::string> identity;
    std::optional<std::string> salt;
    std::optional<std::uint64_t> sequence;
    std::optional<std::uint64_t> expected;
    std::optional<std::chrono::milliseconds> lifetime;
    std::optional<std::string> text;

    [[nodiscard]] publish_options with_timeout(std::chrono::milliseconds left) const {
        publish_options out;
        out.timeout(left);
        if (salt) out.salt(std::string_view(*salt));
        if (sequence) out.sequence(*sequence);
        if (expected) out.expect_sequence(*expected);
        if (lifetime) out.lifetime(*lifetime);
        return out;
    }
};

}  // namespace

outcome<void> publish_command(std::string_view name, arguments given) {
    command_line line(name, "Sign a value and store it where only its author can replace it. Prints the key.", about);
    publish_arguments wanted;
    line.option("--identity", "FILE", wanted.identity, "Who signs: the file that mydht keygen --out wrote");
    declare_client(line, wanted.client);
    line.option<std::string>("--salt", "TEXT", wanted.salt, parse_salt, "Tells several values of one author apart");
    line.option<std::uint64_t>(
        "--seq", "N", wanted.sequence, parse_number,
        "The sequence number, higher is newer (default: one more than the newest found, else 1)");
    line.option<std::uint64_t>("--cas", "N", wanted.expected, parse_number,
                               "Only replace the value with this sequence number; each holder decides for itself");
    line.option<std::chrono::milliseconds>("--ttl", "DURATION", wanted.lifetime, parse_lifetime,
                                           "How long the value is kept, up to 48h (default: 24h)");
    line.positional("VALUE", wanted.text, "The value, at most 65536 bytes; - means standard input");
    if (auto go = line.parse(given); !go) return go;
    if (!wanted.identity) return missing_argument("--identity", "give the file that mydht keygen --out wrote");
    if (auto enough = require_bootstrap(wanted.client); !enough) return enough;

    const auto author = read_identity(*wanted.identity);
    if (!author) return problem_of(author);
    const auto content = read_value(wanted.text);
    if (!content) return problem_of(content);
    const auto where = mutable_key((*author)->key(), as_bytes(wanted.salt.value_or("")));
    const auto report = ask<put_report>(wanted.client, where.hex(), [&](client with) {
        return with.peer.publish(*author, *content, wanted.with_timeout(with.left));
    });
    if (!report) return problem_of(report);
    return print_put(*report, wanted.client.common.json);
}

}  // namespace mydht::tools
