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
bool is_option(std::string_view text) {
    return text.size() > 1 && text.front() == '-' && (text[1] < '0' || text[1] > '9');
}

bool asks_for_help(arguments given) {
    for (const std::string_view text : given) {
        if (text == "--") return false;
        if (text == "-h" || text == "--help") return true;
    }
    return false;
}

[[noreturn]] void refuse(const std::string& option, const std::string& text) {
    throw CLI::ValidationError(option, text);
}

}  // namespace

command_line::command_line(std::string_view name, std::string_view purpose, std::string_view about)
    : name_(name), app_(std::make_unique<CLI::App>(std::string(purpose), std::string(name))) {
    app_->footer(std::string(about));
    app_->set_help_flag("-h,--help", "Show this and exit");
    app_->get_formatter()->column_width(26);
    takes_ = {{"-h", ""}, {"--help", ""}};
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
    if (shown != nullptr) takes_[name] = shown;
}

void command_line::flag(const char* name, bool& into, std::string_view help) {
    app_->add_flag(name, into, std::string(help));
    takes_[name] = "";
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

void command_line::several(const char* name, const char* shown, std::string_view help, taker take) {
    const std::string label = name;
    auto call = [label, take = std::move(take)](const std::vector<std::string>& texts) {
        for (const auto& text : texts) {
            const auto taken = take(text);
            if (!taken) refuse(label, taken.error().text);
        }
    };
    // One value for each time the option is given: what follows is the next argument.
    app_->add_option_function<std::vector<std::string>>(name, call, std::string(help) + "; may be given again")
        ->type_name(shown)
        ->type_size(1)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
    takes_[label] = shown;
}

void apply(const common_options& from, session_config& to) {
    to.network = from.network;
    to.psk = from.psk;
    if (from.codec) to.codecs = wire::codecs_preferring(*from.codec);
}

void command_line::common(common_options& into, std::string_view timeout_help) {
    const std::string timeout_text = std::string(timeout_help) + ". DURATION: a number and ms, s, m, h or d";
    option<std::chrono::milliseconds>("--timeout", "DURATION", into.timeout, parse_duration, timeout_text);
    option<std::string>("--network", "NAME", into.network, parse_network, "The network's name (default: mydht)");
    option<bytes>("--psk", "FILE", into.psk, load_psk,
                  "The key of a private network: a file of mode 0600 with 64 hexadecimal digits");
    option<wire::any_codec>(
        "--codec", "NAME", into.codec, parse_codec,
        "How messages are encoded where the other end offers it too: " + names_of_codecs() + " (default: capnp)");
    const std::string level_help =
        "trace, debug, info, warning, error or off (default: " + std::string(to_string(into.log)) + ")";
    option<log_level>("--log-level", "LEVEL", into.log, parse_log_level, level_help);
    flag("--json", into.json, "Results as JSON, one object a line; a failure prints none");
}

/// CLI11 takes an option that it does not know for an argument without a name, and speaks of what is wrong with that.
outcome<void> command_line::look_over(arguments given) const {
    const auto help = "; see " + name_ + " --help";
    for (std::size_t i = 0; i < given.size(); ++i) {
        const std::string_view text = given[i];
        if (text == "--") return {};
        if (!is_option(text)) continue;
        const auto name = text.substr(0, text.find('='));
        const auto known = takes_.find(name);
        if (known == takes_.end()) return unusable("there is no option " + in_quotes(name) + help);
        const bool complete = known->second.empty() || name.size() < text.size();
        if (complete) continue;
        ++i;
        if (i == given.size() || is_option(given[i])) {
            return unusable(std::string(name) + " needs " + known->second + " behind it" + help);
        }
    }
    return {};
}

outcome<void> command_line::parse(arguments given) {
    if (asks_for_help(given)) {
        if (auto written = write_result(app_->help()); !written) return written;
        return tl::unexpected<problem>(problem{exit_code::done, {}});
    }
    if (auto fine = look_over(given); !fine) return fine;
    std::vector<std::string> backwards(given.rbegin(), given.rend());
    try {
        app_->parse(std::move(backwards));
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
