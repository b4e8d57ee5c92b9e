#include "tools/travel_choice.hpp"

#include <string>
#include <string_view>

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

/// What fits into a message; rules may allow less.
constexpr std::uint64_t count_max = 255;

outcome<std::uint64_t> parse_count(std::string_view text) {
    const auto number = parse_number(text);
    if (number && *number > 0 && *number <= count_max) return *number;
    return unusable(in_quotes(text) + " is too much or no number; give 1 to " + std::to_string(count_max));
}

outcome<void> at_most(std::string_view option, const std::optional<std::uint64_t>& given, std::uint64_t most) {
    if (!given || *given <= most) return {};
    return unusable(std::string(option) + ": " + in_quotes(std::to_string(*given)) +
                    " is more than the rules allow; give 1 to " + std::to_string(most));
}

}  // namespace

outcome<void> travel_choice::check(const travel_rules& rules) const {
    const auto& band = rules.band(rules.priority);
    if (auto fits = at_most("--hops", hops, band.hops_max); !fits) return fits;
    if (auto fits = at_most("--fanout", fan_out, band.fan_out_max); !fits) return fits;
    if (mode != iterative() || (!hops && !fan_out)) return {};
    return unusable(std::string(hops ? "--hops" : "--fanout") +
                    " is for queries that travel; give --mode proxied with it");
}

std::string text_of(query_mode mode) { return mode == iterative() ? "iterative" : "proxied"; }

void declare_travel(command_line& line, travel_choice& into) {
    line.option<query_mode>("--mode", "MODE", into.mode, parse_mode,
                            "iterative: this node asks each peer itself (default); proxied: peers pass the query on");
    line.option<std::uint64_t>("--hops", "N", into.hops, parse_count, "With proxied: how often it is passed on");
    line.option<std::uint64_t>("--fanout", "N", into.fan_out, parse_count,
                               "With proxied: to how many peers each passes it on");
}

}  // namespace mydht::tools
