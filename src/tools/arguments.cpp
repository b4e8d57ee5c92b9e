#include "tools/arguments.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "tools/input.hpp"
#include "tools/output.hpp"
#include "tools/parse.hpp"

namespace mydht::tools {

namespace {

/// CLI11's messages already name the argument; its own way of ending a parse carries ours too.
[[noreturn]] void refuse(const std::string& option, const std::string& text) {
    throw CLI::ValidationError(option, text);
}

}  // namespace

command_line::command_line(std::string_view name, std::string_view purpose, std::string_view about)
    : name_(name), app_(std::make_unique<CLI::App>(std::string(purpose), std::string(name))) {
    app_->footer(std::string(about));
    app_->set_help_flag("-h,--help", "Show this and exit");
    app_->get_formatter()->column_width(26);
}

command_line::~command_line() = default;

void command_line::single(const char* name, const char* shown, std::string_view help, taker take) {
    const std::string label = name;
    auto call = [label, take = std::move(take)](const std::string& text) {
        const auto taken = take(text);
        if (!taken) refuse(label, taken.error().text);
    };
    auto* made = app_->add_option_function<std::string>(name, call, std::string(help));
    made->type_name(shown == nullptr ? "" : shown);
}

void command_line::flag(const char* name, bool& into, std::string_view help) {
    app_->add_flag(name, into, std::string(help));
}

void command_line::option(const char* name, const char* shown, std::optional<std::string>& into,
                          std::string_view help) {
    single(name, shown, help, [&into](std::string_view text) -> outcome<void> {
        into = text;
        return {};
    });
}

void command_line::positional(const char* shown, std::optional<std::string>& into, std::string_view help) {
    single(shown, nullptr, help, [&into](std::string_view text) -> outcome<void> {
        into = text;
        return {};
    });
}

void command_line::repeated(const char* name, std::vector<location>& into, outcome<location> (*parse)(std::string_view),
                            std::string_view help) {
    const std::string label = name;
    auto call = [&into, parse, label](const std::vector<std::string>& texts) {
        for (const auto& text : texts) {
            auto parsed = parse(text);
            if (!parsed) refuse(label, parsed.error().text);
            into.push_back(std::move(*parsed));
        }
    };
    // One value for each time the option is given: what follows is the next argument.
    app_->add_option_function<std::vector<std::string>>(name, call, std::string(help))
        ->type_name("ADDR")
        ->type_size(1)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
}

void command_line::common(common_options& into, std::string_view timeout_help) {
    const std::string timeout_text = std::string(timeout_help) + ". DURATION: a number and ms, s, m, h or d";
    option<std::chrono::milliseconds>("--timeout", "DURATION", into.timeout, parse_duration, timeout_text);
    option<std::string>("--network", "NAME", into.network, parse_network, "The network's name (default: mydht)");
    option<bytes>("--psk", "FILE", into.psk, load_psk,
                  "The key of a private network: a file of mode 0600 with 64 hexadecimal digits");
    const std::string level_help =
        "trace, debug, info, warning, error or off (default: " + std::string(to_string(into.log)) + ")";
    option<log_level>("--log-level", "LEVEL", into.log, parse_log_level, level_help);
    flag("--json", into.json, "Results as JSON, one object a line");
}

outcome<void> command_line::parse(arguments given) {
    std::vector<std::string> backwards(given.rbegin(), given.rend());
    try {
        app_->parse(std::move(backwards));
    } catch (const CLI::CallForHelp&) {
        if (auto written = write_result(app_->help()); !written) return written;
        return tl::unexpected<problem>(problem{exit_code::done, {}});
    } catch (const CLI::ValidationError& e) {
        return unusable(e.what());
    } catch (const CLI::ParseError& e) {
        return unusable(std::string(e.what()) + "; see " + name_ + " --help");
    }
    return {};
}

tl::unexpected<problem> missing_argument(std::string_view name, std::string_view what_to_do) {
    return unusable("no " + std::string(name) + " was given; " + std::string(what_to_do));
}

}  // namespace mydht::tools
