#include <filesystem>
#include <set>
#include <string>

#include <unistd.h>

#include <mydht/core/limits.hpp>
#include <mydht/node/node.hpp>
#include <mydht/routing/table_file.hpp>
#include <mydht/transport/resolve.hpp>

#include "tools/command.hpp"
#include "tools/explain.hpp"
#include "tools/input.hpp"
#include "tools/json.hpp"
#include "tools/output.hpp"
#include "tools/parse.hpp"
#include "tools/program.hpp"
#include "tools/rules_choice.hpp"
#include "tools/stderr_log.hpp"

namespace mydht::tools {

namespace {

constexpr std::string_view about =
    "Prints one line when it can be reached and the first attempt to join has ended:\n"
    "  ready ID ADDR [ADDR...]\n"
    "or with --json {\"event\": \"ready\", \"id\": ..., \"addresses\": [...]}.\n"
    "Without --listen it listens on this machine only, at a port that the system chooses. Without --identity it has a "
    "new\n"
    "id each time; values are kept in memory. Stops on SIGINT (Ctrl-C) and SIGTERM.\n\n"
    "Examples:\n"
    "  mydht node --listen udp://127.0.0.1:4000\n"
    "  mydht node --bootstrap udp://127.0.0.1:4000\n"
    "  mydht node --identity me.identity --listen udp://0.0.0.0:4000 --listen tcp://0.0.0.0:4000 --table "
    "contacts.table "
    "--bootstrap udp://HOST:4000\n";

struct node_arguments {
    node_arguments() { common.log = log_level::warning; }

