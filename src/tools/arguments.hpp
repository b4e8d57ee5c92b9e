#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mydht/core/address.hpp>
#include <mydht/core/bytes.hpp>
#include <mydht/core/log.hpp>
#include <mydht/node/node_config.hpp>

#include "tools/problem.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace mydht::tools {

/// The arguments behind the command's name.
using arguments = std::span<const char* const>;

/// What every command takes.
struct common_options {
    std::optional<std::chrono::milliseconds> timeout;
    std::string network = "mydht";
    std::optional<bytes> psk;
    std::optional<wire::any_codec> codec;
    log_level log = log_level::error;
    bool json = false;
};

/// What the common options say of a node's sessions.
void apply(const common_options& from, session_config& to);

/// The options of one command: declared with the places that they fill, then parsed. The places must live until then.
class command_line {
public:
    /// `name` as users type it ("mydht get"); `about` ends --help and holds an example.
    command_line(std::string_view name, std::string_view purpose, std::string_view about);
    command_line(const command_line&) = delete;
    command_line& operator=(const command_line&) = delete;
    ~command_line();

    /// --timeout, --network, --psk, --codec, --log-level and --json. What --timeout limits differs from command to
    /// command.
    void common(common_options& into, std::string_view timeout_help);

    void flag(const char* name, bool& into, std::string_view help);

    /// An option with a value. `parse` is one of tools/parse.hpp.
    template <typename T, typename Place>
    void option(const char* name, const char* shown, Place& into, outcome<T> (*parse)(std::string_view),
                std::string_view help) {
        single(name, shown, help, [&into, parse](std::string_view text) { return store(into, parse(text)); });
    }
    void option(const char* name, const char* shown, std::optional<std::string>& into, std::string_view help);

    /// An option that may be given several times.
    template <typename T>
    void repeated(const char* name, const char* shown, std::vector<T>& into, outcome<T> (*parse)(std::string_view),
                  std::string_view help) {
        several(name, shown, help, [&into, parse](std::string_view text) -> outcome<void> {
            auto parsed = parse(text);
            if (!parsed) return problem_of(parsed);
            into.push_back(std::move(*parsed));
            return {};
        });
    }

    /// An argument without a name; `shown` is what --help and messages call it.
    template <typename T, typename Place>
    void positional(const char* shown, Place& into, outcome<T> (*parse)(std::string_view), std::string_view help) {
        single(shown, nullptr, help, [&into, parse](std::string_view text) { return store(into, parse(text)); });
    }
    void positional(const char* shown, std::optional<std::string>& into, std::string_view help);

    /// Fills the places. After --help, which is printed, the "problem" has exit_code::done: nothing is left to do.
    [[nodiscard]] outcome<void> parse(arguments given);

private:
    using taker = std::function<outcome<void>(std::string_view)>;

    template <typename Place, typename T>
    static outcome<void> store(Place& into, outcome<T> parsed) {
        if (!parsed) return problem_of(parsed);
        into = std::move(*parsed);
        return {};
    }

    void single(const char* name, const char* shown, std::string_view help, taker take);
    void several(const char* name, const char* shown, std::string_view help, taker take);
    [[nodiscard]] outcome<void> look_over(arguments given) const;

    std::string name_;
    std::map<std::string, std::string, std::less<>> takes_;  // what each option has behind it; nothing: a flag
    std::unique_ptr<CLI::App> app_;
};

/// `text` as the problem of a command that was called without something that it cannot do without.
[[nodiscard]] tl::unexpected<problem> missing_argument(std::string_view name, std::string_view what_to_do);

}  // namespace mydht::tools
