#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <mydht/node/node.hpp>

#include "tools/arguments.hpp"
#include "tools/explain.hpp"
#include "tools/program.hpp"
#include "tools/rules_choice.hpp"

namespace mydht::tools {

/// What every short-lived client takes.
struct client_options {
    client_options();

    common_options common;
    std::vector<location> bootstrap;
    std::vector<address> listen;  ///< for answers that are brought, and for what a full peer serves
    bool serves = false;          ///< takes part as a full peer while it runs
    rule_set rules;
    sought what = sought::value;  ///< what the question is about
};

/// A client in the network, for one question.
struct client {
    node peer;
    environment env;
    std::chrono::milliseconds left;  ///< until the deadline that the user gave
};

/// Declares --bootstrap and what every command takes.
void declare_client(command_line& line, client_options& into);

/// The problem of a client without --bootstrap, if it is one.
[[nodiscard]] outcome<void> require_bootstrap(const client_options& options);

/// The node's configuration for these options.
[[nodiscard]] node_config client_config(const client_options& options);

namespace detail {

/// Joins, asks, leaves. Problem: nobody could be reached, the deadline or the user came first, or the error that the
/// question gives back (with `subject` before it).
[[nodiscard]] outcome<void> ask_once(const client_options& options, std::string_view subject,
                                     const std::function<task<result<void>>(client)>& question);

template <typename T>
task<result<void>> keep(task<result<T>> work, std::optional<T>& into) {
    auto got = co_await std::move(work);
    if (!got) co_return failure(got.error());
    into.emplace(std::move(*got));
    co_return result<void>();
}

}  // namespace detail

/// One question to the network by a client with a fresh identity, which has left again when this returns. `subject` is
/// what a problem is about: the key, the address.
template <typename T>
[[nodiscard]] outcome<T> ask(const client_options& options, std::string_view subject,
                             const std::function<task<result<T>>(client)>& question) {
    std::optional<T> answer;
    auto asked = detail::ask_once(options, subject,
                                  [&](client with) { return detail::keep<T>(question(std::move(with)), answer); });
    if (!asked) return problem_of(asked);
    return std::move(*answer);
}

}  // namespace mydht::tools