    common_options common;
    std::optional<std::string> identity;
    std::optional<std::string> table;
    std::vector<location> listen;
    std::vector<location> bootstrap;
    rule_set rules;
    bool echo = false;
};

/// What --store chooses: nothing yet, there is one.
struct only_choice {};

outcome<only_choice> parse_store(std::string_view) {
    return unusable("a store that lasts is not available yet; leave --store out to keep values in memory");
}

/// A file that cannot be written when the node stops is better found out when it starts.
outcome<void> check_table_file(const std::filesystem::path& path) {
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    std::error_code unknown;
    const auto there = std::filesystem::symlink_status(path, unknown).type();
    const bool is_file = there == std::filesystem::file_type::regular;
    const auto old = is_file ? load_table(path) : result<saved_table>();
    if (!old && old.error() == errc::table_file_foreign) {
        return tl::unexpected<problem>(explain("table file " + in_quotes(path.native()), errc::table_file_foreign));
    }
    const bool is_other = (!is_file && there != std::filesystem::file_type::not_found) || !path.has_filename();
    if (is_other || ::access(folder.c_str(), W_OK | X_OK) != 0) {
        return tl::unexpected<problem>(explain("table file " + in_quotes(path.native()), errc::file_unwritable));
    }
    return {};
}

std::string names_of(const std::vector<location>& places) {
    std::string out;
    for (const auto& place : places) out += (out.empty() ? "" : ", ") + place.text();
    return out;
}

task<result<std::vector<address>>> resolve_all(environment env, std::vector<location> places) {
    std::vector<address> out;
    for (const auto& place : places) {
        auto found = co_await resolve(env, place);
        if (!found) co_return failure(found.error());
        out.push_back(found->front());
    }
    co_return out;
}

std::string ready_line(const node& server, bool json) {
    std::vector<std::string> addresses;
    for (const auto& one : server.addresses()) addresses.push_back(one.text());
    if (json) {
        json_object object;
        object.text("event", "ready").text("id", server.id().hex()).list("addresses", addresses);
        return object.line();
    }
    std::string out = "ready " + server.id().hex();
    for (const auto& text : addresses) out += " " + text;
    return out + "\n";
}

task<result<bytes>> echo(incoming_call& call) { co_return to_bytes(call.request()); }

/// Starts the node, runs it until the user wants it to end, stops it.
task<> serve(environment env, interruption& wish, std::string_view name, const node_arguments& wanted,
             node_config config, outcome<void>& ended) {
    auto listen = co_await unless_interrupted(wish, resolve_all(env, wanted.listen));
    if (wish.raised()) co_return;
    auto subject = "cannot listen at " + names_of(wanted.listen);
    std::error_code error = listen ? std::error_code() : listen.error();
    if (!error) {
        config.listen = std::move(*listen);
        node server(env, std::move(config));
        if (wanted.echo) server.serve("echo/1", make_call_service(echo), serve_options().forwarded());
        env.log.write(log_level::info, name, "starting " + server.id().hex());
        auto joined = co_await unless_interrupted(wish, server.start());
        if (joined) {
            // Whoever started the node may have gone away: its peers are served all the same.
            const auto told = write_result(ready_line(server, wanted.common.json));
            if (!told) env.log.write(log_level::warning, name, told.error().text);
            co_await wish.wait();
        } else if (!wish.raised()) {
            error = joined.error();
            if (const auto& at = server.listen_failed_at()) subject = "cannot listen at " + at->text();
        }
        co_await server.stop();
    }
    if (error) ended = tl::unexpected<problem>(explain(subject, error));
}

/// Port 0 is another one each time.
outcome<void> check_listen(const std::vector<location>& places) {
    if (places.size() > limits::addresses_per_contact) {
        return unusable("--listen was given " + std::to_string(places.size()) + " times; give it at most " +
                        std::to_string(limits::addresses_per_contact) + " times");
    }
    std::set<std::string> seen;
    for (const auto& place : places) {
        if (place.port != 0 && !seen.insert(place.text()).second) {
            return unusable("--listen " + place.text() + " is a duplicate; give each address once");
        }
    }
    return {};
}

outcome<node_config> make_config(const node_arguments& wanted) {
    node_config out;
    if (wanted.identity) {
        auto self = read_identity(*wanted.identity);
        if (!self) return problem_of(self);
        out.self = std::move(*self);
    }
    if (wanted.table) {
        if (auto writable = check_table_file(*wanted.table); !writable) return problem_of(writable);
        out.table_file = *wanted.table;
    }
    out.bootstrap = wanted.bootstrap;
    apply_rules(wanted.rules, out);
    apply(wanted.common, out.sessions);
    if (wanted.common.timeout) {
        out.join_timeout = *wanted.common.timeout;
        out.sessions.handshake_timeout = std::min(out.sessions.handshake_timeout, out.join_timeout);
    }
    return out;
}

}  // namespace

outcome<void> node_command(std::string_view name, arguments given) {
    command_line line(name, "Run a node: it answers its peers and keeps values for them until it is told to stop.",
                      about);
    node_arguments wanted;
    only_choice choice;
    line.option("--identity", "FILE", wanted.identity, "Who the node is: the file that mydht keygen --out wrote");
    line.repeated("--listen", "ADDR", wanted.listen, parse_listen_address,
                  "Where to listen; port 0 lets the system choose (default: udp://127.0.0.1:0)");
    line.repeated("--bootstrap", "ADDR", wanted.bootstrap, parse_peer_address,
                  "A node of the network to join, as in udp://127.0.0.1:4000 or tcp://ID@HOST:PORT");
    line.option("--table", "FILE", wanted.table, "Keep the known nodes here over restarts");
    line.flag("--echo", wanted.echo, "Serve echo/1, which answers everybody with what was asked: for mydht request");
    declare_rules(line, wanted.rules);
    line.option<only_choice>("--store", "PATH", choice, parse_store, "Not available yet: values are kept in memory");
    line.common(wanted.common, "How long the first attempt to join may take (default: 30s)");
    if (auto go = line.parse(given); !go) return go;
    if (auto distinct = check_listen(wanted.listen); !distinct) return distinct;
    if (wanted.listen.empty()) wanted.listen.push_back(*parse_listen_address("udp://127.0.0.1:0"));

    auto config = make_config(wanted);
    if (!config) return problem_of(config);
    outcome<void> ended;
    run_program(make_stderr_log(wanted.common.log), [&](environment env, interruption& wish) {
        return serve(std::move(env), wish, name, wanted, std::move(*config), ended);
    });
    return ended;
}

}  // namespace mydht::tools
