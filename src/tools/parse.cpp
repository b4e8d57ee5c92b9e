#include "tools/parse.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <mydht/core/limits.hpp>

#include "tools/explain.hpp"

namespace mydht::tools {

namespace {

/// Enough to recognise an argument in a message that stays one readable line.
constexpr std::size_t quoted_length_max = 100;
/// What identity::generate_with_work() can look for.
constexpr std::uint64_t work_bits_max = 64;
/// What the session's prologue and tag are made from.
constexpr std::size_t network_bytes_max = 255;

struct unit {
    std::string_view name;
    std::uint64_t milliseconds;
};

constexpr unit units[] = {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

template <typename Id>
outcome<Id> parse_hex(std::string_view text, std::string_view what) {
    const bool lower = std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'F'; });
    auto parsed = Id::from_hex(text);
    if (lower && parsed) return *parsed;
    return unusable(in_quotes(text) + " is no " + std::string(what) + "; give 64 lower-case hexadecimal digits");
}

outcome<location> parse_known_location(std::string_view text) {
    auto where = parse_location(text);
    if (!where) return tl::unexpected<problem>(explain(in_quotes(text), where.error()));
    if (where->kind != address_kind::tcp && where->kind != address_kind::udp) {
        return unusable(in_quotes(text) + ": " + std::string(to_string(where->kind)) +
                        " addresses are not available yet; give a udp:// or tcp:// address");
    }
    return *where;
}

}  // namespace

std::string in_quotes(std::string_view text) {
    std::string out = "'";
    out += text.substr(0, quoted_length_max);
    if (text.size() > quoted_length_max) out += "...";
    return out + "'";
}

outcome<std::chrono::milliseconds> parse_duration(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
    const auto found = std::find_if(std::begin(units), std::end(units), [&](const unit& u) { return u.name == rest; });
    // Nanoseconds in 64 bits are what clocks count with; a hundred years leave room for sums.
    constexpr std::uint64_t milliseconds_max = 36'500ULL * 86'400'000ULL;
    if (error == std::errc{} && found != std::end(units) && number > 0 &&
        number <= milliseconds_max / found->milliseconds) {
        return std::chrono::milliseconds(static_cast<std::int64_t>(number * found->milliseconds));
    }
    return unusable(in_quotes(text) +
                    " is no duration; give a whole number above zero and ms, s, m, h or d, as in 30s");
}

outcome<std::chrono::milliseconds> parse_lifetime(std::string_view text) {
    const auto length = parse_duration(text);
    if (!length || *length <= limits::value_lifetime_max) return length;
    return unusable(in_quotes(text) + " is longer than a value may live; give at most " +
                    std::to_string(limits::value_lifetime_max.count()) + "h, and put the value again before it ends");
}

outcome<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size()) return number;
    return unusable(in_quotes(text) + " is no number; give digits, at most " +
                    std::to_string(std::numeric_limits<std::uint64_t>::max()));
}

outcome<id256> parse_id(std::string_view text) { return parse_hex<id256>(text, "key or id"); }

outcome<public_key> parse_public_key(std::string_view text) { return parse_hex<public_key>(text, "public key"); }

outcome<location> parse_peer_address(std::string_view text) {
    auto where = parse_known_location(text);
    if (!where) return where;
    const auto number = to_address(*where);
    const bool wildcard = number && number->is_wildcard();
    if (wildcard || where->port == 0) {
        return unusable(in_quotes(text) +
                        " can be listened at, but not dialled; give the address of the node's ready line");
    }
    return where;
}

outcome<location> parse_listen_address(std::string_view text) {
    auto where = parse_known_location(text);
    if (!where || !where->pinned) return where;
    return unusable(in_quotes(text) + " names an identity; to listen, give udp://HOST:PORT and choose with --identity");
}

outcome<log_level> parse_log_level(std::string_view text) {
    for (const auto level :
         {log_level::trace, log_level::debug, log_level::info, log_level::warning, log_level::error, log_level::off}) {
        if (to_string(level) == text) return level;
    }
    return unusable(in_quotes(text) + " is no log level; give trace, debug, info, warning, error or off");
}

outcome<std::string> parse_network(std::string_view text) {
    if (!text.empty() && text.size() <= network_bytes_max) return std::string(text);
    return unusable(in_quotes(text) + " cannot be the name of a network; give 1 to " +
                    std::to_string(network_bytes_max) + " bytes");
}

outcome<wire::any_codec> parse_codec(std::string_view text) {
    if (const auto found = wire::find_codec(text)) return *found;
    return unusable(in_quotes(text) + " is no codec of this build; give " + names_of_codecs());
}

std::string names_of_codecs() {
    const auto all = wire::all_codecs();
    std::string out;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i > 0) out += i + 1 == all.size() ? " or " : ", ";
        out += all[i].name();
    }
    return out;
}

outcome<std::string> parse_salt(std::string_view text) {
    if (text.size() <= limits::salt_bytes) return std::string(text);
    return unusable(in_quotes(text) + " is too long for a salt; give at most " + std::to_string(limits::salt_bytes) +
                    " bytes");
}

outcome<std::size_t> parse_work_bits(std::string_view text) {
    const auto bits = parse_number(text);
    if (bits && *bits <= work_bits_max) return static_cast<std::size_t>(*bits);
    return unusable(in_quotes(text) + " is no amount of work; give a number of bits from 0 to " +
                    std::to_string(work_bits_max) + " (each bit doubles the time)");
}

}  // namespace mydht::tools
