#include <mydht/core/limits.hpp>
#include <mydht/core/service_name.hpp>
#include <mydht/crypto/ids.hpp>

#include "tools/client.hpp"
#include "tools/command.hpp"
#include "tools/input.hpp"
#include "tools/json.hpp"
#include "tools/output.hpp"
#include "tools/parse.hpp"
#include "tools/travel_choice.hpp"

namespace mydht::tools {

namespace {

outcome<std::string> parse_service(std::string_view text) {
    if (valid_service_name(text)) return std::string(text);
    return unusable(in_quotes(text) + " is no name of a service; give one as in echo/1");
}

/// Of several replies each has its line in JSON, and one stands behind the other otherwise.
outcome<void> print_replies(const request_report& report, bool json) {
    std::string lines;
    for (const auto& each : report.answers) {
        if (!json) {
            lines += as_text(each.reply);
            continue;
        }
        json_object object;
        object.base64("reply_base64", each.reply);
        object.text("id", node_id_of(each.answerer).hex()).text("public_key", each.answerer.hex());
        object.decimal("request_ms", milliseconds_of(report.lookup.took));
        lines += object.line();
    }
    return json ? write_result(lines) : write_value(lines);
}

}  // namespace

outcome<void> request_command(std::string_view name, arguments given) {
    command_line line(name,
                      "Ask a service of a node, with --mode proxied also one that this cannot connect to. Prints the "
                      "reply, byte for byte.",
                      "ID is a node's id: the request is sealed for it. With --key it is any key, and whoever serves "
                      "the name nearest to it answers. "
                      "VALUE is sent\n"
                      "byte for byte; - and no VALUE mean standard input. mydht node --echo serves echo/1.\n\n"
                      "Examples:\n"
                      "  mydht request --bootstrap udp://127.0.0.1:4000 --mode proxied ID echo/1 hello\n"
                      "  mydht request --bootstrap udp://127.0.0.1:4000 --mode proxied --key KEY echo/1 hello\n");
    client_options options;
    std::optional<id256> id;
    std::optional<std::string> service;
    std::optional<std::string> text;
    bool by_key = false;
    travel_choice travel;
    declare_client(line, options);
    declare_travel(line, travel);
    declare_results(line, travel, "With --key: so many peers may answer (default: 1)");
    declare_rules(line, options.rules);
    line.flag("--key", by_key, "ID is a key, not a node: whoever serves the name nearest to it answers");
    line.positional<id256>("ID", id, parse_id, "The id of a node, or a key: 64 lower-case hexadecimal digits");
    line.positional<std::string>("SERVICE", service, parse_service, "The name of the service, as in echo/1");
    line.positional("VALUE", text, "What to send, at most 61440 bytes; - means standard input");
    if (auto go = line.parse(given); !go) return go;
    if (!id) return missing_argument("ID", "give the id of a node, or a key");
    if (!service) return missing_argument("SERVICE", "give the name of a service, as in echo/1");
    if (auto enough = require_bootstrap(options); !enough) return enough;
    if (auto fits = travel.check(options.rules.forwarding); !fits) return fits;
    if (travel.results && !by_key) return unusable("--results is for several who answer; give --key with it");
    const auto body = read_value(text, limits::request_bytes);
    if (!body) return problem_of(body);
    options.listen = travel.reachable();
    options.what = by_key ? sought::key_service : sought::service;
    const auto report = ask<request_report>(options, id->hex(), [&](client with) {
        request_options how;
        how.timeout(with.left);
        travel.apply(how);
        if (travel.results) how.results(static_cast<std::size_t>(*travel.results));
        auto whom = by_key ? request_target::key(*id) : request_target::peer(*id);
        return with.peer.request(std::move(whom), *service, *body, how);
    });
    if (!report) return problem_of(report);
    return print_replies(*report, options.common.json);
}

}  // namespace mydht::tools
