#include "tools/client.hpp"

#include <algorithm>

#include "tools/explain.hpp"
#include "tools/parse.hpp"
#include "tools/stderr_log.hpp"

namespace mydht::tools {

namespace {

/// Enough for a few round trips around the world, and little enough for somebody who waits at a terminal.
constexpr std::chrono::milliseconds timeout_default{30'000};
/// A client leaves nothing behind that is worth waiting for.
constexpr std::chrono::milliseconds stop_grace{500};

std::string names_of(const std::vector<location>& places) {
    std::string out;
    for (const auto& place : places) out += (out.empty() ? "" : ", ") + place.text();
    return out;
}

/// How a client's question ends.
struct ending {
    std::string subject;
    result<void> answer = failure(errc::cancelled);
    bool unseen = false;  ///< nobody can bring the answer to where the user wants it
};

/// Joins within the deadline and asks with what is left of it.
task<result<void>> join_and_ask(node peer, environment env, const client_options& options, ending& end,
                                const std::function<task<result<void>>(client)>& question) {
    const auto deadline = env.time->now() + *options.common.timeout;
    env.log.write(log_level::info, "client", "joining as " + peer.id().hex());
    auto joined = co_await peer.start();
    if (!joined) {
        if (const auto where = peer.listen_failed_at()) end.subject = "--listen " + where->text();
        co_return failure(joined.error());
    }
    if (!options.bootstrap.empty() && joined->reached == 0) {
        end.subject = "cannot reach bootstrap " + names_of(options.bootstrap);
        co_return failure(joined->error ? joined->error : make_error_code(errc::timed_out));
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - env.time->now());
    if (left <= std::chrono::milliseconds::zero()) co_return failure(errc::timed_out);
    client with{std::move(peer), std::move(env), left};
    const auto asked = co_await question(std::move(with));
    end.unseen = !asked && !options.listen.empty() && asked.error() == errc::unreachable;
    co_return asked;
}

task<> run_client(environment env, interruption& wish, const client_options& options, ending& end,
                  const std::function<task<result<void>>(client)>& question) {
    node peer(env, client_config(options));
    end.answer = co_await unless_interrupted(wish, join_and_ask(peer, env, options, end, question));
    co_await peer.stop();
}

}  // namespace

client_options::client_options() { common.timeout = timeout_default; }

void declare_client(command_line& line, client_options& into) {
    line.repeated("--bootstrap", "ADDR", into.bootstrap, parse_peer_address,
                  "A node of the network, as in udp://127.0.0.1:4000 or udp://ID@HOST:PORT");
    line.common(into.common, "Give up after this long (default: 30s)");
}

outcome<void> require_bootstrap(const client_options& options) {
    if (!options.bootstrap.empty()) return {};
    return missing_argument(
        "--bootstrap",
        "give the address of a running node, as in --bootstrap udp://127.0.0.1:4000 (mydht node starts one)");
}

namespace {

/// How long one silent bootstrap may take. The time that the user gave, unless others may answer that wait behind it:
/// more bootstraps, or more addresses of one name.
std::chrono::milliseconds patience_with_one(const client_options& options) {
    const auto all = *options.common.timeout;
    if (options.bootstrap.empty()) return all;
    const bool alone = options.bootstrap.size() == 1 && to_address(options.bootstrap.front()).has_value();
    return alone ? all : std::max(all / 3, std::chrono::milliseconds(1));
}

}  // namespace

node_config client_config(const client_options& options) {
    node_config out;
    out.client_only = !options.serves;
    out.bootstrap = options.bootstrap;
    out.listen = options.listen;
    apply(options.common, out.sessions);
    // Several bootstraps are tried side by side, and a silent one must leave time for the question.
    out.sessions.handshake_timeout = patience_with_one(options);
    out.join_timeout = options.bootstrap.size() > 1 ? out.sessions.handshake_timeout : *options.common.timeout;
    out.stop_grace = stop_grace;
    apply_rules(options.rules, out);
    return out;
}

outcome<void> detail::ask_once(const client_options& options, std::string_view subject,
                               const std::function<task<result<void>>(client)>& question) {
    ending end;
    end.subject = subject;
    run_program(make_stderr_log(options.common.log), [&](environment env, interruption& wish) {
        return run_client(std::move(env), wish, options, end, question);
    });
    if (end.answer) return {};
    if (!end.unseen) return tl::unexpected<problem>(explain(end.subject, end.answer.error(), options.what));
    problem nowhere;
    nowhere.text = "--listen " + options.listen.front().text() +
                   ": no peer sees this node there, so nobody brings an answer; give an address of this machine from "
                   "which --bootstrap is reached";
    return tl::unexpected<problem>(std::move(nowhere));
}

}  // namespace mydht::tools
