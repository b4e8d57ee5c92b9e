#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mydht/query/options.hpp>
#include <mydht/query/travel_rules.hpp>

#include "tools/arguments.hpp"
#include "tools/problem.hpp"

namespace mydht::tools {

/// How the user wants a query to travel.
struct travel_choice {
    std::optional<query_mode> mode;
    std::optional<std::uint64_t> hops;
    std::optional<std::uint64_t> fan_out;
    std::optional<std::uint64_t> results;
    std::optional<std::uint64_t> rounds;
    std::vector<location> listen;

    /// Whether the options fit each other and the rules of the client's own node. `serves`: it is a full peer.
    [[nodiscard]] outcome<void> check(const travel_rules& rules, bool serves = false) const;

    /// Where others reach the client's own node.
    [[nodiscard]] std::vector<address> reachable() const;

    /// Whether they fit a get that is hidden because the user or, when not `wanted`, the rules say so.
    [[nodiscard]] outcome<void> check_hiding(bool wanted, const travel_rules& rules) const;

    template <typename Options>
    void apply(Options& to) const {
        if (mode) to.mode(*mode);
        if (hops) to.hops(static_cast<std::uint8_t>(*hops));
        if (fan_out) to.fan_out(static_cast<std::uint8_t>(*fan_out));
    }
};

/// The mode as --mode takes it.
[[nodiscard]] std::string text_of(query_mode mode);

/// A mode as users write it.
[[nodiscard]] outcome<query_mode> parse_mode(std::string_view text);

/// --results, which means something else for each goal.
void declare_results(command_line& line, travel_choice& into, std::string_view help);

/// --rounds, for what is begun again when it comes to nothing: gets and lookups.
void declare_rounds(command_line& line, travel_choice& into);

/// --mode, --hops, --fanout and --listen.
void declare_travel(command_line& line, travel_choice& into);

}  // namespace mydht::tools
