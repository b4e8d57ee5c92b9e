#include "tools/travel_choice.hpp"

#include <string>
#include <string_view>

#include <mydht/query/travel_rules.hpp>

#include "tools/parse.hpp"

namespace mydht::tools {

namespace {

outcome<query_mode> parse_mode(std::string_view text) {
    if (text == "iterative") return iterative();
    if (text == "proxied") return proxied();
    for (const std::string_view later : {"direct", "mixed:", "tunnelled:"}) {
        const bool takes_number = later.ends_with(':');
        const bool known =
            takes_number ? text.starts_with(later) && parse_number(text.substr(later.size())) : text == later;
        if (known) return unusable(in_quotes(text) + " is not available yet; give iterative or proxied");
    }
    return unusable(in_quotes(text) + " is no mode; give iterative or proxied");
}

outcome<std::uint64_t> parse_count(std::string_view text, std::uint64_t most) {
    const auto number = parse_number(text);
    if (number && *number > 0 && *number <= most) return *number;
    return unusable(in_quotes(text) + " is too much or no number; give 1 to " + std::to_string(most));
}

outcome<std::uint64_t> parse_hops(std::string_view text) { return parse_count(text, travel_band().hops_max); }
outcome<std::uint64_t> parse_fan_out(std::string_view text) { return parse_count(text, travel_band().fan_out_max); }

}  // namespace

outcome<void> travel_choice::check() const {
    if (mode != iterative() || (!hops && !fan_out)) return {};
    return unusable(std::string(hops ? "--hops" : "--fanout") +
                    " is for queries that travel; give --mode proxied with it");
}

std::string text_of(query_mode mode) { return mode == iterative() ? "iterative" : "proxied"; }

void declare_travel(command_line& line, travel_choice& into) {
    line.option<query_mode>("--mode", "MODE", into.mode, parse_mode,
                            "iterative: this node asks each peer itself (default); proxied: peers pass the query on");
    line.option<std::uint64_t>("--hops", "N", into.hops, parse_hops, "With proxied: how often it is passed on");
    line.option<std::uint64_t>("--fanout", "N", into.fan_out, parse_fan_out,
                               "With proxied: to how many peers each passes it on");
}

}  // namespace mydht::tools
