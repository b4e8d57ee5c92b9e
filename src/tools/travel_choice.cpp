#include "tools/travel_choice.hpp"

#include <string>
#include <string_view>

#include "tools/parse.hpp"

namespace mydht::tools {

namespace {

constexpr const char* modes = "iterative, direct, proxied or mixed:N with N from 1 to 254";
constexpr std::uint64_t proxies_max = 254;

/// What fits into a message; rules may allow less.
constexpr std::uint64_t count_max = 255;

/// The rules say how much it may be.
outcome<std::uint64_t> parse_count(std::string_view text) {
    if (const auto number = parse_number(text)) return *number;
    return unusable(in_quotes(text) + " is no number; give one from 1 on");
}

/// One that can be named to others as it is.
outcome<location> parse_reachable_address(std::string_view text) {
    auto where = parse_listen_address(text);
    if (!where) return where;
    const auto number = to_address(*where);
    if (number && !number->is_wildcard()) return where;
    return unusable(in_quotes(text) + " is not one address of this machine; give a number, as in udp://192.0.2.1:0");
}

outcome<void> at_most(std::string_view option, const std::optional<std::uint64_t>& given, std::uint64_t most) {
    if (!given || (*given > 0 && *given <= most)) return {};
    return unusable(std::string(option) + ": " + in_quotes(std::to_string(*given)) + " is " +
                    (*given == 0 ? "not enough" : "more than the rules allow") + "; give 1 to " + std::to_string(most));
}

}  // namespace

outcome<query_mode> parse_mode(std::string_view text) {
    if (text == "iterative") return iterative();
    if (text == "proxied") return proxied();
    if (text == "direct") return direct();
    constexpr std::string_view with_number = "mixed:";
    if (text.starts_with(with_number)) {
        const auto proxies = parse_number(text.substr(with_number.size()));
        if (proxies && *proxies > 0 && *proxies <= proxies_max) return mixed(static_cast<std::uint8_t>(*proxies));
    }
    constexpr std::string_view later = "tunnelled:";
    if (text.starts_with(later) && parse_number(text.substr(later.size())))
        return unusable(in_quotes(text) + " is not available yet; give " + modes);
    return unusable(in_quotes(text) + " is no mode; give " + modes);
}

std::vector<address> travel_choice::reachable() const {
    std::vector<address> out;
    for (const auto& place : listen) out.push_back(*to_address(place));
    return out;
}

outcome<void> travel_choice::check(const travel_rules& rules, bool serves) const {
    const auto& band = rules.band(rules.priority);
    if (auto fits = at_most("--hops", hops, band.hops_max); !fits) return fits;
    if (auto fits = at_most("--fanout", fan_out, band.fan_out_max); !fits) return fits;
    if (auto fits = at_most("--rounds", rounds, count_max); !fits) return fits;
    const auto how = mode.value_or(iterative());
    const auto results_max = how == iterative() ? count_max : rules.results_max;
    if (auto fits = at_most("--results", results, results_max); !fits) return fits;
    if (how.what() == query_mode::kind::mixed && how.proxies() > hops.value_or(band.hops))
        return unusable("--mode " + text_of(how) + ": the query goes " + std::to_string(hops.value_or(band.hops)) +
                        " hops at most; give fewer proxies or more --hops");
    if (how == direct() && listen.empty())
        return unusable(
            "--mode direct: nobody could bring the answer here; give --listen with an address of this machine");
    if (how != direct() && !serves && !listen.empty())
        return unusable("--listen is for answers that are brought and for --hide; give --mode direct, or --hide");
    if (how == direct() && rounds.value_or(1) > 1)
        return unusable("--rounds: a query with --mode direct has one; leave it out");
    if (how == iterative() && rounds)
        return unusable("--rounds is for queries that travel; give --mode proxied with it");
    if (how != iterative() || (!hops && !fan_out)) return {};
    return unusable(std::string(hops ? "--hops" : "--fanout") +
                    " is for queries that travel; give --mode proxied with it");
}

std::string text_of(query_mode mode) {
    switch (mode.what()) {
        case query_mode::kind::iterative: break;
        case query_mode::kind::proxied: return "proxied";
        case query_mode::kind::direct: return "direct";
        case query_mode::kind::mixed: return "mixed:" + std::to_string(mode.proxies());
    }
    return "iterative";
}

outcome<void> travel_choice::check_hiding(bool wanted, const travel_rules& rules) const {
    if (!wanted && !rules.hide) return {};
    const std::string who = wanted ? "--hide" : "these --rules hide who asks, and that";
    if (mode && *mode != proxied()) {
        return unusable(who +
                        " needs peers that pass the query on and its answer back; leave --mode out, or give proxied");
    }
    if (hops || fan_out || rounds) {
        return unusable(who + " needs queries that all look the same; leave --hops, --fanout and --rounds out");
    }
    if (results) return unusable(who + " needs queries that end with one value; leave --results out");
    if (listen.empty()) {
        return unusable(who +
                        " needs a node that passes on what others ask; give --listen with an address of this machine");
    }
    return {};
}

void declare_travel(command_line& line, travel_choice& into) {
    line.option<query_mode>(
        "--mode", "MODE", into.mode, parse_mode,
        "iterative: this node asks each peer itself (default); proxied: peers pass the query on, and the "
        "answer back; direct: they pass it on, and who has the answer brings it to --listen; mixed:N: "
        "proxied for N hops, direct to the last of these peers");
    line.option<std::uint64_t>("--hops", "N", into.hops, parse_count,
                               "In the other modes than iterative: how often it is passed on");
    line.option<std::uint64_t>("--fanout", "N", into.fan_out, parse_count,
                               "In these modes: to how many peers each passes it on");
    line.repeated("--listen", "ADDR", into.listen, parse_reachable_address,
                  "With direct and --hide: an address of this machine that others can reach, as in udp://192.0.2.1:0");
}

void declare_results(command_line& line, travel_choice& into, std::string_view help) {
    line.option<std::uint64_t>("--results", "N", into.results, parse_count, help);
}

void declare_rounds(command_line& line, travel_choice& into) {
    line.option<std::uint64_t>("--rounds", "N", into.rounds, parse_count,
                               "With proxied and mixed: how often a query that comes to nothing is begun, each time "
                               "wider (default: as the rules say, 3 times)");
}

}  // namespace mydht::tools
