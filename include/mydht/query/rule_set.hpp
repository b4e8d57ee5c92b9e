#pragma once

#include <array>
#include <optional>
#include <string_view>

#include <mydht/query/travel_rules.hpp>
#include <mydht/routing/table_choice.hpp>

namespace mydht {

/// Rules and the routing table that they are made for: `config.forwarding = set.forwarding; if (set.table) config.table
/// = *set.table;`.
struct rule_set {
    travel_rules forwarding;
    std::optional<table_choice> table;
};

/// The names of the rules that come with the library; docs/queries.md says what each is for.
inline constexpr std::array<std::string_view, 3> preset_names = {"small-group", "dht", "quiet-asker"};

/// The rules of this name, or nothing.
[[nodiscard]] std::optional<rule_set> preset(std::string_view name);

}  // namespace mydht
