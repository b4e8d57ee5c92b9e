#include "tools/rules_choice.hpp"

#include <filesystem>
#include <string>

#ifdef MYDHT_HAS_TOML
#include <mydht/toml/load_rules.hpp>
#endif

#include "tools/parse.hpp"

namespace mydht::tools {

namespace {

std::string names_of_presets() {
    std::string out;
    for (const auto name : preset_names) out.append(out.empty() ? "" : ", ").append(name);
    return out;
}

outcome<rule_set> read_rules(std::string_view path) {
#ifdef MYDHT_HAS_TOML
    std::string problem;
    auto read = load_rules(std::filesystem::path(path), &problem);
    if (read) return *std::move(read);
    return unusable(problem);
#else
    return unusable(in_quotes(path) +
                    ": this program was built without toml++ and reads no rules from files; give one of " +
                    names_of_presets());
#endif
}

}  // namespace

outcome<rule_set> parse_rules_choice(std::string_view text) {
    if (auto known = preset(text)) return *std::move(known);
    std::error_code unknown;
    if (std::filesystem::status(std::filesystem::path(text), unknown).type() == std::filesystem::file_type::not_found) {
        return unusable(in_quotes(text) + " is neither a file nor one of " + names_of_presets());
    }
    return read_rules(text);
}

void declare_rules(command_line& line, rule_set& into) {
    line.option<rule_set>("--rules", "FILE|PRESET", into, parse_rules_choice,
                          "How queries travel: a TOML file, or one of " + names_of_presets() + " (default: dht)");
}

void apply_rules(const rule_set& chosen, node_config& to) {
    to.forwarding = chosen.forwarding;
    if (chosen.table) to.table = *chosen.table;
}

}  // namespace mydht::tools
