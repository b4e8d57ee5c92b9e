#pragma once

#include <string_view>

#include <mydht/node/node_config.hpp>
#include <mydht/query/rule_set.hpp>

#include "tools/arguments.hpp"
#include "tools/problem.hpp"

namespace mydht::tools {

/// The preset of this name, or else the rules in the file of this name.
[[nodiscard]] outcome<rule_set> parse_rules_choice(std::string_view text);

/// --rules.
void declare_rules(command_line& line, rule_set& into);

/// Gives a node these rules.
void apply_rules(const rule_set& chosen, node_config& to);

}  // namespace mydht::tools
